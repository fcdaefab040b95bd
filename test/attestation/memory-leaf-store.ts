// A LeafStore in memory: the least that the log needs, for tests and as a model for a real store.
import type { LeafStore, TreeNode } from '../../gateway/attestation/tlog.ts'

export class MemoryLeafStore implements LeafStore {
  readonly leaves: Uint8Array[] = []
  readonly #nodes = new Map<string, Uint8Array>()

  size(): number {
    return this.leaves.length
  }

  node(level: number, index: number): Uint8Array {
    const hash = this.#nodes.get(`${level}/${index}`)
    if (hash === undefined) throw new RangeError(`no node ${level}/${index}`)
    return hash
  }

  append(index: number, leaf: Uint8Array, nodes: readonly TreeNode[]): void {
    if (index !== this.leaves.length) throw new RangeError(`leaf ${index} out of order`)
    this.leaves.push(leaf)
    for (const node of nodes) {
      const key = `${node.level}/${node.index}`
      if (this.#nodes.has(key)) throw new RangeError(`node ${key} written twice`)
      this.#nodes.set(key, node.hash)
    }
  }
}
