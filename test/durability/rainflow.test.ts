// Rainflow, damage, bearing life and histograms against ASTM E1049, `reliability` and ISO 281.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bearingLifeUsed,
  blockDamage,
  cycleDamage,
  cyclesToFailure,
  equivalentLoad,
  minerDamage,
  ratedRevolutions,
} from '../../gateway/durability/damage.ts'
import {
  addHistograms,
  BANDS,
  emptyHistogram,
  quantileOf,
  withValues,
} from '../../gateway/durability/histogram.ts'
import {
  type Cycle,
  countByRange,
  Rainflow,
  RainflowRecord,
  rainflow,
} from '../../gateway/durability/rainflow.ts'
import { sharedData } from '../data.ts'
import { expectAbsolute, expectRefusal, expectRelative } from './expect.ts'
import { json, numbers, TEXTBOOK, uniforms } from './textbook.ts'

const folder = sharedData('rainflow')

describe.skipIf(!folder)('ASTM E1049-85, the worked example', () => {
  const series = () => numbers(`${folder}/astm_e1049_example_series.csv`).map((r) => r[1] as number)

  it('counts the cycles exactly, with their means and places', () => {
    const rows = numbers(`${folder}/astm_e1049_example_cycles.csv`)
    expect(rainflow(series())).toEqual(
      rows.map(([range, mean, count, start, end]) => ({ range, mean, count, start, end })),
    )
  })

  it('counts by range exactly', () => {
    const rows = numbers(`${folder}/astm_e1049_example_counts.csv`)
    expect(countByRange(rainflow(series()))).toEqual(
      rows.map(([range, count]) => ({ range, count })),
    )
  })

  it('is read from the file as shipped', () => {
    expect(readFileSync(`${folder}/astm_e1049_example_series.csv`, 'utf8')).toContain('3,5')
  })
})

/** ASTM E1049, 5.4.4, as it is written: on the list of reversals, start included. */
const byTheBook = (loads: number[]): { range: number; count: number }[] => {
  const distinct = loads.filter((v, i) => i === 0 || v !== loads[i - 1])
  const points = distinct.filter((v, i) => {
    const before = distinct[i - 1]
    const after = distinct[i + 1]
    return before === undefined || after === undefined || (v - before) * (after - v) < 0
  })
  const out: Cycle[] = []
  const add = (a: number, b: number, count: number) =>
    out.push({ range: Math.abs(a - b), mean: (a + b) / 2, count, start: 0, end: 0 })
  const stack: number[] = []
  for (const point of points) {
    stack.push(point)
    while (stack.length >= 3) {
      const [a, b, c] = stack.slice(-3) as [number, number, number]
      if (Math.abs(c - b) < Math.abs(b - a)) break
      if (stack.length === 3) {
        add(a, b, 0.5)
        stack.shift()
      } else {
        add(a, b, 1)
        stack.splice(-3, 2)
      }
    }
  }
  for (let i = 1; i < stack.length; i++) add(stack[i - 1] as number, stack[i] as number, 0.5)
  return countByRange(out)
}

const loads = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 0, maxLength: 200 })

describe('streaming rainflow', () => {
  it('equals the procedure of the standard on any history', () => {
    fc.assert(
      fc.property(loads, (values) => {
        const counted = countByRange(rainflow(values))
        expect(counted).toEqual(values.length > 1 ? byTheBook(values) : [])
      }),
      { numRuns: 300 },
    )
  })

  it('gives the same cycles in blocks as at once', () => {
    fc.assert(
      fc.property(loads, fc.array(fc.nat(199), { maxLength: 8 }), (values, cuts) => {
        const cycles: Cycle[] = []
        const counter = new Rainflow((c) => cycles.push({ ...c }))
        let from = 0
        for (const cut of [...cuts.sort((a, b) => a - b), values.length]) {
          counter.push(values.slice(from, Math.max(from, cut)))
          from = Math.max(from, cut)
          const before = cycles.length
          counter.finish()
          cycles.length = before
        }
        counter.finish()
        expect(cycles).toEqual(rainflow(values))
      }),
      { numRuns: 300 },
    )
  })

  it('keeps the largest range of the history', () => {
    fc.assert(
      fc.property(loads, (values) => {
        fc.pre(new Set(values).size > 1)
        const largest = Math.max(...rainflow(values).map((c) => c.range))
        expect(largest).toBe(Math.max(...values) - Math.min(...values))
      }),
    )
  })

  it('needs bounded memory on a grid, even for ever smaller swings', () => {
    const record = new RainflowRecord(-1, 1)
    const spiral = Float64Array.from(
      { length: 100_000 },
      (_, i) => (i % 2 ? -1 : 1) * (1 - i / 1e5),
    )
    record.push(spiral)
    expect(record.residue).toBeLessThanOrEqual(record.grid.levels + 1)
    expect(RainflowRecord.bytes).toBeLessThanOrEqual(2048)
    const next = uniforms(3)
    record.push(Float64Array.from({ length: 20_000 }, () => 4 * next() - 2))
    expect(record.residue).toBeLessThanOrEqual(record.grid.levels + 1)
  })

  it('counts on the board what the same levels count without a record', () => {
    const next = uniforms(5)
    const values = Float64Array.from({ length: 5000 }, next)
    const record = new RainflowRecord(0, 1)
    record.push(values)
    let closed = 0
    const counter = new Rainflow((c) => (closed += c.count), record.grid)
    counter.push(values)
    const total = [...record.cycles()].reduce((n, c) => n + c.count, 0)
    expect(total).toBe(closed)
    expect(closed).toBeGreaterThan(1000)
  })

  it('skips and counts values that are no numbers', () => {
    const cycles: Cycle[] = []
    const counter = new Rainflow((c) => cycles.push({ ...c }))
    counter.push([-2, 1, Number.NaN, -3, 5, Number.POSITIVE_INFINITY, -1, 3, -4, 4, -2])
    counter.finish()
    expect(counter.skipped).toBe(2)
    expect(countByRange(cycles)).toEqual(countByRange(rainflow([-2, 1, -3, 5, -1, 3, -4, 4, -2])))
  })
})

describe('damage', () => {
  it.skipIf(!TEXTBOOK)('Miner by time at load, as `reliability` prints it', () => {
    const published = json('published.json').miner
    const { perBlock, blocksToFailure, shares } = blockDamage(
      published.input.time_at_stress_h,
      published.input.rated_life_h,
    )
    expectAbsolute(perBlock * 100, published.damage_per_block_percent, 5e-6)
    expectAbsolute(blocksToFailure, published.blocks_to_failure, 5e-6)
    published.share_percent.forEach((share: number, i: number) => {
      expectAbsolute((shares[i] as number) * 100, share, 5e-6)
    })
  })

  const curve = { referenceRange: 100, referenceCycles: 1e6, exponent: 5 }

  it('adds and follows the S-N curve', () => {
    expect(cyclesToFailure(curve, 100)).toBe(1e6)
    expectRelative(cyclesToFailure(curve, 200), 1e6 / 32, 1e-12)
    expect(cyclesToFailure({ ...curve, limit: 50 }, 49)).toBe(Number.POSITIVE_INFINITY)
    const haibach = { ...curve, limit: 100, lowExponent: 9 }
    expectRelative(cyclesToFailure(haibach, 50), 1e6 * 2 ** 9, 1e-12)
    const cycle = { range: 100, mean: 0, count: 0.5 }
    expectRelative(minerDamage(curve, [cycle, cycle]), 1e-6, 1e-12)
    // Goodman: half the ultimate load as mean doubles the range.
    expectRelative(
      cycleDamage({ ...curve, ultimate: 80 }, { ...cycle, mean: 40, count: 1 }),
      32e-6,
      1e-12,
    )
    expectRefusal(() => minerDamage({ ...curve, exponent: 0 }, [cycle]), 'bad_argument')
  })

  it('bearing life after ISO 281', () => {
    const ball = { ratingN: 5000, exponent: 3 }
    // L10 = (C/P)^3 10^6: at half the rating 8 million revolutions.
    expectRelative(ratedRevolutions(ball, 2500), 8e6, 1e-12)
    expectRelative(
      ratedRevolutions({ ratingN: 5000, exponent: 10 / 3 }, 2500),
      2 ** (10 / 3) * 1e6,
      1e-12,
    )
    expectRelative(ratedRevolutions({ ...ball, survivalPercent: 99 }, 2500), 0.25 * 8e6, 1e-12)
    expectRefusal(() => ratedRevolutions({ ...ball, survivalPercent: 93 }, 2500), 'bad_argument')
    const used = 2500 ** 3 * 4e6 + 5000 ** 3 * 0.25e6
    expectRelative(bearingLifeUsed(ball, used), 0.5 + 0.25, 1e-12)
    expectRelative(equivalentLoad(3, 2500 ** 3 * 7, 7), 2500, 1e-12)
  })
})

describe('band histograms', () => {
  const values = fc.array(fc.double({ min: -50, max: 150, noNaN: true }), { maxLength: 60 })
  const filled = (v: number[]) => withValues(emptyHistogram(0, 100), v)

  it('has 32 bands, loses nothing and adds in any order', () => {
    expect(emptyHistogram(0, 100).weight.length).toBe(BANDS)
    fc.assert(
      fc.property(values, values, values, (a, b, c) => {
        const left = addHistograms(addHistograms(filled(a), filled(b)), filled(c))
        const right = addHistograms(filled(c), addHistograms(filled(b), filled(a)))
        expect(left.weight).toEqual(right.weight)
        expect(left.weight).toEqual(filled([...a, ...b, ...c]).weight)
        expect(left.weight.reduce((s, w) => s + w, 0)).toBe(a.length + b.length + c.length)
      }),
    )
  })

  it('finds quantiles within a band', () => {
    const even = filled(Array.from({ length: 10_000 }, (_, i) => i / 100))
    for (const p of [0.05, 0.5, 0.95])
      expectAbsolute(quantileOf(even, p), 100 * p, 100 / BANDS / 10)
    expectRefusal(() => quantileOf(emptyHistogram(0, 1), 0.5), 'bad_argument')
    expectRefusal(() => addHistograms(emptyHistogram(0, 1), emptyHistogram(0, 2)), 'bad_argument')
  })
})
