// Several failure modes in one machine: the chance of each with time (cumulative incidence), and a
// life model per mode, in which a failure by another mode is a unit that left without this one.
import { type Fit, fitLives, type ModelName, survives } from './fit.ts'
import { type Lives, livesFrom } from './lives.ts'
import { Refusal, refuse } from './refusal.ts'
import { orderOf } from './survival.ts'

/** Ages and modes: mode 0 is "still running", 1..n the failure modes. */
export interface ModeLives {
  readonly age: Float64Array
  readonly mode: Uint8Array
  readonly entry?: Float64Array
  readonly weight?: Float64Array
}

/** Cumulative incidence: chance to have failed by this mode by this age, with its error. */
export interface Incidence {
  readonly age: Float64Array
  /** One row per mode from 1 up: fractions. */
  readonly incidence: readonly Float64Array[]
  readonly error: readonly Float64Array[]
  /** Chance to have failed by none of them. */
  readonly survivor: Float64Array
}

interface ModeStep {
  age: number
  atRisk: number
  events: Float64Array
}

const modeSteps = ({ age, mode, entry, weight }: ModeLives, modes: number): ModeStep[] => {
  const exits = orderOf(age)
  const entries = orderOf(entry ?? new Float64Array(age.length))
  const steps: ModeStep[] = []
  let joined = 0
  let left = 0
  for (let i = 0, j = 0; i < exits.length; ) {
    const t = age[exits[i] as number] as number
    for (; j < entries.length && (entry?.[entries[j] as number] ?? 0) < t; j++) {
      joined += weight?.[entries[j] as number] ?? 1
    }
    const events = new Float64Array(modes + 1)
    let gone = 0
    for (; i < exits.length && age[exits[i] as number] === t; i++) {
      const row = exits[i] as number
      const w = weight?.[row] ?? 1
      gone += w
      const m = mode[row] as number
      events[m] = (events[m] as number) + w
    }
    events[0] = 0
    if (events.some((n) => n > 0)) steps.push({ age: t, atRisk: joined - left, events })
    left += gone
  }
  return steps
}

/**
 * Cumulative incidence F_k(t) = sum S(t-) d_k / n, S over all modes together (Aalen-Johansen), with
 * the delta-method error of Marubini and Valsecchi (1995), 10.2. Sum of F_k + S = 1 at every age.
 * Refuses: bad_time, all_censored.
 */
export const cumulativeIncidence = (lives: ModeLives): Incidence => {
  livesFrom({ age: lives.age, failed: lives.mode, ...(lives.entry && { entry: lives.entry }) })
  const modes = lives.mode.reduce((m, k) => Math.max(m, k), 0)
  const steps = modeSteps(lives, modes)
  if (steps.length === 0)
    refuse('all_censored', 'no unit has failed by any mode', 'Wait, or use Weibayes')
  const column = () => new Float64Array(steps.length)
  const incidence = Array.from({ length: modes }, column)
  const survivor = column()
  let s = 1
  const before = steps.map((step, i) => {
    const at = s
    const all = step.events.reduce((a, b) => a + b, 0)
    for (let k = 0; k < modes; k++) {
      const row = incidence[k] as Float64Array
      row[i] =
        ((i > 0 ? row[i - 1] : 0) as number) + (at * (step.events[k + 1] as number)) / step.atRisk
    }
    s *= (step.atRisk - all) / step.atRisk
    survivor[i] = s
    return at
  })
  const error = incidence.map((row, k) => incidenceError(steps, before, { row, mode: k + 1 }))
  return { age: Float64Array.from(steps, (p) => p.age), incidence, error, survivor }
}

/** Running sums of the three parts of the variance, so that a curve costs one pass. */
const incidenceError = (
  steps: ModeStep[],
  before: number[],
  { row, mode }: { row: Float64Array; mode: number },
): Float64Array => {
  let [a0, a1, a2, b, c0, c1] = [0, 0, 0, 0, 0, 0]
  return Float64Array.from(steps, ({ atRisk: n, events }, i) => {
    const s = before[i] as number
    const d = events.reduce((p, q) => p + q, 0)
    const dk = events[mode] as number
    const f = row[i] as number
    const g = n > d ? d / (n * (n - d)) : 0
    a0 += g
    a1 += g * f
    a2 += g * f * f
    b += (s * s * dk * (n - dk)) / n ** 3
    c0 += (s * dk) / (n * n)
    c1 += (s * dk * f) / (n * n)
    // sum (F(t) - F_j)^2 g_j + b - 2 sum (F(t) - F_j) c_j
    return Math.sqrt(Math.max(0, f * f * a0 - 2 * f * a1 + a2 + b - 2 * (f * c0 - c1)))
  })
}

/** A life model for one mode, or the reason why there is none. */
export interface ModeFit {
  mode: number
  failures: number
  fit?: Fit
  refused?: string
}

/**
 * One fit per mode, other modes' failures as censored at their age; modes are taken as independent.
 * A mode that cannot be fitted carries its refusal (usually too_few_failures).
 */
export const fitModes = (
  { age, mode, entry, weight }: ModeLives,
  model: Exclude<ModelName, 'weibull3'> = 'weibull',
): ModeFit[] => {
  const modes = mode.reduce((m, k) => Math.max(m, k), 0)
  return Array.from({ length: modes }, (_, k) => {
    const failed = Array.from(mode, (m) => m === k + 1)
    const failures = failed.reduce((n, f, i) => n + (f ? (weight?.[i] ?? 1) : 0), 0)
    const out: ModeFit = { mode: k + 1, failures }
    try {
      const lives: Lives = livesFrom({
        age,
        failed,
        ...(entry && { entry }),
        ...(weight && { weight }),
      })
      out.fit = fitLives(lives, model)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      out.refused = error.message
    }
    return out
  })
}

/** Chance that no mode has struck by age t: the product over the fitted modes. */
export const survivesModes = (fits: readonly Fit[], t: number): number =>
  fits.reduce((s, fit) => s * survives(fit, t), 1)
