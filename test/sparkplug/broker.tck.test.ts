// The specification's statements about MQTT servers, one test an id: the embedded broker with plain
// clients; and those about MQTT 5, with Mosquitto, since the embedded broker speaks 3.1.1.
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import { openDurableMap } from '../../gateway/log/durable-map.ts'
import { mosquittoInstalled, startMosquitto } from '../servers/mosquitto.ts'
import { bdSeq, beBorn, bytesOf } from './node.ts'
import {
  client,
  edge,
  hear,
  host,
  hostSettings,
  pause,
  Stops,
  startServer,
  startTap,
  tempFolder,
  until,
} from './stand.ts'
import { mqtt5Ids, serverIds } from './tck-list.ts'

const stops = new Stops()
afterEach(() => stops.all())

const birthTopic = 'spBv1.0/line/NBIRTH/press'
const kept = '$sparkplug/certificates'

/** What waits, retained, for a client that comes later. */
const waiting = async (port: number, filter: string) => {
  const heard = await hear(await client(port, stops), filter)
  await until(() => heard.length > 0)
  return heard
}

const relays = async (qos: 0 | 1): Promise<void> => {
  const { port, records } = await startServer(stops)
  const heard = await hear(await client(port, stops), 'spBv1.0/#', qos)
  const press = await client(port, stops)
  await press.publishAsync(birthTopic, bytesOf([bdSeq(0)], 0), { qos })
  await until(() => heard.length === 1)
  expect(heard[0]).toMatchObject({ topic: birthTopic, qos, retain: false })
  // What it means is logged by the host that reads it.
  expect(records).toEqual([])
}

const keeps = async (form: string): Promise<void> => {
  const { port } = await startServer(stops)
  const live = await hear(await client(port, stops), 'spBv1.0/#')
  await beBorn(await client(port, stops))
  await until(() => live.length === 2)
  const all = await waiting(port, `${kept}/${form}`)
  const { payload } = live.find(({ topic }) => topic === form) ?? {}
  expect(all).toEqual([{ topic: `${kept}/${form}`, payload, retain: true, qos: 0 }])
  // A wildcard at the first level does not bring what the server keeps for itself.
  const other = await hear(await client(port, stops), '#')
  await pause(20)
  expect(other).toEqual([])
}
const nodeForm = 'spBv1.0/line/NBIRTH/press'
const unitForm = 'spBv1.0/line/DBIRTH/press/d1'

const retains = async (): Promise<void> => {
  const folder = tempFolder(stops)
  const clock = systemClock()
  const random = (bytes: number) => new Uint8Array(bytes).fill(7)
  const sessions = () => openDurableMap({ folder, clock, random })
  const first = await startServer(stops, new Map(), { sessions })
  const scada = await client(first.port, stops)
  const state = 'spBv1.0/STATE/scada'
  await scada.publishAsync(state, '{"online":true,"timestamp":1}', { qos: 1, retain: true })
  expect((await waiting(first.port, state))[0]).toMatchObject({ retain: true })
  await first.broker.stop()
  const second = await startServer(stops, new Map(), { sessions })
  expect((await waiting(second.port, state))[0]).toMatchObject({ retain: true })
  const other = await client(second.port, stops)
  const live = await hear(other, state)
  await other.publishAsync(state, '', { qos: 1, retain: true })
  await until(() => live.some(({ payload }) => payload.length === 0))
  const none = await hear(await client(second.port, stops), state)
  await pause(50)
  expect(none).toEqual([])
}

const wills = async (): Promise<void> => {
  const { port } = await startServer(stops)
  const heard = await hear(await client(port, stops), 'spBv1.0/#')
  const will = { topic: 'spBv1.0/STATE/scada', payload: Buffer.from('x'), qos: 1 as const }
  for (const retain of [false, true]) {
    const scada = await client(port, stops, { will: { ...will, retain } })
    scada.stream.destroy()
    await until(() => heard.length === (retain ? 2 : 1))
    const late = await hear(await client(port, stops), will.topic)
    if (retain) await until(() => late.length === 1)
    else await pause(50)
    expect(late.map((one) => one.retain)).toEqual(retain ? [true] : [])
  }
  expect(heard.map(({ qos }) => qos)).toEqual([1, 1])
}

const checks: Readonly<Record<(typeof serverIds)[number], () => Promise<void>>> = {
  'conformance-mqtt-qos0': () => relays(0),
  'conformance-mqtt-qos1': () => relays(1),
  'conformance-mqtt-will-messages': wills,
  'conformance-mqtt-retained': retains,
  'conformance-mqtt-aware-basic': async () => {
    await relays(1)
    await wills()
  },
  'conformance-mqtt-aware-store': () => keeps(unitForm),
  'conformance-mqtt-aware-nbirth-mqtt-topic': () => keeps(nodeForm),
  'conformance-mqtt-aware-nbirth-mqtt-retain': () => keeps(nodeForm),
  'conformance-mqtt-aware-dbirth-mqtt-topic': () => keeps(unitForm),
  'conformance-mqtt-aware-dbirth-mqtt-retain': () => keeps(unitForm),
}

describe('tck-id', () => {
  for (const id of serverIds) test(id, checks[id])
})

describe.runIf(mosquittoInstalled())('tck-id, MQTT 5', () => {
  const tapped = async () => {
    const server = await startMosquitto()
    stops.add(() => server.remove())
    return startTap(server.port, { version: 5, stops })
  }

  test(mqtt5Ids[0], async () => {
    const tap = await tapped()
    await edge(tap.port, { stops, config: { version: '5' } }).open()
    const connect = tap.sent.find(({ cmd }) => cmd === 'connect')
    expect(connect?.clean).toBe(true)
    // Absent is 0 (MQTT 5, 3.1.2.11.2).
    expect(connect?.properties?.sessionExpiryInterval ?? 0).toBe(0)
  })

  test(mqtt5Ids[1], async () => {
    const tap = await tapped()
    await host(hostSettings(tap.port, { version: '5' }), stops)
    await until(() => tap.sent.some(({ cmd }) => cmd === 'connect'))
    const connect = tap.sent.find(({ cmd }) => cmd === 'connect')
    expect(connect?.clean).toBe(true)
    expect(connect?.properties?.sessionExpiryInterval ?? 0).toBe(0)
  })

  test(mqtt5Ids[2], async () => {
    const tap = await tapped()
    const made = edge(tap.port, { stops, config: { version: '5' } })
    await made.open()
    await made.stop()
    await until(() => tap.sent.some(({ cmd }) => cmd === 'disconnect'))
    expect(tap.sent.find(({ cmd }) => cmd === 'disconnect')?.reasonCode).toBe(4)
  })
})
