// Totals of absolute counters over a unit's life, exact in whatever order reports arrive: within a
// boot a counter only grows, so that its first and last value are its minimum and maximum; where a
// boot begins lower than the one before it ended, the total goes on from where it stood. Pure, in
// place.
import type { Reading } from '../core/delivery.ts'
import { limits } from '../core/limits.ts'
import { byHandAt, type Count, foldByHand } from './by-hand.ts'
import { missingIn } from './sequence.ts'
import { along, newTrack, put, turning } from './track.ts'
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

interface Counted {
  readonly counters: Counters
  /** Where each counter begins anew at 0, by the profile. */
  readonly wraps: Counters
}

/** Takes a report's counters into the boot and the totals. */
export const foldCounters = (
  state: UnitState,
  boot: BootState,
  { counters, wraps, sequence }: Counted & { sequence: number },
): void => {
  const isNewest = state.boots.at(-1) === boot
  for (let i = 0; i < counters.length; i++) {
    const value = counters[i]
    if (value === undefined) continue
    const wrapsAt = wraps[i]
    if (wrapsAt !== undefined) {
      foldTurning(boot, { index: i, value, wrapsAt }, sequence)
      state.totals[i] = totalOf(state, i)
      continue
    }
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

/** What wraps while the board is on is put in the order of its sequence. */
const foldTurning = (
  boot: BootState,
  { index, value, wrapsAt }: Count & { wrapsAt: number },
  sequence: number,
): void => {
  const follow = turning(wrapsAt)
  const last = boot.last[index] ?? null
  // Of a boot whose first half an older profile has folded, only what comes now has an order.
  const begun = { base: 0, high: last }
  const track = boot.tracks?.[index] ?? newTrack(begun, last === null ? null : sequence - 1)
  if (!put(track, { order: sequence, value }, follow)) return
  boot.tracks ??= boot.first.map(() => null)
  boot.tracks[index] = track
  const { base, high } = along(track, follow)
  if (track.floor === null) boot.first[index] = track.points[1] ?? null
  boot.last[index] = high
  boot.turned ??= boot.first.map(() => 0)
  boot.turned[index] = base
}

/**
 * Counters without a sequence. They make the total only where the unit's own reports never carried
 * the counter.
 *
 * @param orderUs - source time, microseconds since 1970; undefined where there is none
 */
export const foldUncounted = (
  state: UnitState,
  { counters, wraps }: Counted,
  orderUs: number | undefined,
): void => {
  counters.forEach((value, index) => {
    if (value === undefined) return
    foldByHand(state, { index, value, wrapsAt: wraps[index] }, orderUs)
    state.totals[index] = totalOf(state, index)
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
  const { sum, tail } = upTo(state, i)
  if (tail !== null) return sum + tail
  const byHand = state.handLast[i] ?? null
  return byHand === null ? null : (state.handBase[i] ?? 0) + byHand
}

/** What is to be added to a counter behind its last boot, or within the boot that is named. */
const upTo = (
  state: UnitState,
  i: number,
  until?: BootState,
): { sum: number; tail: number | null } => {
  let sum = state.base[i] ?? 0
  let tail = state.tail[i] ?? null
  for (const boot of state.boots) {
    const begin = boot.first[i] ?? null
    if (begin !== null) sum += bridge(tail, begin)
    if (boot === until) break
    if (begin === null) continue
    sum += boot.turned?.[i] ?? 0
    tail = boot.last[i] ?? null
  }
  return { sum, tail }
}

type Moment = Pick<Reading, 'machine' | 'boot' | 'sequence' | 'timeUs' | 'timeSource' | 'counters'>

/**
 * What a reading's counters make of the unit's totals as of its own moment, a late one's too;
 * absent where its boot is forgotten.
 */
export const totalsAt = (state: UnitState, moment: Moment): (number | undefined)[] => {
  const { machine, boot: number, sequence, timeUs, timeSource } = moment
  const boot = number < 0 ? undefined : state.boots.find((one) => one.boot === number)
  return moment.counters.map((value, index) => {
    if (value === undefined) return undefined
    const wrapsAt = machine.counterWraps[index]
    if (number < 0) {
      const hand = state.hand?.[index] ?? null
      const isTimed = hand !== null && timeSource === 'source' && upTo(state, index).tail === null
      if (isTimed) return byHandAt(hand, { index, value, wrapsAt }, timeUs)
      return state.totals[index] ?? undefined
    }
    if ((boot?.first[index] ?? null) === null) return undefined
    const { sum } = upTo(state, index, boot)
    const track = boot?.tracks?.[index] ?? null
    if (track === null || wrapsAt === undefined) return sum + value
    if (track.floor !== null && sequence < track.floor) return undefined
    const follow = turning(wrapsAt)
    const { base, high } = follow(along(track, follow, sequence), value)
    return sum + base + (high ?? 0)
  })
}

const forgetOldest = (state: UnitState): void => {
  const oldest = state.boots.shift()
  if (oldest === undefined) return
  state.lost += missingIn(oldest)
  oldest.first.forEach((begin, i) => {
    if (begin === null) return
    const turned = oldest.turned?.[i] ?? 0
    state.base[i] = (state.base[i] ?? 0) + bridge(state.tail[i] ?? null, begin) + turned
    state.tail[i] = oldest.last[i] ?? null
  })
}
