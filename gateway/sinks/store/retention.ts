// Lets the oldest raw readings go when they are too old or the file too large. Their minima and
// maxima stay, and so does everything else. What went is counted. In small steps: the path of a
// reading waits.
import type { Database } from './database.ts'
import type { ReportTable } from './report-tables.ts'
import { minuteUs } from './unsummed.ts'

export interface RetentionBounds {
  readingAgeUs: number
  storeBytes: number
}

/** Rows removed in one transaction. */
const rowsAtOnce = 5000
const fact = 'readings_removed'

export class Retention {
  readonly #db: Database
  readonly #tables: readonly ReportTable[]
  readonly #bounds: RetentionBounds

  constructor(db: Database, tables: readonly ReportTable[], bounds: RetentionBounds) {
    this.#db = db
    this.#tables = tables
    this.#bounds = bounds
  }

  /** Readings removed so far. */
  removed(): number {
    return Number(this.#db.get('SELECT value FROM fact WHERE name = ?', fact)?.['value'] ?? 0)
  }

  /** One step; returns the readings removed: 0 when nothing is too old or too much. */
  step(nowUs: number): number {
    const count = this.#db.transaction(() => {
      const byAge = this.#remove(nowUs - this.#bounds.readingAgeUs)
      const removed = byAge > 0 || !this.#isTooLarge() ? byAge : this.#remove(this.#oldestDayUs())
      if (removed > 0) {
        this.#db.run(
          'INSERT OR REPLACE INTO fact VALUES (?, ?)',
          fact,
          `${this.removed() + removed}`,
        )
      }
      return removed
    })
    return count
  }

  /** Bytes in use, without pages that are free to be used again. */
  usedBytes(): number {
    const pragma = (name: string): number =>
      Number(Object.values(this.#db.get(`PRAGMA ${name}`) ?? { none: 0 })[0])
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
  }

  #isTooLarge(): boolean {
    return this.usedBytes() > this.#bounds.storeBytes
  }

  /**
   * Removes some readings from before a time, oldest of each unit first. Minutes not summed stay.
   */
  #remove(beforeUs: number): number {
    let removed = 0
    for (const table of this.#tables) {
      const { name } = table
      for (const id of this.#unitsOf(table)) {
        if (removed >= rowsAtOnce) return removed
        removed += this.#db.run(
          `DELETE FROM ${name} WHERE (unit, boot, sequence) IN (
            SELECT unit, boot, sequence FROM ${name}
            WHERE unit = ? AND time_us < ?
              AND time_us < coalesce(
                (SELECT min(minute) * ${minuteUs} FROM unsummed WHERE unit = ?), 9e18)
            ORDER BY time_us LIMIT ?)`,
          ...[id, beforeUs, id, rowsAtOnce - removed],
        )
      }
    }
    return removed
  }

  #unitsOf({ machine }: ReportTable): number[] {
    const { machine: name } = machine.profile
    return this.#db.all('SELECT id FROM unit WHERE machine = ?', name).map(({ id }) => Number(id))
  }

  /**
   * End of the oldest day that has readings: a size bound takes whole days from all units alike.
   */
  #oldestDayUs(): number {
    const dayUs = 86_400_000_000
    let oldest = Number.POSITIVE_INFINITY
    for (const table of this.#tables) {
      const { name } = table
      for (const id of this.#unitsOf(table)) {
        const row = this.#db.get(`SELECT min(time_us) AS t FROM ${name} WHERE unit = ?`, id)
        if (typeof row?.['t'] === 'number') oldest = Math.min(oldest, row['t'])
      }
    }
    return Number.isFinite(oldest) ? (Math.floor(oldest / dayUs) + 1) * dayUs : 0
  }
}
