// Which model fits, and how well: AICc, BIC, the adjusted Anderson-Darling statistic, and a choice
// among models that says why. A statistic here ranks models; it never proves one.
import { type Fit, failedBy, fitLives, type ModelName } from './fit.ts'
import type { Lives } from './lives.ts'
import { Refusal, refuse } from './refusal.ts'
import { plotPoints } from './survival.ts'
import { fitWeibull3 } from './threshold.ts'

/** Akaike's criterion with small-sample correction: 2k - 2 lnL + 2k(k+1)/(n-k-1). */
export const aicc = ({ parameters: k, logLikelihood, units: n }: Fit): number =>
  n > k + 1 ? 2 * k - 2 * logLikelihood + (2 * k * (k + 1)) / (n - k - 1) : Number.POSITIVE_INFINITY

/** Schwarz's criterion: k ln n - 2 lnL. */
export const bic = ({ parameters: k, logLikelihood, units: n }: Fit): number =>
  k * Math.log(n) - 2 * logLikelihood

/** Term of the statistic between two neighbouring points, by integrating over the step. */
const adTerm = ([z0, z1]: [number, number], f0: number): number => {
  const a = -z1 - Math.log1p(-z1) + z0 + Math.log1p(-z0)
  const b = 2 * f0 * (Math.log1p(-z1) - Math.log1p(-z0))
  const logRatio = z0 > 0 ? Math.log(z1) - Math.log(z0) : 0
  return a + b + f0 * f0 * (logRatio - Math.log1p(-z1) + Math.log1p(-z0))
}

/**
 * Adjusted Anderson-Darling statistic (weighted squared distance between the plotted points and the
 * model, weighting the tails). Smaller is better; comparable between models of one data set only.
 * Refuses: wrong_kind (interval censoring).
 * Source: D'Agostino and Stephens (1986), 4.2, with Johnson ranks as in Minitab.
 */
export const andersonDarling = (lives: Lives, fit: Fit): number => {
  const { age, fraction } = plotPoints(lives)
  let sum = 0
  let last = 0
  for (let i = 0; i <= age.length; i++) {
    const z = i < age.length ? failedBy(fit, age[i] as number) : 1 - 1e-12
    if (z > last || i === age.length)
      sum += adTerm([last, Math.max(z, last)], i > 0 ? (fraction[i - 1] as number) : 0)
    last = Math.max(z, last)
  }
  return age.length * sum
}

/** One model's place in the choice; `refused` says why a model could not be fitted. */
export interface Candidate {
  model: ModelName
  fit?: Fit
  aicc: number
  bic: number
  andersonDarling?: number
  refused?: string
}

const candidate = (lives: Lives, model: ModelName): Candidate => {
  try {
    const fit = model === 'weibull3' ? fitWeibull3(lives) : fitLives(lives, model)
    const out: Candidate = { model, fit, aicc: aicc(fit), bic: bic(fit) }
    if (
      lives.lower.every(
        (low, i) => lives.upper[i] === low || lives.upper[i] === Number.POSITIVE_INFINITY,
      )
    ) {
      out.andersonDarling = andersonDarling(lives, fit)
    }
    return out
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const worst = Number.POSITIVE_INFINITY
    return { model, aicc: worst, bic: worst, refused: error.message }
  }
}

/**
 * Fits the models and orders them by AICc, best first. `close` lists the models within 2 of the
 * best: the data cannot tell them apart (Burnham and Anderson 2002, 2.6).
 * Refuses only when no model can be fitted, with the Weibull's reason.
 */
export const chooseModel = (
  lives: Lives,
  models: readonly ModelName[] = ['weibull', 'lognormal', 'exponential', 'weibull3'],
): { best: Candidate & { fit: Fit }; candidates: Candidate[]; close: ModelName[] } => {
  const candidates = models.map((model) => candidate(lives, model)).sort((p, q) => p.aicc - q.aicc)
  const best = candidates.find((c): c is Candidate & { fit: Fit } => c.fit !== undefined)
  if (!best) {
    fitLives(lives, 'weibull')
    return refuse('no_convergence', 'no model could be fitted', 'Look at the reasons one by one')
  }
  const close = candidates.filter((c) => c !== best && c.aicc - best.aicc <= 2).map((c) => c.model)
  return { best, candidates, close }
}
