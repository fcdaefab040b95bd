// The project's one rule for Ed25519 signatures, the same in gateway, page and firmware: RFC 8032
// with canonical A and R, S below the group order, A not of small order, and the equation without
// cofactor (R = SB - kA exactly). Verifying side: browser-safe, no secrets here.
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes } from './bytes.ts'

const { Point } = ed25519
const { Fn } = Point

/** Number of little-endian bytes. */
const littleEndian = (bytes: Uint8Array): bigint => {
  let value = 0n
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte)
  return value
}

/** The point of a public key, or undefined when the key is not canonical or of small order. */
const pointOf = (publicKey: Uint8Array): InstanceType<typeof Point> | undefined => {
  if (publicKey.length !== 32) return undefined
  try {
    const point = Point.fromBytes(publicKey, false)
    return point.isSmallOrder() ? undefined : point
  } catch {
    return undefined
  }
}

export const isStrongKey = (publicKey: Uint8Array): boolean => pointOf(publicKey) !== undefined

/**
 * Whether `signature` (64 bytes) over `message` is by `publicKey` (32 bytes). Never throws.
 * RFC 8032, 5.1.7, in the form without cofactor: R' = SB - kA is computed and its bytes are
 * compared with R, so a residue of low order and an R that is not canonical are both refused.
 */
export const verifyEd25519 = (
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): boolean => {
  const a = pointOf(publicKey)
  if (a === undefined || signature.length !== 64) return false
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  if (s >= Fn.ORDER) return false
  const k = Fn.create(littleEndian(sha512(concatBytes(r, publicKey, message))))
  const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k))
  return equalBytes(expected.toBytes(), r)
}
