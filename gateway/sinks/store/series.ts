// Readings of a unit over a stretch of time, at most so many points: raw where they are few, else
// the minimum and maximum of each bucket, so that no peak is lost. The work is bounded whatever the
// stretch.

import { limits } from '../../core/limits.ts'
import type { Series } from '../../core/queries.ts'
import type { Database } from './database.ts'
import type { ReportTable } from './report-tables.ts'
import { extreme, type Summaries, spansUs } from './summaries.ts'

export interface SeriesQuery {
  unit: string
  fromUs: number
  toUs: number
  points: number
}

/** Least and greatest value of each signal in one bucket. */
interface Bucket {
  min: (number | null)[]
  max: (number | null)[]
}

interface Source {
  db: Database
  table: ReportTable
  unitId: number
}

export const readSeries = (
  source: Source,
  summaries: Summaries,
  { unit, fromUs, toUs, points: asked }: SeriesQuery,
): Series => {
  const { db, table, unitId } = source
  const points = Math.max(2, Math.min(limits.seriesPoints, Math.floor(asked)))
  const raw = db.all(
    `SELECT time_us, ${table.signals.join(', ')} FROM ${table.name}
      WHERE unit = ? AND time_us >= ? AND time_us <= ? ORDER BY time_us LIMIT ?`,
    ...[unitId, fromUs, toUs, points + 1],
  )
  if (raw.length <= points) {
    const rows = raw.map((row) => Object.values(row) as (number | null)[])
    return seriesOf(unit, table, rows)
  }
  const widthUs = Math.max(1, Math.ceil((toUs - fromUs + 1) / Math.floor(points / 2)))
  const buckets = new Map<number, Bucket>()
  const frame = { originUs: fromUs, widthUs, buckets }
  const spanUs = spansUs.findLast((span) => span <= widthUs)
  if (spanUs === undefined) {
    gather(source, frame, { from: table.name, time: 'time_us', where: '', fromUs, toUs })
  } else {
    const where = `AND span_us = ${spanUs}`
    const startUs = Math.floor(fromUs / spanUs) * spanUs
    gather(source, frame, { from: table.summary, time: 'start_us', where, fromUs: startUs, toUs })
    // Minutes that are not summed yet are read as they are; taking a minimum twice does no harm.
    const openUs = summaries.firstUnsummedUs(unitId)
    if (openUs !== undefined && openUs <= toUs) {
      const newestUs = Math.max(openUs, fromUs)
      gather(source, frame, {
        from: table.name,
        time: 'time_us',
        where: '',
        fromUs: newestUs,
        toUs,
      })
    }
  }
  return seriesOf(unit, table, rowsOf(frame))
}

interface Frame {
  originUs: number
  widthUs: number
  buckets: Map<number, Bucket>
}

interface Stretch {
  from: string
  /** Column with the time. */
  time: string
  where: string
  fromUs: number
  toUs: number
}

const gather = (source: Source, { originUs, widthUs, buckets }: Frame, stretch: Stretch): void => {
  const { db, table, unitId } = source
  const { from, time, where, fromUs, toUs } = stretch
  const picked = (pick: string): string =>
    table.signals.map((column, i) => `${pick}(${column}) AS ${pick}_${i}`).join(', ')
  // Numbers are bound as REAL: without the cast a bucket would be a fraction.
  const rows = db.all(
    `SELECT max(${time} - CAST(? AS INTEGER), 0) / CAST(? AS INTEGER) AS bucket,
      ${picked('min')}, ${picked('max')}
      FROM ${from} WHERE unit = ? ${where} AND ${time} >= ? AND ${time} <= ? GROUP BY bucket`,
    ...[originUs, widthUs, unitId, fromUs, toUs],
  )
  for (const row of rows) {
    const [bucket, ...values] = Object.values(row) as (number | null)[]
    const count = table.signals.length
    merge(buckets, Number(bucket), { min: values.slice(0, count), max: values.slice(count) })
  }
}

const merge = (buckets: Map<number, Bucket>, bucket: number, more: Bucket): void => {
  const known = buckets.get(bucket)
  if (known === undefined) {
    buckets.set(bucket, more)
    return
  }
  known.min = known.min.map((value, i) => extreme(value, more.min[i] ?? null, Math.min))
  known.max = known.max.map((value, i) => extreme(value, more.max[i] ?? null, Math.max))
}

/** Two rows a bucket, its least values and its greatest, half a bucket apart. */
const rowsOf = ({ originUs, widthUs, buckets }: Frame): (number | null)[][] =>
  [...buckets]
    .sort(([a], [b]) => a - b)
    .flatMap(([bucket, { min, max }]) => {
      const startUs = originUs + bucket * widthUs
      return [
        [startUs, ...min],
        [startUs + Math.floor(widthUs / 2), ...max],
      ]
    })

/** Rows of time and signals to arrays, one a signal. */
const seriesOf = (
  unit: string,
  { machine }: ReportTable,
  rows: readonly (readonly (number | null)[])[],
): Series => ({
  unit,
  timesUs: rows.map((row) => Number(row[0])),
  values: Object.fromEntries(
    [...machine.signalIndex].map(([name, i]) => [name, rows.map((row) => row[i + 1] ?? null)]),
  ),
})
