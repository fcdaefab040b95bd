// Both of our participants with each other over real servers: what one unit says arrives as what
// another one said, with values, times, qualities and history.
import { afterEach, describe, expect, test } from 'vitest'
import { mosquittoInstalled, startMosquitto } from '../servers/mosquitto.ts'
import {
  edge,
  host,
  hostSettings,
  nowMs,
  reading,
  Stops,
  startServer,
  textOf,
  until,
} from './stand.ts'

const stops = new Stops()
afterEach(() => stops.all())

const units = [
  {
    ...{ from: 'hall/gate/drill-1', unit: 'drill-9', machine: 'test_drill' },
    items: {
      motor_current: 'motor_current',
      brake: 'brake',
      state: 'state',
      starts: 'Counters/starts',
    },
  },
]

const carry = async (port: number, version: '3.1.1' | '5'): Promise<void> => {
  const { records, notes, source } = await host(hostSettings(port, { units, version }), stops)
  await until(() => notes.some((line) => line.endsWith('connected')))
  const sink = edge(port, { stops, config: { version, primaryHost: 'scada' } })
  await sink.open()
  const timeUs = nowMs() * 1000
  await sink.write({ readings: [reading('drill-1', { timeUs })], events: [] })
  const past = reading('drill-1', { timeUs: timeUs - 7200e6, values: [0, 9.5, 0, 0, 0, 0, 2] })
  await sink.write({ readings: [past], events: [] })
  const bad = { timeUs: timeUs + 1000, quality: Uint8Array.of(0, 5, 0, 0, 0, 0, 0) }
  await sink.write({ readings: [reading('drill-1', bad)], events: [] })
  await sink.stop()
  await until(() => records.filter(({ topic }) => topic.endsWith('/report')).length >= 4)
  const reports = records
    .filter(({ topic }) => topic === 'tenfold/v1/test_drill/drill-9/report')
    .map(textOf)
  expect(reports[0]).toEqual({
    time: timeUs,
    v: { motor_current: 3.5, brake: true, state: 'run' },
    c: { starts: 1 },
  })
  expect(reports[1]).toEqual({
    time: timeUs - 7200e6,
    v: { motor_current: 9.5, brake: false, state: 'fault' },
    c: { starts: 1 },
  })
  expect(reports[2]).toEqual({ time: timeUs + 1000, q: { motor_current: 'bad' } })
  expect(reports[3]).toMatchObject({ q: { motor_current: 'bad', brake: 'bad', state: 'bad' } })
  expect(records[0]?.topic).toBe('tenfold/v1/test_drill/drill-9/hello')
  await source.stop()
}

test('over the embedded broker', async () => {
  const { port, records, broker } = await startServer(stops)
  await carry(port, '3.1.1')
  await until(() => broker.connections === 0)
  expect(records).toEqual([])
})

describe.runIf(mosquittoInstalled())('over Mosquitto', () => {
  test.each(['3.1.1', '5'] as const)('MQTT %s', async (version) => {
    const outside = await startMosquitto()
    stops.add(() => outside.remove())
    await carry(outside.port, version)
  })
})
