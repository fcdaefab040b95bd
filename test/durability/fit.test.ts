// Maximum-likelihood fits and their bounds against R survival, weibulltools, SAS and `reliability`.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  failedBounds,
  lifeBounds,
  parameterBounds,
  ratioBounds,
} from '../../gateway/durability/bounds.ts'
import { extremeValue, normal } from '../../gateway/durability/family.ts'
import { failedBy, fitLives, hazardAt, lifeAt, weibullOf } from '../../gateway/durability/fit.ts'
import { evaluate, prepare } from '../../gateway/durability/likelihood.ts'
import { livesFrom, livesFromIntervals } from '../../gateway/durability/lives.ts'
import { fitWeibull3 } from '../../gateway/durability/threshold.ts'
import { sharedData } from '../data.ts'
import { expectAbsolute, expectRefusal, expectRelative } from './expect.ts'
import {
  json,
  livesOf,
  numbers,
  shock,
  simulate,
  TEXTBOOK,
  textbook,
  uniforms,
} from './textbook.ts'

interface Mle {
  n: number
  failures: number
  eta: number
  beta: number
  eta_ci95: [number, number]
  beta_ci95: [number, number]
  loglik: number
  B10: number
  B50: number
}

const checkAgainst = (lives: ReturnType<typeof livesFrom>, mle: Mle): void => {
  const fit = fitLives(lives, 'weibull')
  const { eta, beta } = weibullOf(fit)
  expect(fit.units).toBe(mle.n)
  expect(fit.failures).toBe(mle.failures)
  expectRelative(eta, mle.eta, 1e-6)
  expectRelative(beta, mle.beta, 1e-6)
  expectRelative(fit.logLikelihood, mle.loglik, 1e-6)
  expectRelative(lifeAt(fit, 0.1), mle.B10, 1e-6)
  expectRelative(lifeAt(fit, 0.5), mle.B50, 1e-6)
  const bounds = parameterBounds(fit)
  expectRelative(bounds['eta']?.lower ?? 0, mle.eta_ci95[0], 1e-4)
  expectRelative(bounds['eta']?.upper ?? 0, mle.eta_ci95[1], 1e-4)
  expectRelative(bounds['beta']?.lower ?? 0, mle.beta_ci95[0], 1e-4)
  expectRelative(bounds['beta']?.upper ?? 0, mle.beta_ci95[1], 1e-4)
}

describe.skipIf(!TEXTBOOK)('Weibull against R survival', () => {
  it.each([
    ['automotive', ['automotive.csv', 0, 1]],
    ['genfan', ['genfan.csv', 1, 2]],
    ['alloy', ['alloy.csv', 0, 1]],
  ] satisfies [string, [string, number, number]][])(
    '%s: parameters and log-likelihood 1e-6, bounds 1e-4',
    (name, file) => {
      checkAgainst(livesOf(...file), json('expected.json')[name].weibull_mle)
    },
  )

  it.each([170, 190, 220])('imotor at %d degC', (temperature) => {
    const rows = textbook('imotor.csv').filter((r) => r[1] === temperature)
    const lives = livesFrom({
      age: rows.map((r) => r[2] as number),
      failed: rows.map((r) => r[3] as number),
    })
    checkAgainst(lives, json('expected.json')[`imotor_${temperature}`].weibull_mle)
  })

  const fleet = sharedData('fleet-field-data')
  it.skipIf(!fleet)('fleet of 5,404 vehicles, 94 % censored', async () => {
    const rows = numbers(`${fleet}/field_data_vin_odd.csv`)
    const { readFileSync } = await import('node:fs')
    const expected = JSON.parse(readFileSync(`${fleet}/expected.json`, 'utf8'))
    const lives = livesFrom({
      age: rows.map((r) => r[1] as number),
      failed: rows.map((r) => r[3] as number),
    })
    checkAgainst(lives, expected.days_in_service_weibull_mle)
  })

  it('three parameters: alloy against weibulltools and SAS', () => {
    const fit = fitWeibull3(livesOf('alloy.csv', 0, 1))
    // weibulltools, tests/testthat/_snaps/ml_estimation.md (printed to 7 digits)
    expectRelative(fit.location, 4.535208, 1e-6)
    expectRelative(fit.scale, 0.75771, 1e-6)
    expectRelative(fit.threshold, 92.995407, 1e-6)
    expectRelative(fit.logLikelihood, -363.936, 1e-6)
    // its covariance of location and threshold: standard errors within 1e-4
    expectRelative(Math.sqrt(fit.covariance[0] as number), Math.sqrt(0.01017856), 1e-4)
    expectRelative(Math.sqrt(fit.covariance[8] as number), Math.sqrt(3.79367266), 2e-4)
    // SAS/QC, PROC RELIABILITY, three-parameter Weibull example
    expectRelative(Math.exp(fit.location), 93.2642, 5e-4)
    expectRelative(1 / fit.scale, 1.3202, 5e-4)
  })
})

describe('other published fits', () => {
  const lives = livesFrom({
    age: shock.map((r) => r[0]),
    failed: shock.map((r) => (r[1] > 0 ? 1 : 0)),
  })

  it('shock absorbers against weibulltools: Weibull, lognormal, exponential', () => {
    const weibull = fitLives(lives, 'weibull')
    expectRelative(weibull.location, 10.2298631, 1e-6)
    // its optimiser stops at 1e-8 of the log-likelihood, which is 2e-6 of the scale here
    expectRelative(weibull.scale, 0.3164092, 2e-6)
    expectRelative(weibull.logLikelihood, -123.9954, 1e-6)
    const lognormal = fitLives(lives, 'lognormal')
    expectRelative(lognormal.location, 10.144771, 1e-6)
    expectRelative(lognormal.scale, 0.5300683, 1e-6)
    expectRelative(lognormal.logLikelihood, -124.6085, 1e-6)
    const bounds = parameterBounds(lognormal, 0.9)
    expectRelative(bounds['mu']?.lower ?? 0, 9.9076238, 1e-4)
    expectRelative(bounds['mu']?.upper ?? 0, 10.3819182, 1e-4)
    expectRelative(bounds['sigma']?.lower ?? 0, 0.3736577, 1e-4)
    expectRelative(bounds['sigma']?.upper ?? 0, 0.7519514, 1e-4)
    const exponential = fitLives(lives, 'exponential')
    expectRelative(Math.exp(exponential.location), 56818.19, 1e-6)
    expectRelative(exponential.logLikelihood, -131.4237, 1e-6)
    const theta = parameterBounds(exponential)['theta']
    expectRelative(theta?.lower ?? 0, 31465.93, 1e-4)
    expectRelative(theta?.upper ?? 0, 102596.9, 1e-4)
  })

  it('likelihood-ratio bounds: a drop of chi-squared / 2, whatever the other parameter', () => {
    // Definition (Meeker and Escobar 1998, 8.3), checked with a likelihood written out here.
    const ages = [10, 20, 30, 40, 50]
    const five = livesFrom({ age: ages, failed: [1, 1, 1, 1, 1] })
    const fit = fitLives(five, 'weibull')
    const { eta } = weibullOf(fit)
    const log = (e: number, b: number) =>
      ages.reduce((s, t) => s + Math.log(b / e) + (b - 1) * Math.log(t / e) - (t / e) ** b, 0)
    const drop = 2.705543454095404 / 2
    const shape = ratioBounds(five, fit, { quantity: 'shape', confidence: 0.9 })
    for (const b of [shape.lower, shape.upper]) {
      const best = (ages.reduce((s, t) => s + t ** b, 0) / 5) ** (1 / b)
      expectAbsolute(fit.logLikelihood - log(best, b), drop, 1e-8)
    }
    const b10 = ratioBounds(five, fit, { quantity: { life: 0.1 }, confidence: 0.9 })
    for (const t10 of [b10.lower, b10.upper]) {
      let best = Number.NEGATIVE_INFINITY
      for (let b = 0.2; b < 9; b += 0.0005) {
        best = Math.max(best, log(t10 / (-Math.log(0.9)) ** (1 / b), b))
      }
      expectAbsolute(fit.logLikelihood - best, drop, 1e-6)
    }
    const scale = ratioBounds(five, fit, { quantity: 'scale', confidence: 0.9 })
    expect(scale.lower).toBeLessThan(eta)
    expect(scale.upper).toBeGreaterThan(eta)
  })
})

describe('the likelihood', () => {
  const mixed = (seed: number) => {
    const next = uniforms(seed)
    const lower: number[] = []
    const upper: number[] = []
    const entry: number[] = []
    for (let i = 0; i < 60; i++) {
      const life = 100 * (-Math.log(next())) ** 0.6
      const kind = Math.floor(next() * 4)
      entry.push(kind === 2 ? 0 : life * 0.3 * next())
      if (kind === 0) lower.push(life)
      else if (kind === 1) lower.push(life * 0.8)
      else if (kind === 2) lower.push(0)
      else lower.push(life * 0.9)
      upper.push(
        kind === 0
          ? life
          : kind === 1
            ? Number.POSITIVE_INFINITY
            : kind === 2
              ? life * 1.2
              : life * 1.3,
      )
    }
    entry.forEach((e, i) => {
      if (e > (lower[i] as number)) entry[i] = 0
    })
    return livesFromIntervals({ lower, upper, entry })
  }

  it('has the derivatives it says, for every kind of row', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(extremeValue, normal),
        fc.tuple(
          fc.double({ min: -1, max: 1, noNaN: true }),
          fc.double({ min: 0.3, max: 4, noNaN: true }),
        ),
        (seed, family, [a, b]) => {
          const sample = prepare(mixed(seed))
          const at = (x: number, y: number) => evaluate(sample, family, Float64Array.of(x, y))
          const here = at(a, b)
          const h = 1e-5
          const slopes = [
            (at(a + h, b).value - at(a - h, b).value) / (2 * h),
            (at(a, b + h).value - at(a, b - h).value) / (2 * h),
          ]
          slopes.forEach((s, i) => {
            expectAbsolute(here.gradient[i] as number, s, 1e-4 * (1 + Math.abs(s)))
          })
          const second = (at(a, b + h).gradient[1] as number) - (at(a, b - h).gradient[1] as number)
          expectAbsolute(
            here.hessian[3] as number,
            second / (2 * h),
            1e-4 * (1 + Math.abs(second / h)),
          )
          const cross = (at(a + h, b).gradient[1] as number) - (at(a - h, b).gradient[1] as number)
          expectAbsolute(
            here.hessian[1] as number,
            cross / (2 * h),
            1e-4 * (1 + Math.abs(cross / h)),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it('is highest at the fit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom('weibull', 'lognormal'),
        fc.tuple(
          fc.double({ min: -0.3, max: 0.3, noNaN: true }),
          fc.double({ min: -0.3, max: 0.3, noNaN: true }),
        ),
        (seed, model, [da, db]) => {
          const lives = mixed(seed)
          const fit = fitLives(lives, model)
          const sample = prepare(lives)
          const b = Math.exp(db) / fit.scale
          const a = (sample.centre - fit.location - da) * b
          const value = evaluate(sample, fit.family, Float64Array.of(a, b)).value
          expect(value).toBeLessThanOrEqual(fit.logLikelihood + 1e-9)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('scales with the unit of the ages', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.double({ min: 1e-3, max: 1e4, noNaN: true }),
        (seed, k) => {
          const { age, failed } = simulate(80, { eta: 300, beta: 1.7, until: 500, seed })
          const one = fitLives(livesFrom({ age, failed }), 'weibull')
          const other = fitLives(livesFrom({ age: age.map((t) => t * k), failed }), 'weibull')
          expectRelative(weibullOf(other).eta, k * weibullOf(one).eta, 1e-7)
          expectRelative(weibullOf(other).beta, weibullOf(one).beta, 1e-7)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('undoes left truncation: late entrants alone give the life of all', () => {
    const next = uniforms(7)
    const age: number[] = []
    const entry: number[] = []
    while (age.length < 20_000) {
      const life = 1000 * (-Math.log(next())) ** (1 / 2)
      const joined = 600 * next()
      if (life > joined) {
        age.push(life)
        entry.push(joined)
      }
    }
    const failed = age.map(() => 1)
    const naive = weibullOf(fitLives(livesFrom({ age, failed }), 'weibull'))
    const fair = weibullOf(fitLives(livesFrom({ age, failed, entry }), 'weibull'))
    expectRelative(fair.eta, 1000, 0.02)
    expectRelative(fair.beta, 2, 0.04)
    expect(Math.abs(naive.eta - 1000)).toBeGreaterThan(3 * Math.abs(fair.eta - 1000))
  })
})

describe('bounds and functions of a fit', () => {
  const fit = fitLives(livesFrom(simulate(300, { eta: 100, beta: 2, until: 200 })), 'weibull')

  it('keeps value, bounds and inverse together', () => {
    for (const p of [0.01, 0.1, 0.5, 0.9]) {
      const life = lifeBounds(fit, p)
      expectRelative(failedBy(fit, life.value), p, 1e-12)
      expect(life.lower).toBeLessThan(life.value)
      expect(life.upper).toBeGreaterThan(life.value)
      const failed = failedBounds(fit, life.value)
      expect(failed.lower).toBeLessThan(p)
      expect(failed.upper).toBeGreaterThan(p)
    }
    const { eta, beta } = weibullOf(fit)
    expectRelative(hazardAt(fit, 70), (beta / eta) * (70 / eta) ** (beta - 1), 1e-12)
  })
})

describe('refusals say what to do', () => {
  const refused = (age: number[], failed: number[]) => () =>
    fitLives(livesFrom({ age, failed }), 'weibull')

  it('names too few failures, all censored and times that are none', () => {
    expect(expectRefusal(refused([5, 6], [0, 0]), 'all_censored').message).toContain('Weibayes')
    expect(expectRefusal(refused([5, 6], [1, 0]), 'too_few_failures').message).toContain('Weibayes')
    expectRefusal(refused([0, 6], [1, 1]), 'bad_time')
    expectRefusal(refused([-3, 6], [1, 1]), 'bad_time')
    expectRefusal(refused([Number.NaN, 6], [1, 1]), 'bad_time')
    expectRefusal(() => livesFrom({ age: [5], failed: [1], entry: [6] }), 'bad_time')
    expectRefusal(() => livesFrom({ age: [5], failed: [1, 1] }), 'bad_argument')
  })

  it('names an infinite likelihood', () => {
    expectRefusal(refused([50, 50, 50], [1, 1, 1]), 'infinite_likelihood')
    expectRefusal(refused([50, 50, 40], [1, 1, 0]), 'infinite_likelihood')
    // A unit that outlived them bounds the shape again.
    expect(refused([50, 50, 60], [1, 1, 0])).not.toThrow()
    const inspected = () =>
      fitLives(livesFromIntervals({ lower: [10, 12, 9], upper: [20, 22, 20] }), 'weibull')
    expectRefusal(inspected, 'infinite_likelihood')
    const beside = (running: number) => () =>
      fitLives(
        livesFromIntervals({ lower: [10, 12, running], upper: [20, 22, Number.POSITIVE_INFINITY] }),
        'weibull',
      )
    expectRefusal(beside(15), 'infinite_likelihood')
    expect(beside(30)).not.toThrow()
    expectRefusal(
      () => fitWeibull3(livesFrom({ age: [9, 1, 2, 1.1], failed: [1, 1, 1, 1] })),
      'infinite_likelihood',
    )
  })

  it('names an interval that runs backwards', () => {
    expectRefusal(() => livesFromIntervals({ lower: [5], upper: [4] }), 'unsorted_interval')
    expectRefusal(
      () => livesFromIntervals({ lower: [0], upper: [Number.POSITIVE_INFINITY] }),
      'bad_time',
    )
  })
})
