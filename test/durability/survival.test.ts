// Kaplan-Meier, Greenwood, Nelson-Aalen and plot positions against R survival and `reliability`.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { livesFrom, livesFromIntervals } from '../../gateway/durability/lives.ts'
import {
  hazardSumAt,
  plotPoints,
  survivalCurve,
  survivorAt,
} from '../../gateway/durability/survival.ts'
import { expectAbsolute, expectRefusal } from './expect.ts'
import { column, json, livesOf, simulate, TEXTBOOK, textbook } from './textbook.ts'

interface Row {
  time: number
  n_risk: number
  n_event: number
  S: number
  se_greenwood: number
}

describe.skipIf(!TEXTBOOK)('published life curves', () => {
  it.each([
    ['automotive', ['automotive.csv', 0, 1]],
    ['genfan', ['genfan.csv', 1, 2]],
  ] satisfies [string, [string, number, number]][])(
    '%s: S within 1e-9, Greenwood within 1e-8',
    (name, file) => {
      const curve = survivalCurve(livesOf(...file))
      const rows: Row[] = json('expected.json')[name].kaplan_meier
      // R's table keeps the rows with failures; ages are printed as whole numbers.
      expect(curve.age.length).toBe(rows.length)
      rows.forEach((row, i) => {
        expect(curve.age[i]).toBe(row.time)
        expect(curve.atRisk[i]).toBe(row.n_risk)
        expect(curve.events[i]).toBe(row.n_event)
        expectAbsolute(curve.survivor[i] as number, row.S, 1e-9)
        expectAbsolute(curve.error[i] as number, row.se_greenwood, 1e-8)
      })
    },
  )

  it('sums over the rows as `reliability` prints them', () => {
    const published = json('published.json').automotive
    const lives = livesOf('automotive.csv', 0, 1)
    const curve = survivalCurve(lives)
    const ages = column(textbook('automotive.csv'), 0)
    const sum = (f: (t: number) => number) => ages.reduce((s, t) => s + f(t), 0)
    expectAbsolute(
      sum((t) => survivorAt(curve, t)),
      published.kaplan_meier_sum_of_SF_over_31_rows,
      1e-9,
    )
    expectAbsolute(
      sum((t) => Math.exp(-hazardSumAt(curve, t))),
      published.nelson_aalen_sum,
      1e-9,
    )
    const points = plotPoints(lives)
    const failedBefore = (t: number) => points.age.filter((a) => a <= t).length
    const adjusted = (t: number) => 1 - (points.fraction[failedBefore(t) - 1] ?? 0)
    expectAbsolute(sum(adjusted), published.rank_adjustment_sum, 1e-9)
  })
})

describe('life curves', () => {
  it('is the same when every unit is split at any age into two with late entry', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.double({ min: 5, max: 90, noNaN: true }),
        (seed, cut) => {
          const { age, failed } = simulate(40, { eta: 80, beta: 1.5, until: 150, seed })
          failed[0] = 1
          const whole = survivalCurve(livesFrom({ age, failed }))
          const ages: number[] = []
          const fates: number[] = []
          const entry: number[] = []
          age.forEach((t, i) => {
            if (t > cut) {
              ages.push(cut, t)
              fates.push(0, failed[i] as number)
              entry.push(0, cut)
            } else {
              ages.push(t)
              fates.push(failed[i] as number)
              entry.push(0)
            }
          })
          const split = survivalCurve(livesFrom({ age: ages, failed: fates, entry }))
          expect(Array.from(split.atRisk)).toEqual(Array.from(whole.atRisk))
          expect(Array.from(split.survivor)).toEqual(Array.from(whole.survivor))
        },
      ),
      { numRuns: 50 },
    )
  })

  it('has a unit that enters at the very age of a failure not yet at risk', () => {
    const curve = survivalCurve(livesFrom({ age: [5, 9], failed: [1, 1], entry: [0, 5] }))
    expect(Array.from(curve.atRisk)).toEqual([1, 1])
  })

  it('takes a weight as so many equal units', () => {
    const one = survivalCurve(livesFrom({ age: [3, 3, 5, 5, 5, 9], failed: [1, 1, 0, 0, 0, 1] }))
    const by = survivalCurve(livesFrom({ age: [3, 5, 9], failed: [1, 0, 1], weight: [2, 3, 1] }))
    expect(Array.from(by.survivor)).toEqual(Array.from(one.survivor))
    expect(Array.from(by.error)).toEqual(Array.from(one.error))
  })

  it('keeps S between its bounds and 1 before the first failure', () => {
    const curve = survivalCurve(livesFrom(simulate(200, { eta: 50, beta: 2, until: 90 })))
    expect(survivorAt(curve, 0)).toBe(1)
    curve.survivor.forEach((s, i) => {
      expect(curve.lower[i]).toBeLessThanOrEqual(s)
      expect(curve.upper[i]).toBeGreaterThanOrEqual(s)
    })
  })

  it('refuses what it cannot answer', () => {
    expectRefusal(() => survivalCurve(livesFrom({ age: [1, 2], failed: [0, 0] })), 'all_censored')
    expectRefusal(() => survivalCurve(livesFromIntervals({ lower: [1], upper: [2] })), 'wrong_kind')
  })
})
