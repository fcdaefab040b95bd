// What Home Assistant is told of our units, and when: the messages themselves, what is said once,
// what is taken away, and both brokers with a client that listens as Home Assistant does.
import mqtt from 'mqtt'
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { loadConfig } from '../../gateway/config.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { KnownUnit } from '../../gateway/core/source.ts'
import { Announcer } from '../../gateway/discovery/announcer.ts'
import { entitiesOf } from '../../gateway/discovery/entities.ts'
import { create } from '../../gateway/sources/mqtt-client/index.ts'
import type { MqttClientSettings } from '../../gateway/sources/mqtt-client/settings.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { plug } from '../foreign/stand.ts'
import { connect, heard, later, startBroker, until } from '../mqtt/stand.ts'
import { mosquittoInstalled, startMosquitto } from '../servers/mosquitto.ts'

const drill = loadProfiles().profiles.get('cordless_drill') as Profile
const known = (lifecycle: string | null, unit = 'drill-1'): KnownUnit => ({
  ...{ machine: 'cordless_drill', unit, simulated: false, lifecycle },
})

const configOf = (profile: Profile, name: string) =>
  entitiesOf(profile, { unit: 'p-1', simulated: true }).find(({ topic }) =>
    topic.endsWith(`/${name}/config`),
  )

test('a signal, a counter, a switch and an enum', () => {
  expect(configOf(plug, 'power')).toEqual({
    topic: 'homeassistant/sensor/tenfold-p-1/power/config',
    config: {
      name: 'A signal',
      uniq_id: 'tenfold-p-1-power',
      stat_t: 'tenfold/v1/smart_plug/p-1/report',
      exp_aft: 60,
      dev: { ids: ['tenfold-p-1'], name: 'p-1', mdl: `${plug.title} (simulated)` },
      o: { name: 'Tenfold' },
      unit_of_meas: 'W',
      dev_cla: 'power',
      stat_cla: 'measurement',
      val_tpl: "{{ (value_json.v | default({})).power | default('') }}",
    },
  })
  expect(configOf(plug, 'energy')?.config).toMatchObject({
    ...{ dev_cla: 'energy', unit_of_meas: 'J', stat_cla: 'total_increasing' },
  })
  const relay = configOf(plug, 'switched_on')
  expect(relay?.topic).toBe('homeassistant/binary_sensor/tenfold-p-1/switched_on/config')
  expect(relay?.config).not.toHaveProperty('stat_cla')
  expect(configOf(plug, 'mode')?.config).toMatchObject({
    ...{ dev_cla: 'enum', ops: ['off', 'on', 'fault'] },
  })
})

test('a class only where the unit of measure is sure', () => {
  expect(configOf(plug, 'humidity')?.config).not.toHaveProperty('dev_cla')
  expect(configOf(plug, 'level')?.config).not.toHaveProperty('unit_of_meas')
})

test('told once, while it is heard; taken away when it is retired', () => {
  const said: string[] = []
  let isConnected = false
  const announcer = new Announcer([drill], (topic, payload) => {
    if (isConnected) said.push(`${topic} ${payload}`)
    return isConnected
  })
  const count = entitiesOf(drill, known(null)).length
  announcer.look([known(null)], () => true)
  expect(said).toEqual([])
  isConnected = true
  announcer.look([known(null), known(null, 'drill-2')], ({ unit }) => unit === 'drill-1')
  expect(said).toHaveLength(count)
  announcer.look([known('in_use')], () => true)
  expect(said).toHaveLength(count)
  announcer.look([known('retired')], () => false)
  expect(said.slice(count).every((line) => line.endsWith('/config '))).toBe(true)
  expect(said).toHaveLength(2 * count)
  announcer.look([known('retired')], () => true)
  expect(said).toHaveLength(2 * count)
})

test('the embedded broker: retained for who comes later, not logged', async () => {
  const { broker, url, records } = await startBroker({ announce: [drill] })
  broker.know([known(null)])
  const unit = await connect(url)
  await unit.publishAsync('tenfold/v1/cordless_drill/drill-1/hello', '{"boot":1,"t":0}', { qos: 1 })
  broker.know([known(null)])
  const count = entitiesOf(drill, known(null)).length
  const home = await connect(url)
  const got = heard(home)
  await home.subscribeAsync('homeassistant/#')
  await until(() => got.length === count)
  expect(records).toHaveLength(1)
  broker.know([known('retired')])
  const late = await connect(url)
  const left = heard(late)
  await late.subscribeAsync('homeassistant/#')
  await late.subscribeAsync('x/end')
  await late.publishAsync('x/end', '', { qos: 1 })
  await until(() => left.length > 0)
  expect(left).toEqual(['x/end '])
})

test('off unless it is set', async () => {
  const { broker, url } = await startBroker()
  const unit = await connect(url)
  await unit.publishAsync('tenfold/v1/cordless_drill/drill-1/hello', '{"boot":1,"t":0}', { qos: 1 })
  broker.know([known(null)])
  const got = heard(unit)
  await unit.subscribeAsync('#')
  await unit.publishAsync('x/end', '', { qos: 1 })
  await until(() => got.length > 0)
  expect(got).toEqual(['x/end '])
})

describe.runIf(mosquittoInstalled())('with a real broker', () => {
  test('announced there when it is heard there', async () => {
    const outside = await startMosquitto([])
    later(() => outside.remove())
    const url = `mqtt://127.0.0.1:${outside.port}`
    const usual = loadConfig({
      file: '/nowhere/tenfold.json',
      text: '{"sources":{"mqtt-client":{}}}',
      env: {},
      readFile: () => '',
    }).config.sources['mqtt-client'] as MqttClientSettings
    const notes: string[] = []
    let count = 0
    const source = create(
      { ...usual, url, homeAssistant: true },
      {
        profiles: [drill],
        clock: systemClock(),
        random: (bytes) => new Uint8Array(bytes),
        folder: '/nowhere',
        secret: () => 'secret',
        note: (line) => notes.push(line),
      },
    )
    await source.start((_, done) => {
      count += 1
      done()
    })
    later(() => source.stop())
    await until(() => notes.some((line) => line.endsWith('connected')))
    const home = await mqtt.connectAsync(url)
    later(() => home.endAsync(true))
    const got = heard(home)
    await home.subscribeAsync('homeassistant/#')
    await home.publishAsync('tenfold/v1/cordless_drill/drill-1/hello', '{"boot":1,"t":0}', {
      qos: 1,
    })
    await until(() => count === 1)
    source.know?.([known(null), known(null, 'elsewhere')])
    await until(() => got.length === entitiesOf(drill, known(null)).length)
    expect(got.every((line) => line.includes('tenfold-drill-1/'))).toBe(true)
  })
})
