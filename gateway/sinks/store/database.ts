// SQLite as this store uses it: opening, one transaction at a time, errors in words. Every commit
// is fsynced (WAL, synchronous=FULL): the store holds primary data. It knows no table.
import { existsSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { OperatingError } from '../../core/errors.ts'

export type Value = null | number | bigint | string | Uint8Array
export type Row = Record<string, Value>

export interface OpenOptions {
  path: string
  readOnly: boolean
  /** How long to wait for another process that holds the file, milliseconds. */
  busyMs: number
}

/** Pages of the WAL before it is moved into the file: 4 MiB; four times that cost memory. */
const checkpointPages = 1000
/** Page cache, KiB. */
const cacheKib = 4 * 1024

export class Database {
  readonly #sqlite: DatabaseSync
  readonly #path: string
  readonly #statements = new Map<string, StatementSync>()
  #inTransaction = false

  private constructor(sqlite: DatabaseSync, path: string) {
    this.#sqlite = sqlite
    this.#path = path
  }

  /** Throws OperatingError store_missing, _unreadable, _busy, _full, _failed. */
  static open({ path, readOnly, busyMs }: OpenOptions): Database {
    if (readOnly && !existsSync(path)) {
      throw new OperatingError('store_missing', {
        message: `there is no store at ${path}: no gateway has run with this data folder`,
        remedy: 'Name its data folder with --data (of the demo: .tenfold/demo), or its --config.',
      })
    }
    return inWords(path, () => {
      const sqlite = new DatabaseSync(path, { readOnly, timeout: busyMs })
      try {
        if (!readOnly) {
          sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
          sqlite.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`)
        }
        sqlite.exec(`PRAGMA cache_size = -${cacheKib}; PRAGMA foreign_keys = OFF`)
        // Opening reads nothing: a file of another kind shows at the first look.
        sqlite.prepare('SELECT count(*) AS n FROM sqlite_schema').get()
      } catch (error) {
        sqlite.close()
        throw error
      }
      return new Database(sqlite, path)
    })
  }

  /** A statement, prepared once for its text. */
  prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#sqlite.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  /** Structure only: what was prepared before is prepared again. */
  exec(sql: string): void {
    inWords(this.#path, () => this.#sqlite.exec(sql))
    this.#statements.clear()
  }

  all(sql: string, ...values: Value[]): Row[] {
    return inWords(this.#path, () => this.prepare(sql).all(...values) as Row[])
  }

  /** One row after the other; the statement is busy until the last one. */
  *each(sql: string, ...values: Value[]): Generator<Row> {
    yield* inWords(this.#path, () => this.#sqlite.prepare(sql).iterate(...values)) as Iterable<Row>
  }

  get(sql: string, ...values: Value[]): Row | undefined {
    return inWords(this.#path, () => this.prepare(sql).get(...values) as Row | undefined)
  }

  run(sql: string, ...values: Value[]): number {
    return inWords(this.#path, () => Number(this.prepare(sql).run(...values).changes))
  }

  /** All of it is durable when this returns; when it throws, none of it has happened. */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction) return work()
    return inWords(this.#path, () => {
      this.#sqlite.exec('BEGIN IMMEDIATE')
      this.#inTransaction = true
      try {
        const value = work()
        this.#sqlite.exec('COMMIT')
        return value
      } catch (error) {
        // SQLite rolls some failures back by itself (disk full): a second one would hide the first.
        if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK')
        throw error
      } finally {
        this.#inTransaction = false
      }
    })
  }

  /** Idempotent. */
  close(): void {
    this.#statements.clear()
    if (this.#sqlite.isOpen) this.#sqlite.close()
  }
}

interface SqliteError {
  code?: string
  errcode?: number
}

const remedies: ReadonlyMap<number, readonly [code: string, remedy: string]> = new Map([
  [5, ['store_busy', 'Another program holds the store: close it, such as an SQLite browser.']],
  [8, ['store_read_only', 'Give the user of the gateway write access to the data folder.']],
  [
    10,
    [
      'store_failed',
      'Reading or writing the disk failed: check it and its cable (dmesg, smartctl).',
    ],
  ],
  [
    11,
    [
      'store_damaged',
      'Put the store folder aside: it is built again from the log as far as that goes back.',
    ],
  ],
  [13, ['store_full', 'The disk is full: make room; delivery goes on by itself.']],
  [14, ['store_unreadable', 'Check that the data folder is there and may be read and written.']],
  [26, ['store_unreadable', 'The file is not a store of ours: check the data folder.']],
])

/** SQLite's errors as operating errors (primary result codes, sqlite.org/rescode.html). */
const inWords = <T>(path: string, work: () => T): T => {
  try {
    return work()
  } catch (error) {
    const { code, errcode } = error as SqliteError
    if (code !== 'ERR_SQLITE_ERROR' || errcode === undefined) throw error
    const known = remedies.get(errcode & 0xff)
    if (known === undefined) throw error
    throw new OperatingError(known[0], {
      message: `${path}: ${(error as Error).message}`,
      remedy: known[1],
      cause: error,
    })
  }
}
