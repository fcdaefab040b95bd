// Health of a battery pack from its discharges: capacity by coulomb counting, resistance at the
// start of the load, which discharges count, recovery after rest, end of life. Health is not
// monotonic (a rested cell has more to give), so nothing here is a counter.
import { refuse } from './refusal.ts'

/** One discharge as recorded: equal lengths, time ascending from its start. */
export interface Discharge {
  readonly timeS: ArrayLike<number>
  /** Discharge negative, as battery testers write it. */
  readonly currentA: ArrayLike<number>
  readonly voltageV: ArrayLike<number>
  readonly temperatureC?: ArrayLike<number>
}

/** What one discharge shows. */
export interface DischargeMeasure {
  /** Charge given up to the cut-off voltage (or to the end), Ah. */
  readonly capacityAh: number
  /** Charge over the whole record, rest after the cut-off included, Ah. */
  readonly totalAh: number
  /** Voltage drop over current step when the load comes on, ohm; undefined without such a step. */
  readonly resistanceOhm?: number
  readonly startV: number
  readonly lowestV: number
  /** Mean current while loaded, A (positive). */
  readonly loadA: number
  readonly meanC: number
}

const checkRecord = ({ timeS, currentA, voltageV }: Discharge): void => {
  if (timeS.length < 2 || currentA.length !== timeS.length || voltageV.length !== timeS.length) {
    refuse(
      'bad_argument',
      'a discharge needs two samples and columns of one length',
      'Check the record',
    )
  }
  for (let i = 1; i < timeS.length; i++) {
    if (!((timeS[i] as number) >= (timeS[i - 1] as number))) {
      refuse('unsorted_interval', `time runs backwards at sample ${i}`, 'Sort the record by time')
    }
  }
}

/** A load below this share of the strongest is rest. */
const REST = 0.1

const resistanceOf = ({ currentA, voltageV }: Discharge, strongest: number): number | undefined => {
  for (let i = 1; i < currentA.length; i++) {
    const before = -(currentA[i - 1] as number)
    const after = -(currentA[i] as number)
    if (before < REST * strongest && after > 0.5 * strongest) {
      return ((voltageV[i - 1] as number) - (voltageV[i] as number)) / (after - before)
    }
  }
  return undefined
}

const mean = (values: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] as number
  return sum / values.length
}

/**
 * Coulomb counting by trapezoids: Q = integral of -I dt / 3600, to the first sample at or below the
 * cut-off voltage after the load came on, and over the whole record.
 * Units: s, A, V in; Ah, ohm out. Refuses: bad_argument, unsorted_interval.
 * Source: Saha and Goebel (2007), NASA PCoE battery data set, whose capacity is to the cut-off.
 */
export const measureDischarge = (record: Discharge, cutoffV: number): DischargeMeasure => {
  checkRecord(record)
  const { timeS, currentA, voltageV, temperatureC } = record
  let [total, capacity, loadAs, loadS, strongest, lowest] = [
    0,
    -1,
    0,
    0,
    0,
    Number.POSITIVE_INFINITY,
  ]
  for (let i = 0; i < timeS.length; i++) strongest = Math.max(strongest, -(currentA[i] as number))
  for (let i = 1; i < timeS.length; i++) {
    const dt = (timeS[i] as number) - (timeS[i - 1] as number)
    const charge = (-dt * ((currentA[i] as number) + (currentA[i - 1] as number))) / 2
    total += charge
    if (-(currentA[i] as number) > REST * strongest) {
      loadAs += charge
      loadS += dt
    }
    const v = voltageV[i] as number
    lowest = Math.min(lowest, v)
    if (capacity < 0 && v <= cutoffV && loadS > 0) capacity = total
  }
  const resistanceOhm = resistanceOf(record, strongest)
  return {
    capacityAh: (capacity < 0 ? total : capacity) / 3600,
    totalAh: total / 3600,
    ...(resistanceOhm !== undefined && { resistanceOhm }),
    startV: voltageV[0] as number,
    lowestV: lowest,
    loadA: loadS > 0 ? loadAs / loadS : 0,
    meanC: temperatureC ? mean(temperatureC) : Number.NaN,
  }
}

/** What the pack's profile says of its cells. */
export interface CellLimits {
  readonly ratedAh: number
  /** A charged cell rests at or above this. */
  readonly fullV: number
  readonly cutoffV: number
  /** End of life as a fraction of the rated capacity (0.7 is 30 % fade). */
  readonly endOfLife: number
}

/** Why a discharge says nothing about health. */
export type Rejection = 'not full at start' | 'cut-off not reached' | 'truncated'

/** One discharge in the history of a pack. */
export interface HealthPoint {
  readonly cycle: number
  readonly measure: DischargeMeasure
  /** Capacity over rated capacity. */
  readonly health: number
  readonly rejected?: Rejection
  /** More than 1 % above the discharge before it: the pack has rested. */
  readonly recovered: boolean
}

/** The history of a pack's health. */
export interface Health {
  readonly points: readonly HealthPoint[]
  readonly accepted: number
  /** First accepted cycle below the end of life that is not followed by a lasting recovery. */
  readonly endOfLifeCycle?: number
  /** Median health of the last five accepted discharges. */
  readonly now?: number
}

/** Capacities compare only at like load (within 15 %) and temperature (within 10 K). */
const alike = (a: DischargeMeasure, b: DischargeMeasure): boolean =>
  Math.abs(a.loadA - b.loadA) <= 0.15 * Math.max(a.loadA, b.loadA) &&
  !(Math.abs(a.meanC - b.meanC) > 10)

const median = (values: number[]): number => {
  const sorted = [...values].sort((p, q) => p - q)
  const half = sorted.length >> 1
  return sorted.length % 2
    ? (sorted[half] as number)
    : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2
}

/** Like discharges after one by which it is judged. */
export const AHEAD = 15
const LEAST_OF_LATER = 0.85
const RECOVERY = 1.01

/**
 * A discharge that gave far less than those after it under like conditions was cut short: a cell
 * recovers by a few percent, never by 15. Looks up to 15 like discharges ahead, by medians of
 * three.
 */
const isTruncated = (measures: readonly DischargeMeasure[], i: number): boolean => {
  const own = measures[i] as DischargeMeasure
  const later: number[] = []
  for (let j = i + 1; j < measures.length && later.length < AHEAD; j++) {
    const other = measures[j] as DischargeMeasure
    if (alike(own, other)) later.push(other.capacityAh)
  }
  for (let k = 0; k + 3 <= later.length; k++) {
    if (own.capacityAh < LEAST_OF_LATER * median(later.slice(k, k + 3))) return true
  }
  return false
}

const rejectionOf = (
  measures: readonly DischargeMeasure[],
  i: number,
  limits: CellLimits,
): Rejection | undefined => {
  const own = measures[i] as DischargeMeasure
  if (own.startV < limits.fullV) return 'not full at start'
  if (own.lowestV > limits.cutoffV) return 'cut-off not reached'
  return isTruncated(measures, i) ? 'truncated' : undefined
}

const ACCEPTED_TO_CONFIRM = 3

/** First accepted cycle below the limit, of which the median with the next two is below it too. */
const endOfLifeOf = (points: readonly HealthPoint[], limit: number): number | undefined => {
  for (let i = 0; i < points.length; i++) {
    const next = points.slice(i, i + ACCEPTED_TO_CONFIRM).map((p) => p.health)
    if ((points[i] as HealthPoint).health < limit && median(next) < limit) return points[i]?.cycle
  }
  return undefined
}

const checkLimits = (limits: CellLimits): void => {
  if (limits.ratedAh > 0 && limits.fullV > limits.cutoffV && limits.endOfLife > 0) return
  refuse('bad_argument', 'the cell limits do not fit together', 'Check the pack in the profile')
}

/**
 * Health over a pack's life from what its discharges have shown, oldest first. Rejected ones stay
 * in the list with their reason. The last few are provisional, because what follows may show that
 * they were cut short. Refuses: bad_argument (limits, no discharge).
 */
export const healthOf = (measures: readonly DischargeMeasure[], limits: CellLimits): Health => {
  checkLimits(limits)
  if (measures.length === 0)
    refuse('bad_argument', 'no discharge was recorded', 'Discharge it once')
  let last: DischargeMeasure | undefined
  const points = measures.map((measure, i): HealthPoint => {
    const rejected = rejectionOf(measures, i, limits)
    const like = last !== undefined && alike(last, measure)
    const recovered = !rejected && like && measure.capacityAh > RECOVERY * (last?.capacityAh ?? 0)
    if (!rejected) last = measure
    const health = measure.capacityAh / limits.ratedAh
    return { cycle: i + 1, measure, health, recovered, ...(rejected && { rejected }) }
  })
  const good = points.filter((p) => !p.rejected)
  const end = endOfLifeOf(good, limits.endOfLife)
  return {
    points,
    accepted: good.length,
    ...(end !== undefined && { endOfLifeCycle: end }),
    ...(good.length > 0 && { now: median(good.slice(-5).map((p) => p.health)) }),
  }
}

/** The same from the records themselves. Refuses as healthOf and measureDischarge do. */
export const batteryHealth = (discharges: readonly Discharge[], limits: CellLimits): Health => {
  checkLimits(limits)
  return healthOf(
    discharges.map((d) => measureDischarge(d, limits.cutoffV)),
    limits,
  )
}
