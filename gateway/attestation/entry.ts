// An entry: one link of a unit's own chain, signed by the unit's key. Payload (deterministic CBOR
// map): v, unit, seq, prev, type, boot, t, counters, sd, and where they apply claim and made
// (enrolment). Parsing is strict: every field in its form, none beside them. Verifying side,
// browser-safe.
import { sha256 } from '@noble/hashes/sha2.js'
import { compareBytes } from './bytes.ts'
import { type Cbor, encodeCbor } from './cbor.ts'
import { AttestationError } from './codes.ts'
import { checkSign1, coseTypes, decodeSign1 } from './cose.ts'
import { parseDid } from './did.ts'
import { checkDisclosures, type Disclosure, maxDetails, splitMessage } from './disclosure.ts'
import { Fields, namePattern } from './fields.ts'

/**
 * Where a unit's key lives. `gateway` means that the unit has none: entries read "reported by
 * gateway".
 */
export const custodies = ['secure_element', 'controller_flash', 'gateway'] as const
export type Custody = (typeof custodies)[number]

/** What the entry `made` (sequence 0) states once and for all. */
export interface Enrolment {
  /** Name of the machine's profile. */
  machine: string
  /** SHA-256 of the profile and of the firmware image. */
  profile: Uint8Array
  firmware: Uint8Array
  /** Serial number: random, not counting, so that it tells nothing about volumes. */
  serial: string
  custody: Custody
  /** A twin, not a machine: said in every verdict, and its claims count for nothing. */
  simulated: boolean
  /** Id of the signature suite; all entries of the chain use it. */
  suite: string
}

export interface EntryPayload {
  unit: string
  /** 0 for `made`, then one more each. */
  seq: number
  /** SHA-256 of the whole previous entry as signed; null for `made`. */
  prev: Uint8Array | null
  /** Lifecycle word in snake_case: made, accepted, repaired, usage, retired ... */
  type: string
  /** Boot count, and uptime in that boot (microseconds). */
  boot: number
  timeUs: number
  /** Cumulative counters by name: whole numbers that only grow. */
  counters: Readonly<Record<string, number>>
  /** Salted digests of the details, sorted. */
  digests: readonly Uint8Array[]
  /** SHA-256 of the claim that this entry includes. */
  claim?: Uint8Array
  /** Only in `made`. */
  enrolment?: Enrolment
}

/** A parsed entry with its bytes as signed and their SHA-256. */
export interface Entry extends EntryPayload {
  bytes: Uint8Array
  hash: Uint8Array
}

export const enrolmentType = 'made'
/** Types that rest on somebody's word: they must include the digest of that claim. */
export const claimTypes: ReadonlySet<string> = new Set(['accepted', 'repaired'])
const version = 1
const anyText = /^.{1,256}$/su
const serialPattern = /^[A-Za-z0-9-]{1,64}$/
/** Most counters of one entry. */
export const maxCounters = 256

const encodeEnrolment = (made: Enrolment): Cbor =>
  new Map<string, Cbor>(Object.entries({ ...made }))

/** Payload bytes to be signed. */
export const encodeEntry = (payload: EntryPayload): Uint8Array => {
  const map = new Map<string, Cbor>([
    ['v', version],
    ['unit', payload.unit],
    ['seq', payload.seq],
    ['prev', payload.prev],
    ['type', payload.type],
    ['boot', payload.boot],
    ['t', payload.timeUs],
    ['counters', new Map(Object.entries(payload.counters))],
    ['sd', payload.digests.toSorted(compareBytes)],
  ])
  if (payload.claim !== undefined) map.set('claim', payload.claim)
  if (payload.enrolment !== undefined) map.set('made', encodeEnrolment(payload.enrolment))
  return encodeCbor(map)
}

const parseEnrolment = (fields: Fields): Enrolment => {
  const enrolment = {
    machine: fields.text('machine', namePattern),
    profile: fields.digest('profile'),
    firmware: fields.digest('firmware'),
    serial: fields.text('serial', serialPattern),
    custody: fields.text('custody', new RegExp(`^(${custodies.join('|')})$`)) as Custody,
    simulated: fields.bool('simulated'),
    suite: fields.text('suite', namePattern),
  }
  fields.end()
  return enrolment
}

/** Rules that tie fields together; they hold for each entry by itself. */
const checkShape = (entry: EntryPayload): void => {
  const { seq, prev, type, enrolment, claim, unit } = entry
  const { suite } = parseDid(unit)
  if (seq === 0 && (type !== enrolmentType || enrolment === undefined || prev !== null)) {
    throw new AttestationError('not_enrolled', 'sequence 0 is not a `made` entry')
  }
  if (seq > 0 && (type === enrolmentType || enrolment !== undefined)) {
    throw new AttestationError('enrolled_twice', `\`made\` again at sequence ${seq}`)
  }
  if (seq > 0 && prev === null) {
    throw new AttestationError('bad_field', `entry: \`prev\` is null at sequence ${seq}`)
  }
  if (enrolment !== undefined && enrolment.suite !== suite.id) {
    throw new AttestationError('bad_field', `entry: suite is not ${suite.id}, that of its key`)
  }
  if (claimTypes.has(type) && claim === undefined) {
    throw new AttestationError('claim_required', `\`${type}\` includes no claim`)
  }
}

/** Payload of a signed entry; strict in form, the signature is not checked here. */
export const parseEntryPayload = (payload: Uint8Array): EntryPayload => {
  const fields = Fields.decode(payload, 'entry')
  if (fields.uint('v') !== version)
    throw new AttestationError('bad_field', 'entry: unknown version')
  const entry: EntryPayload = {
    unit: fields.text('unit', anyText),
    seq: fields.uint('seq'),
    prev: fields.digestOrNull('prev'),
    type: fields.text('type', namePattern),
    boot: fields.uint('boot'),
    timeUs: fields.uint('t'),
    counters: fields.counts('counters', maxCounters),
    digests: fields.sortedDigests('sd', maxDetails),
    ...(fields.has('claim') && { claim: fields.digest('claim') }),
    ...(fields.has('made') && { enrolment: parseEnrolment(fields.inside('made')) }),
  }
  fields.end()
  checkShape(entry)
  return entry
}

/** Parses an entry and checks that the unit it names has signed it. Throws AttestationError. */
export const verifyEntry = (bytes: Uint8Array): Entry => {
  const object = decodeSign1(bytes, coseTypes.entry)
  const payload = parseEntryPayload(object.payload)
  checkSign1(object, parseDid(payload.unit))
  return { ...payload, bytes, hash: sha256(bytes) }
}

/**
 * A message of kind `entry` as it arrives: entry verified, opened details matched to its digests.
 */
export const receiveEntry = (
  message: Uint8Array,
): { entry: Entry; disclosures: readonly Disclosure[] } => {
  const { signed, disclosures } = splitMessage(message)
  const entry = verifyEntry(signed)
  checkDisclosures(entry.digests, disclosures)
  return { entry, disclosures }
}
