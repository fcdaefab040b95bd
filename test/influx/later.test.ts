// The sinks for InfluxDB 2.x and 3: what they ask of the server and what its answers mean, against
// a stand-in that answers as the documents say; and for 2.x the way of the lines over a stop of a
// real server. What no real server here has shown is said in their READMEs.
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Sink } from '../../gateway/core/delivery.ts'
import { operatingError } from '../../gateway/core/errors.ts'
import { create as create2 } from '../../gateway/sinks/influx2/index.ts'
import { create as create3 } from '../../gateway/sinks/influx3/index.ts'
import { type LaterInflux, type LaterOptions, startLaterInflux } from '../servers/influx-later.ts'
import { startVictoria } from '../servers/victoria.ts'
import { deliver, event, nowUs, reading } from './readings.ts'

const token = 'a-token-that-must-show-nowhere'
const clock = systemClock()
const dayUs = 86_400_000_000
const noon = Math.floor(nowUs() / dayUs) * dayUs - dayUs / 2

const sinkOf = (version: 2 | 3, url: string, more: object = {}): Sink => {
  const shared = { url, token, setUp: true, retentionDays: 0, ...more }
  return version === 2
    ? create2({ ...shared, org: 'coop', bucket: 'b' }, { clock })
    : create3({ ...shared, database: 'b' }, { clock })
}

const failureOf = async (work: Promise<unknown>) =>
  operatingError(
    await work.then(
      () => undefined,
      (error: unknown) => error,
    ),
  )

describe.each([2, 3] as const)('sink influx%i', (version) => {
  let server: LaterInflux
  let sink: Sink
  const start = async (options: Partial<LaterOptions> = {}, more: object = {}): Promise<void> => {
    server = await startLaterInflux({ version, token, ...options })
    sink = sinkOf(version, server.url, more)
  }
  beforeEach(() => start())
  afterEach(async () => {
    await sink.stop()
    await server.remove()
  })
  const points = (name: string) => [...(server.kept.get(name)?.values() ?? [])]

  test('makes what is missing, with its retention, and leaves what is there', async () => {
    await server.remove()
    await start({}, { retentionDays: 90, eventRetentionDays: 400 })
    await sink.open()
    await sink.open()
    const kept = Object.fromEntries(server.made)
    expect(kept).toEqual(
      version === 2
        ? { b: String(90 * 86_400), b_daily: '0', b_event: String(400 * 86_400) }
        : { b: '90d', b_daily: 'ever', b_event: '400d' },
    )
  })

  test('readings, events and days arrive, each in its own place, and a resend changes nothing', async () => {
    const batch = {
      readings: [1, 2, 3].map((sequence) =>
        reading({ timeUs: noon + sequence * 1e6, sequence, v: { motor_current: sequence } }),
      ),
      events: [event({ type: 'stalled', timeUs: noon, offset: 9, cause: 'he said "no, = so"' })],
    }
    await deliver(sink, batch)
    const state = (): string =>
      JSON.stringify(
        [...server.kept].map(([name]) => points(name)),
        text,
      )
    const before = state()
    expect(points('b').map(({ fields }) => fields['motor_current_a'])).toEqual([1, 2, 3])
    expect(points('b_event')[0]?.fields['cause']).toBe('he said "no, = so"')
    expect(points('b_daily')[0]?.fields).toMatchObject({
      'motor_current_a.min': 1,
      'motor_current_a.max': 3,
    })
    await deliver(sink, batch)
    expect(state()).toBe(before)
  })

  test('a day goes on where the database has it, after a restart of the sink', async () => {
    const one = (sequence: number, value: number) =>
      reading({
        ...{ timeUs: noon + sequence * 1e6, bootUs: noon, sequence },
        v: { motor_current: value },
      })
    await deliver(sink, { readings: [one(1, 50)] })
    await sink.stop()
    sink = sinkOf(version, server.url)
    await deliver(sink, { readings: [one(2, 7)] })
    // A day and a session, each gone on with where the database had it.
    const [day, session, ...more] = points('b_daily')
    expect(more).toEqual([])
    expect([day?.measurement, session?.measurement]).toEqual(['unit_daily', 'unit_session'])
    expect(session?.fields).toMatchObject({ 'motor_current_a.max': 50, 'session.boot': 1 })
    expect(day?.fields).toMatchObject({
      'motor_current_a.min': 7,
      'motor_current_a.max': 50,
    })
  })

  test.each([true, false])('a refused line is found, whole requests refused: %s', async (whole) => {
    await server.remove()
    await start({ whole })
    await sink.open()
    // Somebody else has made a text of this field: a point of ours with it can never be taken.
    const time = BigInt(noon) * 1000n
    const alien = { motor_current_a: 'text' }
    const point = { measurement: 'test_drill', tags: {}, fields: alien, timeNs: time }
    server.kept.set('b', new Map([['x', point]]))
    const readings = Array.from({ length: 40 }, (_, sequence) =>
      reading({
        timeUs: noon + sequence * 1e6,
        sequence,
        v: sequence === 17 ? { motor_current: 1 } : { pack_voltage: 18 },
      }),
    )
    const { refused, dropped } = await deliver(sink, { readings })
    expect(refused).toMatchObject([{ offset: 17, reason: 'sink_refused' }])
    expect(refused[0]?.detail).toMatch(/motor_current_a/)
    expect(dropped).toEqual([])
    expect(points('b')).toHaveLength(1 + 39)
    expect(server.writes.length).toBeLessThan(12)
  })

  test.each([
    [401, 'influx_credentials'],
    [404, 'influx_database_missing'],
    [429, 'influx_failed'],
    [503, 'influx_failed'],
    [302, 'influx_unexpected'],
  ])('HTTP %i is tried again, says %s, and shows no token', async (status, code) => {
    await sink.open()
    server.script.push({ status, body: { message: 'because of this', error: 'because of this' } })
    const batch = { readings: [reading({ timeUs: noon, v: { motor_current: 1 } })], events: [] }
    const error = await failureOf(sink.write(batch))
    expect(error?.code).toBe(code)
    expect(JSON.stringify(error)).not.toContain(token)
    expect(error?.remedy).toMatch(/\S/)
    expect((await deliver(sink, batch)).refused).toEqual([])
    expect(points('b')).toHaveLength(1)
  })

  test('a wrong token and a server that is not there are said', async () => {
    const wrong = sinkOf(version, server.url, { token: 'another' })
    expect((await failureOf(wrong.open()))?.code).toBe('influx_credentials')
    const nowhere = sinkOf(version, 'http://127.0.0.1:1')
    expect((await failureOf(nowhere.open()))?.code).toBe('influx_unreachable')
    await wrong.stop()
    await nowhere.stop()
  })

  test('without leave to set up it only writes, and keeps no days', async () => {
    await sink.stop()
    sink = sinkOf(version, server.url, { setUp: false })
    for (const name of ['b', 'b_event', 'b_daily']) server.made.set(name, '0')
    await deliver(sink, { readings: [reading({ timeUs: noon, v: { motor_current: 1 } })] })
    expect(points('b')).toHaveLength(1)
    expect(server.kept.has('b_daily')).toBe(false)
  })
})

test('an answer of 200 is not taken for durable', async () => {
  const server = await startLaterInflux({ version: 2, token })
  const sink = sinkOf(2, server.url)
  await sink.open()
  server.script.push({ status: 200, body: {} })
  const batch = { readings: [reading({ timeUs: noon, v: { motor_current: 1 } })], events: [] }
  expect((await failureOf(sink.write(batch)))?.code).toBe('influx_unexpected')
  await sink.stop()
  await server.remove()
})

const text = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? `${value}` : value

const victoria = await startVictoria()
describe.skipIf(victoria === undefined)('influx2 to a real server that takes its writes', () => {
  afterAll(() => victoria?.remove())
  const readings = (from: number) =>
    Array.from({ length: 500 }, (_, i) => {
      const sequence = from + i
      const timeUs = noon + sequence * 100_000
      return reading({ timeUs, sequence, v: { motor_current: sequence / 8 }, c: { starts: 1 } })
    })

  test('every line arrives, compressed, over a stop of the server', async () => {
    if (victoria === undefined) return
    const sink = sinkOf(2, victoria.url, { setUp: false })
    await deliver(sink, { readings: readings(0) })
    await victoria.stop()
    const during = deliver(sink, { readings: readings(500) })
    await victoria.start()
    const { retries, refused } = await during
    expect(refused).toEqual([])
    expect(retries).toBeGreaterThan(0)
    const found = await victoria.points('{__name__=~"test_drill_motor_current_a"}')
    const [values] = [...found.values()]
    for (let sequence = 0; sequence < 1000; sequence++) {
      expect(values?.get(Math.floor(noon / 1000) + sequence * 100)).toBe(sequence / 8)
    }
    await sink.stop()
  })

  test('a server that stands still is given up, and has every line when it goes on', async () => {
    if (victoria === undefined) return
    const sink = sinkOf(2, victoria.url, { setUp: false })
    await deliver(sink, { readings: readings(2000) })
    victoria.freeze()
    const batch = { readings: readings(2500), events: [] }
    expect((await failureOf(sink.write(batch)))?.code).toBe('influx_timeout')
    expect((await failureOf(sink.open()))?.code).toBe('influx_timeout')
    victoria.thaw()
    expect((await deliver(sink, batch)).refused).toEqual([])
    const found = await victoria.points('{__name__=~"test_drill_motor_current_a"}')
    const [values] = [...found.values()]
    for (let sequence = 2000; sequence < 3000; sequence++) {
      expect(values?.get(Math.floor(noon / 1000) + sequence * 100)).toBe(sequence / 8)
    }
    await sink.stop()
  }, 60_000)
})
