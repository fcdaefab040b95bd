// Totals of counters that come without boot and sequence: OPC UA, Sparkplug, foreign MQTT. Their
// order is that of the source's time; without one it is the log's. What is forgotten of them may be
// missing from a total, never doubled. Pure, in place.
import { along, type Follow, type Life, newestOf, newTrack, put, type TrackState } from './track.ts'
import type { UnitState } from './unit.ts'

/**
 * Far down begins a new life, from 0; a little down is an older value that came late, or once
 * more: the same rule as between two boots of a board. From the top quarter of a counter's width
 * to the lowest it has wrapped.
 */
const followBy =
  (wrapsAt = Number.POSITIVE_INFINITY): Follow =>
  ({ base, high }, value) => {
    if (high === null || value >= high) return { base, high: value }
    if (high >= (wrapsAt * 3) / 4 && value < wrapsAt / 4) {
      return { base: base + wrapsAt, high: value }
    }
    return value < high / 2 ? { base: base + high, high: value } : { base, high }
  }

/** One counter's value; `wrapsAt` as in the profile. */
export interface Count {
  readonly index: number
  readonly value: number
  readonly wrapsAt: number | undefined
}

/**
 * Takes the counter's value into `handBase` and `handLast`. With the source's time the result is
 * the same in whatever order and however often values come.
 *
 * @param orderUs - source time, microseconds since 1970; undefined where there is none
 */
export const foldByHand = (
  state: UnitState,
  { index, value, wrapsAt }: Count,
  orderUs: number | undefined,
): void => {
  const follow = followBy(wrapsAt)
  const known = state.hand?.[index] ?? null
  const before: Life = { base: state.handBase[index] ?? 0, high: state.handLast[index] ?? null }
  if (orderUs === undefined) {
    // It is newer than all that came before it, which needs no order any more.
    const life = follow(before, value)
    if (known !== null) setTrack(state, index, newTrack(life, newestOf(known)))
    keep(state, index, life)
    return
  }
  const track = known ?? newTrack(before, null)
  if (!put(track, { order: orderUs, value }, follow)) return
  setTrack(state, index, track)
  keep(state, index, along(track, follow))
}

/** The total as of a value's own moment; undefined where that is forgotten. */
export const byHandAt = (
  track: TrackState,
  { value, wrapsAt }: Count,
  us: number,
): number | undefined => {
  if (track.floor !== null && us < track.floor) return undefined
  const follow = followBy(wrapsAt)
  const { base, high } = follow(along(track, follow, us), value)
  return base + (high ?? 0)
}

const keep = (state: UnitState, index: number, { base, high }: Life): void => {
  state.handBase[index] = base
  state.handLast[index] = high
}

const setTrack = (state: UnitState, index: number, track: TrackState): void => {
  state.hand ??= state.counterNames.map(() => null)
  state.hand[index] = track
}
