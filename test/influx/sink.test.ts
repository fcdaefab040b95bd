// The sink against a real InfluxDB 1.x: what is written reads back with the right types, units and
// times; nothing is lost or doubled over an outage; a resend changes nothing.
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Sink } from '../../gateway/core/delivery.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { stringField } from '../../gateway/influx/line-protocol.ts'
import { type Influxd, type Row, startInfluxd } from '../servers/influxd.ts'
import { deliver, drill, event, nowUs, reading, sinkFor } from './readings.ts'

const server = await startInfluxd()

describe.skipIf(server === undefined)('sink influx1', () => {
  const influxd = server as Influxd
  let sink: Sink

  const rows = (statement: string): Promise<Row[]> => influxd.query(statement, { db: 'd' })
  const reports = (): Promise<Row[]> => rows('SELECT * FROM "raw"."test_drill" GROUP BY "unit"')
  /** Everything in the database, as text that two states can be compared by. */
  const dump = async (): Promise<string> =>
    JSON.stringify([
      await influxd.query('SELECT * FROM "raw"./.*/', { db: 'd', epoch: 'ns' }),
      await rows('SELECT * FROM "daily"./.*/'),
      await rows('SELECT * FROM "event"./.*/'),
    ])

  beforeEach(async () => {
    await influxd.query('DROP DATABASE "d"')
    sink = sinkFor(influxd)
    await sink.open()
  })
  beforeAll(() => expect(influxd.url).toMatch(/^http:\/\/127\.0\.0\.1:/))
  afterAll(() => influxd.remove())

  test('types, units and times read back', async () => {
    const timeUs = nowUs() - 3_600_000_000
    await deliver(sink, {
      readings: [
        reading({
          timeUs,
          sequence: 5,
          v: {
            motor_current: 0.1 + 0.2,
            pack_temperature: -7,
            brake: 1,
            state: 3,
            motor_speed: 5e-324,
          },
          c: { starts: Number.MAX_SAFE_INTEGER, run_time: 0 },
          q: { pack_voltage: 'bad_open' },
        }),
      ],
      events: [
        event({ type: 'stalled', timeUs, offset: 5, cause: 'fault = stall', c: { starts: 9 } }),
      ],
    })
    const [row] = await reports()
    expect(row).toEqual({
      _measurement: 'test_drill',
      unit: 'drill-1',
      time: timeUs,
      'report.boot': 1,
      'report.sequence': 5,
      motor_current_a: 0.1 + 0.2,
      pack_temperature_degc: -7,
      motor_speed_rpm: 5e-324,
      brake: 1,
      state: 3,
      starts: Number.MAX_SAFE_INTEGER,
      run_time_ms: 0,
      'pack_voltage_v.quality': 5,
    })
    const types = await rows('SHOW FIELD KEYS FROM "raw"."test_drill"')
    const typeOf = Object.fromEntries(types.map(({ fieldKey, fieldType }) => [fieldKey, fieldType]))
    expect(typeOf).toEqual({
      'report.boot': 'integer',
      'report.sequence': 'integer',
      motor_current_a: 'float',
      pack_temperature_degc: 'float',
      motor_speed_rpm: 'float',
      brake: 'integer',
      state: 'integer',
      starts: 'integer',
      run_time_ms: 'integer',
      'pack_voltage_v.quality': 'integer',
    })
    const [found] = await rows('SELECT * FROM "event"."event"')
    expect(found).toMatchObject({
      time: timeUs,
      unit: 'drill-1',
      machine: 'test_drill',
      type: 'stalled',
      severity: 'warning',
      cause: 'fault = stall',
      'counter.starts': 9,
      'unit.simulated': true,
    })
  })

  test('readings of one unit and microsecond do not overwrite each other', async () => {
    const timeUs = nowUs()
    const readings = Array.from({ length: 1000 }, (_, sequence) => reading({ timeUs, sequence }))
    await deliver(sink, { readings })
    const found = await reports()
    expect(new Set(found.map((row) => row['report.sequence'])).size).toBe(1000)
    expect(new Set(found.map(({ time }) => time))).toEqual(new Set([timeUs]))
  })

  test('events of one record do not overwrite each other', async () => {
    const timeUs = nowUs()
    await deliver(sink, {
      events: [
        event({ type: 'made', timeUs, offset: 3 }),
        event({ type: 'first_used', timeUs, offset: 3 }),
        event({ type: 'stalled', timeUs, offset: 3 }),
        event({ type: 'stalled', timeUs, offset: 4 }),
      ],
    })
    expect(await rows('SELECT "cause" FROM "event"."event"')).toHaveLength(4)
  })

  test('a batch sent again, and again in two parts, changes nothing', async () => {
    const timeUs = nowUs()
    const readings = Array.from({ length: 50 }, (_, i) =>
      reading({ timeUs: timeUs + i, sequence: i, v: { pack_voltage: i / 7 }, c: { starts: i } }),
    )
    const events = [event({ type: 'made', timeUs })]
    await deliver(sink, { readings, events })
    const before = await dump()
    await deliver(sink, { readings, events })
    await deliver(sinkFor(influxd), { readings: readings.slice(25) })
    await deliver(sinkFor(influxd), { readings: readings.slice(0, 25), events })
    expect(await dump()).toBe(before)
  })

  test('100,000 points read back, each exactly once, with exact sums', async () => {
    const startUs = nowUs() - 3_600_000_000
    const size = 4000
    let sum = 0
    for (let from = 0; from < 100_000; from += size) {
      const readings = Array.from({ length: size }, (_, i) => {
        const n = from + i
        sum += n % 997
        return reading({
          timeUs: startUs + n * 20_000,
          sequence: n,
          unit: `drill-${n % 4}`,
          v: { motor_current: n % 997, pack_voltage: n / 3 },
          c: { starts: n },
        })
      })
      const result = await deliver(sink, { readings })
      expect(result).toMatchObject({ refused: [], dropped: [] })
    }
    const [counted] = await rows(
      'SELECT count("report.sequence") AS n, sum("motor_current_a") AS s, ' +
        'max("pack_voltage_v") AS t, ' +
        'max("starts") AS c FROM "raw"."test_drill"',
    )
    expect(counted).toMatchObject({ n: 100_000, s: sum, t: 99_999 / 3, c: 99_999 })
  })

  test('the only series are those of unit, machine and event type', async () => {
    const timeUs = nowUs()
    const readings = Array.from({ length: 400 }, (_, i) =>
      reading({
        timeUs: timeUs + i,
        sequence: i,
        boot: i % 7,
        bootUs: timeUs - 1e6 * (i % 7),
        unit: `drill-${i % 8}`,
        v: { state: i % 5, pack_voltage: i / 10 },
        c: { starts: i },
        q: { pack_temperature: i % 2 === 0 ? 'bad_open' : 'bad_shorted' },
      }),
    )
    const types = drill.profile.events.map(({ type }) => type)
    const events = Array.from({ length: 1000 }, (_, i) =>
      event({
        type: types[i % types.length] ?? '',
        timeUs: timeUs + i,
        offset: i,
        unit: `drill-${i % 8}`,
        cause: `cause ${i}`,
      }),
    )
    await deliver(sink, { readings, events })
    const series = async (from: string): Promise<string[]> =>
      (await rows(`SHOW SERIES FROM ${from}`)).map(({ key }) => String(key))
    const units = Array.from({ length: 8 }, (_, i) => `drill-${i}`)
    expect(await series('"raw"./.*/')).toEqual(units.map((unit) => `test_drill,unit=${unit}`))
    expect(await series('"daily"./.*/')).toEqual(
      ['unit_daily', 'unit_session'].flatMap((measurement) =>
        units.map((unit) => `${measurement},machine=test_drill,unit=${unit}`),
      ),
    )
    expect(await series('"event"./.*/')).toEqual(
      types
        .toSorted()
        .flatMap((type) =>
          units.map((unit) => `event,machine=test_drill,type=${type},unit=${unit}`),
        ),
    )
  })

  test('with the server stopped for a while nothing is lost and nothing doubled', async () => {
    const startUs = nowUs()
    const outage = (async () => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      await influxd.kill()
      await new Promise((resolve) => setTimeout(resolve, 400))
      await influxd.start()
      await new Promise((resolve) => setTimeout(resolve, 100))
      await influxd.stop()
      await influxd.start()
    })()
    let over = false
    void outage.then(() => {
      over = true
    })
    let sent = 0
    let retries = 0
    while (!over) {
      const readings = Array.from({ length: 20 }, () => {
        const n = sent++
        return reading({ timeUs: startUs + n, sequence: n, c: { starts: n } })
      })
      const events = [event({ type: 'stalled', timeUs: startUs + sent, offset: sent })]
      retries += (await deliver(sink, { readings, events })).retries
    }
    await outage
    expect(retries).toBeGreaterThan(0)
    const found = await reports()
    expect(found.map((row) => row['report.sequence'])).toEqual(
      Array.from({ length: sent }, (_, i) => i),
    )
    expect(await rows('SELECT "cause" FROM "event"."event"')).toHaveLength(sent / 20)
    const [day] = await rows('SELECT max("starts") AS c FROM "daily"."unit_daily"')
    expect(day).toMatchObject({ c: sent - 1 })
  })

  test('a server that is away is an operating error, and open works once it is back', async () => {
    const fresh = sinkFor(influxd, { timeoutMs: 2000 })
    await influxd.stop()
    const error = await fresh.open().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(OperatingError)
    expect(error).toMatchObject({ code: 'influx_unreachable' })
    expect((error as Error).message).toContain(influxd.url)
    await influxd.start()
    await fresh.open()
    await deliver(fresh, { readings: [reading({ timeUs: nowUs() })] }, 0)
    expect(await reports()).toHaveLength(1)
  })

  test('a database that was dropped meanwhile is made again', async () => {
    const readings = [reading({ timeUs: nowUs(), c: { starts: 3 } })]
    await deliver(sink, { readings })
    await influxd.query('DROP DATABASE "d"')
    expect((await deliver(sink, { readings }, 2)).retries).toBe(1)
    expect(await reports()).toHaveLength(1)
    expect(await rows('SELECT "starts" FROM "daily"."unit_daily"')).toHaveLength(1)
  })

  test('any text reads back as it was', async () => {
    const timeUs = nowUs()
    const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((t) => t.isWellFormed())
    const nasty = fc.array(
      fc.constantFrom('"', '\\', ',', '=', ' ', '\n', '\r', '\t', '#', 'i', 'é'),
    )
    const samples = [
      ...fc.sample(text, 300),
      ...fc.sample(nasty, 300).map((parts) => parts.join('')),
      '\\',
      '\\"',
      '"\\',
      '\\\n',
    ].filter((cause) => cause !== '')
    const events = samples.map((cause, offset) =>
      event({ type: 'stalled', timeUs: timeUs + offset, offset, cause }),
    )
    expect(await deliver(sink, { events })).toMatchObject({ refused: [] })
    const found = await rows('SELECT "cause" FROM "event"."event"')
    expect(found.map(({ cause }) => cause)).toEqual(samples)
    expect(stringField('\\')).toBe('"\\\\"')
  })

  test('any double of a number signal and any count reads back as it was', async () => {
    const timeUs = nowUs()
    const doubles = fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 500)
    const counts = fc.sample(fc.maxSafeNat(), 500)
    const readings = doubles.map((pack_voltage, sequence) =>
      reading({
        timeUs: timeUs + sequence,
        sequence,
        v: { pack_voltage },
        c: { energy: counts[sequence] ?? 0 },
      }),
    )
    expect(await deliver(sink, { readings })).toMatchObject({ refused: [] })
    const found = await reports()
    expect(found.map((row) => row['pack_voltage_v'])).toEqual(doubles)
    expect(found.map((row) => row['energy_j'])).toEqual(counts)
  })
})
