// Merkle tree hashes and proofs, checking side (RFC 6962 hashes, RFC 9162 verification), strict: no
// consistency from size 0, roots and hashes of exactly 32 bytes. Pure and browser-safe.
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes } from './bytes.ts'

const leafPrefix = Uint8Array.of(0)
const nodePrefix = Uint8Array.of(1)

/** SHA-256(0x00 || leaf): RFC 6962, 2.1. */
export const leafHash = (leaf: Uint8Array): Uint8Array => sha256(concatBytes(leafPrefix, leaf))

/** SHA-256(0x01 || left || right): RFC 6962, 2.1. */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  sha256(concatBytes(nodePrefix, left, right))

/** Root of the tree without leaves: SHA-256 of nothing. */
export const emptyRoot = (): Uint8Array => sha256(new Uint8Array())

/** Most hashes of one proof: what a witness accepts (C2SP tlog-witness). */
export const maxProofHashes = 63

export interface InclusionClaim {
  /** Hash of the leaf (not the leaf). */
  leaf: Uint8Array
  index: number
  size: number
  root: Uint8Array
}

export interface ConsistencyClaim {
  oldSize: number
  oldRoot: Uint8Array
  newSize: number
  newRoot: Uint8Array
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const isHash = (hash: Uint8Array): boolean => hash.length === 32
const half = (value: number): number => Math.floor(value / 2)

/** n where the count is 2^n, else undefined. Exact to 2^53, where a logarithm would be rounded. */
export const exponentOf = (count: number): number | undefined => {
  let rest = count
  let exponent = 0
  for (; rest > 1 && rest % 2 === 0; rest /= 2) exponent++
  return rest === 1 ? exponent : undefined
}

/** Whether the leaf is at `index` of the tree of `size` leaves with `root` (RFC 9162, 2.1.3.2). */
export const verifyInclusion = (claim: InclusionClaim, proof: readonly Uint8Array[]): boolean => {
  const { leaf, index, size, root } = claim
  if (!isCount(index) || !isCount(size) || index >= size || proof.length > maxProofHashes)
    return false
  if (![leaf, root, ...proof].every(isHash)) return false
  let place = index
  let last = size - 1
  let hash = leaf
  for (const sibling of proof) {
    if (last === 0) return false
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(sibling, hash)
      while (place % 2 === 0 && place !== 0) {
        place = half(place)
        last = half(last)
      }
    } else {
      hash = nodeHash(hash, sibling)
    }
    place = half(place)
    last = half(last)
  }
  return last === 0 && equalBytes(hash, root)
}

/** Folds a consistency proof into both roots it leads to (RFC 9162, 2.1.4.2), or undefined. */
const foldConsistency = (
  path: readonly Uint8Array[],
  { oldSize, newSize }: ConsistencyClaim,
): { old: Uint8Array; new: Uint8Array } | undefined => {
  let place = oldSize - 1
  let last = newSize - 1
  while (place % 2 === 1) {
    place = half(place)
    last = half(last)
  }
  const [first, ...rest] = path
  if (first === undefined) return undefined
  let old = first
  let all = first
  for (const hash of rest) {
    if (last === 0) return undefined
    if (place % 2 === 1 || place === last) {
      old = nodeHash(hash, old)
      all = nodeHash(hash, all)
      while (place % 2 === 0 && place !== 0) {
        place = half(place)
        last = half(last)
      }
    } else {
      all = nodeHash(all, hash)
    }
    place = half(place)
    last = half(last)
  }
  return last === 0 ? { old, new: all } : undefined
}

/** Whether the older tree is a prefix of the newer one. Size 0 proves nothing and is refused. */
export const verifyConsistency = (
  claim: ConsistencyClaim,
  proof: readonly Uint8Array[],
): boolean => {
  const { oldSize, oldRoot, newSize, newRoot } = claim
  if (!isCount(oldSize) || !isCount(newSize) || oldSize === 0 || oldSize > newSize) return false
  if (proof.length > maxProofHashes || ![oldRoot, newRoot, ...proof].every(isHash)) return false
  if (oldSize === newSize) return proof.length === 0 && equalBytes(oldRoot, newRoot)
  if (proof.length === 0) return false
  // A complete old tree is its own first node, and the proof leaves it out.
  const path = exponentOf(oldSize) === undefined ? proof : [oldRoot, ...proof]
  const roots = foldConsistency(path, claim)
  return roots !== undefined && equalBytes(roots.old, oldRoot) && equalBytes(roots.new, newRoot)
}
