// Chains of signed entries in the store: one step per entry, with its leaf; entries that came too
// early are found again, forks are kept as evidence. Works inside the store's transaction.
import { type ChainHead, type ChainStep, stepChain } from '../../attestation/chain.ts'
import type { Disclosure } from '../../attestation/disclosure.ts'
import type { Entry } from '../../attestation/entry.ts'
import { leafOf, unitBlind } from '../../attestation/leaf.ts'
import type { Database } from './database.ts'
import type { TreeWriter } from './tree.ts'

/** An entry on its way in: verified, and where it came from. */
export interface Incoming {
  readonly entry: Entry
  readonly disclosures: readonly Disclosure[]
  /** Id of the unit in its topic. */
  readonly unit: string
  readonly offset: number
  readonly receivedUs: number
  /** Unit time of the entry on the wall clock. */
  readonly timeUs: number
}

export class Chains {
  readonly #db: Database
  readonly #tree: TreeWriter
  readonly #blindSecret: Uint8Array

  constructor(db: Database, parts: { tree: TreeWriter; blindSecret: Uint8Array }) {
    this.#db = db
    this.#tree = parts.tree
    this.#blindSecret = parts.blindSecret
  }

  /** Takes the entry as the next of its chain, or says what it is instead. */
  step(incoming: Incoming): ChainStep {
    const { entry, unit } = incoming
    const key = entry.unit
    const step = stepChain(this.#head(key), entry, (seq) => this.#bytesAt(key, seq))
    if (step.kind === 'appended') {
      const leaf = this.#tree.append(
        leafOf(entry, unitBlind(this.#blindSecret, key)),
        incoming.receivedUs,
      )
      this.#write(incoming, { leaf, fork: 0 })
      this.#db.run('INSERT OR REPLACE INTO chain VALUES (?, ?, ?)', key, unit, freeze(step.head))
    } else if (step.kind === 'fork') {
      this.#write(incoming, { leaf: null, fork: 1 })
    }
    return step
  }

  /** Next sequence of a chain. */
  next(key: string): number {
    return (this.#head(key)?.seq ?? -1) + 1
  }

  /** Notes that the record at `offset` waits for the entry before it. */
  wait({ entry, offset }: Incoming): void {
    this.#db.run(
      'INSERT OR IGNORE INTO waiting_entry VALUES (?, ?, ?)',
      entry.unit,
      entry.seq,
      offset,
    )
  }

  /** Offsets of the records that waited for this place in the chain, no longer noted. */
  takeWaiting(key: string, seq: number): number[] {
    const rows = this.#db.all(
      'DELETE FROM waiting_entry WHERE key = ? AND seq = ? RETURNING "offset"',
      key,
      seq,
    )
    return rows.map((row) => Number(row['offset']))
  }

  #head(key: string): ChainHead | undefined {
    const row = this.#db.get('SELECT head FROM chain WHERE key = ?', key)
    return row === undefined ? undefined : thaw(String(row['head']))
  }

  #bytesAt(key: string, seq: number): Uint8Array | undefined {
    const row = this.#db.get(
      'SELECT bytes FROM entry WHERE key = ? AND seq = ? AND fork = 0',
      key,
      seq,
    )
    return row?.['bytes'] as Uint8Array | undefined
  }

  #write(incoming: Incoming, { leaf, fork }: { leaf: number | null; fork: 0 | 1 }): void {
    const { entry, unit, offset, receivedUs, timeUs, disclosures } = incoming
    this.#db.run(
      'INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[entry.hash, entry.unit, unit, entry.seq, entry.type, timeUs, receivedUs],
      ...[entry.bytes, leaf, fork, offset, entry.claim ?? null],
    )
    writeDisclosures(this.#db, { object: entry.hash, unit, disclosures })
  }
}

/** Keeps opened details beside what signs them. */
export const writeDisclosures = (
  db: Database,
  of: { object: Uint8Array; unit: string; disclosures: readonly Disclosure[] },
): void => {
  for (const { digest, bytes } of of.disclosures) {
    db.run(
      'INSERT OR IGNORE INTO disclosure VALUES (?, ?, ?, ?)',
      of.object,
      digest,
      of.unit,
      bytes,
    )
  }
}

/** JSON with bytes as {"hex": ...}. */
export const freeze = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    inner instanceof Uint8Array ? { hex: Buffer.from(inner).toString('hex') } : inner,
  )

export const thaw = <T>(text: string): T =>
  JSON.parse(text, (_, inner: unknown) => {
    const { hex } = (inner ?? {}) as { hex?: unknown }
    return typeof hex === 'string' ? Uint8Array.from(Buffer.from(hex, 'hex')) : inner
  }) as T
