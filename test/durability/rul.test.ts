// Remaining life: NASA's C-MAPSS FD001 (learnt on the training engines alone), and a drill's by
// damage and condition, whose intervals must hold as often as they say.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  hoursLeft,
  survivesAll,
  survivesCondition,
  survivesDamage,
} from '../../gateway/durability/remaining.ts'
import {
  chooseOptions,
  coverage,
  DEFAULT_OPTIONS,
  phm08,
  type Run,
  rmse,
  trainRul,
} from '../../gateway/durability/rul.ts'
import { normalQuantile } from '../../gateway/durability/special.ts'
import { sharedData } from '../data.ts'
import { expectAbsolute, expectRefusal, expectRelative } from './expect.ts'
import { uniforms } from './textbook.ts'

const cmapss = sharedData('cmapss')
const lines = (file: string) => readFileSync(`${cmapss}/${file}`, 'utf8').trim().split('\n')

const engines = (file: string): Run[] => {
  const by = new Map<string, number[][]>()
  for (const line of lines(file)) {
    const [unit = '', ...rest] = line.trim().split(/\s+/)
    const own = by.get(unit) ?? []
    by.set(unit, own)
    own.push(rest.map(Number))
  }
  // Columns after unit: cycle, three settings, then the 21 sensors.
  return [...by.values()].map((rows) => ({
    signals: Array.from({ length: 21 }, (_, s) =>
      Float64Array.from(rows, (r) => r[4 + s] as number),
    ),
  }))
}

describe.skipIf(!cmapss)('C-MAPSS FD001', () => {
  it('scores the test engines; the 90 % interval covers 80 to 95 %', () => {
    const model = trainRul(engines('train_FD001.txt'), { random: uniforms(1) })
    const truth = lines('RUL_FD001_units001-050.txt').map(Number)
    const results = engines('test_FD001_units001-050.txt').map((run, i) => ({
      remaining: model.predict(run),
      truth: truth[i] as number,
    }))
    const pairs = results.map((r) => ({ predicted: r.remaining.cycles, truth: r.truth }))
    const covered = coverage(results)
    console.log(
      `C-MAPSS FD001: RMSE ${rmse(pairs).toFixed(2)} cycles`,
      `PHM08 ${phm08(pairs).toFixed(1)}, coverage ${(100 * covered).toFixed(0)} %`,
    )
    expect(rmse(pairs)).toBeLessThan(14)
    expect(phm08(pairs)).toBeLessThan(150)
    expect(covered).toBeGreaterThanOrEqual(0.8)
    expect(covered).toBeLessThanOrEqual(0.95)
  })
})

describe('the learner', () => {
  // Machines whose one useful signal rises with wear, beside one of noise and one that is constant.
  const runs = (n: number, seed: number): Run[] => {
    const next = uniforms(seed)
    return Array.from({ length: n }, () => {
      const life = 80 + Math.floor(80 * next())
      const at = (f: (t: number) => number) => Float64Array.from({ length: life }, (_, t) => f(t))
      return {
        signals: [at((t) => (t / life) ** 3 + 0.02 * next()), at(() => next()), at(() => 5)],
      }
    })
  }

  it('scores as the challenge does', () => {
    // d = -13 and d = 10 both cost e - 1.
    const pairs = [
      { predicted: 87, truth: 100 },
      { predicted: 110, truth: 100 },
    ]
    expectRelative(phm08(pairs), 2 * Math.expm1(1), 1e-12)
    expectRelative(rmse(pairs), Math.sqrt((169 + 100) / 2), 1e-12)
    expectRelative(rmse([{ predicted: 100, truth: 300 }], 125), 25, 1e-12)
  })

  it('learns, drops signals that say nothing, and repeats itself with one seed', () => {
    const options = { ...DEFAULT_OPTIONS, cap: 80, window: 8, features: 40 }
    const train = () => trainRul(runs(30, 1), { options, random: uniforms(4) })
    const model = train()
    expect(model.used).toEqual([0, 1])
    const cut = runs(10, 2).map((run) => {
      const n = Math.floor(0.8 * (run.signals[0]?.length ?? 0))
      return {
        run: { signals: run.signals.map((s) => s.subarray(0, n)) },
        truth: (run.signals[0]?.length ?? 0) - n,
      }
    })
    const results = cut.map(({ run, truth }) => ({ remaining: model.predict(run), truth }))
    expect(
      rmse(results.map((r) => ({ predicted: r.remaining.cycles, truth: r.truth }))),
    ).toBeLessThan(12)
    const again = train()
    expect(again.predict(cut[0]?.run as Run)).toEqual(results[0]?.remaining)
  })

  it('chooses options by cross-validation', () => {
    const good = { ...DEFAULT_OPTIONS, cap: 80, window: 8, features: 30 }
    const { best, scores } = chooseOptions(
      runs(20, 3),
      [{ ...good, ridge: 1e6 }, good],
      uniforms(5),
    )
    expect(best).toBe(good)
    expect(scores.length).toBe(2)
  })

  it('refuses too few runs and uneven records', () => {
    expectRefusal(() => trainRul(runs(3, 1), { random: uniforms(1) }), 'too_few_failures')
    const uneven = [...runs(12, 1), { signals: [new Float64Array(3)] }]
    expectRefusal(() => trainRul(uneven, { random: uniforms(1) }), 'bad_argument')
  })
})

describe('a drill by damage and condition', () => {
  const covered = (drills: number, how: { scatter: number; blocks: number; spread: number }) => {
    const next = uniforms(11)
    const gauss = () => normalQuantile(next())
    const { scatter, spread } = how
    let hits = 0
    for (let i = 0; i < drills; ) {
      const critical = Math.exp(scatter * gauss())
      const mean = (0.04 / how.blocks) * Math.exp(0.3 * gauss())
      const hours = Array.from({ length: how.blocks }, () => 10)
      const damage = hours.map((h) => h * mean * Math.exp(spread * gauss() - spread ** 2 / 2))
      const now = damage.reduce((a, b) => a + b, 0)
      if (now >= critical) continue
      i++
      const left = (critical - now) / mean
      const { lower, upper } = hoursLeft([survivesDamage({ hours, damage, scatter })])
      if (left >= lower && left <= upper) hits++
    }
    return hits / drills
  }

  it.each([
    { why: 'the part scatters', scatter: 0.3, blocks: 20, spread: 0.4 },
    { why: 'the use scatters', scatter: 0.05, blocks: 12, spread: 0.5 },
  ])('covers the true life about as often as it says where $why', (how) => {
    const share = covered(1000, how)
    expect(share).toBeGreaterThan(0.84)
    expect(share).toBeLessThan(0.95)
  })

  it('survives less the more it is used, and starts at certainty', () => {
    const s = survivesDamage({ hours: [10, 10, 10], damage: [0.1, 0.12, 0.09] })
    expect(s(0)).toBe(1)
    for (let h = 0; h < 300; h += 10) expect(s(h + 10)).toBeLessThanOrEqual(s(h))
    // Median: damage 1 is 0.69 away at 0.31/30 per hour, given that 0.31 was survived.
    expectRelative(hoursLeft([s]).median, 0.69 / (0.31 / 30), 0.02)
    expect(hoursLeft([survivesDamage({ hours: [5], damage: [0] })]).median).toBe(
      Number.POSITIVE_INFINITY,
    )
  })

  it('reads the end of a drifting condition, falling or rising', () => {
    const hours = Array.from({ length: 21 }, (_, i) => 10 * i)
    const noise = hours.map((_, i) => 0.002 * (i % 2 ? 1 : -1))
    const health = hours.map((h, i) => 1 - 0.001 * h + (noise[i] as number))
    const left = hoursLeft([survivesCondition({ hours, value: health, limit: 0.7 })])
    expectAbsolute(left.median, 100, 3)
    expect(left.lower).toBeGreaterThan(90)
    expect(left.upper).toBeLessThan(110)
    const wear = health.map((v) => 1 - v)
    const rising = hoursLeft([survivesCondition({ hours, value: wear, limit: 0.3 })])
    expectAbsolute(rising.median, left.median, 1e-6)
    const steady = survivesCondition({ hours, value: noise, limit: 1 })
    expect(hoursLeft([steady], { horizonH: 100 }).median).toBe(Number.POSITIVE_INFINITY)
  })

  it('takes the first of several ends: never more than any source alone', () => {
    const damage = survivesDamage({ hours: [10, 10, 10], damage: [0.1, 0.12, 0.09] })
    const hours = [0, 10, 20, 30]
    const condition = survivesCondition({ hours, value: [1, 0.96, 0.93, 0.89], limit: 0.7 })
    const both = hoursLeft([damage, condition])
    for (const alone of [hoursLeft([damage]), hoursLeft([condition])]) {
      expect(both.median).toBeLessThanOrEqual(alone.median + 1e-6)
      expect(both.lower).toBeLessThanOrEqual(alone.lower + 1e-6)
    }
    expectRelative(survivesAll([damage, condition])(20), damage(20) * condition(20), 1e-12)
  })

  it('refuses histories that are none', () => {
    expectRefusal(() => survivesDamage({ hours: [], damage: [] }), 'bad_argument')
    expectRefusal(() => survivesDamage({ hours: [1], damage: [-1] }), 'bad_argument')
    expectRefusal(
      () => survivesCondition({ hours: [1, 2], value: [1, 2], limit: 0 }),
      'bad_argument',
    )
    expectRefusal(
      () => survivesCondition({ hours: [1, 1, 1], value: [1, 2, 3], limit: 0 }),
      'bad_argument',
    )
    expectRefusal(() => hoursLeft([]), 'bad_argument')
  })
})
