// The whole analysis of one set of lives or histories: what `tenfold durability` prints and the
// page shows. Puts the parts together and words the results; every figure comes from its own file.
import { type Bounded, lifeBounds, parameterBounds, ratioBounds } from './bounds.ts'
import { claimMeter, type Fate, failureClaim, type Reference } from './claim.ts'
import { fitModes, type ModeLives } from './competing.ts'
import { type Fit, fitLives, lifeAt, weibullOf } from './fit.ts'
import { chooseModel } from './goodness.ts'
import { countLives, type Lives } from './lives.ts'
import { ageHistogram, emptyPlot, fitLine, mcfPlot, probabilityPlot } from './plot.ts'
import { Refusal } from './refusal.ts'
import {
  crowAmsaa,
  type History,
  laplaceTrend,
  meanCumulative,
  type PowerLaw,
} from './repairable.ts'
import { ageReplacement } from './replacement.ts'
import { percent, section, show, showBounded, textTable } from './report.ts'
import { type Survival, survivalCurve, survivorAt } from './survival.ts'
import { stack } from './svg.ts'
import { turnbull } from './turnbull.ts'
import { weibayes } from './weibayes.ts'

/** Text for people and charts as one SVG. */
export interface Report {
  readonly lines: readonly string[]
  readonly svg: string
}

/** What to say about one set of lives. */
export interface LifeQuestion {
  lives: Lives
  fate: readonly Fate[]
  mode: readonly string[]
  ageUnit: string
  confidence: number
  /** Rows of the source that could not be used; shown with every result. */
  leftOut?: number
  /** How many of these had not failed: to leave them out makes every life look shorter. */
  leftOutRunning?: number
  /** Shape to assume when failures are too few. */
  assumedBeta?: number | undefined
  reference?: Reference | undefined
  target: number
  /** Costs of planned replacement and of a failure. */
  costs?: { planned: number; failed: number } | undefined
}

/**
 * The value, or the refusal's message: one part that cannot be answered does not stop the others.
 */
const attempt = <T>(f: () => T): { value: T } | { refused: string } => {
  try {
    return { value: f() }
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.message }
    throw error
  }
}

const firstSentence = (text: string): string => text.split('. ')[0] ?? text

const curveLines = (curve: Survival, unit: string): string[] => {
  const pick = curve.age.length <= 12 ? 1 : Math.ceil(curve.age.length / 12)
  const rows = Array.from(curve.age, (age, i) => [
    show(age),
    show(curve.atRisk[i] as number),
    show(curve.survivor[i] as number),
    show(curve.error[i] as number),
    show(curve.lower[i] as number),
    show(curve.upper[i] as number),
    show(curve.hazard[i] as number),
  ]).filter((_, i) => i % pick === 0 || i === curve.age.length - 1)
  return textTable([
    [`age${unit && ` ${unit}`}`, 'at risk', 'surviving', 'error', 'lower', 'upper', 'hazard'],
    ...rows,
  ])
}

const modelLines = (choice: ReturnType<typeof chooseModel>, unit: string): string[] => {
  const rows = choice.candidates.map((c) =>
    c.fit
      ? [
          c.model,
          show(c.aicc, 6),
          show(c.bic, 6),
          c.andersonDarling === undefined ? '' : show(c.andersonDarling),
          fitLine(c.fit, unit),
        ]
      : [c.model, '', '', '', `not fitted: ${firstSentence(c.refused ?? '')}`],
  )
  const close =
    choice.close.length > 0 ? `, but the data cannot tell it from ${choice.close.join(', ')}` : ''
  return [
    ...textTable([['model', 'AICc', 'BIC', 'AD', ''], ...rows]),
    `best by AICc: ${choice.best.model}${close}`,
  ]
}

const fitLines = (q: LifeQuestion, fit: Fit): string[] => {
  const parameters = Object.entries(parameterBounds(fit, q.confidence)).map(([name, b]) => [
    name,
    show(b.value, 6),
    show(b.lower, 6),
    show(b.upper, 6),
    'normal',
  ])
  const life = (p: number): string[] => {
    const exact = fit.model !== 'weibull3' && countLives(q.lives).failures < 5000
    const b: Bounded = exact
      ? ratioBounds(q.lives, fit, { quantity: { life: p }, confidence: q.confidence })
      : lifeBounds(fit, p, q.confidence)
    return [
      `B${show(p * 100)}`,
      show(b.value, 6),
      show(b.lower, 6),
      show(b.upper, 6),
      exact ? 'likelihood ratio' : 'normal',
    ]
  }
  return [
    ...textTable([
      ['', 'value', 'lower', 'upper', 'bounds'],
      ...parameters,
      life(0.01),
      life(0.1),
      life(0.5),
    ]),
    `log-likelihood ${show(fit.logLikelihood, 9)}, ${fit.iterations} Newton steps`,
  ]
}

const modeLines = (q: LifeQuestion): string[] => {
  const names = [...new Set(q.mode.filter((m, i) => m !== '' && q.fate[i] === 'failed'))].sort()
  if (names.length < 2) return []
  const number = q.mode.map((m, i) => (q.fate[i] === 'failed' ? names.indexOf(m) + 1 : 0))
  const lives: ModeLives = {
    age: q.lives.lower,
    mode: Uint8Array.from(number),
    ...(q.lives.entry && { entry: q.lives.entry }),
    ...(q.lives.weight && { weight: q.lives.weight }),
  }
  const rows = fitModes(lives).map((m) => [
    names[m.mode - 1] ?? '',
    String(m.failures),
    m.fit ? fitLine(m.fit, q.ageUnit) : firstSentence(m.refused ?? ''),
    m.fit ? show(lifeAt(m.fit, 0.1)) : '',
  ])
  return section(
    'Failure modes (others as censored)',
    textTable([['mode', 'failures', 'model', 'B10'], ...rows]),
  )
}

const weibayesLines = (q: LifeQuestion): string[] => {
  if (q.assumedBeta === undefined) return []
  const beta = q.assumedBeta
  const result = attempt(() => weibayes(q.lives, { beta, confidence: q.confidence }))
  if ('refused' in result) return section('Weibayes', [result.refused])
  const w = result.value
  const u = q.ageUnit && ` ${q.ageUnit}`
  return section('Weibayes', [
    `with the shape taken as ${show(w.beta)}, at ${percent(q.confidence)} confidence:`,
    `eta at least ${show(w.etaLower)}${u}, B10 at least ${show(w.b10Lower)}${u}`,
  ])
}

const claimLines = (q: LifeQuestion): string[] => {
  if (!q.reference) return []
  const reference = q.reference
  const result = attempt(() =>
    claimMeter(q, reference, {
      target: q.target,
      confidence: q.confidence,
      ...(q.assumedBeta !== undefined && { assumedBeta: q.assumedBeta }),
    }),
  )
  if ('refused' in result) return section('Claim', [`no answer: ${result.refused}`])
  const { best, words, worst } = result.value
  const estimate =
    best.ratio === undefined ? 'no estimate yet' : `estimate ${show(best.ratio, 3)} times`
  const cases = `best case at least ${show(best.lower, 3)}, worst at least ${show(worst.lower, 3)}`
  const small = `${estimate}, by ${best.basis}; ${cases}`
  return section('Claim', [words, small])
}

const costLines = (q: LifeQuestion, fit: Fit): string[] => {
  const { costs } = q
  if (!costs) return []
  const result = attempt(() => ageReplacement({ ...weibullOf(fit), ...costs }))
  if ('refused' in result) return section('Replacement', [result.refused])
  const { age, costRate } = result.value
  const u = q.ageUnit && ` ${q.ageUnit}`
  return section('Replacement', [
    `replace at ${show(age)}${u}: ${show(costRate)} per ${q.ageUnit || 'unit of age'} on average`,
  ])
}

/** Inspected units have their own curve: nobody saw when they failed. */
const survivalLines = (q: LifeQuestion, isInspected: boolean): string[] => {
  if (!isInspected) {
    const curve = attempt(() => survivalCurve(q.lives, q.confidence))
    const lines = 'value' in curve ? curveLines(curve.value, q.ageUnit) : [curve.refused]
    return section('Survival (Kaplan-Meier, Greenwood, Nelson-Aalen)', lines)
  }
  const steps = attempt(() => turnbull(q.lives))
  if ('refused' in steps) return section('Survival (Turnbull)', [steps.refused])
  const rows = steps.value
    .filter(({ chance }) => chance > 1e-9)
    .map(({ lower, upper, chance, survival }) => [
      `${show(lower)} to ${upper === Number.POSITIVE_INFINITY ? 'later' : show(upper)}`,
      ...[show(chance), show(survival)],
    ])
  const head = [`between${q.ageUnit && ` (${q.ageUnit})`}`, 'failed', 'surviving after']
  return section('Survival (Turnbull, between inspections)', textTable([head, ...rows]))
}

/** The analysis of units that fail once. Parts that cannot be answered say why. */
export const lifeReport = (q: LifeQuestion): Report => {
  const counts = countLives(q.lives)
  const failed = counts.failures
  const silent = q.fate.filter((f) => f === 'silent').length
  const parts = [
    `${show(counts.units)} units: ${show(failed)} failed, ${show(counts.right)} still running`,
    silent > 0 ? `${silent} of them silent (counted as running when last heard of)` : '',
    q.leftOut ? `${q.leftOut} rows left out: every figure below is without them` : '',
    q.leftOutRunning
      ? `WARNING: ${q.leftOutRunning} of those had not failed: without them lives look too short`
      : '',
    counts.truncated > 0 ? `${show(counts.truncated)} entered late` : '',
  ]
  const lines = [
    ...section(
      'Units',
      parts.filter((p) => p !== ''),
    ),
  ]
  lines.push(...survivalLines(q, counts.interval > 0))
  const choice = attempt(() => chooseModel(q.lives))
  const fit = attempt(() => fitLives(q.lives, 'weibull'))
  lines.push(
    ...section(
      'Models',
      'value' in choice ? modelLines(choice.value, q.ageUnit) : [choice.refused],
    ),
  )
  const bounds = `bounds at ${percent(q.confidence)}`
  if ('value' in fit) {
    lines.push(...section(`Weibull, ${bounds}`, fitLines(q, fit.value)))
    const best = 'value' in choice ? choice.value.best : undefined
    if (best && best.model !== 'weibull') {
      lines.push(...section(`${best.model}, ${bounds}`, fitLines(q, best.fit)))
    }
    lines.push(...costLines(q, fit.value))
  }
  lines.push(...modeLines(q), ...weibayesLines(q), ...claimLines(q))
  const options = { unit: q.ageUnit, confidence: q.confidence, leftOut: q.leftOut ?? 0 }
  const drawn = attempt(() => {
    const chosen = 'value' in choice ? choice.value.best.fit : fitLives(q.lives, 'weibull')
    return probabilityPlot(q.lives, chosen, options)
  })
  const plot =
    'value' in drawn
      ? drawn.value
      : emptyPlot('Probability of failure', firstSentence(drawn.refused))
  return { lines, svg: stack([plot, ageHistogram(q.lives, options)]) }
}

const trendLines = (histories: readonly History[], q: { ageUnit: string }): string[] => {
  const trend = attempt(() => laplaceTrend(histories))
  if ('refused' in trend) return [trend.refused]
  const { u, p, trend: way } = trend.value
  const failures = histories.reduce((n, h) => n + h.events.length, 0)
  const total = histories.reduce((t, h) => t + h.end - (h.start ?? 0), 0)
  const test = `Laplace U = ${show(u)}, p = ${show(p, 2)}`
  const unit = q.ageUnit && ` ${q.ageUnit}`
  return way === 'constant'
    ? [
        `${test}: a constant rate is not rejected`,
        `mean time between failures ${show(total / failures)}${unit}`,
      ]
    : [
        `${test}: failures come ${way === 'worsening' ? 'faster and faster' : 'slower and slower'}`,
        'no mean time between failures is given: it would describe no machine',
      ]
}

const lawLines = (law: PowerLaw, unit: string): string[] => {
  const u = unit && ` ${unit}`
  return [
    `failures per machine = ${show(law.lambda)} t^${show(law.beta)}`,
    `shape ${showBounded(law.betaBounds)}: below 1 improving, above 1 worsening`,
    `${show(law.cumulativeMtbf)}${u} per failure so far, ${show(law.instantMtbf)}${u} at the end`,
  ]
}

/** Age at which half of the machines of both sides were still watched. */
const commonAge = (a: readonly History[], b: readonly History[]): number => {
  const middle = (h: readonly History[]) =>
    [...h].map((x) => x.end).sort((p, q) => p - q)[h.length >> 1] ?? 0
  return Math.min(middle(a), middle(b))
}

const repairClaim = (q: Parameters<typeof repairReport>[0]): string[] => {
  const { reference } = q
  if (!reference) return []
  const hours = q.atAge ?? commonAge(q.histories, reference)
  const result = attempt(() =>
    failureClaim(q.histories, reference, {
      hours,
      confidence: q.confidence,
      ...(q.target && { target: q.target }),
    }),
  )
  const at = `compared at ${show(hours)}${q.ageUnit && ` ${q.ageUnit}`}`
  if ('refused' in result) return section('Claim', [`no answer: ${result.refused}`, at])
  const { ratio } = result.value.best
  const estimate = ratio === undefined ? 'no estimate yet' : `estimate ${show(ratio, 3)} times`
  return section('Claim', [result.value.words, `${estimate}, ${at}`])
}

/** The analysis of machines that are repaired and go on. */
export const repairReport = (q: {
  histories: readonly History[]
  ageUnit: string
  confidence: number
  leftOut?: number
  /** Machines to compare with, at the same age. */
  reference?: readonly History[] | undefined
  atAge?: number | undefined
  target?: number
}): Report => {
  const failures = q.histories.reduce((n, h) => n + h.events.length, 0)
  const left = q.leftOut ?? 0
  const lines = section('Machines', [
    `${q.histories.length} machines, ${failures} failures`,
    ...(left > 0 ? [`${left} rows left out: every figure below is without them`] : []),
  ])
  const curve = attempt(() => meanCumulative(q.histories, { confidence: q.confidence }))
  if ('refused' in curve) {
    return {
      lines: [...lines, curve.refused],
      svg: stack([emptyPlot('Failures per machine', firstSentence(curve.refused))]),
    }
  }
  const { age, atRisk, mean, lower, upper } = curve.value
  const pick = Math.max(1, Math.ceil(age.length / 20))
  const rows = Array.from(age, (t, i) =>
    [t, atRisk[i], mean[i], lower[i], upper[i]].map((v) => show(v as number)),
  )
  const kept = rows.filter((_, i) => i % pick === 0 || i === rows.length - 1)
  const header = [`age${q.ageUnit && ` ${q.ageUnit}`}`, 'watched', 'mean', 'lower', 'upper']
  lines.push(
    ...section(
      `Mean cumulative failures per machine, bounds at ${percent(q.confidence)}`,
      textTable([header, ...kept]),
    ),
  )
  lines.push(...section('Trend', trendLines(q.histories, q)))
  const law = attempt(() => crowAmsaa(q.histories, q.confidence))
  lines.push(
    ...section(
      'Power law (Crow-AMSAA)',
      'value' in law ? lawLines(law.value, q.ageUnit) : [law.refused],
    ),
  )
  lines.push(...repairClaim(q))
  const end = q.histories.reduce((m, h) => Math.max(m, h.end), 0)
  const svg = mcfPlot(curve.value, {
    unit: q.ageUnit,
    confidence: q.confidence,
    machines: q.histories.length,
    end,
    leftOut: left,
    ...('value' in law && { law: law.value }),
  })
  return { lines, svg: stack([svg]) }
}

/** Surviving fraction by the curve at an age: for a page that asks for one number. */
export const survivingAt = (lives: Lives, age: number): number =>
  survivorAt(survivalCurve(lives), age)
