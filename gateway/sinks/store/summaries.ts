// Minima and maxima of readings over fixed spans, so that a year is drawn as fast as a minute.
// Minutes with new readings are noted in their own transaction and summed later, off the path of a
// reading; a late reading notes its minute again. Minima and maxima can be taken twice without
// harm.
import type { Database } from './database.ts'
import { minuteUs } from './local-stage.ts'
import type { ReportTable } from './report-tables.ts'

/** Spans of the summaries, microseconds, finest first; each is a multiple of the one before. */
export const spansUs = [10_000_000, 600_000_000, 43_200_000_000] as const

export class Summaries {
  readonly #db: Database
  readonly #tables: ReadonlyMap<string, ReportTable>

  /** `tables` by machine name. */
  constructor(db: Database, tables: ReadonlyMap<string, ReportTable>) {
    this.#db = db
    this.#tables = tables
  }

  /**
   * Sums at most `limit` noted minutes, oldest first, in one transaction; returns how many. The
   * newest minute of a unit is left while it is not past `beforeMinute`: it is still being written.
   */
  sum(beforeMinute: number, limit: number): number {
    return this.#db.transaction(() => {
      const noted = this.#db.all(
        `SELECT u.unit, u.minute, n.machine FROM unsummed u JOIN unit n ON n.id = u.unit
          WHERE u.minute < ? ORDER BY u.unit, u.minute LIMIT ?`,
        beforeMinute,
        limit,
      )
      for (const row of noted) {
        const unit = Number(row['unit'])
        const minute = Number(row['minute'])
        const table = this.#tables.get(String(row['machine']))
        if (table !== undefined) this.#sumMinute(table, { unit, fromUs: minute * minuteUs })
        this.#db.run('DELETE FROM unsummed WHERE unit = ? AND minute = ?', unit, minute)
      }
      return noted.length
    })
  }

  /** First noted minute of a unit, microseconds; undefined when all is summed. */
  firstUnsummedUs(unit: number): number | undefined {
    const minute = this.#db.get('SELECT min(minute) AS m FROM unsummed WHERE unit = ?', unit)?.['m']
    return typeof minute === 'number' ? minute * minuteUs : undefined
  }

  #sumMinute(table: ReportTable, { unit, fromUs }: { unit: number; fromUs: number }): void {
    const toUs = fromUs + minuteUs
    const [finest, ...coarser] = spansUs
    const values = [unit, fromUs, toUs] as const
    for (const [kind, pick] of [
      [0, 'min'],
      [1, 'max'],
    ] as const) {
      const picked = table.signals.map((column) => `${pick}(${column})`).join(', ')
      this.#db.run(
        `INSERT INTO ${table.summary} (${columnsOf(table)})
          SELECT unit, ${finest}, time_us / ${finest} * ${finest}, ${kind}, ${picked}
          FROM ${table.name} WHERE unit = ? AND time_us >= ? AND time_us < ?
          GROUP BY 3 ${merge(table, pick)}`,
        ...values,
      )
      for (const span of coarser) {
        this.#db.run(
          `INSERT INTO ${table.summary} (${columnsOf(table)})
            SELECT unit, ${span}, start_us / ${span} * ${span}, kind, ${picked}
            FROM ${table.summary} WHERE unit = ? AND start_us >= ? AND start_us < ?
            AND span_us = ${finest} AND kind = ${kind}
            GROUP BY 3 ${merge(table, pick)}`,
          ...values,
        )
      }
    }
  }
}

const columnsOf = (table: ReportTable): string =>
  ['unit', 'span_us', 'start_us', 'kind', ...table.signals].join(', ')

/** SQLite's min(a, b) is NULL when either is: absence must not wipe what was seen. */
const merge = ({ signals }: ReportTable, pick: 'min' | 'max'): string => {
  const set = signals.map(
    (column) =>
      `${column} = coalesce(${pick}(${column}, excluded.${column}), ${column}, excluded.${column})`,
  )
  return `ON CONFLICT DO UPDATE SET ${set.join(', ')}`
}
