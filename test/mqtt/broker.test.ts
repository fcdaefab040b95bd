// The embedded broker as a source: the PUBACK waits for the log, a unit publishes only as itself,
// and what is too long never fills the memory.

import { connect as connectTcp } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import { connectUnit, type UnitConnection } from '../../gateway/mqtt/client.ts'
import { MqttBroker } from '../../gateway/sources/mqtt/broker.ts'
import { parseTopic } from '../../hardware-profiles/names.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

type Held = { record: LogRecord; done: (error?: Error) => void }

const start = async (authenticate?: (user: string, password: string) => Promise<boolean>) => {
  const held: Held[] = []
  const notes: string[] = []
  const broker = new MqttBroker({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock(),
    payloadBytes: 1000,
    machines: new Set(['cordless_drill']),
    connections: 3,
    epoch: 'test0000',
    note: (line) => notes.push(line),
    ...(authenticate === undefined ? {} : { authenticate }),
  })
  await broker.start((record, done) => held.push({ record, done }))
  stops.push(() => broker.stop())
  return { broker, held, notes, url: `mqtt://127.0.0.1:${broker.port}` }
}

const unit = async (url: string, more = {}): Promise<UnitConnection> => {
  const connection = await connectUnit({ url, clientId: 'drill-1', ...more })
  stops.push(() => connection.stop())
  return connection
}

const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const topic = 'tenfold/v1/cordless_drill/drill-1/report'

describe('the gate', () => {
  test('holds the PUBACK back until the record is durable', async () => {
    const { held, url } = await start()
    const drill = await unit(url)
    let acknowledged = false
    const published = drill.publish(topic, '{"v":{}}').then(() => {
      acknowledged = true
    })
    await until(() => held.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(acknowledged).toBe(false)
    held[0]?.done()
    await published
    expect(acknowledged).toBe(true)
  })

  test('hands over where, when and what, and one epoch a connection', async () => {
    const { held, url } = await start()
    for (const clientId of ['drill-1', 'drill-2']) {
      const drill = await unit(url, { clientId })
      const sent = drill.publish(topic, Buffer.from([1, 2, 3]))
      await until(() => held.length > 0)
      const one = held.pop()
      one?.done()
      await sent
      expect(one?.record).toMatchObject({ source: 'mqtt', topic, retained: false })
      expect([...(one?.record.payload ?? [])]).toEqual([1, 2, 3])
      expect(one?.record.session).toBe(`test0000-${clientId === 'drill-1' ? 1 : 2}`)
    }
  })

  test('gives no PUBACK when the log fails, and the unit sends again', async () => {
    const { held, url, notes } = await start()
    const drill = await unit(url, { reconnectMs: 20 })
    const published = drill.publish(topic, 'x')
    await until(() => held.length === 1)
    held[0]?.done(new Error('the disk is full'))
    await until(() => held.length === 2)
    expect(held[1]?.record.payload.toString()).toBe('x')
    held[1]?.done()
    await published
    expect(notes.join()).toContain('the disk is full')
  })
})

describe('who may publish', () => {
  const known = (user: string, password: string) => Promise.resolve(user === password)

  test('a wrong password is refused', async () => {
    const { url } = await start(known)
    await expect(unit(url, { username: 'drill-1', password: 'no' })).rejects.toMatchObject({
      code: 'broker_unreachable',
    })
    await expect(unit(url)).rejects.toMatchObject({ code: 'broker_unreachable' })
  })

  test('a unit publishes only as itself; as another it is disconnected', async () => {
    const { url, held, notes } = await start(known)
    const drill = await unit(url, { username: 'drill-1', password: 'drill-1', reconnectMs: 60_000 })
    const own = drill.publish(topic, 'own')
    await until(() => held.length === 1)
    held[0]?.done()
    await own
    drill.publish(topic.replace('drill-1', 'drill-2'), 'other').catch(() => {})
    await until(() => !drill.connected)
    expect(held).toHaveLength(1)
    expect(notes.join()).toContain('only as itself')
  })

  test('a claim about a unit may come from anybody who is known', async () => {
    const { url, held } = await start(known)
    const buyer = await unit(url, { clientId: 'buyer', username: 'buyer', password: 'buyer' })
    const sent = buyer.publish(topic.replace('/report', '/claim'), 'signed')
    await until(() => held.length === 1)
    held[0]?.done()
    await sent
  })

  test('nobody but the gateway sends commands', async () => {
    const { url, held } = await start()
    const drill = await unit(url, { reconnectMs: 60_000 })
    drill.publish(topic.replace('/report', '/command'), 'go').catch(() => {})
    await until(() => !drill.connected)
    expect(held).toHaveLength(0)
  })
})

test('a command reaches its unit', async () => {
  const { broker, url } = await start()
  const drill = await unit(url)
  const command = topic.replace('/report', '/command')
  const { machine = '', unit: name = '' } = parseTopic(command) ?? {}
  const got = new Promise<string>((resolve) => {
    drill
      .subscribe(command, (payload) => resolve(Buffer.from(payload).toString()))
      .then(() => broker.command({ machine, unit: name, payload: '{"kind":"x"}' }), resolve)
  })
  expect(await got).toBe('{"kind":"x"}')
})

test('a packet that announces too much is cut off before it arrives', async () => {
  const { broker, held, notes } = await start()
  const socket = connectTcp(broker.port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.on('close', resolve))
  // CONNECT, then a PUBLISH head that announces 256 MB (MQTT 3.1.1, 2.2.3).
  socket.write(Buffer.from([0x10, 0x0d, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 1, 97]))
  socket.write(Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f]))
  await closed
  expect(held).toHaveLength(0)
  expect(notes.join()).toContain('a packet of over')
})

test('a connection too many is turned away, the others stay', async () => {
  const { url, notes } = await start()
  for (const clientId of ['a', 'b', 'c']) await unit(url, { clientId })
  await expect(unit(url, { clientId: 'd', connectMs: 300 })).rejects.toMatchObject({
    code: 'broker_unreachable',
  })
  expect(notes.join()).toContain('3 connections are the limit')
})

test('a payload over its limit, but not beyond all measure, is taken for the quarantine', async () => {
  const { url, held } = await start()
  const drill = await unit(url)
  const sent = drill.publish(topic, 'x'.repeat(3000))
  await until(() => held.length === 1)
  held[0]?.done()
  await sent
  expect(held[0]?.record.payload).toHaveLength(3000)
})

test('an address that is none of this machine is named, with the setting', async () => {
  // TEST-NET-1 (RFC 5737): nobody has it.
  const other = new MqttBroker({
    ...{ host: '192.0.2.1', port: 0, clock: systemClock(), payloadBytes: 1000 },
    ...{ machines: new Set(['cordless_drill']), connections: 3, epoch: 'test0002' },
    note: () => {},
  })
  stops.push(() => other.stop())
  await expect(other.start(() => {})).rejects.toMatchObject({
    code: 'address_wrong',
    remedy: expect.stringContaining('mqtt.host'),
  })
})

test('a port that is taken is named, with the setting', async () => {
  const { broker } = await start()
  const second = new MqttBroker({
    host: '127.0.0.1',
    port: broker.port,
    clock: systemClock(),
    payloadBytes: 1000,
    machines: new Set(['cordless_drill']),
    connections: 3,
    epoch: 'test0001',
    note: () => {},
  })
  stops.push(() => second.stop())
  await expect(second.start(() => {})).rejects.toMatchObject({
    code: 'port_busy',
    remedy: expect.stringContaining('mqtt.port'),
  })
})
