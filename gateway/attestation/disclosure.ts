// Details of an entry or claim, opened or not: the signed object holds salted digests only (the
// idea of RFC 9901), the details travel beside it and can be left out later without breaking a
// signature. A message is a CBOR sequence (RFC 8742): the signed object, then one byte string per
// disclosure.
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes } from './bytes.ts'
import { decodeCbor, decodeFirstCbor, encodeCbor, maxCborBytes } from './cbor.ts'
import { AttestationError } from './codes.ts'
import { sign1Tag } from './cose.ts'
import { namePattern } from './fields.ts'

/** One detail, in clear: a name (snake_case) and text, a whole number, or true/false. */
export interface Detail {
  name: string
  value: string | number | boolean
}

/** A detail with its salt: `bytes` is what travels, `digest` is what is signed. */
export interface Disclosure extends Detail {
  bytes: Uint8Array
  digest: Uint8Array
}

/** Bytes of a salt: 128 bits, as RFC 9901, 9.3 asks. */
export const saltBytes = 16
/** Most details of one entry or claim. */
export const maxDetails = 64

/** Salts a detail; `salt` is 16 fresh random bytes. */
export const discloseDetail = ({ name, value }: Detail, salt: Uint8Array): Disclosure => {
  if (!namePattern.test(name) || salt.length !== saltBytes) {
    throw new AttestationError('bad_field', `detail \`${name}\` has a wrong name or salt`)
  }
  const bytes = encodeCbor([salt, name, value])
  return { name, value, bytes, digest: sha256(bytes) }
}

export const parseDisclosure = (bytes: Uint8Array): Disclosure => {
  const parts = decodeCbor(bytes)
  const [salt, name, value] = Array.isArray(parts) && parts.length === 3 ? parts : []
  const isSalt = salt instanceof Uint8Array && salt.length === saltBytes
  const isValue = ['string', 'number', 'boolean'].includes(typeof value)
  if (!isSalt || typeof name !== 'string' || !namePattern.test(name) || !isValue) {
    throw new AttestationError('bad_disclosure', 'a disclosure must be [salt, name, value]')
  }
  return { name, value, bytes, digest: sha256(bytes) }
}

/** The message that carries a signed object and its opened details. */
export const joinMessage = (signed: Uint8Array, disclosures: readonly Disclosure[]): Uint8Array =>
  concatBytes(signed, ...disclosures.map(({ bytes }) => encodeCbor(bytes)))

/** Takes a message apart; form only, nothing is verified. */
export const splitMessage = (
  message: Uint8Array,
): { signed: Uint8Array; disclosures: Disclosure[] } => {
  if (message.length > 2 * maxCborBytes) {
    throw new AttestationError('too_long', `${message.length} bytes in one message`)
  }
  if (message[0] !== sign1Tag) throw new AttestationError('bad_cose', 'no COSE_Sign1 tag')
  let [, rest] = decodeFirstCbor(message.subarray(1))
  const signed = message.slice(0, message.length - rest.length)
  const disclosures: Disclosure[] = []
  while (rest.length > 0) {
    const [bytes, next] = decodeFirstCbor(rest)
    if (!(bytes instanceof Uint8Array) || disclosures.length === maxDetails) {
      throw new AttestationError('bad_disclosure', `not a byte string, or more than ${maxDetails}`)
    }
    disclosures.push(parseDisclosure(bytes))
    rest = next
  }
  return { signed, disclosures }
}

/** Throws unless each disclosure is one of the signed digests, each at most once. */
export const checkDisclosures = (
  digests: readonly Uint8Array[],
  disclosures: readonly Disclosure[],
): void => {
  const seen: Uint8Array[] = []
  for (const { name, digest } of disclosures) {
    const isSigned = digests.some((known) => equalBytes(known, digest))
    if (!isSigned || seen.some((known) => equalBytes(known, digest))) {
      throw new AttestationError('bad_disclosure', `detail \`${name}\` matches no signed digest`)
    }
    seen.push(digest)
  }
}
