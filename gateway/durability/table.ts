// Mergeable life tables: per cohort, how many units left observation in which age bucket, failed
// (by mode) or still running. Tables of many gateways simply add, and a Weibull fitted to the sum
// agrees with the fit to all units, so that no unit's identity has to leave its gateway. Ages are
// operating hours at exit from observation. Buckets are evenly spaced in log age.
import type { Bounded } from './bounds.ts'
import { ratioBounds } from './bounds.ts'
import { type Fit, fitLives, lifeAt } from './fit.ts'
import { type Lives, livesFromIntervals } from './lives.ts'
import { refuse } from './refusal.ts'

/** Least number of units in a published row. */
export const K_ANONYMITY = 5
/** Fewest buckets per decade: below it, B10 from the table strays from the exact fit. */
export const LEAST_PER_DECADE = 64

/** Bucket k holds ages in (fromHours 10^(k/perDecade), fromHours 10^((k+1)/perDecade)]. */
export interface TableGrid {
  readonly fromHours: number
  readonly perDecade: number
  readonly buckets: number
}

/** 256 buckets from 1 hour to 10,000 hours. */
export const USUAL_GRID: TableGrid = { fromHours: 1, perDecade: 64, buckets: 256 }

/**
 * Units per place, and the sum of their positions inside it in thousandths of a bucket: whole
 * numbers, so that sums are exact in any order. buckets + 2 places: place 0 is below the grid,
 * place k + 1 is bucket k, the last place is above the grid.
 */
export interface Counts {
  readonly units: Float64Array
  readonly position: Float64Array
}

/** A life table of one cohort. */
export interface LifeTable {
  readonly cohort: string
  readonly grid: TableGrid
  /** By failure mode (0-based). */
  readonly failed: readonly Counts[]
  /** Left observation still running. */
  readonly running: Counts
  /** Came under observation at an age above 0 (late entry). */
  readonly entered: Counts
}

const checkGrid = (grid: TableGrid): TableGrid =>
  grid.fromHours > 0 && grid.perDecade >= LEAST_PER_DECADE && grid.buckets >= 1
    ? grid
    : refuse(
        'bad_argument',
        `a grid of ${grid.perDecade} buckets per decade from ${grid.fromHours} h`,
        `Start above 0 and use at least ${LEAST_PER_DECADE} per decade`,
      )

/** An empty table for a cohort and a number of failure modes. Refuses: bad_argument. */
export const emptyTable = (cohort: string, modes = 1, grid: TableGrid = USUAL_GRID): LifeTable => {
  const places = checkGrid(grid).buckets + 2
  const row = () => ({ units: new Float64Array(places), position: new Float64Array(places) })
  return {
    cohort,
    grid,
    failed: Array.from({ length: modes }, row),
    running: row(),
    entered: row(),
  }
}

/** Place of an age in a table's rows: 0 below the grid, buckets + 1 above it. */
export const placeOf = ({ fromHours, perDecade, buckets }: TableGrid, hours: number): number => {
  // An edge belongs to the bucket below it; the small shift undoes the logarithm's rounding.
  const k = Math.ceil(Math.log10(hours / fromHours) * perDecade - 1e-9)
  return Math.min(buckets + 1, Math.max(0, k))
}

/** Upper edge of a place in hours; the lower edge is that of the place before, or 0. */
export const upperEdge = ({ fromHours, perDecade, buckets }: TableGrid, place: number): number =>
  place > buckets ? Number.POSITIVE_INFINITY : fromHours * 10 ** (place / perDecade)

/** Mean age of the units in a place, on the log scale, from the sum of their positions. */
const meanHours = (grid: TableGrid, place: number, { units, position }: Counts): number => {
  const mean =
    ((position[place] as number) + 0.5 * (units[place] as number)) / (units[place] as number)
  return grid.fromHours * 10 ** ((place - 1 + mean / 1000) / grid.perDecade)
}

const count = (
  counts: Counts,
  grid: TableGrid,
  { hours, w }: { hours: number; w: number },
): void => {
  const place = placeOf(grid, hours)
  counts.units[place] = (counts.units[place] as number) + w
  if (place === 0 || place > grid.buckets) return
  const inside = Math.log10(hours / grid.fromHours) * grid.perDecade - (place - 1)
  const thousandths = Math.min(999, Math.max(0, Math.floor(1000 * inside)))
  counts.position[place] = (counts.position[place] as number) + w * thousandths
}

/** Units to add: hours at exit, failure mode (0 = still running, 1.. = mode), late entry, count. */
export interface TableUnits {
  hours: ArrayLike<number>
  mode: ArrayLike<number>
  entryHours?: ArrayLike<number>
  weight?: ArrayLike<number>
}

/**
 * A new table with the units added. Refuses: bad_time (hours not positive), bad_argument (mode).
 */
export const withUnits = (table: LifeTable, units: TableUnits): LifeTable => {
  const out = copy(table)
  for (let i = 0; i < units.hours.length; i++) {
    const hours = units.hours[i] as number
    const mode = units.mode[i] as number
    const w = units.weight?.[i] ?? 1
    if (!(hours > 0 && hours < Number.POSITIVE_INFINITY)) {
      refuse('bad_time', `unit ${i} has ${hours} hours`, 'Use operating hours above 0')
    }
    if (!(Number.isInteger(mode) && mode >= 0 && mode <= table.failed.length)) {
      refuse(
        'bad_argument',
        `unit ${i} has failure mode ${mode}`,
        `Use 0 for still running, up to ${table.failed.length} for a failure mode`,
      )
    }
    count(mode > 0 ? (out.failed[mode - 1] as Counts) : out.running, out.grid, { hours, w })
    const entry = units.entryHours?.[i] ?? 0
    if (entry > 0) count(out.entered, out.grid, { hours: entry, w })
  }
  return out
}

const copyCounts = ({ units, position }: Counts): Counts => ({
  units: Float64Array.from(units),
  position: Float64Array.from(position),
})

const copy = (t: LifeTable): LifeTable => ({
  ...t,
  failed: t.failed.map(copyCounts),
  running: copyCounts(t.running),
  entered: copyCounts(t.entered),
})

const sum = (a: Counts, b: Counts): Counts => ({
  units: a.units.map((v, i) => v + (b.units[i] as number)),
  position: a.position.map((v, i) => v + (b.position[i] as number)),
})

/**
 * Sum of two tables of one cohort and grid: commutative and associative, with the empty table as
 * zero. Refuses: bad_argument (different cohort, grid or number of modes).
 */
export const addTables = (a: LifeTable, b: LifeTable): LifeTable => {
  const same =
    a.cohort === b.cohort &&
    a.grid.fromHours === b.grid.fromHours &&
    a.grid.perDecade === b.grid.perDecade &&
    a.grid.buckets === b.grid.buckets &&
    a.failed.length === b.failed.length
  if (!same) {
    refuse('bad_argument', 'the tables differ in cohort, buckets or modes', 'Add only equal tables')
  }
  return {
    ...a,
    failed: a.failed.map((row, m) => sum(row, b.failed[m] as Counts)),
    running: sum(a.running, b.running),
    entered: sum(a.entered, b.entered),
  }
}

/** Units in a table. */
export const unitsIn = (t: LifeTable): number =>
  [...t.failed, t.running].reduce((n, row) => n + row.units.reduce((p, q) => p + q, 0), 0)

/** Some units of a row and their mean age on the log scale (hours). */
export interface AgeGroup {
  units: number
  hours: number
}

/** Row of grouped life data: exits in (from, to], by mode and running. */
export interface TableRow {
  fromHours: number
  toHours: number
  failed: AgeGroup[]
  running: AgeGroup
}

const rowsOf = (t: LifeTable): TableRow[] => {
  const rows: TableRow[] = []
  t.running.units.forEach((_, place) => {
    const fromHours = place > 0 ? upperEdge(t.grid, place - 1) : 0
    const toHours = upperEdge(t.grid, place)
    const group = (counts: Counts): AgeGroup => {
      const units = counts.units[place] as number
      const outside = place === 0 ? 0 : toHours === Number.POSITIVE_INFINITY ? fromHours : undefined
      return { units, hours: outside ?? (units > 0 ? meanHours(t.grid, place, counts) : toHours) }
    }
    const row = { fromHours, toHours, failed: t.failed.map(group), running: group(t.running) }
    if (sizeOf(row) > 0) rows.push(row)
  })
  return rows
}

const sizeOf = ({ failed, running }: TableRow): number =>
  failed.reduce((n, g) => n + g.units, running.units)

/** A row this narrow (as a ratio) is taken as a point; buckets of the default grid are 1.037. */
const NARROW = 1.05

/**
 * Grouped life data of rows, for fitLives: units of a bucket stand at their mean age; failures of a
 * wide (joined) row are intervals. `mode` (1..) takes one failure mode, with the others as units
 * that left running; absent means any failure. Hours.
 */
export const livesOfRows = (rows: readonly TableRow[], mode?: number): Lives => {
  const columns = { lower: [] as number[], upper: [] as number[], weight: [] as number[] }
  const put = (lower: number, upper: number, weight: number) => {
    if (weight <= 0 || (lower === 0 && upper === Number.POSITIVE_INFINITY)) return
    columns.lower.push(lower)
    columns.upper.push(upper)
    columns.weight.push(weight)
  }
  for (const { fromHours, toHours, failed, running } of rows) {
    put(running.hours, Number.POSITIVE_INFINITY, running.units)
    failed.forEach(({ units, hours }, m) => {
      // A failure above the grid is known only to have lived that long.
      const open = toHours === Number.POSITIVE_INFINITY
      if (open || (mode !== undefined && mode !== m + 1))
        put(hours, Number.POSITIVE_INFINITY, units)
      else if (toHours <= fromHours * NARROW) put(hours, hours, units)
      else put(fromHours, toHours, units)
    })
  }
  return livesFromIntervals(columns)
}

/** Grouped life data of a table, late entries included. Hours. */
export const livesOfTable = (t: LifeTable, mode?: number): Lives => {
  const lives = livesOfRows(rowsOf(t), mode)
  const age: number[] = []
  const weight: number[] = []
  t.entered.units.forEach((n, place) => {
    if (n === 0 || place === 0 || place > t.grid.buckets) return
    age.push(meanHours(t.grid, place, t.entered))
    weight.push(n)
  })
  if (age.length === 0) return lives
  return { ...lives, joined: { age: Float64Array.from(age), weight: Float64Array.from(weight) } }
}

/** A Weibull from a table, with B10 and likelihood-ratio bounds. */
export interface TableFit {
  readonly fit: Fit
  readonly b10: number
  readonly bounds: Bounded
}

/**
 * Weibull fitted to a table: every bucket's units at their mean log age, weighted by their number.
 * Refuses as fitLives does. Source: Meeker and Escobar (1998), 2.4.3 and 7.4 for grouped data.
 */
export const fitTable = (
  t: LifeTable,
  { mode, confidence = 0.9 }: { mode?: number; confidence?: number } = {},
): TableFit => {
  const lives = livesOfTable(t, mode)
  const fit = fitLives(lives, 'weibull')
  return {
    fit,
    b10: lifeAt(fit, 0.1),
    bounds: ratioBounds(lives, fit, { quantity: { life: 0.1 }, confidence }),
  }
}

/** What may be published of a table: rows of at least k units, and how many units are withheld. */
export interface PublishedTable {
  readonly cohort: string
  readonly rows: readonly TableRow[]
  readonly withheld: number
  readonly k: number
}

/**
 * Joins neighbouring buckets until every row holds at least k units; what is left over at the end
 * is joined to the last row, or withheld if there is none. Late entries are not published.
 */
export const publishTable = (t: LifeTable, k = K_ANONYMITY): PublishedTable => {
  const merge = (a: AgeGroup, b: AgeGroup): AgeGroup => {
    const units = a.units + b.units
    const log = (a.units * Math.log(a.hours || 1) + b.units * Math.log(b.hours || 1)) / (units || 1)
    return { units, hours: units > 0 ? Math.exp(log) : b.hours }
  }
  const join = (a: TableRow, b: TableRow): TableRow => ({
    fromHours: a.fromHours,
    toHours: b.toHours,
    failed: a.failed.map((group, m) => merge(group, b.failed[m] as AgeGroup)),
    running: merge(a.running, b.running),
  })
  const rows: TableRow[] = []
  let open: TableRow | undefined
  for (const row of rowsOf(t)) {
    open = open ? join(open, row) : row
    if (sizeOf(open) >= k) {
      rows.push(open)
      open = undefined
    }
  }
  const last = rows.pop()
  if (last) rows.push(open ? join(last, open) : last)
  const published = rows.reduce((n, row) => n + sizeOf(row), 0)
  return { cohort: t.cohort, rows, withheld: unitsIn(t) - published, k }
}
