// Logs for the ledger's tests: the real Merkle code over leaves in memory.
import { leafHash, nodeHash } from '../../gateway/attestation/merkle.ts'
import {
  appendLeaf,
  consistencyProof,
  type LeafStore,
  rootOf,
} from '../../gateway/attestation/tlog.ts'
import type { Checkpoint } from '../../gateway/ledger/source.ts'

export interface TestLog {
  origin: string
  append(leaf: string): void
  size(): number
  checkpoint(size?: number): Checkpoint
  proof(oldSize: number, newSize: number): Uint8Array[]
}

export const testLog = (origin: string, leaves: readonly string[] = []): TestLog => {
  const nodes = new Map<string, Uint8Array>()
  let count = 0
  const store: LeafStore = {
    size: () => count,
    node: (level, index) => nodes.get(`${level}/${index}`) ?? new Uint8Array(),
    append: (_index, _leaf, added) => {
      for (const { level, index, hash } of added) nodes.set(`${level}/${index}`, hash)
      count++
    },
  }
  const append = (leaf: string): void => {
    appendLeaf(store, new TextEncoder().encode(leaf))
  }
  for (const leaf of leaves) append(leaf)
  return { ...reading(store, origin), append }
}

/**
 * A log of any size whose leaves are all equal, so that a node's hash depends on its level
 * alone.
 */
export const evenLog = (origin: string, count: number): TestLog => {
  const levels = [leafHash(new Uint8Array())]
  while (2 ** levels.length <= count) {
    const below = levels[levels.length - 1] ?? new Uint8Array()
    levels.push(nodeHash(below, below))
  }
  const store: LeafStore = {
    size: () => count,
    node: (level) => levels[level] ?? new Uint8Array(),
    append: () => {
      throw new Error('an even log has its size from the start')
    },
  }
  return { ...reading(store, origin), append: () => store.append(0, new Uint8Array(), []) }
}

const reading = (store: LeafStore, origin: string): Omit<TestLog, 'append'> => ({
  origin,
  size: () => store.size(),
  checkpoint: (size = store.size()) => ({ origin, size, root: rootOf(store, size) }),
  proof: (oldSize, newSize) => consistencyProof(store, { oldSize, newSize }),
})

/** A log of `count` numbered leaves. */
export const logOf = (origin: string, count: number): TestLog =>
  testLog(
    origin,
    Array.from({ length: count }, (_, index) => `leaf ${index}`),
  )
