// Special functions that the life models need: normal, gamma, chi-squared, with their inverses.
// Own code because they are a page of mathematics and no package may be added for them; each is
// tested against printed tables. Relative error about 1e-14 for functions, 1e-12 for inverses.

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
]
const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI)
const TINY = 1e-300
const MAX_TERMS = 10_000

/**
 * ln Gamma(x) for x > 0.
 * Source: Lanczos (1964) with g = 7, n = 9.
 */
export const lnGamma = (x: number): number => {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x)
  const y = x - 1
  let sum = LANCZOS[0] as number
  for (let i = 1; i < LANCZOS.length; i++) sum += (LANCZOS[i] as number) / (y + i)
  const t = y + 7.5
  return HALF_LOG_TWO_PI + (y + 0.5) * Math.log(t) - t + Math.log(sum)
}

/** Gamma(x) for x > 0. */
export const gamma = (x: number): number => Math.exp(lnGamma(x))

/** Continued fraction of Q(a, x) e^x x^-a Gamma(a), modified Lentz. */
const gammaFraction = (a: number, x: number): number => {
  let b = x + 1 - a
  let c = 1 / TINY
  let d = 1 / b
  let h = d
  for (let i = 1; i < MAX_TERMS; i++) {
    const an = -i * (i - a)
    b += 2
    d = 1 / (an * d + b || TINY)
    c = b + an / c || TINY
    const step = c * d
    h *= step
    if (Math.abs(step - 1) < 1e-16) break
  }
  return h
}

const gammaSeries = (a: number, x: number): number => {
  let term = 1 / a
  let sum = term
  for (let n = 1; n < MAX_TERMS && term > sum * 1e-17; n++) {
    term *= x / (a + n)
    sum += term
  }
  return sum
}

/**
 * Regularised incomplete gamma functions: [P(a, x), Q(a, x) = 1 - P], a > 0, x >= 0.
 * Source: Abramowitz and Stegun 6.5.29 (series) and 6.5.31 (continued fraction).
 */
export const incompleteGamma = (a: number, x: number): [lower: number, upper: number] => {
  if (x <= 0) return [0, 1]
  const front = Math.exp(a * Math.log(x) - x - lnGamma(a))
  if (x < a + 1) {
    const p = front * gammaSeries(a, x)
    return [p, 1 - p]
  }
  const q = front * gammaFraction(a, x)
  return [1 - q, q]
}

/** Mills ratio (1 - Phi(z)) / phi(z) for z >= 2, by the continued fraction 26.2.14 of A&S. */
const millsRatio = (z: number): number => {
  let fraction = 0
  const terms = Math.ceil(30 + 500 / (z * z))
  for (let k = terms; k >= 1; k--) fraction = k / (z + fraction)
  return 1 / (z + fraction)
}

/** Standard normal density phi(z) = exp(-z^2/2) / sqrt(2 pi). */
export const normalPdf = (z: number): number => Math.exp(-0.5 * z * z - HALF_LOG_TWO_PI)

/**
 * Upper tail of the standard normal, 1 - Phi(z), accurate in relative terms far into the tail.
 * Source: Abramowitz and Stegun 26.2.11 (|z| < 3) and 26.2.14.
 */
export const normalSf = (z: number): number => {
  if (z >= 3) return normalPdf(z) * millsRatio(z)
  if (z <= -3) return 1 - normalSf(-z)
  const x = Math.abs(z)
  let term = x
  let sum = x
  for (let k = 3; term > sum * 1e-17 && k < 400; k += 2) {
    term *= (x * x) / k
    sum += term
  }
  const half = normalPdf(x) * sum
  return z >= 0 ? 0.5 - half : 0.5 + half
}

/** Phi(z). */
export const normalCdf = (z: number): number => normalSf(-z)

/** ln(1 - Phi(z)), finite for every finite z. */
export const normalLogSf = (z: number): number => {
  if (z <= -3) return Math.log1p(-normalSf(-z))
  return z >= 3 ? -0.5 * z * z - HALF_LOG_TWO_PI + Math.log(millsRatio(z)) : Math.log(normalSf(z))
}

/** Hazard phi(z) / (1 - Phi(z)). */
export const normalHazard = (z: number): number =>
  z >= 3 ? 1 / millsRatio(z) : normalPdf(z) / normalSf(z)

/** First guess of Phi^-1(p) for p <= 0.5: A&S 26.2.23, error below 4.5e-4. */
const roughQuantile = (p: number): number => {
  const t = Math.sqrt(-2 * Math.log(p))
  const top = 2.515517 + t * (0.802853 + t * 0.010328)
  return -(t - top / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))))
}

/**
 * Phi^-1(p), 0 < p < 1: A&S 26.2.23 improved by Halley steps.
 * Returns -Infinity and Infinity at 0 and 1.
 */
export const normalQuantile = (p: number): number => {
  if (p <= 0) return Number.NEGATIVE_INFINITY
  if (p >= 1) return Number.POSITIVE_INFINITY
  if (p > 0.5) return -normalQuantile(1 - p)
  let z = roughQuantile(p)
  for (let i = 0; i < 3; i++) {
    const u = (normalCdf(z) - p) / normalPdf(z)
    z -= u / (1 + 0.5 * z * u)
  }
  return z
}

/**
 * Quantile of the chi-squared distribution: x with P(k/2, x/2) = p, k > 0 degrees of freedom.
 * Start: Wilson and Hilferty (1931); then bracketed Newton on the incomplete gamma function.
 */
export const chiSquaredQuantile = (p: number, k: number): number => {
  if (p <= 0) return 0
  const a = k / 2
  const h = 2 / (9 * k)
  let x = Math.max(1e-8, 0.5 * k * (1 - h + normalQuantile(p) * Math.sqrt(h)) ** 3)
  let low = 0
  let high = Number.POSITIVE_INFINITY
  for (let i = 0; i < 200; i++) {
    const [lower, upper] = incompleteGamma(a, x)
    const error = p > 0.5 ? 1 - p - upper : lower - p
    if (error > 0) high = Math.min(high, x)
    else low = Math.max(low, x)
    const slope = Math.exp((a - 1) * Math.log(x) - x - lnGamma(a))
    let next = x - error / slope
    if (!(next > low && next < high))
      next = high === Number.POSITIVE_INFINITY ? x * 2 : (low + high) / 2
    if (Math.abs(next - x) <= 1e-15 * x) break
    x = next
  }
  return 2 * x
}

/** Standard normal quantile for a two-sided interval of this confidence: 1.96 at 0.95. */
export const twoSidedZ = (confidence: number): number => normalQuantile(0.5 + confidence / 2)
