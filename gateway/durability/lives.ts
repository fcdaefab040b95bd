// The shape of life data: columns, one row per unit or per group of equal units.
// A row says that life T is known to lie in (lower, upper], seen only because it passed `entry`.
// Exact, right, left and interval censoring and left truncation are all this one shape.
import { refuse } from './refusal.ts'

type Numbers = Float64Array | readonly number[]

/**
 * Life data. lower = upper: failed at that age. upper = Infinity: still running at `lower`.
 * lower = 0: had failed before `upper`. Otherwise failed between two inspections.
 * Ages in one unit of the caller's choice (hours, cycles, km), entry ages in the same unit.
 */
export interface Lives {
  readonly lower: Float64Array
  readonly upper: Float64Array
  /** Age at which the unit came under observation (left truncation); absent means 0. */
  readonly entry?: Float64Array
  /** How many equal units the row stands for; absent means 1. */
  readonly weight?: Float64Array
  /** Late entries counted apart from the rows, as life tables hold them; adds to `entry`. */
  readonly joined?: { readonly age: Float64Array; readonly weight: Float64Array }
}

const column = (values: Numbers): Float64Array =>
  values instanceof Float64Array ? values : Float64Array.from(values)

const checkLength = (name: string, values: { length: number }, length: number): void => {
  if (values.length !== length) {
    refuse(
      'bad_argument',
      `${name} has ${values.length} values where the ages have ${length}`,
      'Give one value per row',
    )
  }
}

const checkAge = (age: number, row: number): void => {
  if (!(age > 0 && age < Number.POSITIVE_INFINITY)) {
    refuse(
      'bad_time',
      `age ${age} in row ${row} is not a positive finite number`,
      'Remove the row, or give a failure at zero as found between 0 and its first inspection',
    )
  }
}

const extras = (spec: { entry?: Numbers; weight?: Numbers }, lives: Lives): Lives => {
  const n = lives.lower.length
  const entry = spec.entry && column(spec.entry)
  const weight = spec.weight && column(spec.weight)
  if (entry) checkLength('entry', entry, n)
  if (weight) checkLength('weight', weight, n)
  for (let i = 0; i < n; i++) {
    const from = entry?.[i] ?? 0
    const low = lives.lower[i] as number
    const inspected = low !== lives.upper[i] && lives.upper[i] !== Number.POSITIVE_INFINITY
    if (!(from === 0 || (from > 0 && (inspected ? from <= low : from < low)))) {
      refuse(
        'bad_time',
        `entry age ${from} in row ${i} is not before its exit age ${low}`,
        'A unit must come under observation before it leaves; check the two columns',
      )
    }
    const count = weight?.[i] ?? 1
    if (!(count >= 0 && count < Number.POSITIVE_INFINITY)) {
      refuse('bad_argument', `weight ${count} in row ${i} is not a count`, 'Use 0 or more')
    }
  }
  return { ...lives, ...(entry && { entry }), ...(weight && { weight }) }
}

/**
 * Life data with exact failures and right censoring: age at failure or at last sight.
 * `failed[i]` is 1 (or true) for a failure, 0 for a unit still running.
 * Refuses: bad_time (an age not positive and finite, an entry not before the exit), bad_argument.
 */
export const livesFrom = (spec: {
  age: Numbers
  failed: ArrayLike<number | boolean>
  entry?: Numbers
  weight?: Numbers
}): Lives => {
  const lower = column(spec.age)
  checkLength('failed', spec.failed, lower.length)
  const upper = Float64Array.from(lower)
  for (let i = 0; i < lower.length; i++) {
    checkAge(lower[i] as number, i)
    if (!spec.failed[i]) upper[i] = Number.POSITIVE_INFINITY
  }
  return extras(spec, { lower, upper })
}

/**
 * Life data given as intervals: lower 0 is left censored, upper Infinity right censored.
 * Refuses: unsorted_interval (upper below lower), bad_time, bad_argument.
 */
export const livesFromIntervals = (spec: {
  lower: Numbers
  upper: Numbers
  entry?: Numbers
  weight?: Numbers
}): Lives => {
  const lower = column(spec.lower)
  const upper = column(spec.upper)
  checkLength('upper', upper, lower.length)
  for (let i = 0; i < lower.length; i++) {
    const low = lower[i] as number
    const high = upper[i] as number
    if (!(low >= 0) || !(high > 0) || low === Number.POSITIVE_INFINITY)
      checkAge(Math.min(low, high), i)
    if (low > high) {
      refuse(
        'unsorted_interval',
        `row ${i} ends at ${high} before it starts at ${low}`,
        'Swap the two columns or correct the row: lower is the last age seen working',
      )
    }
    if (low === 0 && high === Number.POSITIVE_INFINITY) {
      refuse('bad_time', `row ${i} says nothing (0 to infinity)`, 'Remove the row')
    }
  }
  return extras(spec, { lower, upper })
}

/** Counts of rows by kind, weights included. Left and interval censored rows count as failures. */
export interface LifeCounts {
  units: number
  failures: number
  exact: number
  right: number
  interval: number
  truncated: number
}

/** Counts of units by kind of knowledge. */
export const countLives = ({ lower, upper, entry, weight, joined }: Lives): LifeCounts => {
  const counts = { units: 0, failures: 0, exact: 0, right: 0, interval: 0, truncated: 0 }
  for (let i = 0; i < lower.length; i++) {
    const w = weight?.[i] ?? 1
    counts.units += w
    if (upper[i] === Number.POSITIVE_INFINITY) counts.right += w
    else if (upper[i] === lower[i]) counts.exact += w
    else counts.interval += w
    if ((entry?.[i] ?? 0) > 0) counts.truncated += w
  }
  for (const w of joined?.weight ?? []) counts.truncated += w
  counts.failures = counts.exact + counts.interval
  return counts
}

/** The same lives with `shift` subtracted from every age (three-parameter models). */
export const shiftLives = (lives: Lives, shift: number): Lives => {
  const move = (values: Float64Array) => values.map((v) => Math.max(0, v - shift))
  return {
    ...lives,
    lower: move(lives.lower),
    upper: move(lives.upper),
    ...(lives.entry && { entry: move(lives.entry) }),
    ...(lives.joined && { joined: { ...lives.joined, age: move(lives.joined.age) } }),
  }
}
