// Life at one temperature from tests at others: Arrhenius, fitted by maximum likelihood together
// with the scatter. Extrapolates by a law of chemistry, so that it is only as good as that law
// holds.

import type { Bounded } from './bounds.ts'
import { type Fit, fitLives } from './fit.ts'
import type { Lives } from './lives.ts'
import { checkConfidence, refuse } from './refusal.ts'
import { twoSidedZ } from './special.ts'

/** Boltzmann's constant in eV/K (exact in the SI of 2019: 1.380649e-23 / 1.602176634e-19). */
export const BOLTZMANN_EV = 1.380649e-23 / 1.602176634e-19

/** 0 degC in kelvin. */
export const ZERO_C_IN_K = 273.15

const checkKelvin = (kelvin: number): number =>
  kelvin > 0 && kelvin < Number.POSITIVE_INFINITY
    ? kelvin
    : refuse('bad_argument', `temperature ${kelvin} K`, 'Give kelvin: degC + 273.15')

/** A fit with its activation energy. */
export interface Arrhenius {
  readonly fit: Fit
  /** Activation energy in eV with its standard error. */
  readonly activationEv: number
  readonly error: number
}

/**
 * ln T = a + Ea / (k T_K) + sigma e, e as in the model (Weibull, lognormal, exponential).
 * `kelvin` has one temperature per row. Ages in the caller's unit.
 * Refuses: bad_argument (fewer than two temperatures, not kelvin) and as fitLives does.
 * Source: Nelson (1990), Accelerated Testing, 2.8 and 5; Meeker and Escobar (1998), 19.
 */
export const fitArrhenius = (
  lives: Lives,
  kelvin: ArrayLike<number>,
  model: 'weibull' | 'lognormal' | 'exponential' = 'weibull',
): Arrhenius => {
  if (kelvin.length !== lives.lower.length) {
    refuse('bad_argument', 'temperatures and rows differ in number', 'Give one temperature per row')
  }
  const x = Float64Array.from(kelvin, (k) => 1 / (BOLTZMANN_EV * checkKelvin(k)))
  if (new Set(x).size < 2) {
    refuse('bad_argument', 'all rows have one temperature', 'Test at two temperatures or more')
  }
  const fit = fitLives(lives, model, [x])
  return {
    fit,
    activationEv: fit.coefficients[0] as number,
    error: Math.sqrt(fit.covariance[8] as number),
  }
}

/** How many times faster life passes at `stressK` than at `useK`: exp(Ea/k (1/use - 1/stress)). */
export const accelerationFactor = (
  activationEv: number,
  { useK, stressK }: { useK: number; stressK: number },
): number =>
  Math.exp((activationEv / BOLTZMANN_EV) * (1 / checkKelvin(useK) - 1 / checkKelvin(stressK)))

/** Age by which the fraction p fails at a temperature, with normal bounds on the log scale. */
export const lifeAtTemperature = (
  { fit, activationEv }: Arrhenius,
  { kelvin, p, confidence = 0.95 }: { kelvin: number; p: number; confidence?: number },
): Bounded => {
  const x = 1 / (BOLTZMANN_EV * checkKelvin(kelvin))
  const q = fit.family.quantile(p)
  const log = fit.location + activationEv * x + fit.scale * q
  const gradient = [1, fit.scale * q, x]
  let variance = 0
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      variance +=
        (gradient[i] as number) * (gradient[j] as number) * (fit.covariance[3 * i + j] as number)
    }
  }
  const half = twoSidedZ(checkConfidence(confidence)) * Math.sqrt(variance)
  return { value: Math.exp(log), lower: Math.exp(log - half), upper: Math.exp(log + half) }
}
