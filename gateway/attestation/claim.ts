// A claim: somebody's word about a unit at one moment of its chain (a buyer accepts it, a workshop
// serviced it), signed by its author. An entry includes it by digest. It is declared, not measured,
// and every reader says so. Parsing and composing are pure; keys stay outside.
import { sha256 } from '@noble/hashes/sha2.js'
import { compareBytes } from './bytes.ts'
import { type Cbor, encodeCbor } from './cbor.ts'
import { AttestationError } from './codes.ts'
import { checkSign1, coseTypes, decodeSign1, encodeSign1 } from './cose.ts'
import { parseDid } from './did.ts'
import {
  checkDisclosures,
  type Detail,
  type Disclosure,
  discloseDetail,
  joinMessage,
  maxDetails,
  saltBytes,
  splitMessage,
} from './disclosure.ts'
import { Fields } from './fields.ts'
import type { Random, Signer } from './identity.ts'

/**
 * `production` is the producer's word for the entry `made`: it roots the unit's key in the
 * producer's.
 */
export const claimKinds = [
  'production',
  'acceptance',
  'service',
  'repair',
  'refurbishment',
  'transfer',
  'storage',
  'use',
  'retirement',
  // A test of it; changes no state.
  'test',
  // A shift that is booked; it is in no chain.
  'shift',
] as const
export type ClaimKind = (typeof claimKinds)[number]

/**
 * Which kind of claim an entry of a type includes; other types may include any but `production`.
 */
export const claimKindOf: ReadonlyMap<string, ClaimKind> = new Map([
  ['made', 'production'],
  ['accepted', 'acceptance'],
  ['repaired', 'service'],
])

export interface ClaimPayload {
  kind: ClaimKind
  unit: string
  /** Hash of the unit's entry that the author saw last; null before `made`. */
  head: Uint8Array | null
  /** did:key of the author. A person's key is personal data: a new one per unit. */
  author: string
  /** The author's own clock, microseconds since 1970; declared. */
  timeUs: number
  digests: readonly Uint8Array[]
}

export interface Claim extends ClaimPayload {
  bytes: Uint8Array
  /** SHA-256 of the claim as signed: what an entry includes. */
  hash: Uint8Array
}

const version = 1

/** Composes and signs a claim by `signer`. Returns the claim and its message (kind `claim`). */
export const composeClaim = (
  claim: Pick<ClaimPayload, 'kind' | 'unit' | 'head' | 'timeUs'> & { details?: readonly Detail[] },
  signer: Signer,
  random: Random,
): { claim: Claim; message: Uint8Array } => {
  const opened = (claim.details ?? []).map((detail) => discloseDetail(detail, random(saltBytes)))
  const payload = encodeCbor(
    new Map<string, Cbor>([
      ['v', version],
      ['kind', claim.kind],
      ['unit', claim.unit],
      ['head', claim.head],
      ['author', signer.did],
      ['time', claim.timeUs],
      ['sd', opened.map(({ digest }) => digest).toSorted(compareBytes)],
    ]),
  )
  const { suite, sign } = signer
  const bytes = encodeSign1({ type: coseTypes.claim, alg: suite.coseAlg, payload }, sign)
  return { claim: verifyClaim(bytes), message: joinMessage(bytes, opened) }
}

const parseClaimPayload = (payload: Uint8Array): ClaimPayload => {
  const fields = Fields.decode(payload, 'claim')
  if (fields.uint('v') !== version)
    throw new AttestationError('bad_field', 'claim: unknown version')
  const claim: ClaimPayload = {
    kind: fields.text('kind', new RegExp(`^(${claimKinds.join('|')})$`)) as ClaimKind,
    unit: fields.text('unit', /^.{1,128}$/su),
    head: fields.digestOrNull('head'),
    author: fields.text('author', /^.{1,128}$/su),
    timeUs: fields.uint('time'),
    digests: fields.sortedDigests('sd', maxDetails),
  }
  fields.end()
  parseDid(claim.unit)
  return claim
}

/** Parses a claim and checks its author's signature. Throws AttestationError. */
export const verifyClaim = (bytes: Uint8Array): Claim => {
  const object = decodeSign1(bytes, coseTypes.claim)
  const payload = parseClaimPayload(object.payload)
  checkSign1(object, parseDid(payload.author))
  return { ...payload, bytes, hash: sha256(bytes) }
}

/** A message of kind `claim` as it arrives: signature verified, opened details matched. */
export const receiveClaim = (
  message: Uint8Array,
): { claim: Claim; disclosures: readonly Disclosure[] } => {
  const { signed, disclosures } = splitMessage(message)
  const claim = verifyClaim(signed)
  checkDisclosures(claim.digests, disclosures)
  return { claim, disclosures }
}
