// What MQTT 5 carries beside a payload, with Debian's Mosquitto between: user properties of units
// reach the record, their time and the quarantine; commands carry their own; and no more messages
// are on their way than were asked for, counted on the wire.
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { encodeRecord, type LogRecord } from '../../gateway/core/record.ts'
import { propertiesMax, propertiesOf } from '../../gateway/mqtt/properties.ts'
import { hello, pipelineInMemory } from '../pipeline/feed.ts'
import { mosquittoInstalled } from '../servers/mosquitto.ts'
import { Stops, startTap } from '../sparkplug/stand.ts'
import { broker, client, later, source, topic, until } from './stand.ts'

const drills = [...loadProfiles().profiles.values()].filter(
  ({ machine }) => machine === 'cordless_drill',
)

const isConnected = (notes: string[]): boolean => notes.some((line) => line.endsWith('connected'))

/** What the pipeline makes of a record of a unit that it knows. */
const outcomeOf = (record: LogRecord | undefined) => {
  if (record === undefined) throw new Error('no record')
  const pipeline = pipelineInMemory()
  pipeline.process(0, hello())
  return pipeline.process(1, encodeRecord(record))
}

/** The record of a report with these user properties, through a real broker. */
const carried = async (userProperties: Record<string, string | string[]>, payload: string) => {
  const outside = await broker()
  const { held, notes } = await source({ url: `mqtt://127.0.0.1:${outside.port}` })
  await until(() => isConnected(notes))
  const drill = await client(outside.port, { protocolVersion: 5 })
  await drill.publishAsync(topic('report'), payload, { qos: 1, properties: { userProperties } })
  await until(() => held.length === 1)
  return held[0]?.record
}

const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const reading = '{"v":{"torque":1}}'

describe.runIf(mosquittoInstalled())('through a real broker', () => {
  test('user properties of a message are in its record, also of a name that comes twice', async () => {
    const record = await carried({ line: ['7', '8'], traceparent: trace, 'ü ': '' }, reading)
    expect(record?.properties).toEqual({ line: '7', traceparent: trace, 'ü ': '' })
    expect(outcomeOf(record)).toMatchObject({ kind: 'reading' })
  })

  test('the user property time is the time of a report without one', async () => {
    const record = await carried({ time: '2026-03-01T12:00:00.5+01:00' }, reading)
    const timeUs = Date.UTC(2026, 2, 1, 11, 0, 0, 500) * 1000
    expect(outcomeOf(record)).toMatchObject({ reading: { timeUs, timeSource: 'source' } })
  })

  test('what is put aside is shown with its user properties', async () => {
    const record = await carried({ line: '7', traceparent: trace }, '{"v":')
    const outcome = outcomeOf(record)
    expect(outcome).toMatchObject({ kind: 'quarantine', reason: 'json_malformed' })
    expect(outcome).toMatchObject({
      detail: expect.stringContaining(`; user properties line=7, traceparent=${trace}`),
    })
  })

  test('a command says beside its payload what it is', async () => {
    const outside = await broker()
    const { made, held, notes } = await source({ url: `mqtt://127.0.0.1:${outside.port}` })
    const drill = await client(outside.port, { protocolVersion: 5 })
    const got: unknown[] = []
    drill.on('message', (_, __, { properties }) => {
      got.push([properties?.contentType, { ...properties?.userProperties }])
    })
    await drill.subscribeAsync(topic('command'), { qos: 1 })
    await until(() => isConnected(notes))
    await drill.publishAsync(topic('report'), 'x', { qos: 1 })
    await until(() => held.length === 1)
    const unit = { machine: 'cordless_drill', unit: 'drill-1' }
    for (const asked of [
      { kind: 'setpoint', id: 'a7', boot: 4, number: 5000, values: { target: 200 } },
      { kind: 'include_claim', claim: '00', type: 'accepted' },
    ]) {
      expect(made.command?.({ ...unit, payload: JSON.stringify(asked) })).toBe(true)
    }
    await until(() => got.length === 2)
    expect(got).toEqual([
      ['application/json', { ...unit, kind: 'setpoint', id: 'a7', boot: '4', number: '5000' }],
      ['application/json', { ...unit, kind: 'include_claim' }],
    ])
  })

  test.each([2, 5])(
    'receive maximum %i: so many come before the first is acknowledged',
    async (most) => {
      const outside = await broker()
      const stops = new Stops()
      later(() => stops.all())
      const sent: string[] = []
      let isAnswered = false
      const tap = await startTap(outside.port, {
        ...{ version: 5, stops },
        watch: ({ cmd, payload }, side) => {
          if (side === 'near') return
          if (cmd === 'publish' && !isAnswered) sent.push(`${payload}`)
          // Of the announcement below: what the broker had sent before is before it on the wire.
          if (cmd === 'puback') isAnswered = true
        },
      })
      const url = `mqtt://127.0.0.1:${tap.port}`
      const settings = { url, receiveMaximum: most, homeAssistant: true }
      const { made, held, notes } = await source(settings, randomBytes, drills)
      await until(() => isConnected(notes))
      const drill = await client(outside.port)
      const all = Array.from({ length: 20 }, (_, n) => `${n}`)
      for (const text of all) await drill.publishAsync(topic('report'), text, { qos: 1 })
      await until(() => held.length === 1)
      const known = { machine: 'cordless_drill', unit: 'drill-1', simulated: false }
      made.know?.([{ ...known, lifecycle: null }])
      await until(() => isAnswered)
      expect(sent).toEqual(all.slice(0, most))
      for (const n of all.keys()) {
        await until(() => held.length > n)
        held[n]?.done()
      }
      expect(held.map(({ record }) => `${record.payload}`)).toEqual(all)
    },
  )
})

const recordWith = (properties: Record<string, string>, payload = reading): LogRecord => ({
  ...{ receivedUs: Date.UTC(2026, 2, 1) * 1000, source: 'mqtt-client', session: 's' },
  ...{ topic: topic('report'), payload: Buffer.from(payload), retained: false, properties },
})

test.each([
  ['microseconds', '1772323200000000', { timeUs: 1_772_323_200_000_000 }],
  ['no zone', '2026-03-01T00:00:00', 'type_wrong'],
  ['no date', 'yesterday', 'type_wrong'],
  ['no time at all', '', 'type_wrong'],
  ['before 2000', '1000', 'time_past'],
  ['far ahead', '2036-03-01T00:00:00Z', 'time_future'],
])('a user property time: %s', (_, time, expected) => {
  const outcome = outcomeOf(recordWith({ time }))
  if (typeof expected === 'string') expect(outcome).toMatchObject({ reason: expected })
  else expect(outcome).toMatchObject({ reading: expected })
})

test('a time in the payload goes before the one beside it', () => {
  const timeUs = Date.UTC(2026, 1, 27) * 1000
  const record = recordWith({ time: 'yesterday' }, `{"time":${timeUs},"v":{"torque":1}}`)
  expect(outcomeOf(record)).toMatchObject({ reading: { timeUs } })
})

test('over 16 user properties or 1 KiB: the first that fit are kept', () => {
  expect(propertiesOf(undefined)).toBeUndefined()
  expect(propertiesOf({})).toBeUndefined()
  const texts = fc.oneof(
    fc.string(),
    fc.string({ minLength: 200, maxLength: 1200, unit: 'binary' }),
  )
  fc.assert(
    fc.property(fc.dictionary(fc.string(), texts, { maxKeys: 30 }), (given) => {
      const kept = Object.entries(propertiesOf(given) ?? {})
      const all = Object.entries(given)
      expect(kept).toEqual(all.slice(0, kept.length))
      const sizeOf = (list: [string, string][]): number => Buffer.byteLength(list.flat().join(''))
      const next = all.slice(0, kept.length + 1)
      const isFull = kept.length === propertiesMax.names || sizeOf(next) > propertiesMax.bytes
      expect(kept.length === all.length || isFull).toBe(true)
      expect(kept.length).toBeLessThanOrEqual(propertiesMax.names)
      expect(sizeOf(kept)).toBeLessThanOrEqual(propertiesMax.bytes)
    }),
  )
})
