// Life curves without a model: Kaplan-Meier with Greenwood's error and Nelson-Aalen, with right
// censoring and late entry, and the rank adjustment that places points on a probability plot.
// One sweep over sorted ages; a unit is at risk in (entry, exit].
import type { Lives } from './lives.ts'
import { checkConfidence, refuse } from './refusal.ts'
import { twoSidedZ } from './special.ts'

/** Steps of a life curve: one row per distinct failure age, ascending, in the unit of the ages. */
export interface Survival {
  readonly age: Float64Array
  readonly atRisk: Float64Array
  readonly events: Float64Array
  /** Kaplan-Meier S(t), a fraction. */
  readonly survivor: Float64Array
  /** Greenwood's standard error of S(t). */
  readonly error: Float64Array
  /** Bounds of S(t) on the log(-log) scale, two-sided. */
  readonly lower: Float64Array
  readonly upper: Float64Array
  /** Nelson-Aalen cumulative hazard and its standard error. */
  readonly hazard: Float64Array
  readonly hazardError: Float64Array
}

interface Step {
  age: number
  atRisk: number
  events: number
}

/** Row numbers in ascending order of `values`. */
export const orderOf = (values: Float64Array): Uint32Array =>
  Uint32Array.from(values, (_, i) => i).sort(
    (p, q) => (values[p] as number) - (values[q] as number),
  )

const checkExact = ({ lower, upper }: Lives): void => {
  for (let i = 0; i < lower.length; i++) {
    if (upper[i] !== lower[i] && upper[i] !== Number.POSITIVE_INFINITY) {
      refuse(
        'wrong_kind',
        `row ${i} is interval censored, where these curves need exact failures`,
        'Fit a model to it (fitLives), or give the inspection age as the failure age',
      )
    }
  }
}

/** Units at risk and failing at each distinct failure age. */
const sweep = (lives: Lives): Step[] => {
  checkExact(lives)
  const { lower: age, upper, entry, weight } = lives
  const exits = orderOf(age)
  const entries = orderOf(entry ?? new Float64Array(age.length))
  const steps: Step[] = []
  let joined = 0
  let left = 0
  for (let i = 0, j = 0; i < exits.length; ) {
    const t = age[exits[i] as number] as number
    for (; j < entries.length; j++) {
      const row = entries[j] as number
      if ((entry?.[row] ?? 0) >= t) break
      joined += weight?.[row] ?? 1
    }
    let events = 0
    let gone = 0
    for (; i < exits.length && age[exits[i] as number] === t; i++) {
      const row = exits[i] as number
      const w = weight?.[row] ?? 1
      gone += w
      if (upper[row] !== Number.POSITIVE_INFINITY) events += w
    }
    if (events > 0) steps.push({ age: t, atRisk: joined - left, events })
    left += gone
  }
  return steps
}

/**
 * Kaplan-Meier S(t) = prod (1 - d/n), Greenwood var = S^2 sum d/(n (n - d)), Nelson-Aalen
 * H(t) = sum d/n with var = sum d/n^2. Bounds of S are S^exp(+-z se), se = error of ln(-ln S).
 * Refuses: wrong_kind (interval censoring), all_censored.
 * Source: Kaplan and Meier (1958); Greenwood (1926); Aalen (1978); Kalbfleisch and Prentice (1.13).
 */
export const survivalCurve = (lives: Lives, confidence = 0.95): Survival => {
  const steps = sweep(lives)
  if (steps.length === 0) {
    refuse('all_censored', 'no unit has failed', 'Use Weibayes, which needs no failure')
  }
  const column = () => new Float64Array(steps.length)
  const out = {
    age: column(),
    atRisk: column(),
    events: column(),
    survivor: column(),
    error: column(),
    lower: column(),
    upper: column(),
    hazard: column(),
    hazardError: column(),
  }
  const z = twoSidedZ(checkConfidence(confidence))
  let [s, greenwood, h, hVariance] = [1, 0, 0, 0]
  steps.forEach(({ age, atRisk: n, events: d }, i) => {
    s *= (n - d) / n
    greenwood += d / (n * (n - d))
    h += d / n
    hVariance += d / (n * n)
    out.age[i] = age
    out.atRisk[i] = n
    out.events[i] = d
    out.survivor[i] = s
    out.error[i] = s > 0 ? s * Math.sqrt(greenwood) : 0
    const spread = s > 0 && s < 1 ? (z * Math.sqrt(greenwood)) / Math.abs(Math.log(s)) : 0
    out.lower[i] = s ** Math.exp(spread)
    out.upper[i] = s ** Math.exp(-spread)
    out.hazard[i] = h
    out.hazardError[i] = Math.sqrt(hVariance)
  })
  return out
}

/** Index of the last step at or before t, or -1: curves are right-continuous. */
export const stepAt = (ages: Float64Array, t: number): number => {
  let low = -1
  let high = ages.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((ages[middle] as number) <= t) low = middle
    else high = middle
  }
  return low
}

/** S(t) of a curve; 1 before the first failure. */
export const survivorAt = (curve: Survival, t: number): number =>
  curve.survivor[stepAt(curve.age, t)] ?? 1

/** H(t) of a curve; 0 before the first failure. */
export const hazardSumAt = (curve: Survival, t: number): number =>
  curve.hazard[stepAt(curve.age, t)] ?? 0

/** Places of the failures on a probability plot: age and fraction failed, one per failure. */
export interface PlotPoints {
  readonly age: Float64Array
  readonly fraction: Float64Array
}

/**
 * Johnson's adjusted ranks with Benard's approximation (i - 0.3) / (n + 0.4): right censoring only.
 * A row of weight w stands for w failures at one age.
 * Refuses: wrong_kind. Source: Johnson (1964); Benard and Bos-Levenbach (1953).
 */
export const plotPoints = (lives: Lives): PlotPoints => {
  checkExact(lives)
  const { lower, upper, weight } = lives
  const failed = (row: number) => upper[row] !== Number.POSITIVE_INFINITY
  // At equal ages failures come first, so that a unit censored there was at risk.
  const order = Array.from(orderOf(lower)).sort(
    (p, q) => (lower[p] as number) - (lower[q] as number) || Number(failed(q)) - Number(failed(p)),
  )
  const n = order.reduce((t, row) => t + (weight?.[row] ?? 1), 0)
  const age: number[] = []
  const fraction: number[] = []
  let rank = 0
  let left = n
  for (const row of order) {
    const w = weight?.[row] ?? 1
    for (let k = 0; failed(row) && k < w; k++) {
      rank += (n + 1 - rank) / (1 + left - k)
      age.push(lower[row] as number)
      fraction.push((rank - 0.3) / (n + 0.4))
    }
    left -= w
  }
  return { age: Float64Array.from(age), fraction: Float64Array.from(fraction) }
}
