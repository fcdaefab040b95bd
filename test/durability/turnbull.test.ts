// Interval-censored lives: the breast cosmesis data of Finkelstein and Wolfe (1985), radiotherapy
// alone, with the estimate that Fay and Shaw (2010, J. Stat. Software 36(2), icfit) print.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { livesFrom, livesFromIntervals } from '../../gateway/durability/lives.ts'
import { survivalCurve } from '../../gateway/durability/survival.ts'
import { turnbull } from '../../gateway/durability/turnbull.ts'
import { expectRefusal } from './expect.ts'

const never = Number.POSITIVE_INFINITY
const radiotherapy = [
  ...[[45], [6, 10], [0, 7], [46], [46], [7, 16], [17], [7, 14], [37, 44], [0, 8], [4, 11], [15]],
  ...[[11, 15], [22], [46], [46], [25, 37], [46], [26, 40], [46], [27, 34], [36, 44], [46]],
  ...[[36, 48], [37], [40], [17, 25], [46], [11, 18], [38], [5, 12], [37], [0, 5], [18], [24]],
  ...[[36], [5, 11], [19, 35], [17, 25], [24], [32], [33], [19, 26], [37], [34], [36]],
]

describe('inspected units', () => {
  it('have the curve that is published', () => {
    const steps = turnbull(
      livesFromIntervals({
        lower: radiotherapy.map(([low = 0]) => low),
        upper: radiotherapy.map(([, high = never]) => high),
      }),
    ).filter(({ chance }) => chance > 1e-6)
    const published = [
      ...[
        [4, 5, 0.0463],
        [6, 7, 0.0334],
        [7, 8, 0.0887],
        [11, 12, 0.0708],
        [24, 25, 0.0926],
      ],
      ...[
        [33, 34, 0.0818],
        [38, 40, 0.1209],
        [46, 48, 0.4656],
      ],
    ]
    expect(steps.map(({ lower, upper }) => [lower, upper])).toEqual(
      published.map(([low, high]) => [low, high]),
    )
    steps.forEach(({ chance }, i) => {
      expect(Math.abs(chance - (published[i]?.[2] ?? 0))).toBeLessThan(1e-4)
    })
    expect(steps.at(-1)?.survival).toBeCloseTo(0, 9)
  })

  it('are those of Kaplan and Meier where every failure was seen', () => {
    const units = fc.array(
      fc.record({ age: fc.integer({ min: 1, max: 9 }), failed: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 20,
      },
    )
    fc.assert(
      fc.property(units, (list) => {
        fc.pre(list.some(({ failed }) => failed))
        const spec = { age: list.map(({ age }) => age), failed: list.map(({ failed }) => failed) }
        const lives = livesFrom(spec)
        const curve = survivalCurve(lives)
        const steps = turnbull(lives).filter(({ upper }) => upper < never)
        expect(steps.map(({ upper }) => upper)).toEqual([...curve.age])
        steps.forEach(({ survival }, i) => {
          expect(Math.abs(survival - (curve.survivor[i] ?? 0))).toBeLessThan(1e-7)
        })
      }),
    )
  })

  it('are refused where nothing failed, or entered late', () => {
    const running = livesFromIntervals({ lower: [5], upper: [never] })
    expectRefusal(() => turnbull(running), 'all_censored')
    const late = livesFromIntervals({ lower: [5], upper: [9], entry: [2] })
    expectRefusal(() => turnbull(late), 'bad_argument')
  })
})
