// Mixture, defective subpopulation, competing modes and Arrhenius against `reliability`, whose
// examples draw their data from numpy's generator and so can be drawn again.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  accelerationFactor,
  fitArrhenius,
  lifeAtTemperature,
} from '../../gateway/durability/accelerated.ts'
import { cumulativeIncidence, fitModes } from '../../gateway/durability/competing.ts'
import { fitLives, lifeAt } from '../../gateway/durability/fit.ts'
import { livesFrom } from '../../gateway/durability/lives.ts'
import {
  defectiveFailedBy,
  fitDefective,
  fitMixture,
  mixtureFailedBy,
} from '../../gateway/durability/mixture.ts'
import { survivalCurve } from '../../gateway/durability/survival.ts'
import { expectAbsolute, expectRefusal, expectRelative } from './expect.ts'
import { livesOf, numpyUniforms, numpyWeibull, simulate, TEXTBOOK, textbook } from './textbook.ts'

describe('mixture of two Weibulls', () => {
  it('as printed in docs/Mixture models.rst, example 2', () => {
    const age = [
      ...numpyWeibull(40, 2, { alpha: 10, beta: 3 }),
      ...numpyWeibull(60, 2, { alpha: 40, beta: 4 }),
    ]
    const mixture = fitMixture(livesFrom({ age, failed: age.map(() => 1) }))
    expectAbsolute(mixture.logLikelihood, -375.991, 5e-4)
    expectRelative(mixture.first.eta, 8.65511, 1e-4)
    expectRelative(mixture.first.beta, 3.91197, 1e-4)
    expectRelative(mixture.second.eta, 38.1103, 1e-4)
    expectRelative(mixture.second.beta, 3.82192, 1e-4)
    expectRelative(mixture.share, 0.388491, 1e-4)
    expectAbsolute(mixtureFailedBy(mixture, 1e9), 1, 1e-12)
  })

  it('refuses what is too little', () => {
    expectRefusal(
      () => fitMixture(livesFrom({ age: [1, 2, 3], failed: [1, 1, 1] })),
      'too_few_failures',
    )
  })
})

describe('defective subpopulation', () => {
  it('as printed in docs/DSZI models.rst, example 4', () => {
    // numpy.random.choice([0, 1, 2], p=[0, 0.4, 0.6]) by the inverse of the cumulative sum.
    const next = numpyUniforms(3)
    const failing = Array.from({ length: 100 }, next).filter((u) => u < 0.4).length
    expect(failing).toBe(41)
    const failures = numpyWeibull(failing, 3, { alpha: 70, beta: 2.5 })
    const age = [...failures, ...Array(59).fill(120)]
    const model = fitDefective(livesFrom({ age, failed: age.map((_, i) => i < failing) }))
    expectAbsolute(model.logLikelihood, -254.236, 5e-4)
    expectRelative(model.part.eta, 67.9275, 1e-4)
    expectRelative(model.part.beta, 2.63207, 1e-4)
    expectRelative(model.share, 0.414739, 1e-4)
    expect(model.gain).toBeGreaterThan(2)
    expectAbsolute(defectiveFailedBy(model, 1e9), model.share, 1e-12)
  })

  it('asks for nothing where all units fail', () => {
    const { age, failed } = simulate(400, { eta: 100, beta: 2, until: 1000 })
    const model = fitDefective(livesFrom({ age, failed }))
    expect(model.gain).toBeLessThan(2)
    expect(model.gain).toBeGreaterThan(-1e-3)
  })
})

describe('competing failure modes', () => {
  const modes = fc.array(
    fc.record({ age: fc.integer({ min: 1, max: 40 }), mode: fc.integer({ min: 0, max: 3 }) }),
    { minLength: 1, maxLength: 60 },
  )

  it('adds up: incidences and survival make 1 at every age', () => {
    fc.assert(
      fc.property(modes, (units) => {
        fc.pre(units.some((u) => u.mode > 0))
        const curve = cumulativeIncidence({
          age: Float64Array.from(units, (u) => u.age),
          mode: Uint8Array.from(units, (u) => u.mode),
        })
        curve.age.forEach((_, i) => {
          const sum = curve.incidence.reduce((s, row) => s + (row[i] as number), 0)
          expectAbsolute(sum + (curve.survivor[i] as number), 1, 1e-12)
        })
      }),
    )
  })

  it.skipIf(!TEXTBOOK)('with one mode is Kaplan-Meier with Greenwood', () => {
    const lives = livesOf('genfan.csv', 1, 2)
    const mode = Uint8Array.from(lives.upper, (u) => (u === Number.POSITIVE_INFINITY ? 0 : 1))
    const curve = cumulativeIncidence({ age: lives.lower, mode })
    const km = survivalCurve(lives)
    km.survivor.forEach((s, i) => {
      expectAbsolute(curve.incidence[0]?.[i] as number, 1 - s, 1e-12)
      // Two derivations of one variance: equal but for the n - d of Greenwood against n.
      expectRelative(curve.error[0]?.[i] as number, km.error[i] as number, 0.05)
    })
  })

  it('fits a mode with the others as units that left', () => {
    const a = simulate(9000, { eta: 100, beta: 3, until: 400, seed: 1 })
    const b = simulate(9000, { eta: 140, beta: 1, until: 4000, seed: 2 })
    const age = a.age.map((t, i) => Math.min(t, b.age[i] as number))
    const mode = Uint8Array.from(age, (t, i) =>
      t === a.age[i] ? (a.failed[i] as number) : 2 * (b.failed[i] as number),
    )
    const [wear, chance] = fitModes({ age, mode })
    expectRelative(Math.exp(wear?.fit?.location ?? 0), 100, 0.03)
    expectRelative(1 / (wear?.fit?.scale ?? 1), 3, 0.06)
    expectRelative(1 / (chance?.fit?.scale ?? 1), 1, 0.06)
    const few = fitModes({ age: Float64Array.of(1, 2, 3), mode: Uint8Array.of(1, 1, 2) })
    expect(few[1]?.refused).toContain('Weibayes')
  })
})

describe.skipIf(!TEXTBOOK)('accelerated life', () => {
  it.each([
    { model: 'weibull', a: 208.334, b: 157.573, scale: 1 / 1.39983, logLikelihood: -341.591 },
    { model: 'lognormal', a: 197.357, b: 134.732, scale: 0.986886, logLikelihood: -340.144 },
    { model: 'exponential', a: 266.147, b: 71.2215, scale: 1, logLikelihood: -343.991 },
  ] as const)('$model as printed for ALT_temperature', ({ model, a, b, scale, logLikelihood }) => {
    // docs/Fitting all available models to ALT data.rst: life b exp(a / T), T as in the file.
    const rows = textbook('ALT_temperature.csv')
    const lives = livesFrom({
      age: rows.map((r) => r[0] as number),
      failed: rows.map((r) => r[1] as number),
    })
    const fit = fitLives(lives, model, [Float64Array.from(rows, (r) => 1 / (r[2] as number))])
    expectRelative(fit.coefficients[0] as number, a, 2e-4)
    expectRelative(Math.exp(fit.location), b, 2e-3)
    expectRelative(fit.scale, scale, 2e-4)
    expectAbsolute(fit.logLikelihood, logLikelihood, 1e-3)
  })

  it('motor insulation: one Arrhenius line through four temperatures', () => {
    const rows = textbook('imotor.csv')
    const lives = livesFrom({
      age: rows.map((r) => r[2] as number),
      failed: rows.map((r) => r[3] as number),
    })
    const kelvin = rows.map((r) => (r[1] as number) + 273.15)
    const arrhenius = fitArrhenius(lives, kelvin, 'lognormal')
    expect(arrhenius.activationEv).toBeGreaterThan(0.6)
    expect(arrhenius.activationEv).toBeLessThan(1.1)
    const at = (t: number) => lifeAtTemperature(arrhenius, { kelvin: t + 273.15, p: 0.5 })
    const factor = accelerationFactor(arrhenius.activationEv, { useK: 403.15, stressK: 463.15 })
    expectRelative(at(130).value / at(190).value, factor, 1e-9)
    expect(at(130).lower).toBeLessThan(at(130).value)
    expect(at(130).upper / at(130).lower).toBeGreaterThan(at(190).upper / at(190).lower)
    expect(lifeAt(fitLives(lives, 'lognormal'), 0.5)).toBeLessThan(at(150).value)
    expectRefusal(
      () =>
        fitArrhenius(
          lives,
          kelvin.map(() => 400),
        ),
      'bad_argument',
    )
    expectRefusal(
      () =>
        fitArrhenius(
          lives,
          kelvin.map(() => -1),
        ),
      'bad_argument',
    )
  })
})
