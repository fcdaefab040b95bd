// The Merkle log's writing side: RFC 6962 tree over leaves of one log, append and proofs. Storage
// is behind a small synchronous interface, so that a store can append inside its own transaction.
// Nothing is ever changed: a node is written once, when the leaves under it are complete.
import { emptyRoot, exponentOf, leafHash, nodeHash } from './merkle.ts'

/**
 * One complete subtree: (level, index) covers leaves index * 2^level to (index + 1) * 2^level - 1.
 */
export interface TreeNode {
  level: number
  index: number
  hash: Uint8Array
}

/**
 * Where leaves and complete subtrees live. Called by this file only, synchronously, so that the
 * implementation may be in the middle of its own transaction; errors are the implementation's and
 * pass through.
 */
export interface LeafStore {
  /** Number of leaves. */
  size(): number
  /** Hash (32 bytes) of a complete subtree; asked only for those that `append` was given. */
  node(level: number, index: number): Uint8Array
  /**
   * Stores leaf number `index` (always the present size) and the subtrees it completes, level 0
   * first.
   */
  append(index: number, leaf: Uint8Array, nodes: readonly TreeNode[]): void
}

/**
 * Appends a leaf (its bytes, not its hash); returns its index. About two nodes are written on
 * average.
 */
export const appendLeaf = (store: LeafStore, leaf: Uint8Array): number => {
  const place = store.size()
  const nodes: TreeNode[] = [{ level: 0, index: place, hash: leafHash(leaf) }]
  let last = nodes[0] as TreeNode
  // Each odd index completes a pair: the compact range of RFC 6962, read from the store.
  while (last.index % 2 === 1) {
    const left = store.node(last.level, last.index - 1)
    last = { level: last.level + 1, index: (last.index - 1) / 2, hash: nodeHash(left, last.hash) }
    nodes.push(last)
  }
  store.append(place, leaf, nodes)
  return place
}

/** Leaves `from` to `to` - 1. */
interface Range {
  from: number
  to: number
}

/** Largest power of two below `count` (RFC 6962, 2.1). */
const splitOf = (count: number): number => {
  let split = 1
  while (split * 2 < count) split *= 2
  return split
}

/** MTH of a range whose start is a multiple of a power of two not below its length. */
const rangeHash = (store: LeafStore, { from, to }: Range): Uint8Array => {
  const count = to - from
  const level = exponentOf(count)
  if (level !== undefined) return store.node(level, from / count)
  const middle = from + splitOf(count)
  return nodeHash(rangeHash(store, { from, to: middle }), rangeHash(store, { from: middle, to }))
}

const checkSize = (store: LeafStore, size: number): void => {
  if (!Number.isSafeInteger(size) || size < 0 || size > store.size()) {
    throw new RangeError(`no tree of size ${size} in a log of ${store.size()}`)
  }
}

/** Root of the first `size` leaves. */
export const rootOf = (store: LeafStore, size: number): Uint8Array => {
  checkSize(store, size)
  return size === 0 ? emptyRoot() : rangeHash(store, { from: 0, to: size })
}

/** PATH(index, D[size]) of RFC 6962, 2.1.1, the leaf's sibling first. */
export const inclusionProof = (
  store: LeafStore,
  { index, size }: { index: number; size: number },
): Uint8Array[] => {
  checkSize(store, size)
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new RangeError(`no leaf ${index} in a tree of size ${size}`)
  }
  const proof: Uint8Array[] = []
  let range: Range = { from: 0, to: size }
  while (range.to - range.from > 1) {
    const middle = range.from + splitOf(range.to - range.from)
    const left = { from: range.from, to: middle }
    const right = { from: middle, to: range.to }
    proof.unshift(rangeHash(store, index < middle ? right : left))
    range = index < middle ? left : right
  }
  return proof
}

/** PROOF(oldSize, D[newSize]) of RFC 6962, 2.1.2. Size 0 has no proof. */
export const consistencyProof = (
  store: LeafStore,
  { oldSize, newSize }: { oldSize: number; newSize: number },
): Uint8Array[] => {
  checkSize(store, newSize)
  if (!Number.isSafeInteger(oldSize) || oldSize < 1 || oldSize > newSize) {
    throw new RangeError(`no consistency from size ${oldSize} to ${newSize}`)
  }
  const proof: Uint8Array[] = []
  let range: Range = { from: 0, to: newSize }
  while (range.to !== oldSize) {
    const middle = range.from + splitOf(range.to - range.from)
    const left = { from: range.from, to: middle }
    const right = { from: middle, to: range.to }
    proof.unshift(rangeHash(store, oldSize <= middle ? right : left))
    range = oldSize <= middle ? left : right
  }
  // The whole old tree is known to the verifier; a part of it is not.
  return range.from === 0 ? proof : [rangeHash(store, range), ...proof]
}
