// What the ledger reads of the store: entries in the order of their leaves, claims, profiles and
// proofs. Every call reads what is committed at that moment; the ledger asks in the order
// checkpoint first.
import type { Profile } from '../../../hardware-profiles/profile.ts'
import { peekCheckpoint } from '../../attestation/checkpoint.ts'
import { consistencyProof, rootOf } from '../../attestation/tlog.ts'
import type {
  Checkpoint,
  LedgerSource,
  LoggedEntry,
  OpenLedgerSource,
  StoredClaim,
} from '../../ledger/source.ts'
import type { Database } from './database.ts'
import { factOf, openBeside, operatorFact } from './passport-source.ts'
import { newestCheckpoint, SqlLeaves } from './tree.ts'

/** Entries read at once: other work of the thread gets its turn between. */
const entriesAtOnce = 256

export class StoreLedgerSource implements LedgerSource {
  readonly operator: string
  readonly #db: Database
  readonly #leaves: SqlLeaves
  readonly #end: () => void

  constructor(db: Database, end: () => void) {
    this.#db = db
    this.#leaves = new SqlLeaves(db)
    this.#end = end
    this.operator = factOf(db, operatorFact)
  }

  async latestCheckpoint(): Promise<Checkpoint | undefined> {
    const note = newestCheckpoint(this.#db)
    return note === undefined ? undefined : peekCheckpoint(note)
  }

  async consistencyProof(fromSize: number, toSize: number): Promise<readonly Uint8Array[]> {
    if (fromSize === toSize) return []
    return consistencyProof(this.#leaves, { oldSize: fromSize, newSize: toSize })
  }

  async rootAt(size: number): Promise<Uint8Array> {
    return rootOf(this.#leaves, size)
  }

  async *entries(fromIndex: number): AsyncIterable<LoggedEntry> {
    let next = fromIndex
    for (;;) {
      const rows = this.#db.all(
        'SELECT leaf, bytes, received_us FROM entry WHERE leaf >= ? ORDER BY leaf LIMIT ?',
        next,
        entriesAtOnce,
      )
      for (const { leaf, bytes, received_us: receivedUs } of rows) {
        next = Number(leaf) + 1
        yield { index: Number(leaf), entry: bytes as Uint8Array, receivedUs: Number(receivedUs) }
      }
      if (rows.length < entriesAtOnce) return
    }
  }

  async claim(digest: string): Promise<StoredClaim | undefined> {
    const hash = Buffer.from(digest, 'hex')
    const row = this.#db.get('SELECT bytes FROM claim WHERE digest = ?', hash)
    if (row === undefined) return undefined
    const opened = this.#db.all('SELECT bytes FROM disclosure WHERE object = ?', hash)
    return {
      signed: row['bytes'] as Uint8Array,
      disclosures: opened.map(({ bytes }) => bytes as Uint8Array),
    }
  }

  async profile(digest: string): Promise<Profile | undefined> {
    const row = this.#db.get('SELECT json FROM profile WHERE digest = ?', digest)
    return row === undefined ? undefined : (JSON.parse(String(row['json'])) as Profile)
  }

  async close(): Promise<void> {
    this.#end()
  }
}

/** Opens the store of a data folder for reading, beside a gateway that runs or not. */
export const openLedgerSource: OpenLedgerSource = async (dataFolder) => {
  const db = openBeside(dataFolder)
  return new StoreLedgerSource(db, () => db.close())
}
