// Counts usage as a board does (runtime/usage.h), integer by integer: bands of quantities, rainflow
// on 64 levels. One object a unit, fed after each step of the loop. Reads no clock, keeps no file.
import type { UsagePlan, UsageSource } from '../usage-plan.ts'

const bins = 32
const ranges = 32
const means = 15
const steps = 63

export interface UsageCounts {
  /** Hundredths of a second in use. */
  ticks: number
  /** Of each histogram: hundredths by band. */
  bands: Uint32Array[]
  /** Of each load: half cycles by range * 15 + mean. */
  cycles: Uint32Array[]
}

export interface Usage {
  readonly counts: UsageCounts
  /** After each step, with the loop's integers. */
  tick(inputs: ArrayLike<number>, reported: ArrayLike<number>): void
}

export const createUsage = (plan: UsagePlan, rateHz: number): Usage => {
  const period = Math.floor(rateHz / 100)
  const counts: UsageCounts = {
    ticks: 0,
    bands: plan.bands.map(() => new Uint32Array(bins)),
    cycles: plan.cycles.map(() => new Uint32Array(ranges * means)),
  }
  const windows = plan.cycles.map(() => ({ first: 0, second: 0 }))
  const loads = counts.cycles.map((halves) => createCycles(halves))
  let step = 0
  return {
    counts,
    tick(inputs, reported) {
      const read = ({ from, index }: UsageSource): number =>
        (from === 'inputs' ? inputs : reported)[index] ?? 0
      for (const [i, window] of windows.entries()) {
        const value = read(plan.cycles[i] as UsageSource)
        if (step === 0) window.first = window.second = value
        else extend(window, value)
      }
      step += 1
      if (step < period) return
      step = 0
      if (plan.inUse !== undefined) {
        const state = (reported[plan.inUse.index] ?? 0) >>> 0
        if (state >= 32 || ((plan.inUse.bits >>> state) & 1) === 0) return
      }
      counts.ticks += 1
      for (const [i, source] of plan.bands.entries()) {
        const bin = Math.floor((place(source, read(source)) * bins) / source.span)
        const band = counts.bands[i] as Uint32Array
        const at = Math.min(bins - 1, bin)
        band[at] = (band[at] as number) + 1
      }
      for (const [i, { first, second }] of windows.entries()) {
        const source = plan.cycles[i] as UsageSource
        loads[i]?.(levelOf(source, first))
        loads[i]?.(levelOf(source, second))
      }
    },
  }
}

/** The lowest and the highest of a window, in the order in which they came. */
const extend = (window: { first: number; second: number }, value: number): void => {
  const low = Math.min(window.first, window.second)
  const high = Math.max(window.first, window.second)
  if (value < low) {
    window.first = high
    window.second = value
  } else if (value > high) {
    window.first = low
    window.second = value
  }
}

const place = ({ low, span }: UsageSource, value: number): number =>
  Math.min(span, Math.max(0, value - low))

/** The nearest level, up where two are as near. */
const levelOf = (source: UsageSource, value: number): number =>
  Math.floor((place(source, value) * 2 * steps + source.span) / (2 * source.span))

/** Rainflow, ASTM E1049-85 (2017), 5.4.4, on levels. */
const createCycles = (halves: Uint32Array): ((level: number) => void) => {
  const residue: number[] = []
  let last: number | undefined
  let direction = 0
  const count = (a: number, b: number, times: number): void => {
    const range = Math.min(ranges - 1, Math.floor((Math.abs(a - b) * ranges) / steps))
    const mean = Math.min(means - 1, Math.floor(((a + b) * means) / (2 * steps)))
    const at = range * means + mean
    halves[at] = Math.min(0xffffffff, (halves[at] as number) + times)
  }
  const turn = (level: number): void => {
    residue.push(level)
    while (residue.length >= 3) {
      const [a = 0, b = 0, c = 0] = residue.slice(-3)
      if (Math.abs(c - b) < Math.abs(b - a)) return
      const whole = residue.length > 3
      count(a, b, whole ? 2 : 1)
      if (whole) residue.splice(-3, 2)
      else residue.shift()
    }
  }
  return (level) => {
    if (last !== undefined && level !== last) {
      const now = level > last ? 1 : -1
      if (now !== direction) turn(last)
      direction = now
    }
    last = level
  }
}
