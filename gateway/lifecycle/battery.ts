// A battery as its unit's readings stream: charge counted from full to empty, and what the ended
// discharges say of its capacity by durability's rules. Plain data of bounded size, in place.
// A gateway sees no pack's number: packs that are swapped make one history until a claim says so.
import {
  AHEAD,
  type CellLimits,
  type DischargeMeasure,
  type Health,
  healthOf,
} from '../durability/battery.ts'

/** A discharge that still goes on. Charge in coulombs, times in seconds. */
export interface OpenDischarge {
  startV: number
  chargeC: number
  /** Charge at the cut-off; null before it. */
  capacityC: number | null
  loadC: number
  loadS: number
  /** Sum of temperature and number of readings. */
  warm: [sum: number, readings: number]
  /** Resting voltage before the newest load. */
  restV: number
  /** Part of it was not seen. */
  broken: boolean
}

export interface PackFold {
  /** The newest reading: microseconds, volts, amperes out of the pack. */
  newest: [timeUs: number, volts: number, amps: number] | null
  open: OpenDischarge | null
  /** Numbers of full discharges, `columns` each, oldest first; the older ones thinned. */
  ended: number[]
  /** All that have ended, and those that say nothing: begun or ended early, or unseen. */
  count: number
  partial: number
  unseen: number
  /** Those cut short that are no longer in the list. */
  truncated: number
  /** Which of all was the first below the end of life. */
  endCycle: number | null
}

/** What the profile says of the pack. */
export interface PackSpec extends CellLimits {
  /** Below it the pack rests, A. */
  readonly restA: number
}

export interface PackReading {
  readonly timeUs: number
  readonly volts: number
  readonly amps: number
  readonly celsius: number | undefined
  /** Hours of use of the unit. */
  readonly hours: number
}

export const newPack = (): PackFold => ({
  ...{ newest: null, open: null, ended: [], count: 0, partial: 0, unseen: 0 },
  ...{ truncated: 0, endCycle: null },
})

/** cycle, hours of use, Ah, A, degrees Celsius. */
export const columns = 5
const none = -1000
/** Judged by what follows, so that they are kept whole; before them every second one may go. */
const newestKept = AHEAD + 2
export const mostDischarges = newestKept + 5

/** Load over a longer stretch without a reading is not counted: it was not seen whole. */
const unseenS = 60
/** A pack rests below its voltage before the last load, relaxed or not; above it, it is another. */
const otherPack = 1.03
/** A full pack whose charge was hardly touched is the same discharge. */
const touched = 0.1

export const foldPack = (fold: PackFold, reading: PackReading, spec: PackSpec): void => {
  const { timeUs, volts, amps } = reading
  const [beforeUs, beforeV, beforeA] = fold.newest ?? [timeUs, volts, amps]
  if (timeUs < beforeUs) return
  fold.newest = [timeUs, volts, amps]
  const seconds = (timeUs - beforeUs) / 1e6
  const wasLoaded = beforeA > spec.restA
  const isLoaded = amps > spec.restA
  if (fold.open !== null) {
    if (!wasLoaded && endsAt(fold.open, { volts: beforeV, amps: beforeA, isLoaded }, spec)) {
      close(fold, reading, spec)
    }
  }
  if (fold.open === null) {
    if (!isLoaded) return
    fold.open = newDischarge(beforeV)
    fold.open.broken = wasLoaded
  }
  if (isLoaded && !wasLoaded) fold.open.restV = beforeV
  count(fold.open, { reading, seconds, beforeA, isLoaded, wasLoaded }, spec)
}

const newDischarge = (volts: number): OpenDischarge => ({
  ...{ startV: volts, chargeC: 0, capacityC: null, loadC: 0, loadS: 0, warm: [0, 0] },
  ...{ restV: volts, broken: false },
})

/** Whether a resting pack is charged, or another one than before. */
const endsAt = (
  { chargeC, capacityC, restV, broken }: OpenDischarge,
  { volts, amps, isLoaded }: { volts: number; amps: number; isLoaded: boolean },
  { restA, fullV, ratedAh }: PackSpec,
): boolean => {
  if (amps < -restA) return true
  if (volts >= fullV && (broken || chargeC >= touched * ratedAh * 3600)) return true
  // After the cut-off a pack recovers far; before it, only another one rests higher than before.
  return isLoaded && capacityC === null && volts > otherPack * restV
}

interface Stretch {
  readonly reading: PackReading
  readonly seconds: number
  readonly beforeA: number
  readonly isLoaded: boolean
  readonly wasLoaded: boolean
}

const count = (
  open: OpenDischarge,
  { reading, seconds, beforeA, isLoaded, wasLoaded }: Stretch,
  { cutoffV }: PackSpec,
): void => {
  const { volts, amps, celsius } = reading
  if (seconds > unseenS) {
    if (isLoaded && wasLoaded) open.broken = true
    return
  }
  const chargeC = (seconds * (amps + beforeA)) / 2
  open.chargeC += chargeC
  if (isLoaded) {
    open.loadC += chargeC
    open.loadS += seconds
    if (celsius !== undefined) {
      open.warm[0] += celsius
      open.warm[1]++
    }
  }
  if (open.capacityC === null && volts <= cutoffV && open.loadS > 0) open.capacityC = open.chargeC
}

const close = (fold: PackFold, { hours }: PackReading, spec: PackSpec): void => {
  const { open } = fold
  fold.open = null
  if (open === null) return
  fold.count++
  if (open.broken) fold.unseen++
  else if (open.startV < spec.fullV || open.capacityC === null) fold.partial++
  else {
    const [sum, readings] = open.warm
    fold.ended.push(
      ...[fold.count, short(hours), short(open.capacityC / 3600), short(open.loadC / open.loadS)],
      readings === 0 ? none : short(sum / readings),
    )
    thin(fold, spec)
    noteEnd(fold, spec)
  }
}

/** Five digits: finer than any of them is known. */
const short = (value: number): number => Number(value.toPrecision(5))

const rowsOf = ({ ended }: PackFold): number[][] =>
  Array.from({ length: ended.length / columns }, (_, i) =>
    ended.slice(i * columns, (i + 1) * columns),
  )

/** What was cut short shows only later: then it goes, counted. Then every second of the older. */
const thin = (fold: PackFold, spec: PackSpec): void => {
  const rows = rowsOf(fold)
  const older = rows.length - newestKept
  if (older <= 0) return
  const points = packHealth(fold, spec)?.points ?? []
  const kept = rows.filter((_, i) => i >= older || points[i]?.rejected === undefined)
  fold.truncated += rows.length - kept.length
  const many = kept.length > mostDischarges
  const thinned = kept.filter((_, i) => !many || i >= kept.length - newestKept || i % 2 === 0)
  if (thinned.length < rows.length) fold.ended = thinned.flat()
}

/** Later discharges may show that the newest were cut short; what is older stands. */
const noteEnd = (fold: PackFold, spec: PackSpec): void => {
  const stands = fold.endCycle !== null && fold.endCycle <= fold.count - AHEAD
  if (stands) return
  const end = packHealth(fold, spec)?.endOfLifeCycle
  fold.endCycle = end === undefined ? null : (rowsOf(fold)[end - 1]?.[0] ?? null)
}

const measureOf = ([, , capacityAh = 0, loadA = 0, meanC]: number[], spec: PackSpec) =>
  ({
    ...{ capacityAh, totalAh: capacityAh, startV: spec.fullV, lowestV: spec.cutoffV, loadA },
    meanC: meanC === none ? Number.NaN : (meanC ?? Number.NaN),
  }) satisfies DischargeMeasure

/** Durability's verdict on the full discharges; undefined before the first. */
export const packHealth = (fold: PackFold, spec: PackSpec): Health | undefined => {
  const rows = rowsOf(fold)
  return rows.length === 0
    ? undefined
    : healthOf(
        rows.map((row) => measureOf(row, spec)),
        spec,
      )
}

/** Health by hours of use, as accepted; for its trend. */
export const healthTrend = (
  fold: PackFold,
  spec: PackSpec,
): { hours: number[]; value: number[] } => {
  const rows = rowsOf(fold)
  const good = (packHealth(fold, spec)?.points ?? []).filter(({ rejected }) => !rejected)
  return {
    hours: good.map(({ cycle }) => rows[cycle - 1]?.[1] ?? 0),
    value: good.map(({ health }) => health),
  }
}
