// Wear of one unit as it streams: time in 32 bands, rainflow on 64 levels, bearing load, resistance
// of the battery. Integers where they can be, a few kilobytes a unit, in place; exact after a
// replay. The same counts as durability's Rainflow on the same grid.
import { BANDS } from '../durability/histogram.ts'

/** Levels of a rainflow grid, ends included. */
export const wearLevels = 64

/** Time in use per band, milliseconds. */
export interface BandFold {
  low: number
  high: number
  ms: number[]
}

/** Rainflow (ASTM E1049-85, 5.4.4) on levels: a range is a whole number of steps. */
export interface CycleFold {
  low: number
  high: number
  /** Turning points not yet part of a counted cycle, as levels. */
  residue: number[]
  last: number | null
  direction: -1 | 0 | 1
  /** Half cycles by range in steps; index 0 is never used. */
  halves: number[]
}

export const newBands = (low: number, high: number): BandFold => ({
  ...{ low, high },
  ms: new Array(BANDS).fill(0),
})

export const newCycles = (low: number, high: number): CycleFold => ({
  ...{ low, high, residue: [], last: null, direction: 0 },
  halves: new Array(wearLevels).fill(0),
})

/** Values outside go to the first or last band. */
export const foldBand = (fold: BandFold, value: number, ms: number): void => {
  const { low, high } = fold
  const band = Math.floor(((value - low) / (high - low)) * BANDS)
  const at = band < 0 ? 0 : band >= BANDS ? BANDS - 1 : band
  fold.ms[at] = (fold.ms[at] as number) + ms
}

export const levelOf = (low: number, high: number, value: number): number => {
  const level = Math.round(((value - low) / (high - low)) * (wearLevels - 1))
  return level < 0 ? 0 : level >= wearLevels ? wearLevels - 1 : level
}

export const foldCycle = (fold: CycleFold, value: number): void => {
  const level = levelOf(fold.low, fold.high, value)
  const { last, direction } = fold
  if (level === last) return
  if (last === null) {
    fold.last = level
    return
  }
  const now = level > last ? 1 : -1
  if (now !== direction) turn(fold, last)
  fold.direction = now
  fold.last = level
}

/** A turning point: onto the residue, then every range that it closes is counted. */
const turn = (fold: CycleFold, level: number): void => {
  const { residue, halves } = fold
  residue.push(level)
  while (residue.length >= 3) {
    const n = residue.length
    const b = residue[n - 2] as number
    const x = Math.abs((residue[n - 1] as number) - b)
    const y = Math.abs(b - (residue[n - 3] as number))
    if (x < y) return
    // With the start of the history in it, it is half a cycle, and the start moves on.
    halves[y] = (halves[y] as number) + (n === 3 ? 1 : 2)
    if (n === 3) residue.shift()
    else residue.splice(n - 3, 2)
  }
}

/** The counted cycles in the unit of the loads; the residue is not closed yet and left out. */
export const cyclesOf = ({ low, high, halves }: CycleFold) => {
  const step = (high - low) / (wearLevels - 1)
  return halves.flatMap((count, steps) =>
    count === 0 ? [] : [{ range: steps * step, mean: 0, count: count / 2 }],
  )
}

/** Resistance as the battery's voltage answers steps of current; one mean per window. */
export interface ResistanceFold {
  volts: number | null
  amps: number | null
  atUs: number
  /** Of the window that is open: number of steps, sum of dI dI and of dI dV. */
  steps: number
  ii: number
  iv: number
  firstOhm: number | null
  newestOhm: number | null
  windows: number
  /** Means of equally many windows, oldest first: hours of use and ohms in turn. */
  trend: number[]
  /** Windows in a mean: twice as many whenever there are too many means. */
  span: number
  /** The mean that is growing: windows, sums of hours and of ohms. */
  growing: [windows: number, hours: number, ohms: number]
}

export const newResistance = (): ResistanceFold => ({
  ...{ volts: null, amps: null, atUs: 0, steps: 0, ii: 0, iv: 0 },
  ...{ firstOhm: null, newestOhm: null, windows: 0 },
  ...{ trend: [], span: 1, growing: [0, 0, 0] },
})

/** Steps of current in one window. */
export const windowSteps = 256
/** Two readings further apart tell of charge and heat, not of resistance. */
const stepUs = 500_000

/**
 * Slope of voltage over current between neighbouring readings, by least squares through the origin:
 * R = -sum(dI dV) / sum(dI dI), ohms.
 */
export const foldResistance = (
  fold: ResistanceFold,
  { volts, amps, timeUs, hours }: { volts: number; amps: number; timeUs: number; hours: number },
  leastStepA: number,
): void => {
  if (fold.volts !== null && fold.amps !== null && timeUs - fold.atUs <= stepUs) {
    const di = amps - fold.amps
    if (Math.abs(di) >= leastStepA) {
      fold.ii += di * di
      fold.iv += di * (volts - fold.volts)
      fold.steps++
      if (fold.steps >= windowSteps) closeWindow(fold, hours)
    }
  }
  fold.volts = volts
  fold.amps = amps
  fold.atUs = timeUs
}

/** The next reading has no neighbour: what lies between is not a step of current alone. */
export const breakResistance = (fold: ResistanceFold): void => {
  fold.volts = null
  fold.amps = null
}

/** Points of the trend of a resistance. */
export const mostTrend = 16

const closeWindow = (fold: ResistanceFold, hours: number): void => {
  const ohm = -fold.iv / fold.ii
  fold.steps = 0
  fold.ii = 0
  fold.iv = 0
  // A battery does not push back: what says so was swapped or disturbed.
  if (ohm <= 0) return
  fold.firstOhm ??= ohm
  fold.newestOhm = ohm
  fold.windows++
  takeTrend(fold, hours, ohm)
}

const takeTrend = (fold: ResistanceFold, hours: number, ohm: number): void => {
  const { growing, trend, span } = fold
  growing[0]++
  growing[1] += hours
  growing[2] += ohm
  if (growing[0] < span) return
  trend.push(short(growing[1] / span), short(growing[2] / span))
  fold.growing = [0, 0, 0]
  if (trend.length < 2 * mostTrend) return
  fold.span *= 2
  fold.trend = Array.from({ length: mostTrend }, (_, i) => {
    const at = 4 * (i >> 1) + (i & 1)
    return short(((trend[at] as number) + (trend[at + 2] as number)) / 2)
  })
}

const short = (value: number): number => Number(value.toPrecision(6))
