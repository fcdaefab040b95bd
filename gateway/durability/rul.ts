// Remaining useful life learnt from runs to failure: windowed means and slopes of the signals,
// ridge regression on random Fourier features, and an interval from the errors made on runs that
// the model had not seen. Hyper-parameters are chosen on the training runs only.

import { solveSpd } from './newton.ts'
import { refuse } from './refusal.ts'

/** One machine's record: one column per signal, one value per cycle, oldest first. */
export interface Run {
  readonly signals: readonly Float64Array[]
}

/** Choices of the learner. */
export interface RulOptions {
  /** Remaining life is learnt up to here: before wear shows, nothing tells more (cycles). */
  readonly cap: number
  /** Cycles averaged into one feature. */
  readonly window: number
  /** Width of the kernel, in standard deviations of the features. */
  readonly width: number
  /** Ridge penalty per training row. */
  readonly ridge: number
  /** Number of random Fourier features. */
  readonly features: number
  /** Models with features of their own, averaged: one draw alone sways what is told. */
  readonly draws: number
}

/**
 * Best of 27 by cross-validation on train_FD001 (see the bench). The cap is not tuned: 125 to 130
 * cycles is customary for C-MAPSS (Heimes 2008).
 */
export const DEFAULT_OPTIONS: RulOptions = {
  cap: 125,
  window: 20,
  width: 4,
  ridge: 1e-3,
  features: 120,
  draws: 4,
}

/** Remaining cycles with an interval. */
export interface Remaining {
  readonly cycles: number
  readonly lower: number
  readonly upper: number
}

/** A learnt model: a function of a run up to now. */
export interface RulModel {
  readonly options: RulOptions
  /** Signals that vary; the others say nothing. */
  readonly used: readonly number[]
  /** Point estimate and interval for the end of a run. Refuses: bad_argument for an empty run. */
  readonly predict: (run: Run) => Remaining
}

const lengthOf = (run: Run): number => run.signals[0]?.length ?? 0

const checkRuns = (runs: readonly Run[], least: number): void => {
  if (runs.length < least) {
    refuse(
      'too_few_failures',
      `${runs.length} runs to failure`,
      `Record at least ${least} to the end`,
    )
  }
  const columns = runs[0]?.signals.length ?? 0
  runs.forEach((run, i) => {
    const n = lengthOf(run)
    if (
      run.signals.length !== columns ||
      columns === 0 ||
      n === 0 ||
      run.signals.some((s) => s.length !== n)
    ) {
      refuse(
        'bad_argument',
        `run ${i} has not ${columns} columns of one length`,
        'Check the record',
      )
    }
  })
}

interface Scale {
  used: number[]
  mean: Float64Array
  deviation: Float64Array
}

/** Means and deviations of the signals that vary. */
const scaleOf = (runs: readonly Run[]): Scale => {
  const used: number[] = []
  const mean: number[] = []
  const deviation: number[] = []
  runs[0]?.signals.forEach((_, s) => {
    let [n, sum, squares] = [0, 0, 0]
    const first = runs[0]?.signals[s]?.[0] ?? 0
    for (const run of runs) {
      for (const v of run.signals[s] as Float64Array) {
        n++
        sum += v - first
        squares += (v - first) ** 2
      }
    }
    const m = sum / n
    const d = Math.sqrt(Math.max(0, squares / n - m * m))
    if (d > 1e-9 * (1 + Math.abs(first + m))) {
      used.push(s)
      mean.push(first + m)
      deviation.push(d)
    }
  })
  if (used.length === 0) refuse('bad_argument', 'no signal varies', 'Record signals that show wear')
  return { used, mean: Float64Array.from(mean), deviation: Float64Array.from(deviation) }
}

/**
 * Features at the end of the first `n` cycles: window mean, slope and start per signal, and age.
 */
const featuresAt = (
  run: Run,
  n: number,
  { scale, window }: { scale: Scale; window: number },
): Float64Array => {
  const { used, mean, deviation } = scale
  const k = used.length
  const out = new Float64Array(3 * k + 1)
  const average = (v: Float64Array, from: number, to: number): number => {
    let sum = 0
    for (let i = from; i < to; i++) sum += v[i] as number
    return sum / (to - from)
  }
  used.forEach((s, i) => {
    const v = run.signals[s] as Float64Array
    const scaled = (x: number) => (x - (mean[i] as number)) / (deviation[i] as number)
    const from = Math.max(0, n - window)
    const now = scaled(average(v, from, n))
    const before = scaled(average(v, Math.max(0, n - 3 * window), Math.max(1, from)))
    out[i] = now
    out[k + i] = now - before
    out[2 * k + i] = 0.5 * scaled(average(v, 0, Math.min(n, window)))
  })
  out[3 * k] = n / 100
  return out
}

/** Standard normal numbers from uniform ones (Box and Muller 1958). */
const normals =
  (random: () => number): (() => number) =>
  () =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** cos(w.x + phase) features of a Gaussian kernel (Rahimi and Recht 2007), with x and 1 beside. */
const lift = (dimension: number, { width, features }: RulOptions, random: () => number) => {
  const next = normals(random)
  const w = Float64Array.from({ length: features * dimension }, () => next() / width)
  const phase = Float64Array.from({ length: features }, () => 2 * Math.PI * random())
  return (x: Float64Array): Float64Array => {
    const out = new Float64Array(features + dimension + 1)
    for (let f = 0; f < features; f++) {
      let z = phase[f] as number
      for (let d = 0; d < dimension; d++) z += (w[f * dimension + d] as number) * (x[d] as number)
      out[f] = Math.cos(z)
    }
    out.set(x, features)
    out[features + dimension] = 1
    return out
  }
}

interface Row {
  x: Float64Array
  truth: number
}

/** Training rows: every `stride`-th cycle of each run, with the cycles left to its end. */
const rowsOf = (
  runs: readonly Run[],
  stride: number,
  how: { scale: Scale; window: number },
): Row[] =>
  runs.flatMap((run) => {
    const n = lengthOf(run)
    const rows: Row[] = []
    for (let at = n; at >= 10; at -= stride)
      rows.push({ x: featuresAt(run, at, how), truth: n - at })
    return rows
  })

/** Ridge regression of the capped remaining life on lifted features. */
const solveRidge = (
  rows: readonly Row[],
  up: (x: Float64Array) => Float64Array,
  { ridge, cap }: RulOptions,
): Float64Array => {
  const first = up(rows[0]?.x as Float64Array)
  const k = first.length
  const a = new Float64Array(k * k)
  const b = new Float64Array(k)
  for (const { x, truth } of rows) {
    const z = up(x)
    const y = Math.min(truth, cap)
    for (let i = 0; i < k; i++) {
      const zi = z[i] as number
      b[i] = (b[i] as number) + zi * y
      for (let j = 0; j <= i; j++) a[i * k + j] = (a[i * k + j] as number) + zi * (z[j] as number)
    }
  }
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < i; j++) a[j * k + i] = a[i * k + j] as number
    a[i * k + i] = (a[i * k + i] as number) + ridge * rows.length
  }
  return (
    solveSpd(a, b) ??
    refuse('no_convergence', 'the features are degenerate', 'Raise the ridge penalty')
  )
}

type Point = (run: Run, n: number) => number

/** A point predictor from runs. */
const learn = (
  runs: readonly Run[],
  options: RulOptions,
  random: () => number,
): { point: Point; scale: Scale } => {
  const scale = scaleOf(runs)
  const how = { scale, window: options.window }
  const rows = rowsOf(runs, STRIDE, how)
  const models = Array.from({ length: options.draws }, () => {
    const up = lift(3 * scale.used.length + 1, options, random)
    return { up, weights: solveRidge(rows, up, options) }
  })
  const point: Point = (run, n) => {
    const x = featuresAt(run, n, how)
    let sum = 0
    for (const { up, weights } of models) {
      const z = up(x)
      for (let i = 0; i < z.length; i++) sum += (z[i] as number) * (weights[i] as number)
    }
    return Math.min(options.cap, Math.max(0, sum / models.length))
  }
  return { point, scale }
}

const STRIDE = 4
/** Many, so that a held-out model has seen nearly as much as the final one. */
const FOLDS = 10

/** A prediction on a run that its model had not seen, with the truth. */
export interface HeldOut {
  readonly predicted: number
  readonly truth: number
}

/** Of which run, and at which cycle. */
interface Calibration extends HeldOut {
  readonly run: number
  readonly age: number
}

/**
 * Cross-validation by whole runs: every run is predicted, at every `stride`-th cycle from 30 on, by
 * a model learnt without it. Truth is not capped.
 */
export const crossValidate = (
  runs: readonly Run[],
  options: RulOptions,
  random: () => number,
): Calibration[] => {
  checkRuns(runs, FOLDS)
  const out: Calibration[] = []
  for (let fold = 0; fold < FOLDS; fold++) {
    const inside = runs.filter((_, i) => i % FOLDS !== fold)
    const { point } = learn(inside, options, random)
    runs.forEach((run, i) => {
      if (i % FOLDS !== fold) return
      const n = lengthOf(run)
      for (let at = Math.min(30, n); at <= n; at += STRIDE)
        out.push({ predicted: point(run, at), truth: n - at, run: i, age: at })
    })
  }
  return out
}

/** Root mean squared error, cycles; truth capped if a cap is given. */
export const rmse = (pairs: readonly HeldOut[], cap = Number.POSITIVE_INFINITY): number =>
  Math.sqrt(
    pairs.reduce((s, p) => s + (p.predicted - Math.min(p.truth, cap)) ** 2, 0) / pairs.length,
  )

/**
 * Score of the PHM 2008 challenge: sum of exp(-d/13) - 1 for d < 0, exp(d/10) - 1 otherwise, with
 * d = predicted - truth: predicting too late costs more. Source: Saxena et al. (2008).
 */
export const phm08 = (pairs: readonly HeldOut[]): number =>
  pairs.reduce((s, { predicted, truth }) => {
    const d = predicted - truth
    return s + Math.expm1(d < 0 ? -d / 13 : d / 10)
  }, 0)

/** Fraction of truths inside the intervals. */
export const coverage = (pairs: readonly { remaining: Remaining; truth: number }[]): number =>
  pairs.filter(({ remaining: r, truth }) => truth >= r.lower && truth <= r.upper).length /
  pairs.length

/**
 * One error a run, at the moment when it was most like the machine asked about: its held-out
 * estimate and its age; the nearest runs only, ascending. Errors of one run hang together, runs do
 * not: only so is the count of them one that a quantile may be corrected by.
 */
const errorsLike = (
  held: readonly (readonly Calibration[])[],
  { predicted, age }: { predicted: number; age: number },
  scale: { predicted: number; age: number },
): Float64Array => {
  const nearest = held.map((points) => {
    let [best, error] = [Number.POSITIVE_INFINITY, 0]
    for (const p of points) {
      const d =
        ((p.predicted - predicted) / scale.predicted) ** 2 + ((p.age - age) / scale.age) ** 2
      if (d < best) [best, error] = [d, p.truth - p.predicted]
    }
    return { best, error }
  })
  nearest.sort((p, q) => p.best - q.best)
  const count = Math.min(nearest.length, Math.max(LEAST_LIKE, Math.ceil(nearest.length * LIKE)))
  return Float64Array.from(nearest.slice(0, count), ({ error }) => error).sort()
}

/** Share of the runs that are asked, and fewest: below 40 a tail of 5 % has less than two. */
const LIKE = 0.6
const LEAST_LIKE = 40

/**
 * Learns remaining life from runs to failure. The interval holds `nominal` of the true lives: it
 * adds to the estimate quantiles of the errors that were made on held-out runs at a like estimate
 * and age, one a run, at the ranks of conformal prediction, (n + 1) times the tail, so that few
 * runs widen it (Lei et al. 2018; locally, as of Guan 2023). `random` gives uniform numbers in
 * [0, 1). Refuses: too_few_failures (fewer than 10 runs), bad_argument.
 */
export const trainRul = (
  runs: readonly Run[],
  {
    options = DEFAULT_OPTIONS,
    nominal = 0.9,
    random,
  }: { options?: RulOptions; nominal?: number; random: () => number },
): RulModel => {
  const all = crossValidate(runs, options, random)
  const held = runs.map((_, run) => all.filter((p) => p.run === run))
  const { point, scale } = learn(runs, options, random)
  const like = { predicted: rmse(all, options.cap), age: 2 * options.window }
  const tail = (1 - nominal) / 2
  return {
    options,
    used: scale.used,
    predict: (run) => {
      checkRuns([run], 1)
      const age = lengthOf(run)
      const cycles = point(run, age)
      const errors = errorsLike(held, { predicted: cycles, age }, like)
      const n = errors.length
      const rank = Math.max(1, Math.floor((n + 1) * tail))
      return {
        cycles,
        lower: Math.max(0, cycles + (errors[rank - 1] as number)),
        upper: Math.max(0, cycles + (errors[n - rank] as number)),
      }
    },
  }
}

/** The best of some options by cross-validated RMSE (truth capped) on the training runs alone. */
export const chooseOptions = (
  runs: readonly Run[],
  candidates: readonly RulOptions[],
  random: () => number,
): { best: RulOptions; scores: readonly { options: RulOptions; rmse: number }[] } => {
  const scores = candidates.map((options) => ({
    options,
    rmse: rmse(crossValidate(runs, options, random), options.cap),
  }))
  const [best] = [...scores].sort((p, q) => p.rmse - q.rmse)
  return { best: best?.options ?? DEFAULT_OPTIONS, scores }
}
