// The survival curve of interval-censored lives: inspected units, whose failures lie between two
// visits. The nonparametric maximum by Turnbull's self-consistency; where the mass lies inside an
// interval no data can say, so that the curve is given at the intervals' ends only.
import type { Lives } from './lives.ts'
import { refuse } from './refusal.ts'

/** Where failures can lie, and how much: ages (lower, upper], chance, and survival after. */
export interface TurnbullStep {
  readonly lower: number
  readonly upper: number
  readonly chance: number
  readonly survival: number
}

const ROUNDS = 100_000
const SETTLED = 1e-12

/**
 * Chances p_j of the innermost intervals, by p_j <- sum_i w_i a_ij p_j / sum_k a_ik p_k / sum w.
 * Rows are intervals (lower, upper]; an exact failure is [t, t]. Ages in the unit of the lives.
 * Refuses: all_censored (no failure), no_convergence, bad_argument (late entry: use a model).
 * Source: Turnbull (1976), JRSS B 38; Peto (1973) for the innermost intervals.
 */
export const turnbull = (lives: Lives): TurnbullStep[] => {
  const late = lives.joined !== undefined || lives.entry?.some((age) => age > 0)
  if (late === true) {
    refuse('bad_argument', 'late entries with interval data', 'Fit a model: it takes both')
  }
  const places = innermost(lives)
  const closed = places.filter(({ upper }) => upper < Number.POSITIVE_INFINITY)
  if (closed.length === 0) refuse('all_censored', 'no unit has failed', 'Wait for a failure')
  const n = lives.lower.length
  // Innermost intervals of a row are neighbours: two indices each.
  const [from, to] = [new Int32Array(n), new Int32Array(n)]
  for (let i = 0; i < n; i++) {
    const [low, high] = [lives.lower[i] as number, lives.upper[i] as number]
    // An interval is open below: a failure seen at that very age lies before it.
    const isInside = (p: { lower: number; upper: number }): boolean =>
      p.lower >= low && p.upper <= high && (low === high || p.upper > low)
    from[i] = places.findIndex(isInside)
    to[i] = places.findLastIndex(isInside)
  }
  const chances = settle(places.length, { from, to, weight: (i) => lives.weight?.[i] ?? 1 })
  let survival = 1
  return places.map(({ lower, upper }, j) => {
    const chance = chances[j] as number
    survival -= chance
    return { lower, upper, chance, survival: Math.max(0, survival) }
  })
}

/** Every lower end followed, with no end between, by an upper end. */
const innermost = ({ lower, upper }: Lives): { lower: number; upper: number }[] => {
  const ends = [
    // An exact failure is closed at both ends: its lower end comes before its upper one.
    ...Array.from(lower, (age, i) => ({ age, isUpper: false, isExact: upper[i] === age })),
    ...Array.from(upper, (age, i) => ({ age, isUpper: true, isExact: lower[i] === age })),
  ]
  const rank = ({ isUpper, isExact }: (typeof ends)[number]): number =>
    isExact ? (isUpper ? 1 : 0) : isUpper ? 2 : 3
  ends.sort((a, b) => a.age - b.age || rank(a) - rank(b))
  return ends.flatMap((end, i) => {
    const before = ends[i - 1]
    const isInnermost = end.isUpper && before !== undefined && !before.isUpper
    return isInnermost ? [{ lower: before.age, upper: end.age }] : []
  })
}

interface Rows {
  readonly from: Int32Array
  readonly to: Int32Array
  readonly weight: (row: number) => number
}

const settle = (count: number, { from, to, weight }: Rows): Float64Array => {
  let p = new Float64Array(count).fill(1 / count)
  let all = 0
  for (let i = 0; i < from.length; i++) all += weight(i)
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(count)
    for (let i = 0; i < from.length; i++) {
      const [first, last] = [from[i] as number, to[i] as number]
      let sum = 0
      for (let j = first; j <= last; j++) sum += p[j] as number
      for (let j = first; j <= last && sum > 0; j++) {
        next[j] = (next[j] as number) + (weight(i) * (p[j] as number)) / sum / all
      }
    }
    const change = next.reduce((most, v, j) => Math.max(most, Math.abs(v - (p[j] as number))), 0)
    p = next
    if (change < SETTLED) return p
  }
  return refuse('no_convergence', 'the chances do not settle', 'Join the inspections to fewer ages')
}
