// Maximum-likelihood fits of life models: Weibull, lognormal and exponential, two parameters each
// at most, under right, left and interval censoring and left truncation, with covariates in ln t.
// Refuses what has no answer (see `checkFittable`) instead of returning a number nobody can use.
import { extremeValue, type Family, normal } from './family.ts'
import { prepare, type Sample } from './likelihood.ts'
import { countLives, type Lives } from './lives.ts'
import { axes, invertSpd, maximise } from './newton.ts'
import { refuse } from './refusal.ts'

export type ModelName = 'weibull' | 'lognormal' | 'exponential' | 'weibull3'

/**
 * A fitted model: ln(T - threshold) = location + coefficients . x + scale * e, with e standard
 * smallest extreme value (Weibull, exponential) or normal (lognormal).
 * Weibull: eta = exp(location) in the unit of the ages, beta = 1 / scale.
 */
export interface Fit {
  readonly model: ModelName
  readonly family: Family
  readonly location: number
  readonly scale: number
  readonly threshold: number
  /** One per covariate, in the order given; empty without covariates. */
  readonly coefficients: readonly number[]
  /** Covariance of [location, ln scale, ...coefficients, threshold if fitted], row-major. */
  readonly covariance: Float64Array
  /** Natural log, densities per unit of age, no constant left out. */
  readonly logLikelihood: number
  /** Number of parameters estimated. */
  readonly parameters: number
  readonly failures: number
  readonly units: number
  readonly iterations: number
}

const familyOf = (model: ModelName): Family => (model === 'lognormal' ? normal : extremeValue)

/**
 * Refuses life data that no two-parameter fit can answer:
 * all_censored (no failure), too_few_failures (one), infinite_likelihood (all failures could have
 * happened at one and the same age, after every censored unit, so the scatter may be zero).
 */
export const checkFittable = (lives: Lives, model: ModelName): void => {
  const { failures, units } = countLives(lives)
  const weibayes = 'Use Weibayes with an assumed shape, which needs no failure'
  if (units === 0) refuse('too_few_failures', 'there are no units at all', 'Give at least one row')
  if (failures === 0) {
    refuse('all_censored', `all ${units} units are still running, none has failed`, weibayes)
  }
  const least = model === 'exponential' ? 1 : 2
  if (failures < least) {
    refuse('too_few_failures', `${failures} failure is fewer than the ${least} needed`, weibayes)
  }
  if (model === 'exponential') return
  let latestStart = 0
  let earliestEnd = Number.POSITIVE_INFINITY
  let censored = 0
  for (let i = 0; i < lives.lower.length; i++) {
    const low = lives.lower[i] as number
    const high = lives.upper[i] as number
    if (high === Number.POSITIVE_INFINITY) censored = Math.max(censored, low)
    else {
      latestStart = Math.max(latestStart, low)
      earliestEnd = Math.min(earliestEnd, high)
    }
  }
  const pointLike = latestStart === earliestEnd && censored <= earliestEnd
  if (pointLike || Math.max(latestStart, censored) < earliestEnd) {
    refuse(
      'infinite_likelihood',
      `all ${failures} failures fit one age (${earliestEnd}), so the shape has no upper limit`,
      'Inspect more often, give each failure its own age, or use Weibayes with an assumed shape',
    )
  }
}

/** Rough start: scatter of ln t over failures, location by the fraction failed. */
const startOf = (sample: Sample, family: Family, units: number): Float64Array => {
  const { exact, interval } = sample
  let sum = 0
  let count = 0
  const see = (y: number, w: number) => {
    sum += w * y * y
    count += w
  }
  exact.y.forEach((y, i) => {
    see(y, exact.w[i] as number)
  })
  interval.y.forEach((y, i) => {
    const high = interval.y2?.[i] as number
    see(y === Number.NEGATIVE_INFINITY ? high - 0.7 : 0.5 * (y + high), interval.w[i] as number)
  })
  const spread = Math.sqrt(sum / Math.max(count, 1))
  const start = new Float64Array(2 + sample.covariates)
  start[0] = family.quantile(Math.min(0.6, (0.6 * count) / units))
  start[1] = Math.min(20, Math.max(0.2, 0.9 / Math.max(spread, 1e-3)))
  return start
}

/** Covariance of [location, ln scale, coefficients] from that of [a, b, c] by the delta method. */
const naturalCovariance = (theta: Float64Array, raw: Float64Array): Float64Array => {
  const k = theta.length
  const b = theta[1] as number
  const j = new Float64Array(k * k)
  for (let r = 0; r < k; r++) {
    if (r === 1) j[k + 1] = -1 / b
    else {
      j[r * k + r] = -1 / b
      j[r * k + 1] = (theta[r] as number) / (b * b)
    }
  }
  const out = new Float64Array(k * k)
  for (let r = 0; r < k; r++) {
    for (let c = 0; c < k; c++) {
      let sum = 0
      for (let p = 0; p < k; p++) {
        for (let q = 0; q < k; q++) {
          sum += (j[r * k + p] as number) * (raw[p * k + q] as number) * (j[c * k + q] as number)
        }
      }
      out[r * k + c] = sum
    }
  }
  return out
}

/** Inverse of minus the Hessian over the free directions, zero elsewhere. */
const observedCovariance = (
  hessian: Float64Array,
  free: readonly number[],
  k: number,
): Float64Array => {
  const d = free.length
  const information = new Float64Array(d * d)
  free.forEach((r, i) => {
    free.forEach((c, j) => {
      information[i * d + j] = -(hessian[r * k + c] as number)
    })
  })
  const inverse =
    invertSpd(information, d) ??
    refuse(
      'no_convergence',
      'the likelihood is flat at its maximum',
      'Add failures or fix the shape',
    )
  const out = new Float64Array(k * k)
  free.forEach((r, i) => {
    free.forEach((c, j) => {
      out[r * k + c] = inverse[i * d + j] as number
    })
  })
  return out
}

/**
 * Maximum-likelihood fit of one model to life data.
 * weibull: S(t) = exp(-(t/eta)^beta); lognormal: S(t) = 1 - Phi((ln t - mu)/sigma);
 * exponential: S(t) = exp(-t/theta). With covariates x: location mu + coefficients . x.
 * Units: ages and eta in the caller's unit; log-likelihood in natural log.
 * Refuses: all_censored, too_few_failures, infinite_likelihood, no_convergence, bad_argument.
 * Source: Meeker and Escobar (1998), chapters 8, 11 and 17; Newton in 1/sigma, Burridge (1981).
 */
export const fitLives = (
  lives: Lives,
  model: Exclude<ModelName, 'weibull3'>,
  covariates: readonly Float64Array[] = [],
): Fit => {
  checkFittable(lives, model)
  const family = familyOf(model)
  const sample = prepare(lives, covariates)
  const { units, failures } = countLives(lives)
  const k = 2 + covariates.length
  const start = startOf(sample, family, units)
  const fixed = model === 'exponential' ? [1] : []
  if (model === 'exponential') start[1] = 1
  const best = maximise(sample, family, { start, directions: axes(k, fixed) })
  const { theta, evaluation } = best
  const free = Array.from({ length: k }, (_, i) => i).filter((i) => !fixed.includes(i))
  const b = theta[1] as number
  const covariance = naturalCovariance(theta, observedCovariance(evaluation.hessian, free, k))
  return {
    model,
    family,
    location: sample.centre - (theta[0] as number) / b,
    scale: 1 / b,
    threshold: 0,
    coefficients: Array.from(theta.subarray(2), (c) => -c / b),
    covariance,
    logLikelihood: evaluation.value,
    parameters: free.length,
    failures,
    units,
    iterations: best.iterations,
  }
}

/** Weibull scale (in the unit of the ages) and shape of a fit. Refuses wrong_kind for lognormal. */
export const weibullOf = (fit: Fit): { eta: number; beta: number; threshold: number } =>
  fit.family === extremeValue
    ? { eta: Math.exp(fit.location), beta: 1 / fit.scale, threshold: fit.threshold }
    : refuse('wrong_kind', `a ${fit.model} model has no eta and beta`, 'Read location and scale')

/** Probability of failure by age t (a fraction). */
export const failedBy = (fit: Fit, t: number): number =>
  t <= fit.threshold ? 0 : fit.family.cdf((Math.log(t - fit.threshold) - fit.location) / fit.scale)

/** Probability of living beyond age t (a fraction). */
export const survives = (fit: Fit, t: number): number =>
  t <= fit.threshold
    ? 1
    : fit.family.survivor((Math.log(t - fit.threshold) - fit.location) / fit.scale)

/** Age by which the fraction p has failed: B10 is p = 0.1. In the unit of the ages. */
export const lifeAt = (fit: Fit, p: number): number =>
  p > 0 && p < 1
    ? fit.threshold + Math.exp(fit.location + fit.scale * fit.family.quantile(p))
    : refuse('bad_argument', `the fraction failed is ${p}`, 'Give a fraction between 0 and 1')

/** Hazard (failures per unit of age, per surviving unit) at age t. */
export const hazardAt = (fit: Fit, t: number): number => {
  const age = t - fit.threshold
  if (age <= 0) return 0
  const z = (Math.log(age) - fit.location) / fit.scale
  return fit.family.pdf(z) / (fit.family.survivor(z) * fit.scale * age)
}
