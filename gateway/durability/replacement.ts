// When to replace a part before it breaks, from its Weibull life and two costs.
// Only worth doing when the part wears out (beta > 1) and breaking costs more; otherwise refused.
import { findRoot } from './optimise.ts'
import { refuse } from './refusal.ts'

/** Best age to replace, and the mean cost per unit of age if done so. */
export interface Replacement {
  readonly age: number
  readonly costRate: number
}

interface Wear {
  eta: number
  beta: number
}

const checkWear = ({ eta, beta }: Wear): void => {
  if (!(eta > 0 && beta > 0))
    refuse('bad_argument', `eta ${eta}, beta ${beta}`, 'Both must be positive')
  if (beta <= 1) {
    refuse(
      'bad_argument',
      `the part does not wear out (shape ${beta} is not above 1)`,
      'Run it until it fails: replacing it early only adds cost',
    )
  }
}

/** Integral of f over [0, end] by composite Gauss-Legendre of five points. */
const integrate = (f: (x: number) => number, end: number): number => {
  const nodes = [0, 0.5384693101056831, 0.906179845938664]
  const weights = [0.5688888888888889, 0.4786286704993665, 0.2369268850561891]
  const pieces = 64
  const half = end / pieces / 2
  let sum = 0
  for (let i = 0; i < pieces; i++) {
    const middle = (2 * i + 1) * half
    for (let k = 0; k < 3; k++) {
      const d = (nodes[k] as number) * half
      sum += (weights[k] as number) * (k === 0 ? f(middle) : f(middle - d) + f(middle + d))
    }
  }
  return sum * half
}

/**
 * Age replacement, as good as new: a part is replaced at age T for `planned`, or when it fails for
 * `failed`. Minimises (planned S(T) + failed F(T)) / integral of S over [0, T]; the optimum solves
 * h(T) integral S - F(T) = planned / (failed - planned).
 * Units: age as eta, cost rate in cost per unit of age.
 * Refuses: bad_argument (costs not 0 < planned < failed, no wear-out).
 * Source: Barlow and Proschan (1965), 3.2.
 */
export const ageReplacement = ({
  planned,
  failed,
  ...wear
}: Wear & { planned: number; failed: number }): Replacement => {
  checkWear(wear)
  if (!(planned > 0 && planned < failed)) {
    refuse(
      'bad_argument',
      `planned replacement costs ${planned}, failure ${failed}`,
      'Planned replacement must cost more than 0 and less than a failure to be worth while',
    )
  }
  const { eta, beta } = wear
  const s = (x: number) => Math.exp(-(x ** beta))
  const target = planned / (failed - planned)
  const balance = (x: number) => beta * x ** (beta - 1) * integrate(s, x) + s(x) - 1 - target
  let high = 1
  while (balance(high) < 0 && high < 1e6) high *= 2
  const x = findRoot(balance, [1e-9, high], 1e-14)
  const mean = integrate(s, x)
  return { age: eta * x, costRate: (planned * s(x) + failed * (1 - s(x))) / (mean * eta) }
}

/**
 * Overhaul under minimal repair, as good as old: each failure is repaired for `repair` without
 * changing the wear, and the whole is replaced at age T for `replacement`.
 * Minimises (replacement + repair (T/eta)^beta) / T: T = eta (replacement/(repair
 * (beta-1)))^(1/beta).
 * Source: Barlow and Hunter (1960), policy II. Refuses: bad_argument.
 */
export const minimalRepair = ({
  repair,
  replacement,
  ...wear
}: Wear & { repair: number; replacement: number }): Replacement => {
  checkWear(wear)
  if (!(repair > 0 && replacement > 0)) {
    refuse('bad_argument', `repair ${repair}, replacement ${replacement}`, 'Costs must be positive')
  }
  const age = wear.eta * (replacement / (repair * (wear.beta - 1))) ** (1 / wear.beta)
  return { age, costRate: (replacement + repair * (age / wear.eta) ** wear.beta) / age }
}
