// Machines that are repaired and go on: how many failures per machine by an age (mean cumulative
// function), whether they come faster or slower (Laplace), and the power law that describes it
// (Crow-AMSAA). Ages are cumulative operating ages of the machine, not times between failures.
import type { Bounded } from './bounds.ts'
import { checkConfidence, refuse } from './refusal.ts'
import { chiSquaredQuantile, normalCdf, twoSidedZ } from './special.ts'

/** One repaired machine: ages at failure, and the span of ages over which it was watched. */
export interface History {
  readonly events: ArrayLike<number>
  /** Age at which watching ended. */
  readonly end: number
  /** Age at which watching began; absent means 0. */
  readonly start?: number
}

/** Refuses bad_time for ages outside the span, bad_argument for an empty span. */
const checkHistories = (histories: readonly History[]): void => {
  if (histories.length === 0)
    refuse('bad_argument', 'there is no machine', 'Give at least one history')
  histories.forEach(({ events, end, start = 0 }, i) => {
    if (!(start >= 0 && end > start && end < Number.POSITIVE_INFINITY)) {
      refuse(
        'bad_time',
        `machine ${i} is watched from ${start} to ${end}`,
        'End must come after start',
      )
    }
    for (let j = 0; j < events.length; j++) {
      const t = events[j] as number
      if (!(t > 0 && t >= start && t <= end)) {
        refuse(
          'bad_time',
          `event ${j} of machine ${i} at ${t} is outside ${start} to ${end}`,
          'Use ages above 0 and within the time watched; check that they are cumulative',
        )
      }
    }
  })
}

/** Steps of a mean cumulative function: failures per machine by age. */
export interface MeanCumulative {
  readonly age: Float64Array
  readonly atRisk: Float64Array
  readonly events: Float64Array
  /** Mean number of failures per machine. */
  readonly mean: Float64Array
  readonly variance: Float64Array
  /** Two-sided bounds on the log scale. */
  readonly lower: Float64Array
  readonly upper: Float64Array
}

const distinctAges = (histories: readonly History[]): number[] =>
  [...new Set(histories.flatMap((h) => Array.from(h.events)))].sort((p, q) => p - q)

/** Counts per machine at each age: robust variance needs to know whose failure it was. */
const countsAt = (histories: readonly History[], ages: number[]): Map<number, number>[] => {
  const place = new Map(ages.map((age, i) => [age, i]))
  const at = ages.map(() => new Map<number, number>())
  histories.forEach((h, machine) => {
    for (let j = 0; j < h.events.length; j++) {
      const row = at[place.get(h.events[j] as number) as number] as Map<number, number>
      row.set(machine, (row.get(machine) ?? 0) + 1)
    }
  })
  return at
}

/**
 * Mean cumulative function M(t) = sum d/n with n the machines watched at that age.
 * variance 'robust' (default): sum over machines of (sum over ages of (d_i - d/n)/n)^2, right
 * however a machine's failures hang together (Lawless and Nadeau 1995). 'independent': each event
 * alone, sum of (1/n^2)((1-1/n)^2 + (n-1)/n^2), as ReliaSoft prints it. Bounds: M exp(+- z
 * sqrt(var)/M).
 * Refuses: bad_time, bad_argument, all_censored.
 * Source: Nelson (2003), Recurrent Events Data Analysis.
 */
export const meanCumulative = (
  histories: readonly History[],
  { confidence = 0.95, variance: kind = 'robust' as 'robust' | 'independent' } = {},
): MeanCumulative => {
  checkHistories(histories)
  const z = twoSidedZ(checkConfidence(confidence))
  const ages = distinctAges(histories)
  if (ages.length === 0)
    refuse('all_censored', 'no machine has failed', 'Wait for the first failure')
  const counts = countsAt(histories, ages)
  const column = () => new Float64Array(ages.length)
  const out = {
    age: Float64Array.from(ages),
    atRisk: column(),
    events: column(),
    mean: column(),
    variance: column(),
    lower: column(),
    upper: column(),
  }
  const influence = new Float64Array(histories.length)
  const ends = watched(histories)
  let [mean, independent, drift, squares] = [0, 0, 0, 0]
  ages.forEach((age, i) => {
    const row = counts[i] as Map<number, number>
    const n = ends.at(age)
    const d = [...row.values()].reduce((p, q) => p + q, 0)
    mean += d / n
    independent += (d / n ** 2) * ((1 - 1 / n) ** 2 + (n - 1) / n ** 2)
    if (kind === 'robust') {
      // Influence of machine i is own - drift while watched; sums are taken machine by machine.
      drift = d / (n * n)
      histories.forEach((h, m) => {
        if (age > h.end || age < (h.start ?? 0)) return
        const before = influence[m] as number
        const after = before + (row.get(m) ?? 0) / n - drift
        squares += after * after - before * before
        influence[m] = after
      })
    }
    const v = kind === 'robust' ? squares : independent
    const factor = Math.exp((z * Math.sqrt(Math.max(v, 0))) / mean)
    out.atRisk[i] = n
    out.events[i] = d
    out.mean[i] = mean
    out.variance[i] = v
    out.lower[i] = mean / factor
    out.upper[i] = mean * factor
  })
  return out
}

/** How many machines are watched at an age: start <= age <= end. */
const watched = (histories: readonly History[]): { at: (age: number) => number } => {
  const starts = Float64Array.from(histories, (h) => h.start ?? 0).sort()
  const ends = Float64Array.from(histories, (h) => h.end).sort()
  const below = (values: Float64Array, age: number, orEqual: boolean): number => {
    let [low, high] = [0, values.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const v = values[middle] as number
      if (v < age || (orEqual && v === age)) low = middle + 1
      else high = middle
    }
    return low
  }
  return { at: (age) => below(starts, age, true) - below(ends, age, false) }
}

/** Laplace's test of trend in one or several histories. */
export interface Trend {
  /** Standard normal under a constant rate; positive means failures come faster. */
  readonly u: number
  readonly p: number
  readonly trend: 'worsening' | 'improving' | 'constant'
  readonly events: number
}

/**
 * Laplace: U = (sum t - n * middle) / (span * sqrt(n/12)), summed over machines. With the end at
 * the last event (failure terminated) that event is left out. `constant` means: not rejected.
 * Refuses: too_few_failures (fewer than 2 events counted), bad_time.
 * Source: Cox and Lewis (1966), 3.3; IEC 61164; Modarres et al. example 5.11.
 */
export const laplaceTrend = (histories: readonly History[], confidence = 0.95): Trend => {
  checkHistories(histories)
  let [sum, variance, n] = [0, 0, 0]
  for (const { events, end, start = 0 } of histories) {
    const ages = Array.from(events).sort((p, q) => p - q)
    if (ages[ages.length - 1] === end) ages.pop()
    for (const t of ages) sum += t - (start + end) / 2
    variance += (ages.length * (end - start) ** 2) / 12
    n += ages.length
  }
  if (n < 2) {
    refuse(
      'too_few_failures',
      `${n} events are too few for a trend`,
      'Wait for at least 3 failures',
    )
  }
  const u = sum / Math.sqrt(variance)
  const rejected = Math.abs(u) > twoSidedZ(checkConfidence(confidence))
  return {
    u,
    p: 2 * normalCdf(-Math.abs(u)),
    trend: rejected ? (u > 0 ? 'worsening' : 'improving') : 'constant',
    events: n,
  }
}

/** A power-law (Crow-AMSAA) process: expected failures lambda t^beta per machine. */
export interface PowerLaw {
  readonly beta: number
  readonly lambda: number
  /** 1 - beta: positive when the machines improve. */
  readonly growth: number
  readonly events: number
  /** Total age watched, over all machines. */
  readonly total: number
  /** Age per failure over the whole span, and at its end; in the unit of the ages. */
  readonly cumulativeMtbf: number
  readonly instantMtbf: number
  /** Shape with its unbiasing factor (n-1)/n or (n-2)/n, and chi-squared bounds of the shape. */
  readonly betaUnbiased: number
  readonly betaBounds: Bounded
}

/**
 * Crow-AMSAA by maximum likelihood: beta = n / sum ln(T/t), lambda = n / (k T^beta), k machines
 * watched from age 0 to T. Time terminated unless T is the last event (failure terminated, then
 * that event adds ln 1 = 0). Machines with different ends are solved for by the general equation.
 * Refuses: too_few_failures (fewer than 2), bad_argument (late start).
 * Source: Crow (1974), AMSAA TR-138; MIL-HDBK-189; IEC 61164.
 */
export const crowAmsaa = (histories: readonly History[], confidence = 0.9): PowerLaw => {
  checkHistories(histories)
  let [n, logs, terminated] = [0, 0, 0]
  for (const { events, end, start = 0 } of histories) {
    if (start > 0) refuse('bad_argument', 'a machine joined late', 'Give histories from age 0')
    n += events.length
    for (let j = 0; j < events.length; j++) {
      logs += Math.log(end / (events[j] as number))
      if (events[j] === end) terminated++
    }
  }
  const m = n - terminated
  if (m < 2)
    refuse('too_few_failures', `${m} events before the end`, 'Wait for at least 3 failures')
  const beta = powerShape(histories, n, logs)
  const total = histories.reduce((t, h) => t + h.end, 0)
  const lambda = n / histories.reduce((t, h) => t + h.end ** beta, 0)
  const end = histories.reduce((t, h) => Math.max(t, h.end), 0)
  const tail = (1 - checkConfidence(confidence)) / 2
  const scale = beta / (2 * n)
  return {
    beta,
    lambda,
    growth: 1 - beta,
    events: n,
    total,
    cumulativeMtbf: end ** (1 - beta) / lambda,
    instantMtbf: end ** (1 - beta) / (lambda * beta),
    betaUnbiased: (beta * (terminated > 0 ? n - 2 : n - 1)) / n,
    betaBounds: {
      value: beta,
      lower: scale * chiSquaredQuantile(tail, 2 * m),
      upper: scale * chiSquaredQuantile(1 - tail, 2 * m),
    },
  }
}

/** With equal ends the closed form; otherwise n / (lambda sum T^b ln T - sum ln t) iterated. */
const powerShape = (histories: readonly History[], n: number, logs: number): number => {
  let beta = n / logs
  const top = histories.reduce((t, h) => Math.max(t, h.end), 0)
  if (histories.every((h) => h.end === top)) return beta
  let sumLog = 0
  for (const { events } of histories) {
    for (let j = 0; j < events.length; j++) sumLog += Math.log((events[j] as number) / top)
  }
  for (let i = 0; i < 500; i++) {
    let [a, b, c] = [0, 0, 0]
    for (const { end } of histories) {
      const l = Math.log(end / top)
      const p = (end / top) ** beta
      a += p
      b += p * l
      c += p * l * l
    }
    const f = n / beta + sumLog - (n * b) / a
    const slope = -n / (beta * beta) - (n * (c * a - b * b)) / (a * a)
    const next = Math.max(beta / 2, beta - f / slope)
    if (Math.abs(next - beta) < 1e-14 * beta) return next
    beta = next
  }
  return beta
}

/** Rate of occurrence of failures at an age: lambda beta t^(beta-1), failures per unit of age. */
export const rocof = ({ lambda, beta }: Pick<PowerLaw, 'lambda' | 'beta'>, age: number): number =>
  lambda * beta * age ** (beta - 1)

/**
 * Age at which the cumulative age per failure reaches the target: (1/(lambda target))^(1/(beta-1)).
 */
export const ageOfMtbf = ({ lambda, beta }: PowerLaw, target: number): number =>
  (1 / (lambda * target)) ** (1 / (beta - 1))
