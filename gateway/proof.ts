// Whether a unit has the private half of a key: a nonce of ours, signed with the unit's boot and
// uptime (firmware/challenge.ts). A key that was copied from a hello cannot answer; one that was
// copied out of the flash can, and no challenge shows that. Pure.
import { challengeMessage, type SignedPlace } from '../firmware/challenge.ts'
import { parseDid } from './attestation/did.ts'

export type Verdict =
  | { proven: true; t: number }
  /** `why`: a short word for the event. */
  | { proven: false; why: 'signature' | 'boot' | 'uptime' | 'unanswered' | 'refused' }

/** What a unit has signed, and where it says that it was then. */
export interface SignedAnswer extends SignedPlace {
  signature: Uint8Array
}

/** Key that the unit must have, and the boot and uptime from which it was asked. */
export interface Challenged extends SignedPlace {
  /** did:key. */
  key: string
}

/** @param answer undefined: it gave none */
export const judgeProof = (
  asked: Challenged,
  nonce: Uint8Array,
  answer: SignedAnswer | undefined,
): Verdict => {
  if (answer === undefined) return { proven: false, why: 'unanswered' }
  const { suite, bytes } = parseDid(asked.key)
  const { boot, t, signature } = answer
  if (!suite.verify(signature, challengeMessage(nonce, { boot, t }), bytes)) {
    return { proven: false, why: 'signature' }
  }
  if (boot !== asked.boot) return { proven: false, why: 'boot' }
  return t < asked.t ? { proven: false, why: 'uptime' } : { proven: true, t }
}

/** The record of kind `proof`, as gateway/pipeline/proof.ts reads it. */
export const proofPayload = ({ boot, t, key }: Challenged, verdict: Verdict): Uint8Array => {
  const { proven } = verdict
  const said = proven ? { t: verdict.t, key, proven } : { t, key, proven, why: verdict.why }
  return Buffer.from(JSON.stringify({ boot, ...said }))
}
