// What the store of a data folder says of its gateway: the version of its tables, the gateway's
// key, and how far its log of entries has come. Reads only.

import { rootOf } from '../attestation/tlog.ts'
import { Database } from '../sinks/store/database.ts'
import { operatorFact } from '../sinks/store/passport-source.ts'
import { versionOf } from '../sinks/store/schema.ts'
import { newestCheckpoint, SqlLeaves } from '../sinks/store/tree.ts'

export interface StoreFacts {
  store: number
  gateway: string | null
  checkpoint: string | null
}

export const storeFacts = (path: string): StoreFacts =>
  reading(path, (db) => ({
    store: versionOf(db),
    gateway: textOf(db.get('SELECT value FROM fact WHERE name = ?', operatorFact)?.['value']),
    checkpoint: newestCheckpoint(db) ?? null,
  }))

/** Root of its log of entries when it had this size, lower-case hex. */
export const rootAt = (path: string, size: number): string =>
  reading(path, (db) => Buffer.from(rootOf(new SqlLeaves(db), size)).toString('hex'))

const reading = <T>(path: string, ask: (db: Database) => T): T => {
  const db = Database.open({ path, readOnly: true, busyMs: 5000 })
  try {
    return ask(db)
  } finally {
    db.close()
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
