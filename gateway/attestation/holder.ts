// The holder of a unit's key writes the unit's chain: the board (or its twin) for itself, the
// gateway for a unit without a key. The new head and the message are stored BEFORE the message is
// handed out, so that a power cut can neither fork the chain nor leave a hole in it. Signing side.
import { sha256 } from '@noble/hashes/sha2.js'
import { growCounters } from './chain.ts'
import { AttestationError } from './codes.ts'
import { coseTypes, encodeSign1 } from './cose.ts'
import { type Detail, discloseDetail, joinMessage, saltBytes } from './disclosure.ts'
import { type Enrolment, encodeEntry, enrolmentType, parseEntryPayload } from './entry.ts'
import type { Random, Signer } from './identity.ts'

/** What the holder keeps: the head of its chain, and messages that nobody has acknowledged yet. */
export interface HolderState {
  unit: string
  seq: number
  hash: Uint8Array
  boot: number
  timeUs: number
  counters: Readonly<Record<string, number>>
  /** Messages to be sent (again), oldest first. */
  unsent: readonly Uint8Array[]
}

/**
 * Atomic storage of one state. `save` returns after the state survives a power cut, and leaves the
 * old or the new state, nothing between; it throws when it could not. Called by the holder only.
 */
export interface HolderStore {
  load(): HolderState | undefined
  save(state: HolderState): void
}

/** What the caller of `compose` gives. Times: uptime in microseconds, within boot `boot`. */
export interface EntryRequest {
  type: string
  boot: number
  timeUs: number
  counters: Readonly<Record<string, number>>
  details?: readonly Detail[]
  /** SHA-256 of the claim to include: required for `accepted` and `repaired`. */
  claim?: Uint8Array
}

export type EnrolmentRequest = Omit<EntryRequest, 'type'> & { enrolment: Omit<Enrolment, 'suite'> }

/** Most messages that wait to be sent; beyond it `compose` refuses rather than lose one. */
export const maxUnsent = 1024

export class UnitKeyHolder {
  readonly #signer: Signer
  readonly #store: HolderStore
  readonly #random: Random
  #state: HolderState | undefined
  #isLoaded = false

  /** `random(n)` gives n random bytes for salts. Nothing is read before the first call. */
  constructor(parts: { signer: Signer; store: HolderStore; random: Random }) {
    this.#signer = parts.signer
    this.#store = parts.store
    this.#random = parts.random
  }

  /**
   * The head of the chain, or undefined before enrolment. Throws when key and head do not belong
   * together.
   */
  head(): HolderState | undefined {
    if (this.#isLoaded) return this.#state
    const state = this.#store.load()
    if (state !== undefined && state.unit !== this.#signer.did) {
      throw new AttestationError('head_of_other_key', `head of ${state.unit}`)
    }
    this.#state = state
    this.#isLoaded = true
    return state
  }

  /** Writes the entry `made`, once. Returns the message to send (kind `entry`). */
  enrol({ enrolment, ...request }: EnrolmentRequest): Uint8Array {
    if (this.head() !== undefined) {
      throw new AttestationError('already_enrolled', 'the chain has begun')
    }
    const full = { ...enrolment, suite: this.#signer.suite.id }
    return this.#append({ ...request, type: enrolmentType }, full)
  }

  /**
   * Writes the next entry. Returns the message to send (kind `entry`), already stored as unsent.
   */
  compose(request: EntryRequest): Uint8Array {
    if (this.head() === undefined)
      throw new AttestationError('not_enrolled', 'enrol the unit first')
    return this.#append(request, undefined)
  }

  /** Messages not acknowledged yet, oldest first: send them again after a restart. */
  unsent(): readonly Uint8Array[] {
    return this.head()?.unsent ?? []
  }

  /** Forgets the oldest `count` unsent messages: the gateway has acknowledged them. */
  acknowledge(count: number): void {
    const state = this.head()
    if (state !== undefined && count > 0)
      this.#save({ ...state, unsent: state.unsent.slice(count) })
  }

  #append(request: EntryRequest, enrolment: Enrolment | undefined): Uint8Array {
    const state = this.#state
    if ((state?.unsent.length ?? 0) >= maxUnsent) {
      throw new AttestationError('outbox_full', `${maxUnsent} entries wait to be sent`)
    }
    const grown = growCounters(state, request)
    const { did, suite, sign } = this.#signer
    const { type, boot, timeUs, counters, claim } = request
    const opened = (request.details ?? []).map((detail) =>
      discloseDetail(detail, this.#random(saltBytes)),
    )
    const payload = encodeEntry({
      unit: did,
      seq: state === undefined ? 0 : state.seq + 1,
      prev: state?.hash ?? null,
      ...{ type, boot, timeUs, counters },
      digests: opened.map(({ digest }) => digest),
      ...(claim && { claim }),
      ...(enrolment && { enrolment }),
    })
    // Parsed back before it is signed: what a verifier would refuse is never signed.
    const { seq } = parseEntryPayload(payload)
    const entry = encodeSign1({ type: coseTypes.entry, alg: suite.coseAlg, payload }, sign)
    const message = joinMessage(entry, opened)
    this.#save({
      ...{ unit: did, seq, hash: sha256(entry), boot, timeUs },
      counters: grown,
      unsent: [...(state?.unsent ?? []), message],
    })
    return message
  }

  #save(state: HolderState): void {
    this.#store.save(state)
    this.#state = state
  }
}
