// Newton's method on the log-likelihood, with halved steps and, off its concave part, damped ones;
// and the small linear algebra it needs. Moves only along given directions, so that a profile
// likelihood (one parameter held) is the same search.
import type { Family } from './family.ts'
import { type Evaluation, evaluate, type Sample } from './likelihood.ts'
import { refuse } from './refusal.ts'

const add = (values: Float64Array, i: number, v: number): void => {
  values[i] = (values[i] as number) + v
}

/** Solves A x = r for a symmetric positive definite A (row-major); undefined when it is not. */
export const solveSpd = (a: Float64Array, r: ArrayLike<number>): Float64Array | undefined => {
  const k = r.length
  const l = Float64Array.from(a)
  const x = Float64Array.from(r)
  for (let j = 0; j < k; j++) {
    for (let i = j; i < k; i++) {
      let sum = l[i * k + j] as number
      for (let m = 0; m < j; m++) sum -= (l[i * k + m] as number) * (l[j * k + m] as number)
      if (i === j) {
        if (!(sum > 0)) return undefined
        l[j * k + j] = Math.sqrt(sum)
      } else l[i * k + j] = sum / (l[j * k + j] as number)
    }
  }
  for (let i = 0; i < k; i++) {
    for (let m = 0; m < i; m++)
      x[i] = (x[i] as number) - (l[i * k + m] as number) * (x[m] as number)
    x[i] = (x[i] as number) / (l[i * k + i] as number)
  }
  for (let i = k - 1; i >= 0; i--) {
    for (let m = i + 1; m < k; m++)
      x[i] = (x[i] as number) - (l[m * k + i] as number) * (x[m] as number)
    x[i] = (x[i] as number) / (l[i * k + i] as number)
  }
  return x
}

/** Inverse of a symmetric positive definite matrix; undefined when it is not one. */
export const invertSpd = (a: Float64Array, k: number): Float64Array | undefined => {
  const inverse = new Float64Array(k * k)
  for (let j = 0; j < k; j++) {
    const unit = new Float64Array(k)
    unit[j] = 1
    const x = solveSpd(a, unit)
    if (!x) return undefined
    for (let i = 0; i < k; i++) inverse[i * k + j] = x[i] as number
  }
  return inverse
}

/** Directions theta may move in: the identity, or fewer (a fixed shape, a fixed quantile). */
export type Directions = readonly Float64Array[]

/** All axes of a k-vector, without those named. */
export const axes = (k: number, without: readonly number[] = []): Float64Array[] =>
  Array.from({ length: k }, (_, i) => i)
    .filter((i) => !without.includes(i))
    .map((i) => Float64Array.from({ length: k }, (_, j) => (i === j ? 1 : 0)))

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

/**
 * Newton step within the span of the directions; falls back to damped steps off the concave part.
 */
const newtonStep = (
  e: Evaluation,
  directions: Directions,
): { step: Float64Array; decrement: number } => {
  const d = directions.length
  const k = e.gradient.length
  const g = Float64Array.from(directions, (u) => dot(u, e.gradient))
  const h = new Float64Array(d * d)
  let diagonal = 0
  for (let i = 0; i < d; i++) {
    const u = directions[i] as Float64Array
    const hu = Float64Array.from({ length: k }, (_, r) =>
      dot(e.hessian.subarray(r * k, r * k + k), u),
    )
    for (let j = 0; j < d; j++) h[j * d + i] = -dot(directions[j] as Float64Array, hu)
    diagonal = Math.max(diagonal, Math.abs(h[i * d + i] as number))
  }
  let x: Float64Array | undefined
  for (let ridge = 0; !x && ridge < 1e12; ridge = ridge === 0 ? 1e-6 : ridge * 10) {
    const damped = h.map((v, i) => (i % (d + 1) === 0 ? v + ridge * (diagonal || 1) : v))
    x = solveSpd(damped, g)
  }
  const move = x ?? new Float64Array(d)
  const step = new Float64Array(k)
  for (let i = 0; i < d; i++) {
    for (let r = 0; r < k; r++)
      add(step, r, (move[i] as number) * ((directions[i] as Float64Array)[r] as number))
  }
  return { step, decrement: dot(g, move) }
}

/**
 * Maximises the log-likelihood from `start` along the given directions.
 * Refuses (infinite_likelihood) when the scale runs away: the likelihood has no maximum.
 */
export const maximise = (
  sample: Sample,
  family: Family,
  { start, directions = axes(start.length) }: { start: Float64Array; directions?: Directions },
): { theta: Float64Array; evaluation: Evaluation; iterations: number } => {
  let theta = start
  let evaluation = evaluate(sample, family, theta)
  const limit = 1e9 * (start[1] as number)
  for (let iterations = 0; iterations < 200; iterations++) {
    const { step, decrement } = newtonStep(evaluation, directions)
    // Below the rounding of the sum itself no step can show a gain: then this is the maximum.
    const rounding = 16 * Number.EPSILON * Math.abs(evaluation.value)
    const done = decrement <= Math.max(1e-13, rounding)
    let t = 1
    let next = evaluation
    let moved = theta
    for (; t > 1e-15; t /= 2) {
      moved = theta.map((v, i) => v + t * (step[i] as number))
      if (!((moved[1] as number) > 0)) continue
      next = evaluate(sample, family, moved)
      if (next.value >= evaluation.value + (done ? -1e-9 : 1e-4 * t) * decrement) break
    }
    const stuck = !(next.value >= evaluation.value) || t <= 1e-15
    if (done || stuck) {
      return done && !stuck
        ? { theta: moved, evaluation: next, iterations }
        : { theta, evaluation, iterations }
    }
    theta = moved
    evaluation = next
    if ((theta[1] as number) > limit) break
  }
  return refuse(
    'infinite_likelihood',
    'the likelihood grows without limit as the scatter of the lives goes to zero',
    'Several failures share one age: give them as found between two inspections, or add data',
  )
}
