// One wide table a machine, its columns derived from the profile: a reading is one row. A profile
// that grows adds columns; a column's type never changes. Columns hold usable values only, so that
// a sum is right without a look at the quality; what is bad is kept beside them, with its reason.
import { summaryTableOf, tableOf } from '../../../hardware-profiles/names.ts'
import type { SignalSpec } from '../../../hardware-profiles/profile.ts'
import type { Reading } from '../../core/delivery.ts'
import { OperatingError } from '../../core/errors.ts'
import type { Machine } from '../../core/machine.ts'
import { quality, qualityNames } from '../../core/quality.ts'
import type { Database, Value } from './database.ts'

/** Columns of every report table, before those of its machine. */
const fixedColumns = [
  'unit INTEGER NOT NULL',
  // -1 and the log offset for a publisher without a sequence.
  'boot INTEGER NOT NULL',
  'sequence INTEGER NOT NULL',
  'time_us INTEGER NOT NULL',
  '"offset" INTEGER NOT NULL',
  // 0 uptime, 1 source, 2 gateway.
  'time_source INTEGER NOT NULL',
  // Signals that are not of their usual quality: JSON, name -> quality or [quality, value].
  'quality TEXT',
]
/**
 * How the time came about: receipt by the gateway's clock, and the wall clock at uptime 0 of the
 * boot; NULL in rows of before they were kept, and where there is no boot.
 */
const mappingColumns = ['received_us', 'boot_us'].map(
  (field): Column => ({ field, type: 'INTEGER' }),
)
const timeSources = { uptime: 0, source: 1, gateway: 2 } as const

/** What both tables of a machine are called, and their columns. */
export interface ReportTable {
  readonly machine: Machine
  readonly name: string
  /** Minima and maxima, two rows a span. */
  readonly summary: string
  /** Quoted columns of the signals, in the machine's order. */
  readonly signals: readonly string[]
  readonly counters: readonly string[]
}

export const reportTable = (machine: Machine): ReportTable => ({
  machine,
  name: quoted(tableOf(machine.profile.machine)),
  summary: quoted(summaryTableOf(machine.profile.machine)),
  signals: machine.signalFields.map(quoted),
  counters: machine.counterFields.map(quoted),
})

/** Makes the machine's tables, or adds the columns that its profile has gained. */
export const prepareTables = (db: Database, table: ReportTable): void => {
  const { machine, name, summary } = table
  const wanted = [...mappingColumns, ...columnsOf(machine)]
  const values = columnsOf(machine).slice(0, machine.signalFields.length)
  const list = (columns: readonly string[]): string => columns.join(', ')
  db.exec(
    `CREATE TABLE IF NOT EXISTS ${name} (${list(fixedColumns)}, ${list(wanted.map(definition))},
      PRIMARY KEY (unit, boot, sequence)) STRICT, WITHOUT ROWID`,
  )
  const index = quoted(`${tableOf(machine.profile.machine)} by time`)
  db.exec(`CREATE INDEX IF NOT EXISTS ${index} ON ${name} (unit, time_us)`)
  db.exec(
    `CREATE TABLE IF NOT EXISTS ${summary} (unit INTEGER NOT NULL, span_us INTEGER NOT NULL,
      start_us INTEGER NOT NULL, kind INTEGER NOT NULL,
      ${list(values.map(definition))},
      PRIMARY KEY (unit, span_us, start_us, kind)) STRICT, WITHOUT ROWID`,
  )
  addColumns(db, { table: name, wanted })
  addColumns(db, { table: summary, wanted: values })
}

interface Column {
  field: string
  type: 'REAL' | 'INTEGER'
}

const columnsOf = (machine: Machine): Column[] => [
  ...Object.values(machine.profile.signals).map(
    (signal, i): Column => ({ field: machine.signalFields[i] as string, type: typeOf(signal) }),
  ),
  ...machine.counterFields.map((field): Column => ({ field, type: 'INTEGER' })),
]

const typeOf = ({ type }: SignalSpec): Column['type'] => (type === 'number' ? 'REAL' : 'INTEGER')

const definition = ({ field, type }: Column): string => `${quoted(field)} ${type}`

const addColumns = (
  db: Database,
  { table, wanted }: { table: string; wanted: readonly Column[] },
): void => {
  const present = new Map(
    db.all(`PRAGMA table_info(${table})`).map((row) => [String(row['name']), String(row['type'])]),
  )
  for (const column of wanted) {
    const type = present.get(column.field)
    if (type === undefined) db.exec(`ALTER TABLE ${table} ADD COLUMN ${definition(column)}`)
    else if (type !== column.type) throw typeChanged(table, column, type)
  }
}

const typeChanged = (table: string, { field, type }: Column, present: string): OperatingError =>
  new OperatingError('column_type', {
    message: `${table}: ${field} was ${present} and would be ${type} by the profile`,
    remedy: 'The type of a published signal never changes: give the new one its own name.',
  })

/** Writes readings of one machine. */
export class ReportWriter {
  readonly #db: Database
  readonly #machine: Machine
  readonly #names: readonly string[]
  readonly #replace: string
  readonly #ignore: string

  constructor(db: Database, table: ReportTable) {
    this.#db = db
    this.#machine = table.machine
    this.#names = [...table.machine.signalIndex.keys()]
    const columns = [
      ...['unit', 'boot', 'sequence', 'time_us', '"offset"', 'time_source', 'quality'],
      ...['received_us', 'boot_us'],
      ...table.signals,
      ...table.counters,
    ]
    const places = columns.map(() => '?').join(', ')
    const into = `INTO ${table.name} (${columns.join(', ')}) VALUES (${places})`
    this.#replace = `INSERT OR REPLACE ${into}`
    this.#ignore = `INSERT OR IGNORE ${into}`
  }

  /** A reading that was not seen before; written again it replaces itself. */
  write(unitId: number, reading: Reading): void {
    this.#db.prepare(this.#replace).run(...this.#row(unitId, reading))
  }

  /** Writes the reading unless its row is there: false then. */
  writeIfAbsent(unitId: number, reading: Reading): boolean {
    return this.#db.prepare(this.#ignore).run(...this.#row(unitId, reading)).changes !== 0
  }

  #row(unitId: number, reading: Reading): Value[] {
    const { values, quality: codes, counters } = reading
    const row: Value[] = [
      unitId,
      reading.boot,
      reading.sequence,
      reading.timeUs,
      reading.offset,
      timeSources[reading.timeSource],
      this.#exceptions(reading),
      reading.receivedUs ?? null,
      reading.bootUs ?? null,
    ]
    for (let i = 0; i < values.length; i++) {
      row.push((codes[i] as number) > quality.absent ? null : (values[i] ?? null))
    }
    for (let i = 0; i < counters.length; i++) row.push(counters[i] ?? null)
    return row
  }

  #exceptions({ values, quality: codes }: Reading): string | null {
    const usual = this.#machine.defaultQuality
    let found: Record<string, unknown> | undefined
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i] as number
      if (code === quality.absent || code === usual[i]) continue
      const name = qualityNames[code] as string
      const value = values[i]
      found ??= {}
      found[this.#names[i] as string] =
        code > quality.absent && value !== undefined ? [name, value] : name
    }
    return found === undefined ? null : JSON.stringify(found)
  }
}

/** Names come from profiles (a-z, 0-9, _), yet a name may be a word of SQL. */
const quoted = (name: string): string => `"${name}"`
