// What a chart shows must be within what was measured, and no peak may be lost, however long the
// stretch and however the readings came in.
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { Series } from '../../gateway/core/queries.ts'
import { hello, report, startUs, unitName } from '../pipeline/feed.ts'
import { StoreFolder, wide } from './store-folder.ts'

const folders: StoreFolder[] = []
const open = (...args: ConstructorParameters<typeof StoreFolder>): StoreFolder => {
  const made = new StoreFolder(...args)
  folders.push(made)
  return made
}

afterEach(() => {
  for (const made of folders.splice(0)) made.remove()
})

const secondUs = 1_000_000
const dayUs = 86_400 * secondUs

/** One reading every `everyUs`, torque by its number. */
const readings = (values: readonly number[], everyUs: number): Buffer[] =>
  values.map((torque, seq) =>
    report(
      { boot: 1, seq, t: seq * everyUs, v: { torque } },
      { receivedUs: startUs + seq * everyUs },
    ),
  )

const torques = ({ values }: Series): number[] =>
  (values['torque'] ?? []).filter((value) => value !== null)

const sumAll = (made: StoreFolder): void => {
  while (made.store.maintain(startUs + 400 * dayUs));
}

describe('series', () => {
  test('few readings come as they are', async () => {
    const made = open()
    await made.feed([hello(), ...readings([5, 1, 4], secondUs)])
    const series = made.store.queries.series({
      ...{ unit: unitName, fromUs: startUs, toUs: startUs + dayUs, points: 100 },
    })
    expect(series.timesUs).toEqual([0, 1, 2].map((n) => startUs + n * secondUs))
    expect(series.values).toMatchObject({ torque: [5, 1, 4], duty: [null, null, null] })
  })

  test('many keep their extremes, from rows and from summaries alike', async () => {
    const value = fc.integer({ min: -150, max: 150 })
    const values = fc.array(value, { minLength: 30, maxLength: 120 })
    await fc.assert(
      fc.asyncProperty(values, fc.constantFrom(0.2, 7, 45, 500), async (given, seconds) => {
        const made = new StoreFolder()
        try {
          const everyUs = seconds * secondUs
          await made.feed([hello(), ...readings(given, everyUs)])
          const query = {
            ...{ unit: unitName, fromUs: startUs, toUs: startUs + given.length * everyUs },
            points: 10,
          }
          const before = made.store.queries.series(query)
          sumAll(made)
          expect(made.count('unsummed')).toBe(0)
          for (const series of [before, made.store.queries.series(query)]) {
            expect(series.timesUs.length).toBeLessThanOrEqual(12)
            expect(series.timesUs).toEqual(series.timesUs.toSorted((a, b) => a - b))
            expect(Math.max(...torques(series))).toBe(Math.max(...given))
            expect(Math.min(...torques(series))).toBe(Math.min(...given))
          }
        } finally {
          made.remove()
        }
      }),
      { numRuns: 15 },
    )
  })

  test('a late reading reaches a summary that was made before it', async () => {
    const made = open()
    const flat = readings(Array(100).fill(1), 60 * secondUs)
    const [late] = flat.splice(50, 1)
    await made.feed([hello(), ...flat])
    sumAll(made)
    const peak = report({ boot: 1, seq: 50, t: 50 * 60 * secondUs, v: { torque: 99 } })
    expect(late).toBeDefined()
    await made.feed([peak])
    const query = { unit: unitName, fromUs: startUs, toUs: startUs + 6000 * secondUs, points: 10 }
    expect(Math.max(...torques(made.store.queries.series(query)))).toBe(99)
    sumAll(made)
    expect(Math.max(...torques(made.store.queries.series(query)))).toBe(99)
  })
})

describe('retention', () => {
  test('takes raw readings by age, counts them, and leaves their extremes', async () => {
    const made = open({ bounds: { ...wide, readingAgeUs: 10 * dayUs } })
    const given = Array.from({ length: 40 }, (_, i) => (i === 3 ? 77 : i % 5))
    // One reading a day, sent now with its own clock.
    const old = given.map((torque, i) =>
      report(
        { boot: 1, seq: i, t: i, time: startUs + i * dayUs, v: { torque } },
        { receivedUs: startUs + 40 * dayUs },
      ),
    )
    await made.feed([hello(), ...old])
    while (made.store.maintain(startUs + 40 * dayUs));
    expect(made.count('report_cordless_drill')).toBe(10)
    expect(made.store.readingsRemoved()).toBe(30)
    const query = { unit: unitName, fromUs: startUs, toUs: startUs + 40 * dayUs, points: 8 }
    expect(Math.max(...torques(made.store.queries.series(query)))).toBe(77)
    expect(made.store.queries.units()[0]).toMatchObject({ readings: 40 })
  })

  test('by size takes the oldest days, and nothing that is not summed', async () => {
    const made = open({ bounds: { ...wide, storeBytes: 1_000_000 } })
    const given = Array.from({ length: 20_000 }, (_, i) => i % 100)
    await made.feed([hello(), ...readings(given, 30 * secondUs)], 4000)
    expect(made.store.database.get('PRAGMA page_count')?.['page_count']).toBeGreaterThan(400)
    sumAll(made)
    const left = made.count('report_cordless_drill')
    expect(left).toBeLessThan(20_000)
    expect(made.store.readingsRemoved()).toBe(20_000 - left)
    const oldest = made.store.database.get('SELECT min(sequence) AS s FROM report_cordless_drill')
    expect(oldest?.['s'] ?? 20_000).toBe(20_000 - left)
  })
})
