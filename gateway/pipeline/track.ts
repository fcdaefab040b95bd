// Values of one counter put in their own order, by source time or by sequence, in whatever order
// they arrive: the newest are held one by one, so that a late one finds its place. What is
// forgotten was worked in in its order, and never again. Pure, in place.
import { limits } from '../core/limits.ts'

/** Part of a unit's state. `order` is microseconds since 1970, or a sequence. */
export interface TrackState {
  /** Up to this order values are no longer told apart; null: nothing is forgotten. */
  floor: number | null
  /** What was forgotten comes to: runs that have ended, and the greatest value of the last one. */
  base: number
  high: number | null
  /** After that, ascending: order, value, order, value, ... */
  points: number[]
}

/** Runs of a counter that have ended, together, and the greatest value of the one that goes on. */
export type Life = Readonly<Pick<TrackState, 'base' | 'high'>>

/** What the next value in its order makes of what came before. */
export type Follow = (life: Life, value: number) => Life

/** A counter that wraps and is not reset meanwhile: down by more than half of its width. */
export const turning =
  (wrapsAt: number): Follow =>
  ({ base, high }, value) => {
    if (high === null || value >= high) return { base, high: value }
    return high - value > wrapsAt / 2 ? { base: base + wrapsAt, high: value } : { base, high }
  }

export const newTrack = (life: Life, floor: number | null): TrackState => ({
  ...{ floor, base: life.base, high: life.high, points: [] },
})

/** What all values up to an order come to. */
export const along = (track: TrackState, follow: Follow, to = Number.POSITIVE_INFINITY): Life => {
  let life: Life = track
  for (let i = 0; i < track.points.length && at(track.points, i) <= to; i += 2) {
    life = follow(life, at(track.points, i + 1))
  }
  return life
}

/** Puts a value in its place; false where it says nothing new, or is too old to be told apart. */
export const put = (
  track: TrackState,
  { order, value }: { order: number; value: number },
  follow: Follow,
): boolean => {
  if (track.floor !== null && order <= track.floor) return false
  if (!insert(track.points, order, value)) return false
  if (track.points.length > 2 * limits.trackedCounts) shorten(track, follow)
  return true
}

export const newestOf = ({ floor, points }: TrackState): number | null =>
  points.length === 0 ? floor : at(points, points.length - 2)

/** Of two values in one place the greater one is right, whichever comes first. */
const insert = (points: number[], order: number, value: number): boolean => {
  let place = points.length
  while (place > 0 && at(points, place - 2) >= order) place -= 2
  if (points[place] !== order) {
    points.splice(place, 0, order, value)
    return true
  }
  if (at(points, place + 1) >= value) return false
  points[place + 1] = value
  return true
}

/**
 * Forgets one value: the oldest between two where the counter only grew, which says no more than
 * they do; where there is none, the oldest of all, and with it what lies before it.
 */
const shorten = (track: TrackState, follow: Follow): void => {
  const { points } = track
  for (let i = 2; i + 3 < points.length; i += 2) {
    const value = at(points, i + 1)
    if (at(points, i - 1) <= value && value <= at(points, i + 3)) {
      points.splice(i, 2)
      return
    }
  }
  const [floor = 0, value = 0] = points.splice(0, 2)
  Object.assign(track, follow(track, value), { floor })
}

const at = (list: readonly number[], index: number): number => list[index] as number
