// The Merkle log in the store: leaves, complete subtrees and signed checkpoints, written inside the
// transaction that writes their entries. The tree's rules are attestation/tlog.ts; this only keeps
// it.
import { signCheckpoint } from '../../attestation/checkpoint.ts'
import type { NoteSigner } from '../../attestation/note.ts'
import { appendLeaf, type LeafStore, rootOf, type TreeNode } from '../../attestation/tlog.ts'
import type { Database } from './database.ts'

export class SqlLeaves implements LeafStore {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  size(): number {
    return Number(this.#db.get('SELECT coalesce(max("index") + 1, 0) AS n FROM leaf')?.['n'] ?? 0)
  }

  node(level: number, index: number): Uint8Array {
    const row = this.#db.get(
      'SELECT hash FROM leaf_node WHERE level = ? AND "index" = ?',
      level,
      index,
    )
    if (row === undefined) throw new RangeError(`no node ${level}/${index} in the log`)
    return row['hash'] as Uint8Array
  }

  append(index: number, leaf: Uint8Array, nodes: readonly TreeNode[]): void {
    this.#db.run('INSERT INTO leaf VALUES (?, ?)', index, leaf)
    for (const { level, index: at, hash } of nodes) {
      this.#db.run('INSERT INTO leaf_node VALUES (?, ?, ?)', level, at, hash)
    }
  }
}

/** Appends leaves and signs one checkpoint for all of a batch. */
export class TreeWriter {
  readonly #db: Database
  readonly #leaves: SqlLeaves
  readonly #signer: NoteSigner
  /** When the newest new leaf's record was received; undefined when there is no new leaf. */
  #newestUs: number | undefined

  constructor(db: Database, signer: NoteSigner) {
    this.#db = db
    this.#leaves = new SqlLeaves(db)
    this.#signer = signer
  }

  append(leaf: Uint8Array, receivedUs: number): number {
    this.#newestUs = receivedUs
    return appendLeaf(this.#leaves, leaf)
  }

  /** Signs what was appended since the last call, if anything. */
  sign(): void {
    if (this.#newestUs === undefined) return
    const size = this.#leaves.size()
    const note = signCheckpoint({ size, root: rootOf(this.#leaves, size) }, this.#signer)
    this.#db.run('INSERT INTO checkpoint VALUES (?, ?, ?)', size, note, this.#newestUs)
    this.#newestUs = undefined
  }

  rollBack(): void {
    this.#newestUs = undefined
  }
}

/** The newest signed checkpoint, or undefined before the first. */
export const newestCheckpoint = (db: Database): string | undefined => {
  const row = db.get('SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1')
  return row === undefined ? undefined : String(row['note'])
}
