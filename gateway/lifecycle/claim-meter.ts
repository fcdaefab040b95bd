// The claim meter of a cohort: what its life table says of B10, and of the claim against another
// tool, in words. Pure; the plot is SVG text. What the data cannot carry is said so.
import type { DurabilityVerdict, RepairVerdict } from '../core/queries.ts'
import { lifeReport, repairReport } from '../durability/analyse.ts'
import { lifeBounds } from '../durability/bounds.ts'
import { b10Ratio, failureClaim, judgeClaim, type Reference } from '../durability/claim.ts'
import { fitLives, lifeAt } from '../durability/fit.ts'
import { countLives } from '../durability/lives.ts'
import { emptyPlot, probabilityPlot } from '../durability/plot.ts'
import { Refusal } from '../durability/refusal.ts'
import type { Cases, Repaired } from './cohorts.ts'

export interface ClaimQuestion {
  /** B10 of the other tool, hours, or its life data. */
  readonly reference: Reference | undefined
  /** Shape to assume while there are fewer than two failures. */
  readonly assumedBeta: number | undefined
  readonly target: number
  readonly confidence: number
}

export const usualQuestion: ClaimQuestion = {
  ...{ reference: undefined, assumedBeta: undefined, target: 10, confidence: 0.9 },
}

export const judgeCases = (cases: Cases, question: ClaimQuestion): DurabilityVerdict => {
  const { best, silent } = cases
  const { confidence } = question
  const counts = countLives(best)
  const fitted = attempt(() => {
    const fit = fitLives(best, 'weibull')
    // As the plot draws them.
    const { lower, upper } = lifeBounds(fit, 0.1, confidence)
    const svg = probabilityPlot(best, fit, { unit: 'h', confidence })
    return { b10: { value: lifeAt(fit, 0.1), lower, upper }, svg }
  })
  const isFitted = 'value' in fitted
  return {
    units: counts.units,
    failures: counts.failures,
    silent,
    confidence,
    b10: isFitted ? fitted.value.b10 : undefined,
    ...judge(cases, question),
    svg: isFitted ? fitted.value.svg : emptyPlot('Life of the units', fitted.refused),
    report: lifeReport({
      ...{ lives: best, fate: [], mode: [], ageUnit: 'h', confidence, reference: undefined },
      ...{ assumedBeta: question.assumedBeta, target: question.target, leftOut: 0 },
    }).lines,
  }
}

export interface RepairQuestion extends Pick<ClaimQuestion, 'target' | 'confidence'> {
  /** Failures per machine of the other tool by `hours` of use. */
  readonly reference: { readonly mean: number; readonly hours: number } | undefined
}

/** The same of units that are repaired and go on: failures per unit at equal hours. */
export const judgeRepaired = (
  { best, worst, silent }: Repaired,
  { reference, target, confidence }: RepairQuestion,
): RepairVerdict => {
  const failures = best.reduce((sum, { events }) => sum + events.length, 0)
  const units = best.length
  if (units === 0) {
    const words = 'No unit has been used yet'
    return { units, failures, words, report: [words], svg: emptyPlot('Failures per unit', words) }
  }
  const { lines, svg } = repairReport({ histories: best, ageUnit: 'h', confidence, target })
  const judged =
    reference &&
    attempt(() => {
      const options = { hours: reference.hours, target, confidence, worst, silent }
      return failureClaim(best, { mean: reference.mean }, options).words
    })
  const words =
    judged === undefined
      ? 'No tool to compare with was named'
      : 'value' in judged
        ? judged.value
        : `Cannot be judged: ${judged.refused}`
  return { units, failures, words, report: lines, svg }
}

const judge = (
  { best, worst, silent }: Cases,
  { reference, assumedBeta, target, confidence }: ClaimQuestion,
): Pick<DurabilityVerdict, 'words' | 'least'> => {
  if (reference === undefined)
    return { words: 'No tool to compare with was named', least: undefined }
  const options = { confidence, ...(assumedBeta !== undefined && { assumedBeta }) }
  const judged = attempt(() =>
    judgeClaim({
      ...{ target, silent },
      best: b10Ratio(best, reference, options),
      worst: b10Ratio(silent > 0 ? worst : best, reference, options),
    }),
  )
  return 'value' in judged
    ? { words: judged.value.words, least: judged.value.worst.lower }
    : { words: `Cannot be judged: ${judged.refused}`, least: undefined }
}

const attempt = <T>(work: () => T): { value: T } | { refused: string } => {
  try {
    return { value: work() }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { refused: error.message.replace(/\.$/, '') }
  }
}
