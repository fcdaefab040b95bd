// Populations that are not one: two kinds of units with a life each (mixture), and units that will
// never fail in this way among some that will (defective subpopulation).
// Exact failures and right censoring only.

import { type Fit, fitLives } from './fit.ts'
import { countLives, type Lives } from './lives.ts'
import { minimise } from './optimise.ts'
import { Refusal, refuse } from './refusal.ts'

/** One Weibull in a model. Ages and eta in the caller's unit. */
export interface WeibullPart {
  readonly eta: number
  readonly beta: number
}

/** Two Weibulls, the shorter-lived first. */
export interface Mixture {
  readonly first: WeibullPart
  readonly second: WeibullPart
  /** Fraction of units of the first kind. */
  readonly share: number
  readonly logLikelihood: number
  readonly parameters: 5
}

const logSurvivor = (t: number, { eta, beta }: WeibullPart): number => -((t / eta) ** beta)
const logDensity = (t: number, { eta, beta }: WeibullPart): number =>
  Math.log(beta / eta) + (beta - 1) * Math.log(t / eta) - (t / eta) ** beta

const checkKind = (lives: Lives): void => {
  const { failures, interval, truncated } = countLives(lives)
  if (interval > 0 || truncated > 0) {
    refuse('wrong_kind', 'interval censoring or late entry', 'These models need exact ages from 0')
  }
  if (failures === 0) refuse('all_censored', 'no unit has failed', 'Use Weibayes')
}

/** Sum over units of ln f or ln S of a model given by both functions. */
const sumOver = (
  { lower, upper, weight }: Lives,
  density: (t: number) => number,
  survivor: (t: number) => number,
): number => {
  let sum = 0
  for (let i = 0; i < lower.length; i++) {
    const t = lower[i] as number
    const term = upper[i] === Number.POSITIVE_INFINITY ? survivor(t) : density(t)
    sum += (weight?.[i] ?? 1) * term
  }
  return sum
}

/** ln(p e^a + (1 - p) e^b). */
const logMix = (p: number, a: number, b: number): number => {
  const top = Math.max(a, b)
  return top + Math.log(p * Math.exp(a - top) + (1 - p) * Math.exp(b - top))
}

type Parts = [first: WeibullPart, second: WeibullPart, share: number]

const mixtureLikelihood = (lives: Lives, [a, b, p]: Parts): number =>
  sumOver(
    lives,
    (t) => logMix(p, logDensity(t, a), logDensity(t, b)),
    (t) => logMix(p, logSurvivor(t, a), logSurvivor(t, b)),
  )

/** One round of expectation and maximisation: shares of each unit, then a weighted fit per kind. */
const emRound = (lives: Lives, [a, b, p]: Parts): Parts => {
  const { lower, upper, weight } = lives
  const share = Float64Array.from(lower, (t, i) => {
    const f = upper[i] === Number.POSITIVE_INFINITY ? logSurvivor : logDensity
    return 1 / (1 + ((1 - p) / p) * Math.exp(f(t, b) - f(t, a)))
  })
  const part = (of: (s: number) => number): WeibullPart => {
    const w = share.map((s, i) => of(s) * (weight?.[i] ?? 1))
    const fit = fitLives({ lower, upper, weight: w }, 'weibull')
    return { eta: Math.exp(fit.location), beta: 1 / fit.scale }
  }
  const units = lower.reduce((n, _, i) => n + (weight?.[i] ?? 1), 0)
  const first = share.reduce((n, s, i) => n + s * (weight?.[i] ?? 1), 0)
  return [part((s) => s), part((s) => 1 - s), first / units]
}

/** A start that splits the failures at a quantile of their ages. */
const splitAt = (lives: Lives, q: number): Parts | undefined => {
  const failed = lives.lower.filter((_, i) => lives.upper[i] !== Number.POSITIVE_INFINITY).sort()
  const cut = failed[Math.floor(failed.length * q)] as number
  const keep = (early: boolean): Lives => {
    const rows = Array.from(lives.lower, (_, i) => i).filter(
      (i) => (lives.lower[i] as number) < cut === early,
    )
    const take = (v: Float64Array) => Float64Array.from(rows, (i) => v[i] as number)
    return {
      lower: take(lives.lower),
      upper: take(lives.upper),
      ...(lives.weight && { weight: take(lives.weight) }),
    }
  }
  try {
    const [a, b] = [fitLives(keep(true), 'weibull'), fitLives(keep(false), 'weibull')]
    const part = (f: Fit): WeibullPart => ({ eta: Math.exp(f.location), beta: 1 / f.scale })
    return [part(a), part(b), q]
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}

const ROUNDS = 60

/**
 * Mixture of two Weibulls, F = p F1 + (1 - p) F2, by EM from several starts, then polished.
 * Refuses: too_few_failures (fewer than 10), wrong_kind, no_convergence.
 * Source: Dempster, Laird and Rubin (1977); Abernethy, The New Weibull Handbook, 3.
 */
export const fitMixture = (lives: Lives): Mixture => {
  checkKind(lives)
  const { failures } = countLives(lives)
  if (failures < 10) {
    refuse(
      'too_few_failures',
      `${failures} failures for five parameters`,
      'Fit one Weibull, or wait for 10',
    )
  }
  let best: { parts: Parts; value: number } | undefined
  for (const q of [0.15, 0.3, 0.5, 0.7, 0.85]) {
    let parts = splitAt(lives, q)
    for (let i = 0; parts && i < ROUNDS; i++) parts = tryRound(lives, parts)
    if (!parts) continue
    const value = mixtureLikelihood(lives, parts)
    if (!best || value > best.value) best = { parts, value }
  }
  if (!best)
    return refuse('no_convergence', 'the data do not part into two kinds', 'Fit one Weibull')
  const pack = ([a, b, p]: Parts) => [a.eta, a.beta, b.eta, b.beta, p / (1 - p)].map(Math.log)
  const unpack = (x: number[]): Parts => {
    const [e1, b1, e2, b2, odds] = x.map(Math.exp) as [number, number, number, number, number]
    return [{ eta: e1, beta: b1 }, { eta: e2, beta: b2 }, odds / (1 + odds)]
  }
  const polished = minimise((x) => -mixtureLikelihood(lives, unpack(x)), pack(best.parts), {
    step: 0.02,
  })
  const [a, b, p] = unpack(polished.x)
  const swap = a.eta > b.eta
  return {
    first: swap ? b : a,
    second: swap ? a : b,
    share: swap ? 1 - p : p,
    logLikelihood: -polished.f,
    parameters: 5,
  }
}

/** A round, or undefined when a kind has died out. */
const tryRound = (lives: Lives, parts: Parts): Parts | undefined => {
  try {
    return emRound(lives, parts)
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}

/** A defective subpopulation: only the fraction `share` ever fails in this way. */
export interface Defective {
  readonly part: WeibullPart
  readonly share: number
  readonly logLikelihood: number
  readonly parameters: 3
  /** Log-likelihood gained over the plain Weibull; below 2 the data do not ask for this model. */
  readonly gain: number
}

/**
 * Defective subpopulation, F = p F_weibull: exact failures p f, running units 1 - p F.
 * Refuses: too_few_failures (fewer than 3), wrong_kind, all_censored.
 * Source: Meeker (1987), Limited failure population life tests; Meeker and Escobar (1998), 11.5.
 */
export const fitDefective = (lives: Lives): Defective => {
  checkKind(lives)
  const { failures, units } = countLives(lives)
  if (failures < 3) {
    refuse(
      'too_few_failures',
      `${failures} failures for three parameters`,
      'Fit a Weibull, or wait',
    )
  }
  const plain = fitLives(lives, 'weibull')
  const value = ([e, b, o]: number[]): number => {
    const part = { eta: Math.exp(e as number), beta: Math.exp(b as number) }
    const p = 1 / (1 + Math.exp(-(o as number)))
    const logP = Math.log(p)
    return -sumOver(
      lives,
      (t) => logP + logDensity(t, part),
      (t) => Math.log(1 - p + p * Math.exp(logSurvivor(t, part))),
    )
  }
  const only = { ...lives, upper: lives.lower }
  const failed = Array.from(lives.upper, (u, i) =>
    u === Number.POSITIVE_INFINITY ? 0 : (lives.weight?.[i] ?? 1),
  )
  const early = fitLives({ ...only, weight: Float64Array.from(failed) }, 'weibull')
  const odds = Math.log(failures / Math.max(units - failures, 0.5))
  const starts = [
    [early.location, -Math.log(early.scale), odds],
    [plain.location, -Math.log(plain.scale), 4],
  ]
  const found = starts.map((start) => minimise(value, start)).sort((p, q) => p.f - q.f)[0]
  const [e, b, o] = (found?.x ?? []) as [number, number, number]
  const logLikelihood = -(found?.f ?? Number.NaN)
  return {
    part: { eta: Math.exp(e), beta: Math.exp(b) },
    share: 1 / (1 + Math.exp(-o)),
    logLikelihood,
    parameters: 3,
    gain: logLikelihood - plain.logLikelihood,
  }
}

/** Fraction failed by age t under a mixture. */
export const mixtureFailedBy = ({ first, second, share }: Mixture, t: number): number =>
  -share * Math.expm1(logSurvivor(t, first)) - (1 - share) * Math.expm1(logSurvivor(t, second))

/** Fraction failed by age t with a defective subpopulation; its limit is the share. */
export const defectiveFailedBy = ({ part, share }: Defective, t: number): number =>
  -share * Math.expm1(logSurvivor(t, part))
