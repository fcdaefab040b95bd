// COSE_Sign1 (RFC 9052, tag 18) in its one allowed shape: protected header {alg, typ}, empty
// unprotected header, payload inside. typ (RFC 9596) keeps kinds apart: a claim can never be read
// as an entry. Verifying side and pure composing: keys stay outside, `sign` is passed in.
import { concatBytes } from './bytes.ts'
import { type Cbor, decodeCbor, encodeCbor, maxCborBytes } from './cbor.ts'
import { AttestationError } from './codes.ts'
import type { PublicKey } from './did.ts'

/** typ of everything that is signed this way. */
export const coseTypes = {
  entry: 'application/tenfold-entry+cbor',
  claim: 'application/tenfold-claim+cbor',
  selftest: 'application/tenfold-selftest+json',
  calibration: 'application/tenfold-calibration+json',
} as const
export type CoseType = (typeof coseTypes)[keyof typeof coseTypes]

/** CBOR tag 18, COSE_Sign1. */
export const sign1Tag = 0xd2
const algLabel = 1
const typLabel = 16

export interface Sign1 {
  alg: number
  payload: Uint8Array
  signature: Uint8Array
  /** Sig_structure (RFC 9052, 4.4): the bytes that the signature covers. */
  toBeSigned: Uint8Array
}

const headerOf = (type: CoseType, alg: number): Uint8Array =>
  encodeCbor(
    new Map<number, Cbor>([
      [algLabel, alg],
      [typLabel, type],
    ]),
  )

const sigStructure = (header: Uint8Array, payload: Uint8Array): Uint8Array =>
  encodeCbor(['Signature1', header, new Uint8Array(), payload])

/** Signs a payload: `sign` gets the Sig_structure and returns the raw signature. */
export const encodeSign1 = (
  { type, alg, payload }: { type: CoseType; alg: number; payload: Uint8Array },
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array => {
  const header = headerOf(type, alg)
  const signature = sign(sigStructure(header, payload))
  const body = encodeCbor([header, new Map(), payload, signature])
  if (body.length >= maxCborBytes) {
    throw new AttestationError('too_long', `${body.length + 1} bytes, at most ${maxCborBytes}`)
  }
  return concatBytes(Uint8Array.of(sign1Tag), body)
}

const checkHeader = (header: Uint8Array, type: CoseType): number => {
  const map = decodeCbor(header)
  const alg = map instanceof Map ? map.get(algLabel) : undefined
  if (!(map instanceof Map) || map.size !== 2 || typeof alg !== 'number') {
    throw new AttestationError('bad_header', 'protected header is not {alg, typ}')
  }
  if (map.get(typLabel) !== type) throw new AttestationError('bad_header', `typ is not ${type}`)
  return alg
}

/** Takes a COSE_Sign1 apart; its form is checked, its signature is not. */
export const decodeSign1 = (bytes: Uint8Array, type: CoseType): Sign1 => {
  if (bytes[0] !== sign1Tag) throw new AttestationError('bad_cose', 'no COSE_Sign1 tag')
  const parts = decodeCbor(bytes.subarray(1))
  if (!Array.isArray(parts) || parts.length !== 4) {
    throw new AttestationError('bad_cose', 'not an array of four')
  }
  const [header, unprotected, payload, signature] = parts as readonly Cbor[]
  if (!(unprotected instanceof Map) || unprotected.size > 0) {
    throw new AttestationError('bad_header', 'unprotected header is not empty')
  }
  const isBytes = (part: unknown): part is Uint8Array => part instanceof Uint8Array
  if (!isBytes(header) || !isBytes(payload) || !isBytes(signature)) {
    throw new AttestationError('bad_cose', 'header, payload and signature must be bytes')
  }
  const alg = checkHeader(header, type)
  return { alg, payload, signature, toBeSigned: sigStructure(header, payload) }
}

/** Throws unless the object is signed by the key, with the algorithm of the key's own suite. */
export const checkSign1 = (object: Sign1, key: PublicKey): void => {
  const { suite, bytes } = key
  if (object.alg !== suite.coseAlg) {
    throw new AttestationError('bad_header', `alg ${object.alg} is not that of ${suite.id}`)
  }
  if (!suite.verify(object.signature, object.toBeSigned, bytes)) {
    throw new AttestationError('bad_signature', `signature is not by ${key.did}`)
  }
}
