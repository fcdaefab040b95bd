// Totals of absolute counters over a unit's life, exact in whatever order reports arrive: within a
// boot a counter only grows, so that its first and last value are its minimum and maximum; where a
// boot begins lower than the one before it ended, the total goes on from where it stood. Pure, in
// place.
import type { Reading } from '../core/delivery.ts'
import { limits } from '../core/limits.ts'
import { byHandAt, foldByHand } from './by-hand.ts'
import { missingIn } from './sequence.ts'
import type { BootState, UnitState } from './unit.ts'

type Counters = readonly (number | undefined)[]

/** The boot's state, made at its first record; undefined for a boot that was already forgotten. */
export const bootOf = (
  state: UnitState,
  { boot, epochUs, steppedUs }: { boot: number; epochUs: number; steppedUs?: number | undefined },
): BootState | undefined => {
  const { boots } = state
  const newest = boots.at(-1)
  if (newest?.boot === boot) return newest
  let place = boots.length
  while (place > 0 && (boots[place - 1]?.boot ?? 0) > boot) place--
  const known = boots[place - 1]
  if (known?.boot === boot) return known
  if (place === 0 && boots.length >= limits.bootsPerUnit) return undefined
  const none = (): null[] => state.totals.map(() => null)
  const fresh: BootState = {
    ...{ boot, epochUs, high: -1, floor: 0, gaps: [], lost: 0 },
    ...(steppedUs !== undefined && { steppedUs }),
    ...{ first: none(), last: none() },
  }
  boots.splice(place, 0, fresh)
  while (boots.length > limits.bootsPerUnit) forgetOldest(state)
  return fresh
}

/** Takes a report's counters into the boot and the totals. */
export const foldCounters = (state: UnitState, boot: BootState, counters: Counters): void => {
  const isNewest = state.boots.at(-1) === boot
  for (let i = 0; i < counters.length; i++) {
    const value = counters[i]
    if (value === undefined) continue
    const first = boot.first[i] ?? null
    const last = boot.last[i] ?? null
    if (isNewest && first !== null && last !== null && value >= first) {
      // The usual case: the newest boot's counter has grown, by so much grows the total.
      if (value <= last) continue
      boot.last[i] = value
      state.totals[i] = (state.totals[i] ?? 0) + (value - last)
      continue
    }
    if (first === null || value < first) boot.first[i] = value
    if (last === null || value > last) boot.last[i] = value
    state.totals[i] = totalOf(state, i)
  }
}

/**
 * Counters without a sequence. They make the total only where the unit's own reports never carried
 * the counter.
 *
 * @param orderUs - source time, microseconds since 1970; undefined where there is none
 */
export const foldUncounted = (
  state: UnitState,
  counters: Counters,
  orderUs: number | undefined,
): void => {
  counters.forEach((value, i) => {
    if (value === undefined) return
    foldByHand(state, { index: i, value, orderUs })
    state.totals[i] = totalOf(state, i)
  })
}

/**
 * What a drop between two boots adds to all later values. Far down: a swapped or reset controller,
 * which counts from 0 and may have been out of sight for a while. A little: a power cut took what
 * was not yet kept in flash; that work was done and was reported, so that it stays counted.
 */
const bridge = (tail: number | null, begin: number): number => {
  if (tail === null || begin >= tail) return 0
  return begin < tail / 2 ? tail : tail - begin
}

const totalOf = (state: UnitState, i: number): number | null => {
  let sum = state.base[i] ?? 0
  let tail = state.tail[i] ?? null
  for (const { first, last } of state.boots) {
    const begin = first[i] ?? null
    if (begin === null) continue
    sum += bridge(tail, begin)
    tail = last[i] ?? null
  }
  if (tail !== null) return sum + tail
  const byHand = state.handLast[i] ?? null
  return byHand === null ? null : (state.handBase[i] ?? 0) + byHand
}

type Moment = Pick<Reading, 'boot' | 'timeUs' | 'timeSource'> & { counters: Counters }

/** Whether reports with a sequence have carried it. */
const isOwn = ({ tail, boots }: UnitState, i: number): boolean =>
  (tail[i] ?? null) !== null || boots.some(({ last }) => (last[i] ?? null) !== null)

/**
 * What a reading's counters make of the unit's totals as of its own moment, a late one's too;
 * absent where its boot is forgotten.
 */
export const totalsAt = (
  state: UnitState,
  { boot, counters, timeUs, timeSource }: Moment,
): (number | undefined)[] =>
  counters.map((value, i) => {
    if (value === undefined) return undefined
    const hand = state.hand?.[i] ?? null
    if (boot < 0 && hand !== null && timeSource === 'source' && !isOwn(state, i)) {
      return byHandAt(hand, { us: timeUs, value })
    }
    if (boot < 0) return state.totals[i] ?? undefined
    let sum = state.base[i] ?? 0
    let tail = state.tail[i] ?? null
    for (const { boot: number, first, last } of state.boots) {
      const begin = first[i] ?? null
      if (begin === null) continue
      sum += bridge(tail, begin)
      if (number === boot) return sum + value
      tail = last[i] ?? null
    }
    return undefined
  })

const forgetOldest = (state: UnitState): void => {
  const oldest = state.boots.shift()
  if (oldest === undefined) return
  state.lost += missingIn(oldest)
  oldest.first.forEach((begin, i) => {
    if (begin === null) return
    state.base[i] = (state.base[i] ?? 0) + bridge(state.tail[i] ?? null, begin)
    state.tail[i] = oldest.last[i] ?? null
  })
}
