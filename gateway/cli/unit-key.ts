// A unit's key in the hands of its twin: signs what the profile wants signed, and includes a claim
// when the gateway asks for it. What a board does in its controller, joined here because the
// firmware knows nothing of the gateway's formats. Not a command by itself.
import { join } from 'node:path'
import type { AttestedEvent, Attestor } from '../../firmware/twin/protocol.ts'
import type { TwinOptions } from '../../firmware/twin/twin.ts'
import type { Enrolment } from '../attestation/entry.ts'
import { enrolmentType } from '../attestation/entry.ts'
import { UnitKeyHolder } from '../attestation/holder.ts'
import { fileHolderStore } from '../attestation/holder-store.ts'
import { loadOrCreateSigner } from '../attestation/identity.ts'

export interface UnitKey {
  readonly did: string
  /** Signature of its key over what is no entry: pairing, a challenge. */
  sign(message: Uint8Array): Uint8Array
  readonly attestor: Attestor
  readonly answer: NonNullable<TwinOptions['answer']>
}

export interface UnitKeyOptions {
  /** The unit's own folder: its controller's flash. */
  folder: string
  enrolment: Omit<Enrolment, 'suite'>
  random(bytes: number): Uint8Array
}

/** Opens the unit's key; the first call makes it. */
export const openUnitKey = ({ folder, enrolment, random }: UnitKeyOptions): UnitKey => {
  const signer = loadOrCreateSigner(join(folder, 'unit.key'), random)
  const store = fileHolderStore(join(folder, 'chain.head'))
  const holder = new UnitKeyHolder({ signer, store, random })
  return {
    did: signer.did,
    sign: (message) => signer.sign(message),
    attestor: {
      compose: (event) => compose(holder, enrolment, event),
      unsent: () => holder.unsent(),
      acknowledge: (count) => holder.acknowledge(count),
    },
    answer: (command, now) => {
      const claim = claimIn(command)
      if (claim === undefined || holder.head() === undefined) return undefined
      holder.compose({ ...now, type: claim.type, claim: claim.digest })
      // It goes out with the other unsent entries, in order.
      return undefined
    },
  }
}

const compose = (
  holder: UnitKeyHolder,
  enrolment: Omit<Enrolment, 'suite'>,
  { type, cause, boot, timeUs, counters }: AttestedEvent,
): void => {
  const details = [{ name: 'cause', value: cause }]
  const request = { boot, timeUs, counters, details }
  if (type !== enrolmentType) {
    holder.compose({ ...request, type })
    return
  }
  // A cut after signing and before the rules were kept: the chain has begun already.
  if (holder.head() === undefined) holder.enrol({ ...request, enrolment })
}

const claimIn = (command: Uint8Array): { type: string; digest: Uint8Array } | undefined => {
  try {
    const value = JSON.parse(new TextDecoder().decode(command)) as Record<string, unknown>
    const { kind, claim, type } = value
    if (kind !== 'include_claim' || typeof claim !== 'string' || typeof type !== 'string') {
      return undefined
    }
    return /^[0-9a-f]{64}$/.test(claim) ? { type, digest: Buffer.from(claim, 'hex') } : undefined
  } catch {
    return undefined
  }
}
