// The three-parameter Weibull: no failure is possible before an age of its own (the threshold).
// Fitted by profiling the two-parameter likelihood over the threshold, because the joint likelihood
// is unbounded at the first failure: the interior maximum is taken, and none means a refusal.
import { extremeValue } from './family.ts'
import { type Fit, fitLives } from './fit.ts'
import { evaluate, prepare } from './likelihood.ts'
import { type Lives, shiftLives } from './lives.ts'
import { invertSpd } from './newton.ts'
import { minimise1 } from './optimise.ts'
import { refuse } from './refusal.ts'

const GRID = 40
const DEEPEST = 12

/** Log-likelihood at [location, ln scale, threshold]. */
const logLikelihoodAt = (lives: Lives, [location, logScale, threshold]: number[]): number => {
  const sample = prepare(shiftLives(lives, threshold as number))
  const b = Math.exp(-(logScale as number))
  const a = (sample.centre - (location as number)) * b
  return evaluate(sample, extremeValue, Float64Array.of(a, b)).value
}

/** Minus the Hessian by central differences, then its inverse. */
const numericCovariance = (lives: Lives, at: number[], first: number): Float64Array => {
  const steps = [1e-4, 1e-4, Math.min(1e-4 * (at[2] as number), 0.02 * (first - (at[2] as number)))]
  const f = (i: number, si: number, [j, sj]: [number, number]): number => {
    const x = [...at]
    x[i] = (x[i] as number) + si * (steps[i] as number)
    x[j] = (x[j] as number) + sj * (steps[j] as number)
    return logLikelihoodAt(lives, x)
  }
  const information = new Float64Array(9)
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      const top = f(i, 1, [j, 1]) - f(i, 1, [j, -1]) - f(i, -1, [j, 1]) + f(i, -1, [j, -1])
      information[i * 3 + j] = -top / (4 * (steps[i] as number) * (steps[j] as number))
    }
  }
  return (
    invertSpd(information, 3) ??
    refuse('no_convergence', 'the three-parameter likelihood is flat', 'Use two parameters')
  )
}

const firstFailure = ({ lower, upper }: Lives): number => {
  let first = Number.POSITIVE_INFINITY
  for (let i = 0; i < lower.length; i++) {
    if (upper[i] !== Number.POSITIVE_INFINITY) first = Math.min(first, upper[i] as number)
  }
  return first
}

/**
 * Three-parameter Weibull, S(t) = exp(-((t - gamma)/eta)^beta) for t > gamma, 0 <= gamma < first
 * failure, by maximum likelihood. Ages, eta and gamma in the caller's unit.
 * Refuses as fitLives does, and infinite_likelihood when the likelihood only grows towards the
 * first failure. A threshold of 0 means that the data support none.
 * Source: Meeker and Escobar (1998), 11.7; Smith (1985) on the unbounded likelihood.
 */
export const fitWeibull3 = (lives: Lives): Fit => {
  fitLives(lives, 'weibull')
  const first = firstFailure(lives)
  const threshold = (u: number) => first * -Math.expm1(-u)
  const at = (u: number): number => {
    try {
      return -fitLives(shiftLives(lives, threshold(u)), 'weibull').logLikelihood
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }
  const us = Array.from({ length: GRID + 1 }, (_, i) => (DEEPEST * i) / GRID)
  const values = us.map(at)
  let best = -1
  for (let i = 0; i < GRID; i++) {
    const here = values[i] as number
    const inner = (i === 0 || here <= (values[i - 1] as number)) && here < (values[i + 1] as number)
    if (inner && (best < 0 || here < (values[best] as number))) best = i
  }
  if (best < 0) {
    refuse(
      'infinite_likelihood',
      'the likelihood only grows as the threshold nears the first failure',
      'Use the two-parameter Weibull, or give failures as found between inspections',
    )
  }
  const low = us[Math.max(0, best - 1)] as number
  const u = minimise1(at, [low, us[best + 1] as number], 1e-10)
  const gamma = at(0) <= at(u) ? 0 : threshold(u)
  const inner = fitLives(shiftLives(lives, gamma), 'weibull')
  const point = [inner.location, Math.log(inner.scale), gamma]
  const covariance = gamma > 0 ? numericCovariance(lives, point, first) : pad(inner.covariance)
  return { ...inner, model: 'weibull3', threshold: gamma, covariance, parameters: 3 }
}

/** 2 x 2 into 3 x 3 with nothing known of the third: a threshold on its limit has no error. */
const pad = (c: Float64Array): Float64Array =>
  Float64Array.of(c[0] as number, c[1] as number, 0, c[2] as number, c[3] as number, 0, 0, 0, 0)
