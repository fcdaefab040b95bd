// The embedded store: opens the file, prepares its tables and hands out the parts that work on it.
// One connection, one thread; a second process may read beside it.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Reading } from '../../core/delivery.ts'
import { OperatingError } from '../../core/errors.ts'
import type { Machine } from '../../core/machine.ts'
import { Pipeline } from '../../pipeline/pipeline.ts'
import type { UnitState } from '../../pipeline/unit.ts'
import { Database } from './database.ts'
import { type Attestor, LocalStage, storeName } from './local-stage.ts'
import { StoreQueries } from './reader.ts'
import { prepareTables, type ReportTable, reportTable } from './report-tables.ts'
import { Retention, type RetentionBounds } from './retention.ts'
import { checkVersion, migrate } from './schema.ts'
import { type BooksBounds, SinkBooks } from './sink-books.ts'
import { Summaries } from './summaries.ts'
import { UnitIds } from './unit-ids.ts'
import { minuteUs } from './unsummed.ts'

export const storeFile = 'store.sqlite'

export interface StoreOptions {
  /** Folder of the store; made when it is not there. */
  folder: string
  machines: ReadonlyMap<string, Machine>
  enrol: 'hello' | 'closed'
  bounds: RetentionBounds & BooksBounds
}

export interface LocalOptions {
  /** Checks and keeps what is signed, in the store's own transactions. */
  attestor?(unit: (unit: string) => UnitState | undefined): Attestor
  onKept(newest: ReadonlyMap<string, Reading>): void
}

export class Store {
  readonly queries: StoreQueries
  readonly #db: Database
  readonly #options: StoreOptions
  readonly #tables: ReadonlyMap<Machine, ReportTable>
  readonly #books = new Map<string, SinkBooks>()
  readonly #summaries: Summaries
  readonly #retention: Retention
  readonly #pipelines: Pipeline[] = []
  #retentionDueUs = 0

  private constructor(db: Database, options: StoreOptions) {
    this.#db = db
    this.#options = options
    const machines = [...options.machines.values()]
    this.#tables = new Map(machines.map((machine) => [machine, reportTable(machine)]))
    for (const table of this.#tables.values()) prepareTables(db, table)
    for (const machine of machines) keepProfile(db, machine)
    const byName = tablesByName(this.#tables)
    this.queries = new StoreQueries(db, byName)
    this.#summaries = new Summaries(db, byName)
    this.#retention = new Retention(db, [...this.#tables.values()], options.bounds)
  }

  /** Opens for writing. Throws OperatingError: store_unreadable, store_version, column_type ... */
  static open(options: StoreOptions): Store {
    try {
      mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    } catch (cause) {
      throw new OperatingError('store_unreadable', {
        message: `cannot make ${options.folder}: ${(cause as Error).message}`,
        remedy: 'Give the user of the gateway write access to the data folder.',
        cause,
      })
    }
    const path = join(options.folder, storeFile)
    const db = Database.open({ path, readOnly: false, busyMs: 5000 })
    try {
      migrate(db, path)
      return new Store(db, options)
    } catch (error) {
      db.close()
      throw error
    }
  }

  /** Progress of a sink, this store's own included. */
  books(sink: string): SinkBooks {
    const known = this.#books.get(sink)
    if (known !== undefined) return known
    const books = new SinkBooks(this.#db, sink, this.#options.bounds)
    this.#books.set(sink, books)
    return books
  }

  /** In the books of every sink that had them aside, of those too that do not run now. */
  endAside(rows: readonly { offset: number; sinks: readonly string[] }[]): void {
    for (const sink of new Set(rows.flatMap(({ sinks }) => sinks))) {
      const of = rows.filter(({ sinks }) => sinks.includes(sink))
      this.books(sink).endAside(of.map(({ offset }) => offset))
    }
  }

  /** A pipeline whose unit states are kept under the sink's name. */
  pipeline(sink: string): Pipeline {
    const books = this.books(sink)
    const { machines, enrol } = this.#options
    const lives = sink === storeName
    const load = (unit: string): UnitState | undefined => books.loadUnit(unit)
    const pipeline = new Pipeline({ sink, machines, enrol, lives, load })
    this.#pipelines.push(pipeline)
    return pipeline
  }

  /** What is kept of the unit was changed by others than its pipelines: they read it again. */
  forget(unit: string): void {
    for (const pipeline of this.#pipelines) pipeline.forget(unit)
  }

  /** The store as the stage of its own runner. */
  stage({ attestor, onKept }: LocalOptions): LocalStage {
    const db = this.#db
    const pipeline = this.pipeline(storeName)
    return new LocalStage({
      db,
      books: this.books(storeName),
      pipeline,
      ids: new UnitIds(db),
      tables: this.#tables,
      attestor: attestor?.((unit) => pipeline.unit(unit)),
      onKept,
    })
  }

  /** The connection itself, for what else of this folder works in the same transactions. */
  get database(): Database {
    return this.#db
  }

  /** A little of the work that is not on the path of a reading; true when there is more. */
  maintain(nowUs: number): boolean {
    const { minutes } = this.#summaries.sum(Math.floor(nowUs / minuteUs), minutesAtOnce)
    if (minutes === minutesAtOnce) return true
    if (nowUs < this.#retentionDueUs) return false
    const removed = this.#retention.step(nowUs)
    // Looking for what is too old costs a query a unit: once a minute is enough.
    if (removed === 0) this.#retentionDueUs = nowUs + minuteUs
    return removed > 0
  }

  /** Raw readings removed by age and size so far. */
  readingsRemoved(): number {
    return this.#retention.removed()
  }

  close(): void {
    this.#db.close()
  }
}

const minutesAtOnce = 16

/** Name of the fact that says which profile of a machine is the present one. */
export const profileFact = (machine: string): string => `profile/${machine}`

/** Every profile that units were seen with stays readable: weights of a claim come from it. */
const keepProfile = (db: Database, { digest, profile }: Machine): void => {
  const { machine } = profile
  db.run('INSERT OR IGNORE INTO profile VALUES (?, ?, ?)', digest, machine, JSON.stringify(profile))
  db.run('INSERT OR REPLACE INTO fact VALUES (?, ?)', profileFact(machine), digest)
}

const tablesByName = (tables: ReadonlyMap<Machine, ReportTable>): Map<string, ReportTable> =>
  new Map(Array.from(tables, ([machine, table]) => [machine.profile.machine, table]))

export interface StoreReader {
  readonly queries: StoreQueries
  close(): void
}

/** Opens the store of a data folder for reading, beside a gateway that runs or not. */
export const openStoreReader = (
  folder: string,
  machines: ReadonlyMap<string, Machine>,
): StoreReader => {
  const path = join(folder, storeFile)
  const db = Database.open({ path, readOnly: true, busyMs: 5000 })
  try {
    checkVersion(db, path)
    const tables = new Map(Array.from(machines, ([name, machine]) => [name, reportTable(machine)]))
    return { queries: new StoreQueries(db, tables), close: () => db.close() }
  } catch (error) {
    db.close()
    throw error
  }
}
