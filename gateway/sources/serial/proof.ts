// Whether a board has the private half of the key that it states: a nonce of ours, signed with the
// board's boot and uptime (firmware/runtime/link-identity.h). A key that was copied from a hello
// cannot answer; one that was copied out of the flash can, and no challenge shows that. Pure.
import { concatBytes, utf8 } from '../../attestation/bytes.ts'
import { verifyEd25519 } from '../../attestation/ed25519.ts'
import type { HelloMessage } from './messages.ts'

/** What a board signs begins with it, so that it is never an entry or a release. */
const purpose = utf8('tenfold challenge 1\0')
/** Boot, 4 bytes, and uptime in microseconds, 8 bytes, least significant first. */
const placeBytes = 12

export type Verdict =
  | { proven: true; t: number }
  /** `why`: a short word for the event. */
  | { proven: false; why: 'signature' | 'boot' | 'uptime' | 'unanswered' }

/** @param answer boot, uptime and signature, as the board sent them; undefined: it did not */
export const judgeProof = (
  { boot, uptimeUs, key }: Pick<HelloMessage, 'boot' | 'uptimeUs'> & { key: Uint8Array },
  nonce: Uint8Array,
  answer: Uint8Array | undefined,
): Verdict => {
  if (answer === undefined) return { proven: false, why: 'unanswered' }
  if (answer.length !== placeBytes + 64) return { proven: false, why: 'signature' }
  const place = answer.subarray(0, placeBytes)
  const signed = concatBytes(purpose, nonce, place)
  if (!verifyEd25519(answer.slice(placeBytes), signed, key)) {
    return { proven: false, why: 'signature' }
  }
  const view = new DataView(place.buffer, place.byteOffset, placeBytes)
  if (view.getUint32(0, true) !== boot) return { proven: false, why: 'boot' }
  const t = Number(view.getBigUint64(4, true))
  return t < uptimeUs ? { proven: false, why: 'uptime' } : { proven: true, t }
}
