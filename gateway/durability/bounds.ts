// Confidence bounds for a fitted life model: normal approximation (on the scale on which it is
// good) and likelihood ratio (better when failures are few). All bounds are two-sided; a one-sided
// bound at level C is the two-sided bound at 2C - 1.
import { extremeValue } from './family.ts'
import { type Fit, lifeAt } from './fit.ts'
import { prepare, type Sample } from './likelihood.ts'
import type { Lives } from './lives.ts'
import { axes, maximise } from './newton.ts'
import { findRoot } from './optimise.ts'
import { checkConfidence, refuse } from './refusal.ts'
import { chiSquaredQuantile, twoSidedZ } from './special.ts'

/** A value with two-sided confidence bounds, in the value's own unit. */
export interface Bounded {
  value: number
  lower: number
  upper: number
}

const size = (fit: Fit): number => Math.sqrt(fit.covariance.length)

const varianceOf = (fit: Fit, gradient: readonly number[]): number => {
  const k = size(fit)
  let sum = 0
  for (let i = 0; i < gradient.length; i++) {
    for (let j = 0; j < gradient.length; j++) {
      sum +=
        (gradient[i] as number) * (gradient[j] as number) * (fit.covariance[i * k + j] as number)
    }
  }
  return Math.max(0, sum)
}

/** exp-scaled bounds: value * exp(-+ z se) with se the standard error of ln value. */
const logBounds = (value: number, se: number, confidence: number): Bounded => {
  const factor = Math.exp(twoSidedZ(checkConfidence(confidence)) * se)
  return { value, lower: value / factor, upper: value * factor }
}

/**
 * Parameters with normal-approximation bounds: eta and beta (Weibull), mu and sigma (lognormal),
 * theta = mean life (exponential), threshold. Positive ones are bounded on the log scale.
 * Source: Meeker and Escobar (1998), 8.4.
 */
export const parameterBounds = (fit: Fit, confidence = 0.95): Record<string, Bounded> => {
  const seLocation = Math.sqrt(varianceOf(fit, [1]))
  const seLogScale = Math.sqrt(varianceOf(fit, [0, 1]))
  const z = twoSidedZ(checkConfidence(confidence))
  const out: Record<string, Bounded> = {}
  if (fit.family === extremeValue) {
    const name = fit.model === 'exponential' ? 'theta' : 'eta'
    out[name] = logBounds(Math.exp(fit.location), seLocation, confidence)
    if (fit.model !== 'exponential') out['beta'] = logBounds(1 / fit.scale, seLogScale, confidence)
  } else {
    const half = z * seLocation
    out['mu'] = { value: fit.location, lower: fit.location - half, upper: fit.location + half }
    out['sigma'] = logBounds(fit.scale, seLogScale, confidence)
  }
  if (fit.model === 'weibull3') {
    const half = z * Math.sqrt(varianceOf(fit, [0, 0, 1]))
    out['threshold'] = {
      value: fit.threshold,
      lower: fit.threshold - half,
      upper: fit.threshold + half,
    }
  }
  return out
}

/** Standard error of ln t_p: B-life on the log scale, by the delta method. Dimensionless. */
export const logLifeError = (fit: Fit, p: number): number => {
  const q = fit.family.quantile(p)
  const life = lifeAt(fit, p)
  const inner = (life - fit.threshold) / life
  const gradient = [inner, inner * fit.scale * q]
  if (fit.model === 'weibull3') gradient.push(1 / life)
  return Math.sqrt(varianceOf(fit, gradient))
}

/**
 * Age by which the fraction p has failed, with normal-approximation bounds on the log scale.
 * Source: Meeker and Escobar (1998), 8.4.3. In the unit of the ages.
 */
export const lifeBounds = (fit: Fit, p: number, confidence = 0.95): Bounded =>
  logBounds(lifeAt(fit, p), logLifeError(fit, p), confidence)

/**
 * Fraction failed by age t with bounds, transformed through z = (ln t - mu) / sigma, so that they
 * stay between 0 and 1. Source: Meeker and Escobar (1998), 8.4.3.
 */
export const failedBounds = (fit: Fit, t: number, confidence = 0.95): Bounded => {
  const age = t - fit.threshold
  if (age <= 0) return { value: 0, lower: 0, upper: 0 }
  const z = (Math.log(age) - fit.location) / fit.scale
  const gradient = [-1 / fit.scale, -z]
  if (fit.model === 'weibull3') gradient.push(-1 / (fit.scale * age))
  const half = twoSidedZ(checkConfidence(confidence)) * Math.sqrt(varianceOf(fit, gradient))
  const { cdf } = fit.family
  return { value: cdf(z), lower: cdf(z - half), upper: cdf(z + half) }
}

/** What a likelihood-ratio bound is wanted for: a life, the scale (eta, exp mu), or the shape. */
export type Quantity = { life: number } | 'scale' | 'shape'

/** Best log-likelihood with the quantity held at exp(x). */
const profile = (sample: Sample, fit: Fit, quantity: Quantity): ((x: number) => number) => {
  const { family } = fit
  if (quantity === 'shape') {
    return (x) => {
      const start = Float64Array.of((sample.centre - fit.location) * Math.exp(x), Math.exp(x))
      return maximise(sample, family, { start, directions: axes(2, [1]) }).evaluation.value
    }
  }
  const q = quantity === 'scale' ? 0 : family.quantile(quantity.life)
  return (x) => {
    // a + b y = q at the held age: moving along (-y, 1) keeps it there.
    const y = x - sample.centre
    const b = 1 / fit.scale
    if (fit.model === 'exponential') {
      const start = Float64Array.of(q - y, 1)
      return maximise(sample, family, { start, directions: [] }).evaluation.value
    }
    const start = Float64Array.of(q - b * y, b)
    return maximise(sample, family, { start, directions: [Float64Array.of(-y, 1)] }).evaluation
      .value
  }
}

/**
 * Likelihood-ratio bounds: the values at which 2 (max l - profile l) = chi-squared(confidence, 1).
 * For a life t_p, for eta (or exp mu) or for beta (or 1/sigma); lives as they were fitted.
 * Refuses: wrong_kind for models with a threshold or covariates, no_convergence.
 * Source: Meeker and Escobar (1998), 8.3; Nelson (1982), 8.6.
 */
export const ratioBounds = (
  lives: Lives,
  fit: Fit,
  { quantity, confidence = 0.95 }: { quantity: Quantity; confidence?: number },
): Bounded => {
  if (fit.model === 'weibull3' || fit.coefficients.length > 0) {
    refuse('wrong_kind', 'ratio bounds cover two-parameter models', 'Use the normal bounds')
  }
  if (quantity === 'shape' && fit.model === 'exponential') {
    refuse('wrong_kind', 'an exponential model has no shape', 'Fit a Weibull model')
  }
  const sample = prepare(lives)
  const at = profile(sample, fit, quantity)
  const drop = chiSquaredQuantile(checkConfidence(confidence), 1) / 2
  const centre =
    quantity === 'shape'
      ? -Math.log(fit.scale)
      : Math.log(lifeAt(fit, quantity === 'scale' ? fit.family.cdf(0) : quantity.life))
  const error =
    quantity === 'shape'
      ? Math.sqrt(varianceOf(fit, [0, 1]))
      : logLifeError(fit, quantity === 'scale' ? fit.family.cdf(0) : quantity.life)
  const excess = (x: number) => fit.logLikelihood - at(x) - drop
  const side = (sign: number): number => {
    let far = centre + sign * error * Math.sqrt(2 * drop)
    for (let i = 0; i < 60 && excess(far) < 0; i++) far = centre + (far - centre) * 1.5
    return Math.exp(findRoot(excess, [centre, far], 1e-12))
  }
  return { value: Math.exp(centre), lower: side(-1), upper: side(1) }
}
