// Payloads as the documentation and users of Tasmota, zigbee2mqtt and ESPHome show them, through
// the translation into the pipeline: what becomes a reading, what a word of absence does.
import { expect, test } from 'vitest'
import { quality } from '../../gateway/core/quality.ts'
import { bench, mappings, readingIn, startUs } from './stand.ts'

const all = Object.values(mappings)

test('Tasmota: SENSOR with its own time, STATE by a map, energy as a counter', () => {
  const { send } = bench(all)
  // A metering socket, as a maker of such sockets shows it (blog.mylocalbytes.com).
  const sensor = send(
    'tele/livingroom-lamp/SENSOR',
    `{"Time":"2022-01-11T21:57:38","ENERGY":{"TotalStartTime":"2020-10-21T22:15:00","Total":3.705,
      "Yesterday":0.028,"Today":0.026,"Period":1,"Power":5,"ApparentPower":5,"ReactivePower":0,
      "Factor":1.00,"Voltage":233,"Current":0.021}}`,
  )
  expect(sensor.records.map(({ topic }) => topic)).toEqual([
    'tenfold/v1/smart_plug/lamp/hello',
    'tenfold/v1/smart_plug/lamp/report',
  ])
  expect(sensor.acknowledged).toEqual([undefined])
  expect(readingIn(sensor)).toMatchObject({
    unit: 'lamp',
    timeUs: Date.parse('2022-01-11T20:57:38Z') * 1000,
    values: { power: 5, voltage: 233 },
    counters: { energy: 13_338_000 },
  })
  const state = send(
    'tele/tasmota_9CF9D1/STATE',
    `{"Time":"2024-02-24T22:20:38","Uptime":"0T00:10:11","UptimeSec":611,"Heap":24,
      "SleepMode":"Dynamic","Sleep":50,"LoadAvg":19,"MqttCount":1,"POWER":"OFF","Wifi":{"AP":1,
      "SSId":"ESP-Network","Channel":3,"Mode":"11n","RSSI":44,"Signal":-78,"LinkCount":1}}`,
  )
  expect(readingIn(state)).toMatchObject({
    unit: 'press-plug',
    timeUs: startUs,
    values: { switched_on: 0 },
  })
})

test('zigbee2mqtt: a sensor, its availability, and the bridge that goes', () => {
  const { send } = bench(all)
  const first = send('zigbee2mqtt/0x00158d0001', { temperature: 27.34, humidity: 44.72 })
  expect(readingIn(first)).toMatchObject({
    unit: 'zb-0x00158d0001',
    values: { temperature: 27.34, humidity: 44.72 },
  })
  // Only what has changed, and null for what is not known.
  const second = send('zigbee2mqtt/0x00158d0001', { temperature: 27.5, humidity: null })
  expect(readingIn(second).values).toEqual({ temperature: 27.5 })
  expect(readingIn(second).state.quality.slice(2, 4)).toEqual([
    quality.good,
    quality.bad_unspecified,
  ])
  send('zigbee2mqtt/kitchen', { temperature: 20 })
  const away = send('zigbee2mqtt/0x00158d0001/availability', { state: 'offline' })
  expect(readingIn(away)).toMatchObject({ unit: 'zb-0x00158d0001', values: {} })
  expect(readingIn(away).state.quality.slice(2, 4)).toEqual([9, 9])
  const gone = send('zigbee2mqtt/bridge/state', { state: 'offline' })
  expect(gone.records.map(({ topic }) => topic)).toEqual([
    'tenfold/v1/smart_plug/zb-0x00158d0001/report',
    'tenfold/v1/smart_plug/zb-kitchen/report',
  ])
  expect(send('zigbee2mqtt/bridge/state', { state: 'online' })).toMatchObject({
    records: [],
    acknowledged: [undefined],
  })
})

test('ESPHome: plain payloads, nan, status', () => {
  const { send } = bench(all)
  const online = send('livingroom/status', 'online')
  expect(online.records.map(({ payload }) => payload.toString())).toEqual(['{"boot":0,"t":0}'])
  const warm = send('livingroom/sensor/temperature/state', '22.5')
  expect(warm.records).toHaveLength(1)
  expect(readingIn(warm)).toMatchObject({ unit: 'livingroom', values: { temperature: 22.5 } })
  const unknown = send('livingroom/sensor/temperature/state', 'nan')
  expect(readingIn(unknown).values).toEqual({})
  expect(readingIn(unknown).state.quality[2]).toBe(quality.bad_not_a_number)
  expect(readingIn(send('livingroom/switch/relay/state', 'ON')).values).toEqual({ switched_on: 1 })
  const away = send('livingroom/status', 'offline')
  expect(away.records.map(({ payload }) => JSON.parse(payload.toString()))).toEqual([
    { q: { temperature: 'bad', level: 'bad', switched_on: 'bad' } },
  ])
  // It is back: nothing is known again until it says a value.
  expect(send('livingroom/status', 'online').records).toEqual([])
})

test('a retained message is a state, not a sample', () => {
  const { send } = bench(all)
  send('livingroom/sensor/temperature/state', '22.5')
  const again = send('livingroom/sensor/temperature/state', '22.5', { retained: true })
  expect(again.outcomes.map(({ kind }) => kind)).toEqual(['duplicate'])
})

test('acknowledged when all is durable; a hello that was not is said again', () => {
  let full = true
  const { send } = bench(all, ({ topic }) => full && topic.endsWith('/hello'))
  const failed = send('livingroom/sensor/temperature/state', '22.5')
  expect(failed.acknowledged).toHaveLength(1)
  expect(failed.acknowledged[0]).toBeInstanceOf(Error)
  full = false
  const next = send('livingroom/sensor/temperature/state', '22.5')
  expect(next.records.map(({ topic }) => topic.split('/').at(-1))).toEqual(['hello', 'report'])
  expect(next.acknowledged).toEqual([undefined])
})
