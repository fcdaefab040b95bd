// Weibull with the shape taken as known: for data with too few failures to estimate it, down to
// none. The price is the assumption, which every result repeats.
import { countLives, type Lives } from './lives.ts'
import { checkConfidence, refuse } from './refusal.ts'
import { chiSquaredQuantile } from './special.ts'

/** A Weibayes result; eta and B10 in the unit of the ages. */
export interface Weibayes {
  /** The assumed shape. */
  readonly beta: number
  readonly failures: number
  readonly units: number
  /** Maximum-likelihood scale; undefined without failures. */
  readonly eta?: number
  /** One-sided lower confidence bound of the scale, and of B10 = eta (-ln 0.9)^(1/beta). */
  readonly etaLower: number
  readonly b10Lower: number
  readonly confidence: number
}

/**
 * eta = (sum t^beta / r)^(1/beta); lower bound (2 sum t^beta / chi2(C, 2r + 2))^(1/beta), which for
 * r = 0 is (sum t^beta / -ln(1 - C))^(1/beta). Entry ages count as life not observed.
 * Refuses: bad_argument (beta not positive, confidence), wrong_kind (interval censoring).
 * Source: Abernethy, The New Weibull Handbook, chapter 6; Nelson (1985).
 */
export const weibayes = (
  lives: Lives,
  { beta, confidence = 0.9 }: { beta: number; confidence?: number },
): Weibayes => {
  checkConfidence(confidence)
  if (!(beta > 0)) refuse('bad_argument', `the assumed shape is ${beta}`, 'Give a positive shape')
  const counts = countLives(lives)
  if (counts.interval > 0) {
    refuse('wrong_kind', 'interval-censored failures', 'Give the age at which they were found')
  }
  const { lower, entry, weight } = lives
  const largest = lower.reduce((m, v) => Math.max(m, v), 0)
  let sum = 0
  for (let i = 0; i < lower.length; i++) {
    const from = (entry?.[i] ?? 0) / largest
    sum += (weight?.[i] ?? 1) * (((lower[i] as number) / largest) ** beta - from ** beta)
  }
  const r = counts.failures
  const scaled = (divisor: number) => largest * (sum / divisor) ** (1 / beta)
  const etaLower = scaled(chiSquaredQuantile(confidence, 2 * r + 2) / 2)
  return {
    beta,
    failures: r,
    units: counts.units,
    ...(r > 0 && { eta: scaled(r) }),
    etaLower,
    b10Lower: etaLower * (-Math.log(0.9)) ** (1 / beta),
    confidence,
  }
}
