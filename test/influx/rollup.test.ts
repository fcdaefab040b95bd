// The daily rollup: late reports, resends, any order and a sink that starts anew give the same
// points, and those are what the readings themselves say.
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { Reading } from '../../gateway/core/delivery.ts'
import {
  type Daily,
  dailyOf,
  days as dayAfterDay,
  gather,
  join,
  sessionOf,
} from '../../gateway/influx/daily.ts'
import { layoutOf } from '../../gateway/influx/points.ts'
import { createRollup } from '../../gateway/influx/rollup.ts'
import { type Row, startInfluxd } from '../servers/influxd.ts'
import { deliver, drill, reading, sinkFor } from './readings.ts'

const dayUs = 86_400_000_000
const firstDayUs = 20_000 * dayUs

/** Reports of a unit over some days; counters only grow, as the sequence does. */
const history = fc
  .array(
    fc.record({
      unit: fc.constantFrom('drill-1', 'drill-2'),
      afterUs: fc.integer({ min: 1, max: dayUs / 3 }),
      starts: fc.nat(5),
      current: fc.option(fc.double({ min: -50, max: 200, noNaN: true }), { nil: undefined }),
      isBad: fc.boolean(),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((parts) => {
    let timeUs = firstDayUs
    let starts = 0
    return parts.map(({ unit, afterUs, starts: more, current, isBad }, sequence): Reading => {
      timeUs += afterUs
      starts += more
      return reading({
        unit,
        timeUs,
        sequence,
        v: current === undefined ? {} : { motor_current: current },
        q: isBad && current !== undefined ? { motor_current: 'bad_out_of_range' } : {},
        c: { starts },
      })
    })
  })

/** The days as a person would work them out from all readings. */
const expectedDays = (readings: readonly Reading[]): Row[] => {
  const groups = Map.groupBy(
    readings,
    ({ unit, timeUs }) => `${unit} ${Math.floor(timeUs / dayUs)}`,
  )
  return [...groups.values()].map((group) => {
    const current = drill.signalIndex.get('motor_current') ?? -1
    const values = group.flatMap(({ values, quality }) => {
      const value = values[current]
      return value === undefined || quality[current] !== 0 ? [] : [value]
    })
    const starts = group.map(({ counters }) => counters[0] ?? 0)
    const times = group.map(({ timeUs }) => timeUs)
    return {
      unit: group[0]?.unit ?? '',
      time: Math.floor((times[0] ?? 0) / dayUs) * dayUs,
      starts: Math.max(...starts),
      low: values.length === 0 ? null : Math.min(...values),
      high: values.length === 0 ? null : Math.max(...values),
      first: Math.min(...times),
      last: Math.max(...times),
    }
  })
}

const byUnitAndTime = (a: Row, b: Row): number =>
  String(a['unit']).localeCompare(String(b['unit'])) || Number(a['time']) - Number(b['time'])

describe('joining days', () => {
  const layout = layoutOf(drill)
  const three = fc
    .tuple(history, history, history)
    .map((histories) =>
      histories.map((readings) =>
        readings
          .map((one): Daily => ({ ...dailyOf(one, layout), unit: 'drill-1', dayUs: firstDayUs }))
          .reduce(join),
      ),
    )

  test('is idempotent, commutative and associative', () => {
    fc.assert(
      fc.property(three, ([a, b, c]) => {
        if (a === undefined || b === undefined || c === undefined) return
        expect(join(a, a)).toEqual(a)
        expect(join(a, b)).toEqual(join(b, a))
        expect(join(join(a, b), c)).toEqual(join(a, join(b, c)))
      }),
    )
  })
})

test('readings gathered one by one are what joining each of them gives', () => {
  const layout = layoutOf(drill)
  const unordered = history.chain((readings) => fc.shuffledSubarray(readings, { minLength: 1 }))
  fc.assert(
    fc.property(unordered, (readings) => {
      const ofBoot = readings.map((one) => ({ ...one, unit: 'drill-1', bootUs: firstDayUs }))
      for (const of of [dailyOf, sessionOf]) {
        const told = ofBoot.map((one): Daily => ({ ...(of(one, layout) as Daily), dayUs: 0 }))
        const [first, ...others] = told as [Daily, ...Daily[]]
        const gathered = gather(first, layout)
        for (const one of ofBoot.slice(1)) gathered.add(one)
        expect(gathered.day).toEqual(others.reduce(join, first))
      }
    }),
  )
})

describe('what is remembered of the database', () => {
  const at = (starts: number) => [
    reading({ timeUs: firstDayUs + starts, sequence: starts, c: { starts } }),
  ]
  /** A database of daily lines that fails when told to, before or after it has taken them. */
  const rollupOn = () => {
    const taken: string[] = []
    const fail = { before: false, after: false }
    const rollup = createRollup({
      span: dayAfterDay,
      database: { days: async () => [] },
      deliver: async (points) => {
        if (fail.before) throw new Error('not done')
        taken.push(...points.map(({ line }) => line))
        if (fail.after) throw new Error('done, but reported as failed')
        return []
      },
      layout: layoutOf,
    })
    return { rollup, taken, fail }
  }

  test.each(['before', 'after'] as const)(
    'a delivery that failed %s is made again',
    async (when) => {
      const { rollup, taken, fail } = rollupOn()
      fail[when] = true
      await expect(rollup.write(at(3))).rejects.toThrow('done')
      fail[when] = false
      await rollup.write(at(3))
      expect(taken.at(-1)).toContain('starts=3i')
      expect(taken).toHaveLength(when === 'before' ? 1 : 2)
    },
  )

  test('a day that did not change is not written again', async () => {
    const { rollup, taken } = rollupOn()
    await rollup.write(at(3))
    await rollup.write(at(3))
    expect(taken).toHaveLength(1)
    rollup.forget()
    await rollup.write(at(3))
    expect(taken).toHaveLength(2)
  })
})

const server = await startInfluxd()

describe.skipIf(server === undefined)('daily rollup in InfluxDB', () => {
  if (server === undefined) return
  const days = async (): Promise<Row[]> => {
    const found = await server.query(
      'SELECT "starts", "motor_current_a.min" AS low, "motor_current_a.max" AS high, ' +
        '"seen.first_us" AS first, "seen.last_us" AS last ' +
        'FROM "daily"."unit_daily" GROUP BY "unit"',
      { db: 'd' },
    )
    return found.map(({ _measurement, ...row }) => row).sort(byUnitAndTime)
  }

  beforeEach(async () => {
    await server.query('DROP DATABASE "d"')
  })
  afterAll(() => server.remove())

  test('is what the readings say, in any order and batches, sent again or anew', async () => {
    const run = fc.record({
      readings: history,
      seed: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
      size: fc.integer({ min: 1, max: 12 }),
      restarts: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(run, async ({ readings, seed, size, restarts }) => {
        await server.query('DROP DATABASE "d"')
        const shuffled = readings
          .map((one, i) => ({ one, key: ((seed[i % seed.length] ?? 0) * (i + 7)) % 1009 }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one)
        let sink = sinkFor(server)
        for (let i = 0; i < shuffled.length; i += size) {
          if (restarts) sink = sinkFor(server)
          await deliver(sink, { readings: shuffled.slice(i, i + size) })
          // A resend of something older.
          await deliver(sink, { readings: shuffled.slice(0, size) })
        }
        expect(await days()).toEqual(expectedDays(readings).sort(byUnitAndTime))
      }),
      { numRuns: 25 },
    )
  })

  test('a session is one boot, from power-on to power-off, in any order and sent again', async () => {
    const on = (boot: number, sequence: number, starts: number) =>
      reading({
        ...{ boot, sequence, bootUs: firstDayUs + boot * 3_600_000_123, c: { starts } },
        timeUs: firstDayUs + boot * 3_600_000_123 + sequence * 1e6,
        v: { motor_current: starts / 2 },
      })
    const readings = [on(1, 0, 5), on(1, 1, 9), on(2, 0, 9), on(1, 2, 12), on(2, 1, 20)]
    const sessions = () =>
      server.query(
        'SELECT "starts", "starts.began", "motor_current_a.max" AS high, "session.boot" ' +
          'FROM "daily"."unit_session"',
        { db: 'd' },
      )
    for (const order of [readings, readings.toReversed()]) {
      await server.query('DROP DATABASE "d"')
      for (const one of order) await deliver(sinkFor(server), { readings: [one] })
      await deliver(sinkFor(server), { readings })
      const wholeMs = (boot: number) =>
        Math.floor((firstDayUs + boot * 3_600_000_123) / 1000) * 1000
      expect((await sessions()).map(({ _measurement, ...row }) => row)).toEqual([
        { time: wholeMs(1), starts: 12, 'starts.began': 5, high: 6, 'session.boot': 1 },
        { time: wholeMs(2), starts: 20, 'starts.began': 9, high: 10, 'session.boot': 2 },
      ])
    }
    // Who has no boots has no sessions.
    expect(sessionOf(reading({ boot: -1, timeUs: firstDayUs }), layoutOf(drill))).toBe(undefined)
  })

  test('a report of an earlier day corrects that day and no other', async () => {
    const sink = sinkFor(server)
    const at = (day: number, starts: number) =>
      reading({ timeUs: firstDayUs + day * dayUs + 1000, sequence: starts, c: { starts } })
    await deliver(sink, { readings: [at(0, 10), at(1, 20)] })
    const late = reading({ timeUs: firstDayUs + 80_000_000_000, sequence: 15, c: { starts: 15 } })
    await deliver(sink, { readings: [late] })
    expect((await days()).map(({ starts }) => starts)).toEqual([15, 20])
  })

  test('a failed delivery is not remembered as done', async () => {
    const sink = sinkFor(server)
    await sink.open()
    const readings = [reading({ timeUs: firstDayUs, c: { starts: 3 } })]
    await deliver(sink, { readings })
    await server.stop()
    const later = [reading({ timeUs: firstDayUs + 1, sequence: 1, c: { starts: 4 } })]
    await expect(deliver(sink, { readings: later }, 0)).rejects.toThrow('cannot reach InfluxDB')
    await server.start()
    await deliver(sink, { readings: later })
    expect((await days()).map(({ starts }) => starts)).toEqual([4])
  })

  test('many units and days at once', async () => {
    const readings = Array.from({ length: 1500 }, (_, i) =>
      reading({
        unit: `drill-${i % 500}`,
        timeUs: firstDayUs + Math.floor(i / 500) * dayUs,
        sequence: i,
        c: { starts: i },
      }),
    )
    await deliver(sinkFor(server), { readings })
    const again = readings.map((one) => ({ ...one, timeUs: one.timeUs + 1, counters: [9000] }))
    await deliver(sinkFor(server), { readings: again })
    const found = await days()
    expect(found).toHaveLength(1500)
    expect(new Set(found.map(({ starts }) => starts))).toEqual(new Set([9000]))
    expect(found.every(({ first, last }) => Number(last) === Number(first) + 1)).toBe(true)
  })
})
