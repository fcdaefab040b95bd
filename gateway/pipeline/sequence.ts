// Which sequences of a boot were seen: a high-water mark and the gaps below it, in bounded room.
// What it can no longer tell apart it calls unsure, and the store looks the row up: nothing is
// thrown away on a guess. Pure, in place.
import { limits } from '../core/limits.ts'
import type { BootState } from './unit.ts'

/** fresh: not seen before; late: fresh, but after a later one; unsure: below the floor. */
export type Seen = 'fresh' | 'late' | 'duplicate' | 'unsure'

/** Marks a sequence as seen. */
export const mark = (state: BootState, sequence: number): Seen => {
  const { high } = state
  if (sequence > high) {
    if (sequence > high + 1) openGap(state, high + 1, sequence - 1)
    state.high = sequence
    return 'fresh'
  }
  if (sequence < state.floor) return 'unsure'
  return closeGap(state.gaps, sequence) ? shorten(state, 'late') : 'duplicate'
}

/** Sequences below the high-water mark that have not come, as far as it is known. */
export const missingIn = ({ gaps, lost }: BootState): number => {
  // Boards may count from 0 or from 1: sequence 0 alone is never called missing.
  let count = lost - (gaps[0] === 0 ? 1 : 0)
  for (let i = 0; i < gaps.length; i += 2) count += at(gaps, i + 1) - at(gaps, i) + 1
  return count
}

const openGap = (state: BootState, from: number, to: number): void => {
  state.gaps.push(from, to)
  shorten(state, 'fresh')
}

/** Takes one sequence out of the gaps; false where it is in none. May split a gap in two. */
const closeGap = (gaps: number[], sequence: number): boolean => {
  for (let i = 0; i < gaps.length; i += 2) {
    const from = at(gaps, i)
    const to = at(gaps, i + 1)
    if (sequence < from) return false
    if (sequence > to) continue
    if (from === to) gaps.splice(i, 2)
    else if (sequence === from) gaps[i] = from + 1
    else if (sequence === to) gaps[i + 1] = to - 1
    else gaps.splice(i, 2, from, sequence - 1, sequence + 1, to)
    return true
  }
  return false
}

/** Forgets the oldest gaps beyond the bound: the floor rises over them. */
const shorten = (state: BootState, seen: Seen): Seen => {
  while (state.gaps.length > 2 * limits.gapRanges) {
    const [from = 0, to = 0] = state.gaps.splice(0, 2)
    state.lost += to - from + 1
    state.floor = to + 1
  }
  return seen
}

const at = (list: readonly number[], index: number): number => list[index] as number
