// What the broker remembers over a restart and over a kill: subscriptions, messages for clients
// that were away, QoS 2 between PUBREC and PUBREL, retained messages of others. And what it must
// not remember: commands.
import { randomBytes } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import { limits } from '../../gateway/core/limits.ts'
import { type DurableMap, openDurableMap } from '../../gateway/log/durable-map.ts'
import { startGatewayProcess } from '../servers/gateway.ts'
import {
  connect,
  connectHearing,
  heard,
  later,
  startBroker,
  tempFolder,
  topicOfDrill,
  until,
} from './stand.ts'

const mapIn = (folder: string) => (): Promise<DurableMap> =>
  openDurableMap({ folder, clock: systemClock(), random: (bytes) => randomBytes(bytes) })

const away = { clientId: 'reader', clean: false }

test('a session and what waited for it survive a restart', async () => {
  const sessions = mapIn(tempFolder())
  const first = await startBroker({ sessions })
  const reader = await connect(first.url, away)
  await reader.subscribeAsync('shop/#', { qos: 1 })
  await reader.endAsync()
  const writer = await connect(first.url)
  for (const n of [1, 2, 3]) await writer.publishAsync('shop/light', `${n}`, { qos: 1 })
  await first.broker.stop()

  const second = await startBroker({ sessions })
  const { client: again, got } = connectHearing(second.url, away)
  await until(() => got.length === 3)
  expect(got).toEqual(['shop/light 1', 'shop/light 2', 'shop/light 3'])
  // The subscription is there without a new SUBSCRIBE.
  const other = await connect(second.url)
  await other.publishAsync('shop/light', '4', { qos: 1 })
  await until(() => got.length === 4)
  await again.endAsync()

  // What was delivered is not delivered again.
  await second.broker.stop()
  const third = await startBroker({ sessions })
  const { got: more } = connectHearing(third.url, away)
  await (await connect(third.url)).publishAsync('shop/light', '5', { qos: 1 })
  await until(() => more.length > 0)
  expect(more).toEqual(['shop/light 5'])
})

test('a clean connect ends a session for good', async () => {
  const sessions = mapIn(tempFolder())
  const first = await startBroker({ sessions })
  const reader = await connect(first.url, away)
  await reader.subscribeAsync('shop/#', { qos: 1 })
  await reader.endAsync()
  await (await connect(first.url)).publishAsync('shop/light', 'old', { qos: 1 })
  await (await connect(first.url, { clientId: 'reader', clean: true })).endAsync()
  await first.broker.stop()
  const second = await startBroker({ sessions })
  const { client: again, got } = connectHearing(second.url, away)
  await again.subscribeAsync('done')
  await (await connect(second.url)).publishAsync('done', 'x', { qos: 1 })
  await until(() => got.length > 0)
  expect(got).toEqual(['done x'])
})

test('retained messages of others are kept, ours are not, and the bound holds', async () => {
  const sessions = mapIn(tempFolder())
  const first = await startBroker({ sessions })
  const writer = await connect(first.url)
  await writer.publishAsync('shop/state', 'on', { qos: 1, retain: true })
  await writer.publishAsync('shop/gone', 'x', { qos: 1, retain: true })
  await writer.publishAsync('shop/gone', '', { qos: 1, retain: true })
  await writer.publishAsync(topicOfDrill('report'), '{"v":{}}', { qos: 1, retain: true })
  const big = Buffer.alloc(60_000)
  const count = Math.ceil(limits.retainedBytes / big.length) + 1
  for (let n = 0; n < count; n += 1) {
    await writer.publishAsync(`big/${n}`, big, { qos: 1, retain: true })
  }
  expect(first.notes.join()).toContain('not kept as retained')
  await first.broker.stop()
  const second = await startBroker({ sessions })
  const reader = await connect(second.url)
  const got = heard(reader)
  await reader.subscribeAsync('shop/#')
  await reader.subscribeAsync('tenfold/#')
  await (await connect(second.url)).publishAsync('shop/end', 'x', { qos: 1 })
  await until(() => got.includes('shop/end x'))
  expect(got).toEqual(['shop/state on', 'shop/end x'])
})

test('a command is never kept for a unit that is away', async () => {
  const { broker, url } = await startBroker({ sessions: mapIn(tempFolder()) })
  const command = { machine: 'cordless_drill', unit: 'drill-1', payload: '{"n":1}' }
  const drill = await connect(url, { clientId: 'drill-1', clean: false })
  await drill.subscribeAsync(topicOfDrill('command'), { qos: 1 })
  await drill.endAsync()
  await until(() => broker.connections === 0)
  expect(broker.command(command)).toBe(false)
  const { got } = connectHearing(url, { clientId: 'drill-1', clean: false })
  await until(() => broker.connections === 1)
  await until(() => broker.command({ ...command, payload: '{"n":2}' }))
  await until(() => got.length > 0)
  expect(got).toEqual([`${topicOfDrill('command')} {"n":2}`])
})

test('a session that is away too long loses its oldest messages, and it is said', async () => {
  const { url, notes } = await startBroker({ sessions: mapIn(tempFolder()) })
  const reader = await connect(url, away)
  await reader.subscribeAsync('shop/#', { qos: 1 })
  await reader.endAsync()
  const writer = await connect(url)
  const sent = limits.queuedPerSession + 5
  for (let n = 0; n < sent; n += 1) await writer.publishAsync('shop/n', `${n}`, { qos: 1 })
  await until(() => notes.filter((line) => line.includes('away too long')).length === 5)
  const { got } = connectHearing(url, away)
  await until(() => got.length === limits.queuedPerSession)
  expect(got[0]).toBe('shop/n 5')
})

/** QoS 2 by hand (MQTT 3.1.1, 4.3.3): what a client does that was killed in the middle. */
const raw = async (port: number) => {
  const socket: Socket = connectTcp(port, '127.0.0.1')
  let bytes = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
  })
  socket.on('error', () => {})
  const take = async (length: number): Promise<string> => {
    await until(() => bytes.length >= length)
    const out = bytes.subarray(0, length).toString('hex')
    bytes = bytes.subarray(length)
    return out
  }
  socket.write(Buffer.from('101000044d51545404000000000464726c31', 'hex'))
  expect(await take(4)).toMatch(/^2002..00$/)
  return { take, write: (packet: Buffer) => socket.write(packet), end: () => socket.destroy() }
}

const publish2 = (payload: string, dup: boolean): Buffer => {
  const topic = Buffer.from(topicOfDrill('report', 'drl1'))
  const body = Buffer.concat([
    Buffer.from([0, topic.length]),
    topic,
    Buffer.from([0, 7]),
    Buffer.from(payload),
  ])
  return Buffer.concat([Buffer.from([dup ? 0x3c : 0x34, body.length]), body])
}

test('a kill between PUBREC and PUBREL: the exchange ends, and the report is there once', async () => {
  const data = tempFolder()
  const before = await startGatewayProcess({ data })
  const hello = await connect(`mqtt://127.0.0.1:${before.mqttPort}`)
  await hello.publishAsync(topicOfDrill('hello', 'drl1'), '{"boot":1,"t":0}', { qos: 1 })
  const one = await raw(before.mqttPort)
  // Without a sequence nothing but the session can tell that it came twice.
  one.write(publish2('{"v":{"motor_current":1}}', false))
  expect(await one.take(4)).toBe('50020007')
  await before.kill()
  one.end()

  const after = await startGatewayProcess({ data })
  try {
    const two = await raw(after.mqttPort)
    two.write(publish2('{"v":{"motor_current":1}}', true))
    expect(await two.take(4)).toBe('50020007')
    two.write(Buffer.from('62020007', 'hex'))
    expect(await two.take(4)).toBe('70020007')
    // The id is free again: the next message with it is another one.
    two.write(publish2('{"v":{"motor_current":2}}', false))
    expect(await two.take(4)).toBe('50020007')
    const ask = async (): Promise<number> => {
      const reply = await fetch(new URL('/api/units', after.pageUrl))
      const { units } = (await reply.json()) as { units: { readings: number }[] }
      return units[0]?.readings ?? 0
    }
    let readings = await ask()
    while (readings < 2) readings = await ask()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await ask()).toBe(2)
    two.end()
  } finally {
    await after.stop()
  }
})

test('who was connected when the gateway was killed is said to have gone, by its will', async () => {
  const data = tempFolder()
  const before = await startGatewayProcess({ data })
  const will = (topic: string, payload: string) => ({
    will: { topic, payload: Buffer.from(payload), qos: 1 as const, retain: true },
  })
  const open = (clientId: string, more: object) =>
    connect(`mqtt://127.0.0.1:${before.mqttPort}`, { clientId, ...more })
  const host = await open('host', will('shop/state', 'gone'))
  await host.publishAsync('shop/state', 'here', { qos: 1, retain: true })
  const left = await open('left', will('shop/left', 'gone'))
  await left.publishAsync('shop/left', 'left by itself', { qos: 1, retain: true })
  await left.endAsync()
  // One that is replaced under its own id has the will of the connection that is there now.
  const first = await open('again', will('shop/again', 'the first went'))
  await open('again', will('shop/again', 'the second went'))
  await until(() => !first.connected)
  await host.publishAsync('shop/done', 'x', { qos: 1 })
  await before.kill()

  const after = await startGatewayProcess({ data })
  later(() => after.kill())
  const reader = await connect(`mqtt://127.0.0.1:${after.mqttPort}`)
  const got = heard(reader)
  await reader.subscribeAsync('shop/+')
  await until(() => got.length >= 3)
  expect(got.sort()).toEqual([
    'shop/again the second went',
    'shop/left left by itself',
    'shop/state gone',
  ])
})

test('a will is said by a stop too, once, and only one that its unit may publish', async () => {
  const sessions = mapIn(tempFolder())
  const first = await startBroker({ sessions, authenticate: async () => true })
  for (const [username, topic] of [
    ['drill-1', topicOfDrill('report')],
    ['drill-2', topicOfDrill('report')],
  ] as const) {
    const payload = Buffer.from(`{"v":{},"by":"${username}"}`)
    await connect(first.url, {
      username,
      password: 'x',
      clientId: username,
      will: { topic, payload, qos: 1, retain: false },
    })
  }
  await first.broker.stop()
  expect(first.records).toEqual([])
  const second = await startBroker({ sessions })
  expect(second.records.map(({ payload }) => Buffer.from(payload).toString())).toEqual([
    '{"v":{},"by":"drill-1"}',
  ])
  await second.broker.stop()
  expect((await startBroker({ sessions })).records).toEqual([])
})

test('the map is what was set, after any restart', async () => {
  const change = fc.record({
    key: fc.constantFrom('a', 'b', 'c', '__proto__'),
    value: fc.option(fc.string(), { nil: undefined }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 3 }),
      async (runs) => {
        const folder = join(tempFolder(), 'map')
        const model = new Map<string, string>()
        for (const changes of [...runs, []]) {
          const map = await mapIn(folder)()
          expect([...map.entries()].sort()).toEqual([...model].sort())
          for (const { key, value } of changes) {
            await (value === undefined ? map.delete(key) : map.set(key, value))
            if (value === undefined) model.delete(key)
            else model.set(key, value)
          }
          await map.close()
        }
      },
    ),
    { numRuns: 15 },
  )
})

test('the map does not grow with the changes, only with what it holds', async () => {
  const folder = tempFolder()
  const map = await mapIn(folder)()
  const text = 'x'.repeat(250_000)
  for (let n = 0; n < 300; n += 1) await map.set(`${n % 3}`, text + n)
  await map.close()
  const again = await mapIn(folder)()
  expect([...again.entries()].map(([key]) => key).sort()).toEqual(['0', '1', '2'])
  expect(again.get('2')).toBe(`${text}299`)
  await again.close()
})
