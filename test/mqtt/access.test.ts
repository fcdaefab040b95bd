// Who may do what at the broker, row by row of its README: what is refused, what disconnects, what
// waits; and that one client that does not read does not stop the others.
import { connect as connectTcp } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maySubscribe, Rate, refusePublish } from '../../gateway/sources/mqtt/access.ts'
import { connect, heard, startBroker, topicOfDrill, until } from './stand.ts'

const authenticate = (user: string, password: string) => Promise.resolve(user === password)
const as = (name: string) => ({ clientId: name, username: name, password: name })

describe('who may publish', () => {
  test.each([
    ['topic_long', `tenfold/${'x'.repeat(300)}`, undefined],
    ['topic_reserved', '$SYS/x/new/clients', undefined],
    ['command_foreign', topicOfDrill('command'), undefined],
    ['command_foreign', topicOfDrill('command'), 'drill-1'],
    ['unit_other', topicOfDrill('report'), 'drill-2'],
    ['unit_other', 'shop/light', 'drill-1'],
    ['unit_other', topicOfDrill('firmware'), 'drill-1'],
  ])('%s: %s', (code, topic, unit) => {
    expect(refusePublish(topic, unit)?.code).toBe(code)
  })

  test.each([
    [topicOfDrill('report'), 'drill-1'],
    [topicOfDrill('hello'), 'drill-1'],
    [topicOfDrill('entry'), 'drill-1'],
    [topicOfDrill('claim'), 'buyer'],
    ['shop/light', undefined],
  ])('%s by %s is taken', (topic, unit) => {
    expect(refusePublish(topic, unit)).toBeUndefined()
  })

  test('a topic of more levels than eight disconnects', async () => {
    const { url, records } = await startBroker()
    const deep = await connect(url)
    deep.publish('a/b/c/d/e/f/g/h/i', 'x', { qos: 1 })
    await until(() => !deep.connected)
    expect(records).toEqual([])
  })

  test('an open broker does not let a client speak as the broker', async () => {
    const { url, records, notes } = await startBroker()
    const victim = await connect(url, { clientId: 'victim' })
    const trick = await connect(url, { clientId: 'trick' })
    trick.publish('$SYS/other/new/clients', 'victim', { qos: 1 })
    await until(() => !trick.connected)
    expect(victim.connected).toBe(true)
    expect(records).toEqual([])
    expect(notes.join()).toContain('topic_reserved')
  })
})

describe('who may subscribe', () => {
  const machines = new Set(['cordless_drill'])

  test('a unit hears its own commands and nothing else', () => {
    const may = (topic: string) => maySubscribe(topic, { unit: 'drill-1', machines })
    expect(may(topicOfDrill('command'))).toBe(true)
    for (const topic of [
      '#',
      '+/+/+/drill-1/command',
      'tenfold/v1/+/drill-1/command',
      'tenfold/v1/other/drill-1/command',
      topicOfDrill('command', 'drill-2'),
      topicOfDrill('report'),
      '$SYS/#',
      'shop/light',
    ]) {
      expect(may(topic), topic).toBe(false)
    }
  })

  test('a refused subscription is answered with 0x80 and the client stays', async () => {
    const { url } = await startBroker({ authenticate })
    const drill = await connect(url, as('drill-1'))
    const failed = await drill.subscribeAsync('#').catch((error: Error) => error)
    expect(JSON.stringify(failed)).toMatch(/128|Unspecified/)
    expect(drill.connected).toBe(true)
  })
})

describe('whose session it is', () => {
  test('a unit can neither end nor inherit the session of another', async () => {
    const { url, notes } = await startBroker({ authenticate })
    const drill = await connect(url, as('drill-1'))
    const trick = { ...as('drill-2'), clientId: 'drill-1' }
    await expect(connect(url, trick)).rejects.toThrow('Not authorized')
    expect(drill.connected).toBe(true)
    await drill.endAsync()
    await expect(connect(url, { ...trick, clean: false })).rejects.toThrow('Not authorized')
    expect(notes.join()).toContain('client_id_foreign')
    await connect(url, { ...as('drill-2'), clientId: 'drill-2:phone', clean: false })
  })
})

describe('the rate of a client', () => {
  test('no second of any traffic passes more than two seconds worth', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 400 })
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 100 }), (gapsMs, perSecond) => {
        const rate = new Rate({ perSecond })
        let nowMs = 0
        const passed = gapsMs.map((gap) => {
          nowMs += gap
          return nowMs + rate.take(nowMs)
        })
        for (const [i, from] of passed.entries()) {
          const within = passed.filter((at, j) => j >= i && at < from + 1000)
          expect(within.length).toBeLessThanOrEqual(2 * perSecond + 1)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('who sends too much is slowed, and loses nothing', async () => {
    const { url, records } = await startBroker({ messagesPerSecond: 50 })
    const drill = await connect(url)
    const sent = Array.from({ length: 60 }, (_, n) =>
      drill.publishAsync(topicOfDrill('report'), `${n}`, { qos: 1 }),
    )
    await until(() => records.length >= 50)
    expect(records.length).toBeLessThan(60)
    await Promise.all(sent)
    expect(records.map(({ payload }) => Number(payload.toString()))).toEqual(
      Array.from({ length: 60 }, (_, n) => n),
    )
  })
})

test('other limits hold for what is sent next, by who is connected already', async () => {
  const { broker, url, records } = await startBroker()
  const drill = await connect(url)
  await drill.publishAsync(topicOfDrill('report'), 'before', { qos: 1 })
  broker.limit({ connections: 100, messagesPerSecond: 1, slowMs: 15_000 })
  for (let n = 0; n < 50; n++) {
    drill.publishAsync(topicOfDrill('report'), `${n}`, { qos: 1 }).catch(() => {})
  }
  await until(() => records.length >= 2)
  expect(records.length).toBeLessThan(51)
  expect(drill.connected).toBe(true)
})

test.each(['from the start', 'by a limit that came later'])(
  'a client that does not read is let go, and the others go on: %s',
  async (when) => {
    const isLater = when !== 'from the start'
    const { broker, url, notes } = await startBroker({ slowMs: isLater ? 3_600_000 : 200 })
    if (isLater) broker.limit({ connections: 100, messagesPerSecond: 10_000, slowMs: 200 })
    const socket = connectTcp(broker.port, '127.0.0.1')
    socket.on('error', () => {})
    // CONNECT as "a", SUBSCRIBE to "shop/#" at QoS 0, then nothing is read any more.
    socket.write(Buffer.from([0x10, 0x0d, 0, 4, 77, 81, 84, 84, 4, 2, 0, 0, 0, 1, 97]))
    socket.write(Buffer.from([0x82, 0x0b, 0, 1, 0, 6, ...Buffer.from('shop/#'), 0]))
    socket.pause()
    await until(() => broker.connections === 1)
    const reader = await connect(url)
    const got = heard(reader)
    await reader.subscribeAsync('shop/#')
    const writer = await connect(url)
    const big = Buffer.alloc(60_000)
    let sent = 0
    while (!notes.some((line) => line.includes('drain timeout'))) {
      await writer.publishAsync('shop/big', big, { qos: 1 })
      sent += 1
    }
    await until(() => got.length === sent)
    expect(broker.connections).toBe(2)
    socket.destroy()
  },
)
