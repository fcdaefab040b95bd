// Raw readings of a unit as a table for other programs: one row a reading, one column a signal or
// counter, named with its unit of measure. Reads row by row, so that years do not fill the memory.
import { limits } from '../../core/limits.ts'
import type { Database } from './database.ts'
import type { ReportTable } from './report-tables.ts'

export interface ExportQuery {
  unit: string
  /** Microseconds since 1970, both inclusive; without them everything. */
  fromUs?: number | undefined
  toUs?: number | undefined
}

export interface Exported {
  readonly columns: readonly string[]
  /** Cells as in `columns`; null = absent or not usable. */
  rows(): Generator<readonly (string | number | null)[]>
}

const timeSources = ['uptime', 'source', 'gateway']

export const exportReadings = (
  { db, table, unitId }: { db: Database; table: ReportTable; unitId: number },
  { fromUs = 0, toUs = limits.integerMax }: ExportQuery,
): Exported => {
  const { signalFields, counterFields } = table.machine
  return {
    columns: [
      ...['time', 'time_us', 'time_source', 'boot', 'sequence', 'quality'],
      ...signalFields,
      ...counterFields,
    ],
    *rows() {
      const rows = db.each(
        `SELECT time_us, time_source, boot, sequence, quality,
          ${[...table.signals, ...table.counters].join(', ')} FROM ${table.name}
          WHERE unit = ? AND time_us >= ? AND time_us <= ? ORDER BY time_us, boot, sequence`,
        ...[unitId, fromUs, toUs],
      )
      for (const row of rows) {
        const [timeUs, source, ...cells] = Object.values(row) as (string | number | null)[]
        const time = new Date(Number(timeUs) / 1000).toISOString()
        yield [time, Number(timeUs), timeSources[Number(source)] ?? '', ...cells]
      }
    },
  }
}
