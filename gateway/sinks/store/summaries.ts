// Minima and maxima of readings over fixed spans, so that a year is drawn as fast as a minute. What
// is new of a minute is noted in its readings' own transaction and summed later, off the path of a
// reading; a late reading is noted again. Minima and maxima can be taken twice without harm.
import type { Database, Row } from './database.ts'
import type { ReportTable } from './report-tables.ts'
import { minuteUs } from './unsummed.ts'

/** Spans of the summaries, microseconds, finest first; each is a multiple of the one before. */
export const spansUs = [10_000_000, 600_000_000, 43_200_000_000] as const

/** What was done: minutes taken off the list, rows of readings read for it. */
export interface Summed {
  minutes: number
  rows: number
}

export class Summaries {
  readonly #db: Database
  readonly #tables: ReadonlyMap<string, ReportTable>

  /** `tables` by machine name. */
  constructor(db: Database, tables: ReadonlyMap<string, ReportTable>) {
    this.#db = db
    this.#tables = tables
  }

  /**
   * Sums what is new of at most `limit` noted minutes, oldest first, in one transaction. The newest
   * minute of a unit is left while it is not past `beforeMinute`: it is still being written.
   */
  sum(beforeMinute: number, limit: number): Summed {
    return this.#db.transaction(() => {
      const noted = this.#db.all(
        `SELECT u.unit, u.minute, u.from_us, u.to_us, n.machine
          FROM unsummed u JOIN unit n ON n.id = u.unit
          WHERE u.minute < ? ORDER BY u.unit, u.minute LIMIT ?`,
        beforeMinute,
        limit,
      )
      let rows = 0
      for (const row of noted) {
        const table = this.#tables.get(String(row['machine']))
        if (table !== undefined) rows += this.#sum(table, row)
        const { unit = null, minute = null } = row
        this.#db.run('DELETE FROM unsummed WHERE unit = ? AND minute = ?', unit, minute)
      }
      return { minutes: noted.length, rows }
    })
  }

  /** First noted minute of a unit, microseconds; undefined when all is summed. */
  firstUnsummedUs(unit: number): number | undefined {
    const minute = this.#db.get('SELECT min(minute) AS m FROM unsummed WHERE unit = ?', unit)?.['m']
    return typeof minute === 'number' ? minute * minuteUs : undefined
  }

  /** One stretch of a minute: it is in one of each of the coarser spans. Returns rows read. */
  #sum(table: ReportTable, { unit = null, from_us: from = null, to_us: to = null }: Row): number {
    const [finest, ...coarser] = spansUs
    const picked = (pick: string): string =>
      table.signals.map((column, i) => `${pick}(${column}) AS ${pick}_${i}`).join(', ')
    const groups = this.#db.all(
      `SELECT count(*) AS n, time_us / ${finest} * ${finest} AS start,
          ${picked('min')}, ${picked('max')}
        FROM ${table.name} WHERE unit = ? AND time_us >= ? AND time_us <= ? GROUP BY 2`,
      ...[unit, from, to],
    )
    if (groups.length === 0) return 0
    let rows = 0
    for (const [kind, pick, of] of kinds) {
      const into = mergeInto(table, pick)
      const put = (spanUs: number, startUs: number, values: readonly Extreme[]): void => {
        this.#db.run(into, unit, spanUs, Math.floor(startUs / spanUs) * spanUs, kind, ...values)
      }
      let all: Extreme[] = table.signals.map(() => null)
      for (const { n, start, ...rest } of groups) {
        const values = table.signals.map((_, i) => rest[`${pick}_${i}`] as Extreme)
        put(finest, Number(start), values)
        all = all.map((value, i) => extreme(value, values[i] ?? null, of))
        if (kind === 0) rows += Number(n)
      }
      for (const spanUs of coarser) put(spanUs, Number(from), all)
    }
    return rows
  }
}

const kinds = [
  [0, 'min', Math.min],
  [1, 'max', Math.max],
] as const

/** A least or greatest value; null where nothing was measured. */
export type Extreme = number | null

/** Absence does not wipe what was seen. */
export const extreme = (a: Extreme, b: Extreme, of: (a: number, b: number) => number): Extreme =>
  a === null ? b : b === null ? a : of(a, b)

/** SQLite's min(a, b) is NULL when either is. */
const mergeInto = ({ summary, signals }: ReportTable, pick: 'min' | 'max'): string => {
  const columns = ['unit', 'span_us', 'start_us', 'kind', ...signals]
  const set = signals.map(
    (column) =>
      `${column} = coalesce(${pick}(${column}, excluded.${column}), ${column}, excluded.${column})`,
  )
  return `INSERT INTO ${summary} (${columns.join(', ')})
    VALUES (${columns.map(() => '?').join(', ')}) ON CONFLICT DO UPDATE SET ${set.join(', ')}`
}
