// Public keys as names: did:key with its multicodec and base58btc, strictly one text for one key.
// The table of suites is where P-256 (secure elements, passkeys, chains) becomes the second row.
// Verifying side: browser-safe, no secrets here.
import { AttestationError } from './codes.ts'
import { isStrongKey, verifyEd25519 } from './ed25519.ts'

/** One signature scheme. An enrolment names it by `id`; a later entry cannot choose another. */
export interface Suite {
  id: string
  /** Multicodec prefix of the public key in a did:key. */
  prefix: readonly [number, number]
  keyBytes: number
  /** COSE algorithm (RFC 9053). */
  coseAlg: number
  isStrong(publicKey: Uint8Array): boolean
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

const ed25519: Suite = {
  id: 'ed25519',
  prefix: [0xed, 0x01],
  keyBytes: 32,
  coseAlg: -8,
  isStrong: isStrongKey,
  verify: verifyEd25519,
}

export const suites: readonly Suite[] = [ed25519]

export interface PublicKey {
  did: string
  suite: Suite
  bytes: Uint8Array
}

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const scheme = 'did:key:z'

const toBase58 = (bytes: Uint8Array): string => {
  let value = 0n
  for (const byte of bytes) value = value * 256n + BigInt(byte)
  let text = ''
  for (; value > 0n; value /= 58n) text = alphabet.charAt(Number(value % 58n)) + text
  return text
}

/**
 * Bytes of base58 text, or undefined where a character is none. Keys never begin with a zero byte.
 */
const fromBase58 = (text: string): Uint8Array | undefined => {
  let value = 0n
  for (const char of text) {
    const digit = alphabet.indexOf(char)
    if (digit < 0) return undefined
    value = value * 58n + BigInt(digit)
  }
  const bytes: number[] = []
  for (; value > 0n; value /= 256n) bytes.unshift(Number(value % 256n))
  return Uint8Array.from(bytes)
}

/** did:key of an Ed25519 public key (32 bytes): `did:key:z6Mk...`. */
export const didOf = (publicKey: Uint8Array, suite: Suite = ed25519): string => {
  if (!suite.isStrong(publicKey)) throw new AttestationError('weak_key', 'not a usable public key')
  return scheme + toBase58(Uint8Array.from([...suite.prefix, ...publicKey]))
}

/** Key of a did:key; every text that is not the one right text of a strong key is an error. */
export const parseDid = (did: string): PublicKey => {
  const text = did.startsWith(scheme) && did.length <= 128 ? did.slice(scheme.length) : ''
  const bytes = fromBase58(text)
  const suite = suites.find(({ prefix }) => bytes?.[0] === prefix[0] && bytes[1] === prefix[1])
  if (bytes === undefined || suite === undefined || bytes.length !== suite.keyBytes + 2) {
    throw new AttestationError('bad_did', `not a did:key of a known suite: ${did.slice(0, 128)}`)
  }
  const key = bytes.subarray(2)
  if (didOf(key, suite) !== did) throw new AttestationError('bad_did', 'did:key is not canonical')
  return { did, suite, bytes: key }
}
