// Foreign topics over the wire: at the embedded broker with logins, and from Debian's Mosquitto,
// where the source subscribes to what the mapping names and acknowledges what is durable.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import { createForeign } from '../../gateway/foreign/translate.ts'
import { create } from '../../gateway/sources/mqtt-client/index.ts'
import type { MqttClientSettings } from '../../gateway/sources/mqtt-client/settings.ts'
import { connect, later, startBroker, until } from '../mqtt/stand.ts'
import { mosquittoInstalled, startMosquitto } from '../servers/mosquitto.ts'
import { root } from '../tree.ts'
import { mappings, plug } from './stand.ts'

const foreign = Object.values(mappings)

test('the embedded broker: a bridge speaks for its units, a unit only for itself', async () => {
  const { url, records, notes } = await startBroker({
    authenticate: async () => true,
    foreign: createForeign(foreign, [plug]),
  })
  const login = (username: string) =>
    connect(url, { username, password: 'x', clientId: username, reconnectPeriod: 0 })
  const bridge = await login('zigbee2mqtt')
  await bridge.publishAsync('zigbee2mqtt/a', '{"temperature":21}', { qos: 1 })
  expect(records.map(({ topic }) => topic)).toEqual([
    'tenfold/v1/smart_plug/zb-a/hello',
    'tenfold/v1/smart_plug/zb-a/report',
  ])
  const room = await login('livingroom')
  await room.publishAsync('livingroom/status', 'online', { qos: 1, retain: true })
  expect(records).toHaveLength(3)
  room.publish('kitchen/status', 'online', { qos: 1 })
  await until(() => notes.some((line) => line.includes('unit_other')))
  expect(records).toHaveLength(3)
})

test('a will that the embedded broker publishes says that the unit is away', async () => {
  const { url, records } = await startBroker({ foreign: createForeign(foreign, [plug]) })
  const will = { topic: 'livingroom/status', payload: Buffer.from('offline'), qos: 1 as const }
  const room = await connect(url, { will: { ...will, retain: true } })
  await room.publishAsync('livingroom/sensor/temperature/state', '22.5', { qos: 1 })
  room.stream.destroy()
  await until(() => records.length === 3)
  expect(JSON.parse(String(records[2]?.payload)).q.temperature).toBe('bad')
})

test('settings: a mapping is checked like all others', () => {
  const load = (machine: string) =>
    loadConfig({
      file: '/nowhere/tenfold.json',
      text: JSON.stringify({ mqtt: { foreign: [{ ...mappings.zigbee, machine }] } }),
      env: {},
      readFile: () => '',
    }).config.mqtt.foreign
  expect(load('smart_plug')).toMatchObject([{ machine: 'smart_plug', login: 'zigbee2mqtt' }])
  expect(() => load('Smart Plug')).toThrow()
})

test('the example of the README is one that a gateway takes', () => {
  const readme = readFileSync(join(root, 'gateway', 'foreign', 'README.md'), 'utf8')
  const text = /```json\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  const file = '/nowhere/tenfold.json'
  const { config } = loadConfig({ file, text, env: {}, readFile: () => '' })
  const climate = { ...plug, machine: 'climate_sensor' }
  expect(createForeign(config.mqtt.foreign, [plug, climate]).filters).toHaveLength(8)
})

describe.runIf(mosquittoInstalled())('with a real broker', () => {
  test('subscribed, translated, acknowledged when durable', async () => {
    const outside = await startMosquitto([])
    later(() => outside.remove())
    const url = `mqtt://127.0.0.1:${outside.port}`
    const usual = loadConfig({
      file: '/nowhere/tenfold.json',
      text: '{"sources":{"mqtt-client":{}}}',
      env: {},
      readFile: () => '',
    }).config.sources['mqtt-client'] as MqttClientSettings
    const held: { record: LogRecord; done: (error?: Error) => void }[] = []
    const notes: string[] = []
    const source = create(
      { ...usual, url, foreign },
      {
        profiles: [plug],
        clock: systemClock(),
        random: (bytes) => new Uint8Array(bytes),
        folder: '/nowhere',
        secret: () => 'secret',
        note: (line) => notes.push(line),
      },
    )
    await source.start((record, done) => held.push({ record, done }))
    later(() => source.stop())
    await until(() => notes.some((line) => line.endsWith('connected')))
    const room = await mqtt.connectAsync(url)
    later(() => room.endAsync(true))
    await room.publishAsync('livingroom/sensor/temperature/state', '22.5', { qos: 1 })
    await until(() => held.length === 2)
    // The report alone is durable: the message is not acknowledged, and comes again, with a hello.
    held[1]?.done()
    held[0]?.done(new Error('the disk is full'))
    await until(() => held.length === 4)
    expect(held.map(({ record }) => record.topic.split('/').at(-1))).toEqual([
      ...['hello', 'report', 'hello', 'report'],
    ])
    for (const { done } of held.slice(2)) done()
  })
})
