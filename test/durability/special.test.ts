// Special functions and optimisers against printed tables (Abramowitz and Stegun; NIST handbook).
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findRoot, minimise, minimise1 } from '../../gateway/durability/optimise.ts'
import {
  chiSquaredQuantile,
  gamma,
  incompleteGamma,
  normalCdf,
  normalLogSf,
  normalQuantile,
  normalSf,
} from '../../gateway/durability/special.ts'
import { expectAbsolute, expectRefusal, expectRelative } from './expect.ts'

describe('special functions', () => {
  it('agrees with printed values', () => {
    expectRelative(gamma(0.5), Math.sqrt(Math.PI), 1e-14)
    expectRelative(gamma(10), 362880, 1e-13)
    // A&S table 26.1
    expectAbsolute(normalCdf(1), 0.841344746068543, 1e-14)
    expectAbsolute(normalCdf(2.5), 0.993790334674224, 1e-14)
    // A&S table 26.2: -log10 Q(10) = 23.11805, Q(5) = 2.866515719e-7
    expectRelative(normalSf(5), 2.866515718791939e-7, 1e-12)
    expectAbsolute(-normalLogSf(10) / Math.LN10, 23.11805, 5e-6)
    expectAbsolute(normalQuantile(0.975), 1.959963984540054, 1e-14)
    expectAbsolute(normalQuantile(0.9), 1.2815515655446004, 1e-14)
    // A&S table 26.8
    expectAbsolute(chiSquaredQuantile(0.95, 1), 3.84146, 5e-6)
    expectAbsolute(chiSquaredQuantile(0.9, 10), 15.9872, 5e-5)
    expectAbsolute(chiSquaredQuantile(0.05, 30), 18.4927, 5e-5)
    expectAbsolute(chiSquaredQuantile(0.995, 2), 10.5966, 5e-5)
  })

  it('inverts itself', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1 - 1e-12, noNaN: true }), (p) => {
        expectAbsolute(normalCdf(normalQuantile(p)), p, 1e-13)
      }),
    )
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }),
        fc.integer({ min: 1, max: 400 }),
        (p, k) => {
          expectAbsolute(incompleteGamma(k / 2, chiSquaredQuantile(p, k) / 2)[0], p, 1e-11)
        },
      ),
    )
  })
})

describe('optimisers', () => {
  it('finds roots and minima', () => {
    expectAbsolute(
      findRoot((x) => x ** 3 - 2, [0, 2]),
      Math.cbrt(2),
      1e-12,
    )
    expectAbsolute(
      minimise1((x) => (x - 0.3) ** 2 + 1, [-4, 9]),
      0.3,
      1e-7,
    )
    const rosenbrock = ([x, y]: number[]) =>
      (1 - (x as number)) ** 2 + 100 * ((y as number) - (x as number) ** 2) ** 2
    const { x } = minimise(rosenbrock, [-1.2, 1])
    expectAbsolute(x[0] as number, 1, 1e-5)
    expectAbsolute(x[1] as number, 1, 1e-5)
  })

  it('refuses an interval without a sign change', () => {
    expectRefusal(() => findRoot((x) => x * x + 1, [-1, 1]), 'no_convergence')
    expect(() => findRoot((x) => x, [-1, 2])).not.toThrow()
  })
})
