// Repairable systems, replacement and goodness of fit against `reliability`, R and ReliaSoft.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitLives } from '../../gateway/durability/fit.ts'
import { aicc, andersonDarling, bic, chooseModel } from '../../gateway/durability/goodness.ts'
import { livesFrom } from '../../gateway/durability/lives.ts'
import {
  ageOfMtbf,
  crowAmsaa,
  type History,
  laplaceTrend,
  meanCumulative,
  rocof,
} from '../../gateway/durability/repairable.ts'
import { ageReplacement, minimalRepair } from '../../gateway/durability/replacement.ts'
import { stepAt } from '../../gateway/durability/survival.ts'
import { expectAbsolute, expectRefusal, expectRelative } from './expect.ts'
import { column, json, numpyWeibull, TEXTBOOK, textbook, uniforms } from './textbook.ts'

const five = (): History[] => {
  const rows = textbook('MCF_1.csv')
  return [...new Set(column(rows, 0))].map((system) => {
    const own = rows.filter((r) => r[0] === system)
    const at = (event: number) => own.filter((r) => r[2] === event).map((r) => r[1] as number)
    return { events: at(1), end: at(0)[0] as number }
  })
}

const braking = (batch: number): History[] => {
  const rows = textbook('braking.csv').filter((r) => r[2] === batch)
  return [...new Set(column(rows, 1))].map((locomotive) => {
    const own = rows.filter((r) => r[1] === locomotive)
    return {
      events: own.filter((r) => r[5] === 1).map((r) => r[4] as number),
      end: Math.max(...column(own, 4)),
    }
  })
}

describe.skipIf(!TEXTBOOK)('mean cumulative function', () => {
  it.each([
    ['MCF_1', () => five()],
    ['braking_batch1', () => braking(1)],
    ['braking_batch2', () => braking(2)],
  ] as const)('%s against R: 1e-7', (name, histories) => {
    const curve = meanCumulative(histories())
    const rows: { time: number; n_at_risk: number; events: number; MCF: number }[] =
      json('expected.json')[name].mcf
    expect(Array.from(curve.age)).toEqual(rows.map((r) => r.time))
    rows.forEach((row, i) => {
      expect(curve.atRisk[i]).toBe(row.n_at_risk)
      expect(curve.events[i]).toBe(row.events)
      expectRelative(curve.mean[i] as number, row.MCF, 1e-9)
    })
  })

  it('bounds against `reliability`, whose "95 %" is a one-sided 1.645', () => {
    const published = json('published.json').MCF_1.nonparametric
    const curve = meanCumulative(five(), { variance: 'independent', confidence: 0.9 })
    const last = stepAt(curve.age, 25)
    expectAbsolute(curve.mean[last] as number, published.MCF_at_25_last, 5e-6)
    expectAbsolute(curve.variance[last] as number, published.variance_at_25_last, 5e-7)
    expectRelative(curve.lower[last] as number, published.lower_at_25_last, 1e-4)
    expectRelative(curve.upper[last] as number, published.upper_at_25_last, 1e-4)
    // tests/test_Repairable_systems.py sums over events, two at one age counted one after another
    const sums = { mean: 0, variance: 0 }
    let [mean, variance] = [0, 0]
    curve.age.forEach((_, i) => {
      const n = curve.atRisk[i] as number
      for (let k = 0; k < (curve.events[i] as number); k++) {
        mean += 1 / n
        variance += (1 / n ** 2) * ((1 - 1 / n) ** 2 + (n - 1) / n ** 2)
        sums.mean += mean
        sums.variance += variance
      }
    })
    expectRelative(sums.mean, 22.833333333333332, 1e-7)
    expectRelative(sums.variance, 3.933518518518521, 1e-7)
  })

  it('robust variance: machines that fail alike leave no doubt, unlike ones do', () => {
    const alike = Array.from({ length: 6 }, () => ({ events: [10, 20, 30], end: 40 }))
    const unlike = alike.map((h, i) => (i < 3 ? h : { events: [], end: 40 }))
    expectAbsolute(meanCumulative(alike).variance[2] as number, 0, 1e-15)
    // Half with 3 failures, half with none: variance of the mean is 1.5^2 / 6.
    expectAbsolute(meanCumulative(unlike).variance[2] as number, 2.25 / 6, 1e-12)
  })

  it('robust variance leaves out a machine that is no longer watched', () => {
    const curve = meanCumulative([
      { events: [10], end: 15 },
      { events: [20], end: 40 },
      { events: [], end: 40 },
    ])
    // Influences 1/3 - 1/9, -1/9 + 1/2 - 1/4 and -1/9 - 1/4, by hand.
    expectRelative(curve.variance[1] as number, (8 ** 2 + 5 ** 2 + 13 ** 2) / 36 ** 2, 1e-12)
  })

  it('counts a machine only while it is watched', () => {
    const curve = meanCumulative([
      { events: [5, 50], end: 60 },
      { events: [55], start: 40, end: 60 },
    ])
    expect(Array.from(curve.atRisk)).toEqual([1, 2, 2])
    expectRefusal(() => meanCumulative([{ events: [70], end: 60 }]), 'bad_time')
    expectRefusal(() => meanCumulative([{ events: [], end: 60 }]), 'all_censored')
  })
})

describe.skipIf(!TEXTBOOK)('Crow-AMSAA, Laplace, ROCOF', () => {
  it('system_growth as printed', () => {
    const published = json('published.json').system_growth.crow_amsaa
    const times = column(textbook('system_growth.csv'), 0)
    const end = Math.max(...times)
    const growth = crowAmsaa([{ events: times, end }])
    expectAbsolute(growth.beta, published.beta, 5e-6)
    expectAbsolute(growth.lambda, published.lambda, 5e-6)
    expectAbsolute(growth.growth, published.growth_rate, 5e-6)
    expectAbsolute(growth.cumulativeMtbf, published.DMTBF_C, 5e-6)
    expectAbsolute(growth.instantMtbf, published.DMTBF_I, 5e-4)
    expectAbsolute(ageOfMtbf(growth, 35), published.time_to_MTBF_35, 5e-3)
    expectRelative(1 / rocof(growth, end), growth.instantMtbf, 1e-12)
  })

  it('ten failures as in the tests of `reliability`: 1e-7', () => {
    const events = [10400, 26900, 43400, 66400, 89400, 130400, 163400, 232000, 242000, 340700]
    const growth = crowAmsaa([{ events, end: 340700 }])
    expectRelative(growth.beta, 0.741656619656656, 1e-7)
    expectRelative(growth.lambda, 0.0007886414235385733, 1e-7)
    expectRelative(growth.growth, 0.25834338034334403, 1e-7)
    expectRelative(growth.instantMtbf, 45937.70094814556, 1e-7)
    expectRelative(growth.cumulativeMtbf, 34070, 1e-7)
    expectRelative(ageOfMtbf(growth, 50000), 1503979.9172547427, 1e-7)
  })

  it('automotive failures as growth times', () => {
    const published = json('published.json').automotive_as_growth_times.crow_amsaa
    const events = textbook('automotive.csv')
      .filter((r) => r[1] === 1)
      .map((r) => r[0] as number)
    const growth = crowAmsaa([{ events, end: Math.max(...events) }])
    expectAbsolute(growth.beta, published.beta, 5e-6)
    expectAbsolute(growth.lambda, published.lambda, 5e-8)
    expectAbsolute(growth.instantMtbf, published.DMTBF_I, 5e-5 * 100)
  })

  it('rocof30: Laplace and the power law, 1e-7', () => {
    const published = json('published.json').rocof30
    let age = 0
    const events = column(textbook('rocof30.csv'), 0).map((gap) => {
      age += gap
      return age
    })
    const history = [{ events, end: age }]
    const trend = laplaceTrend(history)
    expectRelative(trend.u, published.laplace_U, 1e-7)
    expect(trend.trend).toBe(published.trend)
    const law = crowAmsaa(history)
    expectRelative(law.beta, published.beta_hat, 1e-7)
    expectRelative(law.lambda, published.lambda_hat, 1e-7)
  })

  it('three simulated systems of AMSAA TR-138, equal ends', () => {
    const text = ['S1', 'S2', 'S3']
    const counts = json('expected.json').amsaa_tr138.by_system
    const rows = textbook('amsaa_tr138.csv')
    let at = 0
    const histories = text.map((name) => {
      const own = rows.slice(at, at + counts[name])
      at += counts[name]
      return { events: column(own, 2), end: 200 }
    })
    const law = crowAmsaa(histories)
    // beta = n / sum ln(T/t), lambda = n / (3 T^beta): the report's equations, written out.
    const logs = histories.flatMap((h) => h.events).reduce((s, t) => s + Math.log(200 / t), 0)
    expectRelative(law.beta, 36 / logs, 1e-12)
    expectRelative(law.lambda, 36 / (3 * 200 ** law.beta), 1e-12)
  })

  it('solves unequal ends: the score is zero there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
        const next = uniforms(seed)
        const histories = Array.from({ length: 4 }, () => {
          const end = 50 + 200 * next()
          return { events: Array.from({ length: 6 }, () => end * next() ** 0.7), end }
        })
        const { beta, lambda } = crowAmsaa(histories)
        const log = (b: number) => {
          const l = 24 / histories.reduce((s, h) => s + h.end ** b, 0)
          const sum = histories.flatMap((h) => h.events).reduce((s, t) => s + Math.log(t), 0)
          return 24 * Math.log(l * b) + (b - 1) * sum - 24
        }
        expect(log(beta)).toBeGreaterThanOrEqual(log(beta * 1.01))
        expect(log(beta)).toBeGreaterThanOrEqual(log(beta * 0.99))
        expectRelative(lambda, 24 / histories.reduce((s, h) => s + h.end ** beta, 0), 1e-12)
      }),
      { numRuns: 50 },
    )
  })

  it('refuses too few events', () => {
    expectRefusal(() => crowAmsaa([{ events: [5], end: 10 }]), 'too_few_failures')
    expectRefusal(() => laplaceTrend([{ events: [5], end: 10 }]), 'too_few_failures')
  })
})

describe.skipIf(!TEXTBOOK)('optimal replacement', () => {
  it('as good as old: age and cost as published', () => {
    const { input, as_good_as_old: published } = json('published.json').optimal_replacement
    const wear = { eta: input.weibull_alpha, beta: input.weibull_beta }
    // The source repairs minimally for cost_PM and overhauls for cost_CM.
    const best = minimalRepair({ ...wear, repair: input.cost_PM, replacement: input.cost_CM })
    expectRelative(best.age, published.ORT, 1e-12)
    expectRelative(best.costRate, published.min_cost, 1e-12)
  })

  it('as good as new: cost as published, age within its grid of 0.3', () => {
    const { input, as_good_as_new: published } = json('published.json').optimal_replacement
    const wear = { eta: input.weibull_alpha, beta: input.weibull_beta }
    const best = ageReplacement({ ...wear, planned: input.cost_PM, failed: input.cost_CM })
    // The source takes the best of 10,000 ages from 1 to 3,000; the true optimum is between two.
    expectAbsolute(best.age, published.ORT, 2999 / 9999 / 2)
    expect(best.costRate).toBeLessThanOrEqual(published.min_cost)
    expectRelative(best.costRate, published.min_cost, 1e-7)
  })

  it('refuses to replace what does not wear out', () => {
    const early = { eta: 100, beta: 0.9, planned: 1, failed: 5 }
    expect(expectRefusal(() => ageReplacement(early), 'bad_argument').remedy).toContain('Run it')
    expectRefusal(
      () => ageReplacement({ eta: 100, beta: 2, planned: 5, failed: 1 }),
      'bad_argument',
    )
  })
})

describe('goodness of fit', () => {
  it('is as `reliability` prints it for 20 samples of numpy seed 5', () => {
    // tests/test_Fitters.py, test_Fit_Weibull_2P and _3P: alpha 50, beta 2, censored at the mean.
    const raw = numpyWeibull(20, 5, { alpha: 50, beta: 2 })
    const mean = (50 * Math.sqrt(Math.PI)) / 2
    const lives = livesFrom({
      age: raw.map((t) => Math.min(t, mean)),
      failed: raw.map((t) => t <= mean),
    })
    const fit = fitLives(lives, 'weibull')
    expectRelative(Math.exp(fit.location), 45.099010886086354, 1e-4)
    expectRelative(1 / fit.scale, 2.7827531773597984, 1e-4)
    expectRelative(fit.logLikelihood, -55.4819182629478, 1e-6)
    expectRelative(aicc(fit), 115.66971887883678, 1e-6)
    expectRelative(bic(fit), 116.95530107300358, 1e-6)
    expectRelative(andersonDarling(lives, fit), 55.60004028891652, 1e-4)
  })

  it('orders models and says which the data cannot tell apart', () => {
    const raw = numpyWeibull(300, 3, { alpha: 50, beta: 4 })
    const { best, candidates, close } = chooseModel(
      livesFrom({ age: raw, failed: raw.map(() => 1) }),
    )
    expect(['weibull', 'weibull3']).toContain(best.model)
    expect(candidates.at(-1)?.model).toBe('exponential')
    expect(close).not.toContain('exponential')
    for (let i = 1; i < candidates.length; i++) {
      expect(candidates[i]?.aicc).toBeGreaterThanOrEqual(candidates[i - 1]?.aicc ?? 0)
    }
  })
})
