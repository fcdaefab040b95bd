// Mergeable life tables and the claim meter: sums, agreement with the exact fit, and honest words.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  b10Ratio,
  claimMeter,
  failureClaim,
  failureRatio,
  judgeClaim,
  silentCases,
} from '../../gateway/durability/claim.ts'
import { fitLives, lifeAt } from '../../gateway/durability/fit.ts'
import { livesFrom } from '../../gateway/durability/lives.ts'
import {
  addTables,
  emptyTable,
  fitTable,
  K_ANONYMITY,
  type LifeTable,
  livesOfRows,
  placeOf,
  publishTable,
  USUAL_GRID,
  unitsIn,
  upperEdge,
  withUnits,
} from '../../gateway/durability/table.ts'
import { weibayes } from '../../gateway/durability/weibayes.ts'
import { sharedData } from '../data.ts'
import { expectRefusal, expectRelative } from './expect.ts'
import { column, numbers, simulate, TEXTBOOK, textbook } from './textbook.ts'

const unit = fc.record({
  hours: fc.double({ min: 0.2, max: 30_000, noNaN: true }),
  mode: fc.integer({ min: 0, max: 2 }),
  entryHours: fc.constant(0),
})
const tableOf = (units: { hours: number; mode: number; entryHours: number }[]): LifeTable =>
  withUnits(emptyTable('drill/1', 2), {
    hours: units.map((u) => u.hours),
    mode: units.map((u) => u.mode),
    entryHours: units.map((u) => u.entryHours),
  })
const tables = fc.array(unit, { maxLength: 30 })

describe('life tables add', () => {
  it('in any order, to the table of all units, with the empty table as zero', () => {
    fc.assert(
      fc.property(tables, tables, tables, (a, b, c) => {
        const [p, q, r] = [tableOf(a), tableOf(b), tableOf(c)] as const
        expect(addTables(p, q)).toEqual(addTables(q, p))
        expect(addTables(addTables(p, q), r)).toEqual(addTables(p, addTables(q, r)))
        expect(addTables(p, addTables(q, r))).toEqual(tableOf([...a, ...b, ...c]))
        expect(addTables(p, emptyTable('drill/1', 2))).toEqual(p)
        expect(unitsIn(tableOf(a))).toBe(a.length)
      }),
    )
  })

  it('refuses tables that do not belong together and grids that are too coarse', () => {
    expectRefusal(() => addTables(emptyTable('a'), emptyTable('b')), 'bad_argument')
    expectRefusal(() => addTables(emptyTable('a', 1), emptyTable('a', 2)), 'bad_argument')
    const coarse = { ...USUAL_GRID, perDecade: 32 }
    expectRefusal(() => emptyTable('a', 1, coarse), 'bad_argument')
    expectRefusal(() => withUnits(emptyTable('a'), { hours: [0], mode: [0] }), 'bad_time')
    expectRefusal(() => withUnits(emptyTable('a'), { hours: [1], mode: [2] }), 'bad_argument')
  })

  it('puts an age where its bucket says, edges in the bucket below', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (hours) => {
        const place = placeOf(USUAL_GRID, hours)
        expect(hours).toBeLessThanOrEqual(upperEdge(USUAL_GRID, place) * (1 + 1e-10))
        if (place > 0)
          expect(hours).toBeGreaterThanOrEqual(upperEdge(USUAL_GRID, place - 1) * (1 - 1e-10))
      }),
    )
    for (let k = 0; k <= 256; k++) expect(placeOf(USUAL_GRID, upperEdge(USUAL_GRID, k))).toBe(k)
  })
})

describe('the fit from a table', () => {
  const b10Error = (
    age: ArrayLike<number>,
    failed: ArrayLike<number>,
    { gateways = 7, grid = USUAL_GRID } = {},
  ): number => {
    const exact = lifeAt(
      fitLives(livesFrom({ age: Float64Array.from(age), failed }), 'weibull'),
      0.1,
    )
    let sum = emptyTable('all', 1, grid)
    for (let g = 0; g < gateways; g++) {
      const own = Array.from(age, (_, i) => i).filter((i) => i % gateways === g)
      const table = withUnits(emptyTable('all', 1, grid), {
        hours: own.map((i) => age[i] as number),
        mode: own.map((i) => failed[i] as number),
      })
      sum = addTables(sum, table)
    }
    return fitTable(sum).b10 / exact - 1
  }

  const fleet = sharedData('fleet-field-data')
  it.skipIf(!fleet)('agrees on B10 within 0.05 % for the vehicle fleet', () => {
    const rows = numbers(`${fleet}/field_data_vin_odd.csv`)
    expect(Math.abs(b10Error(column(rows, 1), column(rows, 3)))).toBeLessThan(5e-4)
  })

  it.skipIf(!TEXTBOOK)('agrees on B10 within 0.05 % for twelve failures too', () => {
    const rows = textbook('genfan.csv')
    // Fans ran for up to 11,500 h: a grid from 100 h to 100,000 h.
    const options = { gateways: 3, grid: { fromHours: 100, perDecade: 64, buckets: 192 } }
    expect(Math.abs(b10Error(column(rows, 1), column(rows, 2), options))).toBeLessThan(5e-4)
  })

  it('ends where a step gains less than the sum of the likelihood can show', () => {
    // Found at random: the search went on for ever at a gain of 1e-12 and called it infinite.
    const { age, failed } = simulate(2000, {
      ...{ beta: 1.5156707950595936, eta: 1007.8118679798156, seed: 881681 },
      until: 1007.8118679798156,
    })
    const raised = age.map((t) => Math.max(t, 1.01))
    expect(Math.abs(b10Error(raised, failed))).toBeLessThan(5e-4)
  })

  it('agrees on B10 within 0.05 % for any simulated fleet', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.double({ min: 1, max: 5, noNaN: true }),
        fc.double({ min: 1000, max: 3000, noNaN: true }),
        (seed, beta, eta) => {
          const { age: raw, failed } = simulate(2000, { eta, beta, until: eta, seed })
          // Below the grid an age is only known as such, which the exact fit does not share.
          const age = raw.map((t) => Math.max(t, 1.01))
          expect(Math.abs(b10Error(age, failed))).toBeLessThan(5e-4)
        },
      ),
      { numRuns: 25 },
    )
  })

  it('knows failure modes, late entry and ages outside the grid', () => {
    const { age, failed } = simulate(4000, { eta: 900, beta: 2, until: 1200, seed: 4 })
    const mode = Array.from(failed, (f, i) => (f ? 1 + (i % 2) : 0))
    const entryHours = Array.from(age, (t, i) => (i % 3 === 0 ? t * 0.4 : 0))
    const table = withUnits(emptyTable('m', 2), { hours: age, mode, entryHours })
    const exact = livesFrom({ age, failed: mode.map((m) => m === 2), entry: entryHours })
    expectRelative(fitTable(table, { mode: 2 }).b10, lifeAt(fitLives(exact, 'weibull'), 0.1), 5e-4)
    const beyond = withUnits(table, { hours: [0.5, 20_000, 30_000], mode: [1, 0, 2] })
    expect(unitsIn(beyond)).toBe(4003)
    expect(fitTable(beyond).b10).toBeLessThan(fitTable(table).b10 * 1.01)
  })

  it('publishes no row of fewer than five units and loses none', () => {
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 80 }), (units) => {
        const table = tableOf(units)
        const { rows, withheld, k } = publishTable(table)
        expect(k).toBe(K_ANONYMITY)
        let published = 0
        for (const row of rows) {
          const size = row.running.units + row.failed.reduce((n, g) => n + g.units, 0)
          expect(size).toBeGreaterThanOrEqual(5)
          published += size
        }
        expect(published + withheld).toBe(units.length)
        expect(units.length < 5 ? rows.length : 0).toBe(0)
      }),
    )
  })

  it('lets anybody fit the published rows again', () => {
    const { age, failed } = simulate(3000, { eta: 900, beta: 2, until: 1500, seed: 9 })
    const table = withUnits(emptyTable('p'), { hours: age, mode: failed })
    const again = fitLives(livesOfRows(publishTable(table).rows), 'weibull')
    expectRelative(lifeAt(again, 0.1), fitTable(table).b10, 0.01)
  })
})

describe('Weibayes', () => {
  it('follows its equation, also without a failure', () => {
    // (sum t^beta / -ln(1 - C))^(1/beta): 3 units of 100 h, beta 2, 90 %.
    const none = weibayes(livesFrom({ age: [100, 100, 100], failed: [0, 0, 0] }), { beta: 2 })
    expectRelative(none.etaLower, Math.sqrt(30_000 / -Math.log(0.1)), 1e-10)
    expect(none.eta).toBeUndefined()
    const two = weibayes(livesFrom({ age: [100, 200, 300], failed: [1, 1, 0] }), { beta: 2 })
    expectRelative(two.eta ?? 0, Math.sqrt(140_000 / 2), 1e-12)
    expect(two.etaLower).toBeLessThan(two.eta ?? 0)
    expectRefusal(() => weibayes(livesFrom({ age: [1], failed: [0] }), { beta: 0 }), 'bad_argument')
  })
})

describe('the claim meter', () => {
  const reference = livesFrom(simulate(400, { eta: 100, beta: 2, until: 150, seed: 2 }))

  it('says the sentence a buyer understands', () => {
    const ratio = { ratio: 6, lower: 2.34, upper: 20, confidence: 0.9, basis: 'b10' } as const
    expect(judgeClaim({ best: ratio }).words).toBe(
      'ten times longer: not yet shown, at least 2.3 times at 90 % confidence',
    )
    expect(judgeClaim({ best: ratio, worst: { ...ratio, lower: 1.49 }, silent: 3 }).words).toBe(
      'ten times longer: not yet shown, at least 2.3 times at 90 % confidence; ' +
        'at least 1.4 times if all 3 silent units have failed',
    )
    expect(judgeClaim({ best: { ...ratio, lower: 10.2, upper: 30 } }).verdict).toBe('shown')
    const doubtful = { best: { ...ratio, lower: 11 }, worst: { ...ratio, lower: 8 }, silent: 1 }
    expect(judgeClaim(doubtful).verdict).toBe('not yet shown')
    expect(judgeClaim({ best: { ...ratio, upper: 9 } }).words).toContain('not so, at most 9 times')
    expect(judgeClaim({ target: 2, best: ratio }).words).toContain('two times longer: shown')
  })

  it('never prints a bound above the computed one', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 9.99, noNaN: true }), (lower) => {
        const words = judgeClaim({
          best: { lower, upper: 99, confidence: 0.9, basis: 'b10' },
        }).words
        const printed = Number(/at least ([\d.e-]+) times/.exec(words)?.[1])
        if (lower >= 0.1) expect(printed).toBeLessThanOrEqual(lower + 1e-9)
        expect(Math.abs(printed - lower)).toBeLessThanOrEqual(0.1 + 1e-9)
      }),
    )
  })

  it('covers the true ratio as often as it says', () => {
    let covered = 0
    const runs = 400
    for (let seed = 1; seed <= runs; seed++) {
      const product = livesFrom(simulate(120, { eta: 1000, beta: 2, until: 1400, seed }))
      const other = livesFrom(simulate(120, { eta: 100, beta: 2, until: 140, seed: seed + 5000 }))
      if (b10Ratio(product, other).lower <= 10) covered++
    }
    // Binomial(400, 0.9): 360 +- 6; the normal approximation may be off by a few percent.
    expect(covered / runs).toBeGreaterThan(0.86)
    expect(covered / runs).toBeLessThan(0.95)
  })

  it('uses Weibayes while the product has not failed, never above what it bears', () => {
    const age = [2000, 2500, 3000, 3000, 2200]
    const running = {
      lives: livesFrom({ age, failed: age.map(() => 0) }),
      fate: age.map(() => 'running' as const),
    }
    const claim = claimMeter(running, reference)
    expect(claim.best.basis).toBe('b10 by Weibayes')
    expect(claim.best.ratio).toBeUndefined()
    const known = claimMeter(running, { b10: 30 }, { assumedBeta: 2 })
    const lower = weibayes(livesFrom({ age, failed: age.map(() => 0) }), {
      beta: 2,
      confidence: 0.95,
    })
    expectRelative(known.best.lower, lower.b10Lower / 30, 1e-12)
    expectRefusal(() => claimMeter(running, { b10: 30 }), 'too_few_failures')
  })

  it('shows the worst case for silent units beside the best', () => {
    const age = [800, 900, 1000, 1200, 1500, 1500, 700, 650]
    const fate = [
      'failed',
      'failed',
      'failed',
      'running',
      'running',
      'running',
      'silent',
      'silent',
    ] as const
    const lives = livesFrom({ age, failed: fate.map((f) => f === 'failed') })
    const { best, worst } = silentCases(lives, fate)
    expect(best.upper[6]).toBe(Number.POSITIVE_INFINITY)
    expect(worst.upper[6]).toBe(700)
    const claim = claimMeter({ lives, fate }, reference)
    expectRefusal(() => silentCases(lives, ['failed']), 'bad_argument')
    expect(claim.worst.lower).toBeLessThan(claim.best.lower)
    expect(claim.silent).toBe(2)
    expect(claim.words).toContain('if all 2 silent units have failed')
  })

  it('compares failures per machine at equal hours', () => {
    const machines = (n: number, events: number[], end: number) =>
      Array.from({ length: n }, (_, i) => ({ events: events.map((t) => t + i), end }))
    const old = machines(12, [20, 45, 70, 95], 130)
    const better = machines(12, [80], 130)
    const ratio = failureRatio(better, old, { hours: 110 })
    expectRelative(ratio.ratio ?? 0, 4, 1e-12)
    expect(ratio.lower).toBeLessThan(4)
    expect(ratio.lower).toBeGreaterThan(1)
    const never = failureRatio(machines(12, [], 130), old, { hours: 110 })
    expect(never.ratio).toBeUndefined()
    // Poisson: with 12 machines and no failure the mean is below -ln(0.05)/12 at 95 %.
    expect(never.lower).toBeLessThan(4 / (-Math.log(0.05) / 12))
    const { words } = failureClaim(better, old, { hours: 110 })
    expect(words).toContain('counted in failures at equal hours')
    expectRefusal(() => failureRatio(better, old, { hours: 500 }), 'bad_argument')
    expectRefusal(() => failureRatio(better, machines(3, [], 130), { hours: 100 }), 'bad_argument')
  })
})
