// Deterministic CBOR (RFC 8949, section 4.2.1), the one form in which anything is signed: integers,
// text, bytes, booleans, null, arrays and maps; no floats, tags or indefinite lengths. What decodes
// must encode to the same bytes again, so two byte strings never mean the same thing.
import { decodeFirst, encode, rfc8949EncodeOptions } from 'cborg'
import { AttestationError } from './codes.ts'

export type Cbor = number | string | boolean | null | Uint8Array | readonly Cbor[] | CborMap
export type CborMap = ReadonlyMap<string | number, Cbor>

/**
 * Longest signed object, bytes: the length field of an entry bundle (C2SP tlog-tiles) has 16 bits.
 */
export const maxCborBytes = 65_535
const maxDepth = 8

/** Whether a value is of the allowed kinds; numbers are integers within 2^53. */
const isAllowed = (value: unknown, depth: number): boolean => {
  if (depth > maxDepth) return false
  if (typeof value === 'number') return Number.isSafeInteger(value)
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (value instanceof Uint8Array) return true
  if (Array.isArray(value)) return value.every((item) => isAllowed(item, depth + 1))
  if (!(value instanceof Map)) return false
  return [...value].every(
    ([key, item]) =>
      (typeof key === 'string' || Number.isSafeInteger(key)) && isAllowed(item, depth + 1),
  )
}

/** Bytes of a value. A value that has no deterministic form is an error of the programmer. */
export const encodeCbor = (value: Cbor): Uint8Array => {
  if (!isAllowed(value, 0)) throw new TypeError('value has no deterministic CBOR form')
  return Uint8Array.from(encode(value, rfc8949EncodeOptions))
}

/** The first value of a CBOR sequence (RFC 8742) and the bytes after it. */
export const decodeFirstCbor = (bytes: Uint8Array): [Cbor, Uint8Array] => {
  let value: unknown
  let rest: Uint8Array
  try {
    ;[value, rest] = decodeFirst(bytes, { useMaps: true })
  } catch (error) {
    throw new AttestationError('not_cbor', `not CBOR: ${(error as Error).message}`)
  }
  if (!isAllowed(value, 0)) {
    throw new AttestationError('not_canonical', 'float, kind, size or depth that is not allowed')
  }
  // The decoder is lenient: long forms, other orders of keys, doubled keys and indefinite lengths
  // all show here, because they are not what the encoder gives.
  const used = bytes.subarray(0, bytes.length - rest.length)
  const again = encode(value, rfc8949EncodeOptions)
  if (again.length !== used.length || again.some((byte, at) => byte !== used[at])) {
    throw new AttestationError('not_canonical', 'another encoding of this value is the right one')
  }
  return [value as Cbor, rest]
}

/** The only value in the bytes; anything after it is an error. */
export const decodeCbor = (bytes: Uint8Array, maxBytes = maxCborBytes): Cbor => {
  if (bytes.length > maxBytes) {
    throw new AttestationError('too_long', `${bytes.length} bytes, at most ${maxBytes}`)
  }
  const [value, rest] = decodeFirstCbor(bytes)
  if (rest.length > 0) throw new AttestationError('not_cbor', `${rest.length} bytes after the end`)
  return value
}
