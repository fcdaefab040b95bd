// The two standard distributions of log-life, as functions of z = (ln t - mu) / sigma.
// Weibull lives are smallest-extreme-value in z, lognormal lives are normal in z; everything that
// fits, bounds or plots a life model needs only what is here. No parameters, no data.
import { normalCdf, normalHazard, normalLogSf, normalPdf, normalQuantile } from './special.ts'

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI)

/** A standard distribution of z. `out` receives [value, first, second derivative in z]. */
export interface Family {
  readonly name: 'weibull' | 'lognormal'
  /** ln f(z) with its derivatives. */
  readonly logDensity: (z: number, out: Float64Array) => void
  /** ln S(z) with its derivatives. */
  readonly logSurvivor: (z: number, out: Float64Array) => void
  readonly cdf: (z: number) => number
  /** ln F(z), accurate far into the lower tail. */
  readonly logCdf: (z: number) => number
  readonly survivor: (z: number) => number
  readonly pdf: (z: number) => number
  readonly quantile: (p: number) => number
}

/** Smallest extreme value: S(z) = exp(-e^z), f(z) = exp(z - e^z). */
export const extremeValue: Family = {
  name: 'weibull',
  logDensity: (z, out) => {
    const e = Math.exp(z)
    out[0] = z - e
    out[1] = 1 - e
    out[2] = -e
  },
  logSurvivor: (z, out) => {
    const e = -Math.exp(z)
    out[0] = e
    out[1] = e
    out[2] = e
  },
  cdf: (z) => -Math.expm1(-Math.exp(z)),
  logCdf: (z) => (z < -36 ? z : Math.log(-Math.expm1(-Math.exp(z)))),
  survivor: (z) => Math.exp(-Math.exp(z)),
  pdf: (z) => Math.exp(z - Math.exp(z)),
  quantile: (p) => Math.log(-Math.log1p(-p)),
}

/** Standard normal: S(z) = 1 - Phi(z), f(z) = phi(z). */
export const normal: Family = {
  name: 'lognormal',
  logDensity: (z, out) => {
    out[0] = -0.5 * z * z - HALF_LOG_TWO_PI
    out[1] = -z
    out[2] = -1
  },
  logSurvivor: (z, out) => {
    const h = normalHazard(z)
    out[0] = normalLogSf(z)
    out[1] = -h
    out[2] = -h * (h - z)
  },
  cdf: normalCdf,
  logCdf: (z) => normalLogSf(-z),
  survivor: (z) => normalCdf(-z),
  pdf: normalPdf,
  quantile: normalQuantile,
}
