// The claim meter: how many times longer does it last than a reference tool, what is the least the
// data bear out at a stated confidence, and the sentence a buyer can read.
// Never says more than the data: a target is "shown" only when the lower bound reaches it in the
// worst case for silent units.
import { logLifeError } from './bounds.ts'
import { fitLives, lifeAt, weibullOf } from './fit.ts'
import { countLives, type Lives } from './lives.ts'
import { checkConfidence, refuse } from './refusal.ts'
import { type History, meanCumulative } from './repairable.ts'
import { normalQuantile } from './special.ts'
import { stepAt } from './survival.ts'
import { weibayes } from './weibayes.ts'

/** A ratio with a one-sided lower and a one-sided upper confidence bound (dimensionless). */
export interface Ratio {
  /** Best estimate; undefined while the product has too few failures for one. */
  readonly ratio?: number
  readonly lower: number
  readonly upper: number
  readonly confidence: number
  /** How it was found, for the small print. */
  readonly basis: 'b10' | 'b10 by Weibayes' | 'failures per machine'
}

/** ln B10 and its standard error, or only a lower bound when failures are too few. */
interface LogLife {
  log?: number
  error: number
  /** One-sided lower bound of B10 at a confidence. */
  lowerAt: (confidence: number) => number
  upperAt: (confidence: number) => number
}

const normalLife = (log: number, error: number): LogLife => ({
  log,
  error,
  lowerAt: (c) => Math.exp(log - normalQuantile(c) * error),
  upperAt: (c) => Math.exp(log + normalQuantile(c) * error),
})

const b10Of = (lives: Lives, assumedBeta: number | undefined): LogLife => {
  if (countLives(lives).failures >= 2) {
    const fit = fitLives(lives, 'weibull')
    return normalLife(Math.log(lifeAt(fit, 0.1)), logLifeError(fit, 0.1))
  }
  const beta =
    assumedBeta ??
    refuse('too_few_failures', 'fewer than 2 failures', 'Give an assumed shape for Weibayes')
  return {
    error: 0,
    lowerAt: (confidence) => weibayes(lives, { beta, confidence }).b10Lower,
    upperAt: () => Number.POSITIVE_INFINITY,
  }
}

/** The reference: life data of the other tool, or its B10 as a number taken as known. */
export type Reference = Lives | { b10: number }

const referenceLife = (reference: Reference): LogLife => {
  if (!('b10' in reference)) return b10Of(reference, undefined)
  if (!(reference.b10 > 0))
    refuse('bad_argument', `reference B10 ${reference.b10}`, 'Must be positive')
  return normalLife(Math.log(reference.b10), 0)
}

/**
 * Ratio of B10 lives, product over reference, both Weibull. With two or more failures of the
 * product: ln ratio +- z sqrt(sum of variances) (delta method). With fewer: Weibayes lower bound of
 * the product over the reference's upper bound, each at (1 + C)/2, so together at least C; the
 * shape is `assumedBeta`, or the reference's own.
 * Refuses: too_few_failures (reference, or no shape to assume), and as fitLives does.
 */
export const b10Ratio = (
  product: Lives,
  reference: Reference,
  { confidence = 0.9, assumedBeta }: { confidence?: number; assumedBeta?: number } = {},
): Ratio => {
  checkConfidence(confidence)
  const below = referenceLife(reference)
  const own = countLives(product).failures < 2 && !('b10' in reference)
  const beta =
    assumedBeta ?? (own ? weibullOf(fitLives(reference as Lives, 'weibull')).beta : undefined)
  const above = b10Of(product, beta)
  if (above.log !== undefined && below.log !== undefined) {
    const log = above.log - below.log
    const half = normalQuantile(confidence) * Math.hypot(above.error, below.error)
    return {
      ratio: Math.exp(log),
      lower: Math.exp(log - half),
      upper: Math.exp(log + half),
      confidence,
      basis: 'b10',
    }
  }
  const each = (1 + confidence) / 2
  return {
    lower: above.lowerAt(each) / below.upperAt(each),
    upper: Number.POSITIVE_INFINITY,
    confidence,
    basis: 'b10 by Weibayes',
  }
}

/** Mean failures per machine at an age, with the standard error of its log (0 events: none). */
const failuresAt = (
  histories: readonly History[],
  hours: number,
): { mean: number; error: number; watched: number } => {
  const watched = histories.filter((h) => h.end >= hours && (h.start ?? 0) < hours).length
  if (watched === 0) {
    refuse(
      'bad_argument',
      `no machine was watched at ${hours} h`,
      'Compare at an age that both reached',
    )
  }
  if (histories.every((h) => h.events.length === 0)) return { mean: 0, error: 0, watched }
  const curve = meanCumulative(histories)
  const step = stepAt(curve.age, hours)
  if (step < 0) return { mean: 0, error: 0, watched }
  const mean = curve.mean[step] as number
  const robust = curve.variance[step] as number
  // Machines that fail in step show no spread between them: never claim less than chance would.
  const chance = mean / watched
  return { mean, error: Math.sqrt(Math.max(robust, chance)) / mean, watched }
}

/** The other tool's failures: histories, or their mean number per machine, taken as known. */
export type RepairReference = readonly History[] | { mean: number }

/**
 * Ratio of mean cumulative failures at equal hours, reference over product: how many times fewer
 * failures. Bounds on the log scale with robust variances, never below the Poisson variance; with
 * no failure of the product its mean is at most -ln(1 - C') / machines (Poisson), C' = (1 + C)/2.
 * Refuses: bad_argument (nobody watched at these hours, or the reference never failed).
 */
export const failureRatio = (
  product: readonly History[],
  reference: RepairReference,
  { hours, confidence = 0.9 }: { hours: number; confidence?: number },
): Ratio => {
  checkConfidence(confidence)
  const p = failuresAt(product, hours)
  const r = 'mean' in reference ? { ...reference, error: 0 } : failuresAt(reference, hours)
  if (!(r.mean >= 0)) refuse('bad_argument', `reference mean ${r.mean}`, 'Must be positive')
  if (r.mean === 0) {
    refuse('bad_argument', `the reference has not failed by ${hours} h`, 'Compare at a greater age')
  }
  const basis = 'failures per machine'
  if (p.mean === 0) {
    const each = (1 + confidence) / 2
    const most = -Math.log(1 - each) / p.watched
    const least = r.mean * Math.exp(-normalQuantile(each) * r.error)
    return { lower: least / most, upper: Number.POSITIVE_INFINITY, confidence, basis }
  }
  const log = Math.log(r.mean / p.mean)
  const half = normalQuantile(confidence) * Math.hypot(p.error, r.error)
  return {
    ratio: Math.exp(log),
    lower: Math.exp(log - half),
    upper: Math.exp(log + half),
    confidence,
    basis,
  }
}

/** What became of a unit: `silent` was last heard of at its age, and nobody knows more. */
export type Fate = 'failed' | 'running' | 'silent'

/**
 * Best case: silent units were running when last heard of. Worst case: they failed then. `lives`
 * holds them as running; `fate` has one entry per row. Refuses: bad_argument (lengths).
 */
export const silentCases = (lives: Lives, fate: readonly Fate[]): { best: Lives; worst: Lives } => {
  if (fate.length !== lives.lower.length) {
    refuse(
      'bad_argument',
      `${fate.length} fates for ${lives.lower.length} rows`,
      'Give one per row',
    )
  }
  const end = (u: number, i: number) => (fate[i] === 'silent' ? (lives.lower[i] as number) : u)
  return { best: lives, worst: { ...lives, upper: lives.upper.map(end) } }
}

/** A verdict for the meter. */
export interface Claim {
  readonly target: number
  readonly verdict: 'shown' | 'not yet shown' | 'disproved'
  readonly best: Ratio
  readonly worst: Ratio
  readonly silent: number
  readonly words: string
}

const NUMBERS = [
  'no',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
]

/** Down, not to nearest: a printed lower bound must not exceed the computed one. */
const floored = (v: number): string => {
  if (v >= 100) return String(Math.floor(v))
  return v >= 0.1 ? String(Math.floor(v * 10 + 1e-9) / 10) : v.toPrecision(1)
}

const sentence = ({ target, verdict, best, worst, silent }: Omit<Claim, 'words'>): string => {
  const percent = `${Number((best.confidence * 100).toFixed(1))} % confidence`
  const times = `${NUMBERS[target] ?? target} times longer`
  const fewer = best.basis === 'failures per machine' ? ' (counted in failures at equal hours)' : ''
  const units = silent === 1 ? 'the silent unit has' : `all ${silent} silent units have`
  const doubt = silent > 0 ? `; at least ${floored(worst.lower)} times if ${units} failed` : ''
  if (verdict === 'shown') {
    return `${times}: shown, at least ${floored(worst.lower)} times at ${percent}${fewer}${
      silent > 0 ? `, even if ${units} failed` : ''
    }`
  }
  if (verdict === 'disproved') {
    const most = Math.ceil(best.upper * 10) / 10
    return `${times}: not so, at most ${most} times at ${percent}${fewer}`
  }
  const least = `at least ${floored(best.lower)} times at ${percent}`
  return `${times}: not yet shown, ${least}${fewer}${doubt}`
}

/**
 * Puts the best and worst case against a target. Shown: the worst case's lower bound reaches it.
 * Disproved: the best case's upper bound stays below it. Otherwise not yet shown.
 */
export const judgeClaim = ({
  target = 10,
  best,
  worst = best,
  silent = 0,
}: {
  target?: number
  best: Ratio
  worst?: Ratio
  silent?: number
}): Claim => {
  const verdict =
    worst.lower >= target ? 'shown' : best.upper < target ? 'disproved' : 'not yet shown'
  const claim = { target, verdict, best, worst, silent } as const
  return { ...claim, words: sentence(claim) }
}

/**
 * The whole meter for B10: the product's units (silent ones as running) against a reference.
 * Refuses as b10Ratio and silentCases do.
 */
export const claimMeter = (
  { lives, fate }: { lives: Lives; fate: readonly Fate[] },
  reference: Reference,
  options: { target?: number; confidence?: number; assumedBeta?: number } = {},
): Claim => {
  const silent = fate.reduce((n, f, i) => n + (f === 'silent' ? (lives.weight?.[i] ?? 1) : 0), 0)
  const cases = silentCases(lives, fate)
  const best = b10Ratio(cases.best, reference, options)
  const worst = silent > 0 ? b10Ratio(cases.worst, reference, options) : best
  return judgeClaim({ ...(options.target && { target: options.target }), best, worst, silent })
}

/**
 * The meter for machines that are repaired: failures per machine at equal hours. `worst` holds the
 * silent ones as failed when last heard of. Refuses as failureRatio does.
 */
export const failureClaim = (
  product: readonly History[],
  reference: RepairReference,
  {
    hours,
    target,
    confidence,
    worst = product,
    silent = 0,
  }: {
    hours: number
    target?: number
    confidence?: number
    worst?: readonly History[]
    silent?: number
  },
): Claim => {
  const judge = (histories: readonly History[]): Ratio =>
    failureRatio(histories, reference, { hours, ...(confidence && { confidence }) })
  const best = judge(product)
  const cases = { best, worst: silent > 0 ? judge(worst) : best, silent }
  return judgeClaim({ ...(target && { target }), ...cases })
}
