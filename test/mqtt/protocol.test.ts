// What breaks the rules of MQTT, on real sockets with packets made by hand: the answer, the end of
// the connection and the code in the gateway's output; nothing of it is logged, and a client that
// is there goes on.
import { randomBytes } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import { limits } from '../../gateway/core/limits.ts'
import { openDurableMap } from '../../gateway/log/durable-map.ts'
import {
  connect,
  connectHearing,
  later,
  startBroker,
  tempFolder,
  topicOfDrill,
  until,
} from './stand.ts'

const sized = (bytes: Buffer | string): Buffer => {
  const body = Buffer.from(bytes as string)
  return Buffer.concat([Buffer.from([body.length >> 8, body.length & 255]), body])
}
const packet = (first: number, ...parts: (Buffer | readonly number[])[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as number[])))
  const length: number[] = []
  for (let rest = body.length; length.length === 0 || rest > 0; rest >>= 7) {
    length.push((rest & 127) | (rest > 127 ? 128 : 0))
  }
  return Buffer.concat([Buffer.from([first, ...length]), body])
}
/** Flags: 2 clean, 4 with a will, 0x80 with a name. */
const hello = (id: Buffer | string, flags = 2, ...more: Buffer[]): Buffer =>
  packet(0x10, sized('MQTT'), [4, flags, 0, 0], sized(id), ...more)
const hello5 = packet(0x10, sized('MQTT'), [5, 2, 0, 0, 0], sized('five'))
const publish = (topic: Buffer | string, first = 0x32, id = 1): Buffer =>
  packet(first, sized(topic), first < 0x32 ? [] : [id >> 8, id & 255], Buffer.from('x'))
const subscribe = (filters: readonly (Buffer | string)[], id = 7): Buffer =>
  packet(0x82, [id >> 8, id & 255], ...filters.flatMap((one) => [sized(one), [1]]))
const unsubscribe = (id: number): Buffer => packet(0xa2, [id >> 8, id & 255], sized('a'))

const accepted = '20020000'
const report = topicOfDrill('report')
const notUtf8 = Buffer.concat([Buffer.from('shop/'), Buffer.from([0xc3, 0x28])])
const withNull = Buffer.from('shop/\0')

/** Sends one after the other, each when something has come back; resolves when it has ended. */
const say = (port: number, packets: readonly Buffer[]): Promise<string> =>
  new Promise((resolve) => {
    const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true })
    later(() => socket.destroy())
    const left = [...packets]
    const heard: Buffer[] = []
    const next = (): void => {
      const one = left.shift()
      if (one !== undefined) socket.write(one)
    }
    socket.on('connect', next)
    socket.on('data', (bytes) => {
      heard.push(bytes)
      next()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(heard).toString('hex')))
  })

const cases: readonly [what: string, packets: Buffer[], answer: string, code: string][] = [
  ['a CONNECT of MQTT 5', [hello5], '20020001', 'version_unsupported'],
  ['a PUBLISH before CONNECT', [publish(report)], '', 'packet_unexpected'],
  ['a SUBSCRIBE before CONNECT', [subscribe(['#'])], '', 'packet_unexpected'],
  ['a second CONNECT', [hello('a'), hello('a')], accepted, 'packet_unexpected'],
  ['QoS 3', [hello('a'), publish(report, 0x36)], accepted, 'packet_malformed'],
  ['a reserved type', [hello('a'), packet(0xf0)], accepted, 'packet_malformed'],
  ['a topic with #', [hello('a'), publish('tenfold/#')], accepted, 'topic_wildcard'],
  ['a topic with +', [hello('a'), publish('tenfold/+/x')], accepted, 'topic_wildcard'],
  ['a filter with # inside', [hello('a'), subscribe(['a/#/b'])], accepted, 'topic_wildcard'],
  ['packet id 0, QoS 1', [hello('a'), publish(report, 0x32, 0)], accepted, 'packet_malformed'],
  ['packet id 0, QoS 2', [hello('a'), publish(report, 0x34, 0)], accepted, 'packet_malformed'],
  ['SUBSCRIBE, packet id 0', [hello('a'), subscribe(['a'], 0)], accepted, 'packet_malformed'],
  ['UNSUBSCRIBE, packet id 0', [hello('a'), unsubscribe(0)], accepted, 'packet_malformed'],
  ['a topic that is not UTF-8', [hello('a'), publish(notUtf8)], accepted, 'packet_malformed'],
  ['a topic with U+0000', [hello('a'), publish(withNull)], accepted, 'packet_malformed'],
  ['a filter that is not UTF-8', [hello('a'), subscribe([notUtf8])], accepted, 'packet_malformed'],
  ['a client id that is not UTF-8', [hello(notUtf8)], '', 'packet_malformed'],
  ['a name that is not UTF-8', [hello('a', 0x82, sized(notUtf8))], '', 'packet_malformed'],
  [
    "a will's topic with U+0000",
    [hello('a', 6, sized(withNull), sized('x'))],
    '',
    'packet_malformed',
  ],
]

describe('ends the connection, is said and not logged', () => {
  test.each(cases)('%s', async (...row) => {
    const [, packets, answer, code] = row
    const { broker, url, notes, records } = await startBroker()
    const drill = await connect(url, { clientId: 'drill-1' })
    expect(await say(broker.port, packets)).toBe(answer)
    await until(() => notes.some((line) => line.includes(`(${code})`)))
    expect(records).toEqual([])
    await drill.publishAsync(report, 'still here', { qos: 1 })
    expect(records).toHaveLength(1)
  })
})

test('a text with a character beyond ASCII is one, and is taken', async () => {
  const { url, records } = await startBroker()
  const lamp = await connect(url, { clientId: 'Lämpchen-灯' })
  await lamp.publishAsync('büro/灯/💡', 'on', { qos: 1 })
  expect(records[0]?.topic).toBe('büro/灯/💡')
})

test('a CONNECT that does not come whole is waited for no longer than said', async () => {
  expect(limits.connectMs).toBe(10_000)
  const { broker, notes } = await startBroker({ connectMs: 300 })
  for (const begun of [hello('a').subarray(0, 9), Buffer.from([0x10]), Buffer.alloc(0)]) {
    notes.length = 0
    expect(await say(broker.port, [begun])).toBe('')
    await until(() => notes.some((line) => line.includes('(connect_late)')))
  }
})

test('a client that says nothing for one and a half times its keep-alive is let go', async () => {
  const { broker, notes } = await startBroker()
  const silent = packet(0x10, sized('MQTT'), [4, 2, 0, 1], sized('silent'))
  expect(await say(broker.port, [silent])).toBe(accepted)
  await until(() => notes.some((line) => line === 'mqtt: silent: keep alive timeout'))
})

/** What a SUBACK grants, one a filter; the client stays, and says one thing more. */
const granted = async (port: number, connecting: Buffer, filters: string[]): Promise<string> => {
  const answer = await say(port, [connecting, subscribe(filters), packet(0xc0), packet(0xe0)])
  expect(answer.endsWith('d000')).toBe(true)
  return answer.slice(-4 - 2 * filters.length, -4)
}

const mapIn = (folder: string) => () =>
  openDurableMap({ folder, clock: systemClock(), random: (bytes) => randomBytes(bytes) })
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `shop/${n}`)
const most = limits.subscriptionsPerClient

test.each([
  ['clean', 2],
  ['persistent', 0],
])('of 65 subscriptions of a %s session the last is refused', async (_, flags) => {
  const { broker, notes } = await startBroker({ sessions: mapIn(tempFolder()) })
  const answer = await granted(broker.port, hello('a', flags), names(most + 1))
  expect(answer).toBe(`${'01'.repeat(most)}80`)
  expect(notes.join()).toContain('(subscriptions_many)')
  // What it has already it may ask for again.
  if (flags === 0) expect(await granted(broker.port, hello('a', flags), names(1))).toBe('01')
})

test('of 10,001 persistent sessions the last is refused, and the others stay', async () => {
  const folder = tempFolder()
  const map = await mapIn(folder)()
  await Promise.all(
    Array.from({ length: limits.sessions }, (_, n) =>
      map.set(JSON.stringify(['sub', `reader-${n}`, 'shop/#']), '1'),
    ),
  )
  await map.close()
  const { broker, notes } = await startBroker({ sessions: mapIn(folder) })
  expect(await granted(broker.port, hello('late', 0), ['shop/#'])).toBe('80')
  expect(notes.join()).toContain('(sessions_many)')
  expect(await granted(broker.port, hello('late', 2), ['shop/#'])).toBe('01')
  expect(await granted(broker.port, hello('reader-7', 0), ['shop/#'])).toBe('01')
}, 120_000)

test('what was refused beside what was granted is not kept for a session that is away', async () => {
  const sessions = mapIn(tempFolder())
  const { url } = await startBroker({ sessions, authenticate: async () => true })
  const own = { clientId: 'drill-1', username: 'drill-1', password: 'x', clean: false }
  const first = await connect(url, own)
  const [command, other] = [topicOfDrill('command'), topicOfDrill('report', 'drill-2')]
  const asked = await first.subscribeAsync([command, other], { qos: 1 }).catch((error) => error)
  expect(JSON.stringify(asked)).toContain('128')
  await first.endAsync()
  const drill2 = await connect(url, { ...own, clientId: 'drill-2', username: 'drill-2' })
  await drill2.publishAsync(other, 'not for drill-1', { qos: 1 })
  const { client, got } = connectHearing(url, own)
  await until(() => client.connected)
  // Whatever had waited comes before the answer to this.
  await client.publishAsync(topicOfDrill('report'), 'own', { qos: 1 })
  await client.publishAsync(topicOfDrill('report'), 'own', { qos: 1 })
  expect(got).toEqual([])
})
