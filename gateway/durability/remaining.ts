// Remaining life of one machine from what it has been through (damage) and how it is (condition).
// Each source gives the chance to survive so many more hours; together they multiply, because the
// machine stops when the first of them does. Knows nothing of fleets: that is rul.ts and fit.ts.
import { checkConfidence, refuse } from './refusal.ts'
import { normalQuantile, normalSf } from './special.ts'

/** Chance to survive `hours` more, given that it works now: 1 at 0, never rising. */
export type SurvivorFn = (hours: number) => number

/** Damage now, and as it grew: one entry per block of use, oldest first. */
export interface DamageHistory {
  readonly hours: ArrayLike<number>
  /** Miner's sum (or fraction of rated life) added in each block. */
  readonly damage: ArrayLike<number>
  /** Damage at which half of the parts fail: 1 by Miner's rule. */
  readonly median?: number
  /** Scatter of ln(damage at failure): 0.3 by Wirsching (1984) for welded and machined parts. */
  readonly scatter?: number
}

const RATES = 15

/**
 * Damage grows on at the mean rate of the blocks; it is known to within the scatter of the blocks'
 * rates over the square root of their number. Damage at failure is lognormal. Given that the part
 * holds now: S(h) = mean over rates r of P(Dc > D + r h) / P(Dc > D).
 * Refuses: bad_argument (no block, lengths, negative damage).
 * Source: Wirsching (1984), Fatigue reliability for offshore structures, for the scatter.
 */
export const survivesDamage = ({
  hours,
  damage,
  median = 1,
  scatter = 0.3,
}: DamageHistory): SurvivorFn => {
  const n = hours.length
  if (n === 0 || damage.length !== n || !(scatter > 0 && median > 0)) {
    refuse(
      'bad_argument',
      'the damage history is empty or uneven',
      'Give hours and damage per block',
    )
  }
  let [totalH, total] = [0, 0]
  for (let i = 0; i < n; i++) {
    const [h, d] = [hours[i] as number, damage[i] as number]
    if (!(h > 0 && d >= 0)) {
      refuse(
        'bad_argument',
        `block ${i}: ${h} h, damage ${d}`,
        'Hours must be positive, damage not negative',
      )
    }
    totalH += h
    total += d
  }
  const rate = total / totalH
  if (rate === 0) return () => 1
  let squares = 0
  for (let i = 0; i < n; i++) {
    const own = (damage[i] as number) - rate * (hours[i] as number)
    squares += own * own
  }
  // A single block tells nothing of scatter: then the rate is taken to within a half.
  const relative = n > 1 ? Math.sqrt((squares * n) / (n - 1)) / total : 0.5
  const spread = Math.sqrt(Math.log1p(relative * relative))
  const rates = Array.from(
    { length: RATES },
    (_, i) => rate * Math.exp(spread * normalQuantile((i + 0.5) / RATES)),
  )
  const beyond = (d: number) => normalSf((Math.log(d) - Math.log(median)) / scatter)
  const now = beyond(total)
  return (h) => {
    let sum = 0
    for (const r of rates) sum += beyond(total + r * h)
    return now > 0 ? Math.min(1, sum / RATES / now) : 0
  }
}

/** A condition that drifts towards a limit: health, resistance, vibration, backlash. */
export interface ConditionHistory {
  /** Hours of use at each measurement, ascending; at least three. */
  readonly hours: ArrayLike<number>
  readonly value: ArrayLike<number>
  readonly limit: number
}

/**
 * A straight line through the measurements with its prediction error: the machine survives h while
 * the predicted value stays on the good side of the limit,
 * S(h) = Phi((limit - y(h)) / se(h)) with se^2 = s^2 (1 + 1/n + (x - mean)^2 / Sxx), in proportion
 * to now.
 * Refuses: bad_argument (fewer than 3 measurements, hours all equal).
 * Source: Draper and Smith (1998), 3.1 (prediction interval of a line); normal in place of Student.
 */
export const survivesCondition = ({ hours, value, limit }: ConditionHistory): SurvivorFn => {
  const n = hours.length
  if (n < 3 || value.length !== n) {
    refuse('bad_argument', `${n} measurements`, 'Give three measurements of the condition or more')
  }
  const mean = (v: ArrayLike<number>) => Array.from(v).reduce((a, b) => a + b, 0) / n
  const [mx, my] = [mean(hours), mean(value)]
  let [sxx, sxy, syy] = [0, 0, 0]
  for (let i = 0; i < n; i++) {
    const [dx, dy] = [(hours[i] as number) - mx, (value[i] as number) - my]
    sxx += dx * dx
    sxy += dx * dy
    syy += dy * dy
  }
  if (!(sxx > 0)) refuse('bad_argument', 'all measurements are at one age', 'Measure again later')
  const slope = sxy / sxx
  const s2 = Math.max(0, syy - slope * sxy) / (n - 2)
  const last = hours[n - 1] as number
  const falling = my > limit
  const margin = (x: number): number => {
    const distance = falling ? my + slope * (x - mx) - limit : limit - (my + slope * (x - mx))
    const se = Math.sqrt(s2 * (1 + 1 / n + (x - mx) ** 2 / sxx))
    return se > 0 ? normalSf(-distance / se) : distance > 0 ? 1 : 0
  }
  const now = margin(last)
  return (h) => (now > 0 ? Math.min(1, margin(last + h) / now) : 0)
}

/** Hours left with an interval; Infinity where no end is in sight within the horizon. */
export interface HoursLeft {
  readonly median: number
  readonly lower: number
  readonly upper: number
  readonly confidence: number
}

/** Survival of all sources together: the product. */
export const survivesAll =
  (sources: readonly SurvivorFn[]): SurvivorFn =>
  (h) =>
    sources.reduce((s, f) => s * f(h), 1)

/**
 * Quantiles of the hours left: where survival falls to (1+C)/2, 1/2 and (1-C)/2, found by bisection
 * up to `horizonH`. Refuses: bad_argument (no source).
 */
export const hoursLeft = (
  sources: readonly SurvivorFn[],
  { confidence = 0.9, horizonH = 1e5 } = {},
): HoursLeft => {
  if (sources.length === 0) refuse('bad_argument', 'no source of wear', 'Give damage or condition')
  const survives = survivesAll(sources)
  const tail = (1 - checkConfidence(confidence)) / 2
  const at = (s: number): number => {
    if (survives(horizonH) > s) return Number.POSITIVE_INFINITY
    let [low, high] = [0, horizonH]
    for (let i = 0; i < 80 && high - low > 1e-9 * high; i++) {
      const middle = (low + high) / 2
      if (survives(middle) > s) low = middle
      else high = middle
    }
    return (low + high) / 2
  }
  return { median: at(0.5), lower: at(1 - tail), upper: at(tail), confidence }
}
