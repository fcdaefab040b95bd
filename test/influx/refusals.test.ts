// What InfluxDB will never take: a conflicting type goes to quarantine and the rest of its batch
// arrives; what is older than the retention is counted as dropped; a batch too big is taken in
// parts.
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { Reading } from '../../gateway/core/delivery.ts'
import { startInfluxd } from '../servers/influxd.ts'
import { deliver, event, nowUs, reading, sinkFor } from './readings.ts'

const server = await startInfluxd({ maxBodyBytes: 5000 })
const dayUs = 86_400_000_000

describe.skipIf(server === undefined)('refusals of sink influx1', () => {
  if (server === undefined) return
  const rows = (statement: string) => server.query(statement, { db: 'd' })
  const sequences = async (): Promise<unknown[]> =>
    (await rows('SELECT "report.sequence" FROM "raw"."test_drill"')).map(
      (row) => row['report.sequence'],
    )
  /** A point of another program, straight to the server. */
  const foreign = async (policy: string, line: string): Promise<void> => {
    const target = `${server.url}/write?db=d&rp=${policy}&precision=ns`
    const answer = await fetch(target, { method: 'POST', body: line })
    expect(answer.status).toBe(204)
  }

  beforeEach(async () => {
    await server.query('DROP DATABASE "d"')
    await sinkFor(server).open()
  })
  afterAll(() => server.remove())

  const series = (from: number, count: number, part: Partial<Parameters<typeof reading>[0]> = {}) =>
    Array.from({ length: count }, (_, i) =>
      reading({ timeUs: nowUs() - 1000 + i, sequence: from + i, ...part }),
    )

  test('a conflicting type is refused, and the rest of its batch arrives', async () => {
    await foreign('raw', `test_drill,unit=other motor_current_a=3i ${BigInt(nowUs()) * 1000n}`)
    const wrong = [
      reading({ timeUs: nowUs(), sequence: 50, v: { motor_current: 1.5, pack_voltage: 18 } }),
      reading({ timeUs: nowUs(), sequence: 70, v: { motor_current: 2 } }),
    ]
    const right = series(0, 200, { v: { pack_voltage: 18 } })
    const readings = [...right.slice(0, 100), ...wrong, ...right.slice(100)]
    const result = await deliver(sinkFor(server), { readings })
    expect(result.refused.map(({ offset }) => offset).sort()).toEqual([50, 70])
    expect(result.refused[0]).toMatchObject({ reason: 'sink_refused' })
    expect(result.refused[0]?.detail).toContain('input field "motor_current_a"')
    expect(result.refused[0]?.detail).toContain('is type float, already exists as type integer')
    const arrived = (await sequences()).filter((sequence) => sequence !== null)
    expect(arrived).toHaveLength(200)
    const [day] = await rows('SELECT * FROM "daily"."unit_daily"')
    expect(day).not.toHaveProperty('motor_current_a.max')
  })

  test('where all reports of a machine conflict they are refused, the rest arrives', async () => {
    await foreign('raw', `test_drill,unit=other report.boot=3.5 ${BigInt(nowUs()) * 1000n}`)
    const result = await deliver(sinkFor(server), {
      readings: series(0, 300),
      events: [event({ type: 'made', timeUs: nowUs(), offset: 999 })],
    })
    expect(result.refused).toHaveLength(300)
    expect(await sequences()).toHaveLength(0)
    expect(await rows('SELECT "cause" FROM "event"."event"')).toHaveLength(1)
  })

  test('any mix of conflicts is told apart exactly, over several shards', async () => {
    const start = Math.floor(nowUs() / dayUs) * dayUs - 40 * dayUs
    // Types belong to a shard in InfluxDB 1.x: each field conflicts on some days and not on others.
    await foreign('raw', `test_drill,unit=other motor_current_a=3i ${BigInt(start) * 1000n}`)
    await foreign('raw', `test_drill,unit=other pack_voltage_v=3i ${BigInt(start) * 1000n}`)
    await foreign(
      'raw',
      `test_drill,unit=x pack_voltage_v=3i ${BigInt(start + 20 * dayUs) * 1000n}`,
    )
    const days = [0, 10, 20, 30]
    const oneReading = fc.record({
      day: fc.constantFrom(...days),
      current: fc.boolean(),
      voltage: fc.boolean(),
    })
    let next = 0
    await fc.assert(
      fc.asyncProperty(fc.array(oneReading, { minLength: 1, maxLength: 30 }), async (parts) => {
        const first = next
        next += parts.length
        const readings: Reading[] = parts.map(({ day, current, voltage }, i) =>
          reading({
            timeUs: start + day * dayUs + first + i,
            sequence: first + i,
            v: {
              ...(current ? { motor_current: 1 } : {}),
              ...(voltage ? { pack_voltage: 2 } : {}),
            },
          }),
        )
        const wanted = parts.flatMap(({ day, current, voltage }, i) =>
          (current && day === 0) || (voltage && (day === 0 || day === 20)) ? [first + i] : [],
        )
        const { refused, dropped } = await deliver(sinkFor(server), { readings })
        expect(refused.map(({ offset }) => offset).sort((a, b) => a - b)).toEqual(wanted)
        expect(dropped).toEqual([])
        const stored = await rows(
          `SELECT count("report.sequence") AS n FROM "raw"."test_drill" ` +
            `WHERE "report.sequence" >= ${first}`,
        )
        expect(stored[0]?.['n'] ?? 0).toBe(parts.length - wanted.length)
      }),
      { numRuns: 40 },
    )
  })

  test('a conflict of an event or of a day refuses the records behind it', async () => {
    await foreign('event', `event,unit=other cause=1i ${BigInt(nowUs()) * 1000n}`)
    const startOfDay = BigInt(Math.floor(nowUs() / dayUs) * dayUs) * 1000n
    await foreign('daily', `unit_daily,unit=other starts=1.5 ${startOfDay}`)
    const result = await deliver(sinkFor(server), {
      readings: [
        reading({ timeUs: nowUs(), sequence: 1, c: { starts: 4 } }),
        reading({ timeUs: nowUs(), sequence: 2, unit: 'drill-2', c: { energy: 4 } }),
      ],
      events: [event({ type: 'made', timeUs: nowUs(), offset: 3 })],
    })
    expect(result.refused.map(({ offset }) => offset).sort()).toEqual([1, 3])
    expect(await rows('SELECT "energy_j" FROM "daily"."unit_daily"')).toHaveLength(1)
  })

  test('a value that no int64 field holds is refused, the rest arrives', async () => {
    const { refused } = await deliver(sinkFor(server), {
      readings: [...series(0, 3), reading({ timeUs: nowUs(), sequence: 9, v: { trips: 1e300 } })],
    })
    expect(refused).toEqual([
      {
        offset: 9,
        reason: 'sink_refused',
        detail: '1e+300 is not a whole number within 2^53 - 1',
      },
    ])
    expect(await sequences()).toEqual([0, 1, 2])
  })

  test('a time that InfluxDB cannot hold is refused, the rest arrives', async () => {
    const far = 9_300_000_000_000_000
    const { refused } = await deliver(sinkFor(server), {
      readings: [...series(0, 3), reading({ timeUs: far, sequence: 9 })],
    })
    expect(refused.map(({ offset }) => offset)).toEqual([9])
    expect(await sequences()).toEqual([0, 1, 2])
  })

  test('older than the retention is dropped, exactly, and still belongs to its day', async () => {
    const sink = sinkFor(server, { retentionDays: 90 })
    await sink.open()
    const old = nowUs() - 90 * dayUs
    const readings = [
      reading({ timeUs: old - 3_600_000_000, sequence: 0, c: { starts: 1 } }),
      reading({ timeUs: old - 1_000_000, sequence: 1, c: { starts: 2 } }),
      reading({ timeUs: old + 30_000_000, sequence: 2, c: { starts: 3 } }),
      // Shares its shard with those above: the server would take all of them then.
      reading({ timeUs: old + 120_000_000, sequence: 3, c: { starts: 4 } }),
      reading({ timeUs: nowUs(), sequence: 4, c: { starts: 5 } }),
    ]
    const result = await deliver(sink, { readings })
    expect(result.refused).toEqual([])
    expect(result.dropped).toEqual([0, 1, 2].map((offset) => ({ offset, reason: 'retention' })))
    expect(await sequences()).toEqual([3, 4])
    const days = await rows('SELECT "starts" FROM "daily"."unit_daily"')
    expect(days.map(({ starts }) => starts)).toContain(4)
  })

  test('it counts by the clock of the server, not by its own', async () => {
    const clock = {
      nowUs: () => nowUs() - 400 * dayUs,
      monotonicMs: () => performance.now(),
      sleep: () => Promise.resolve(),
    }
    const sink = sinkFor(server, { retentionDays: 90 }, clock)
    const { dropped, refused } = await deliver(sink, {
      readings: [
        reading({ timeUs: nowUs() - 91 * dayUs, sequence: 1 }),
        reading({ timeUs: nowUs(), sequence: 2 }),
        // Too old by minutes: the server itself would take it, into the shard of the one after it.
        reading({ timeUs: nowUs() - 90 * dayUs - 120_000_000, sequence: 3 }),
        reading({ timeUs: nowUs() - 90 * dayUs + 120_000_000, sequence: 4 }),
      ],
    })
    expect({ dropped, refused }).toEqual({
      dropped: [1, 3].map((offset) => ({ offset, reason: 'retention' })),
      refused: [],
    })
    expect(await sequences()).toEqual([4, 2])
  })

  test('when the server drops more than was foreseen, the books still say which', async () => {
    const sink = sinkFor(server, { retentionDays: 90 })
    await sink.open()
    // Somebody shortens the retention behind the sink's back.
    await server.query('ALTER RETENTION POLICY "raw" ON "d" DURATION 48h SHARD DURATION 1h')
    const readings = [
      ...series(0, 5),
      reading({ timeUs: nowUs() - 10 * dayUs, sequence: 5 }),
      reading({ timeUs: nowUs() - 20 * dayUs, sequence: 6 }),
      ...series(7, 5),
    ]
    const { dropped, refused } = await deliver(sink, { readings })
    expect(dropped.map(({ offset }) => offset).sort()).toEqual([5, 6])
    expect(refused).toEqual([])
    expect(await sequences()).toHaveLength(10)
  })

  test('a batch beyond max-body-size is taken in parts, one record beyond is refused', async () => {
    const readings = series(0, 1000, { v: { motor_speed: 1, motor_current: 2, pack_voltage: 3 } })
    const cause = randomBytes(8000).toString('base64')
    const events = [event({ type: 'made', timeUs: nowUs(), offset: 5000, cause })]
    const { refused } = await deliver(sinkFor(server), { readings, events })
    expect(refused.map(({ offset }) => offset)).toEqual([5000])
    expect(refused[0]?.detail).toContain('max-body-size')
    expect(await sequences()).toHaveLength(1000)
  })
})
