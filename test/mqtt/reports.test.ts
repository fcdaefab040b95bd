// Runs of reports that go to the log past the broker: the same records, order, acknowledgements and
// subscribers as with the broker alone. The client is made of bytes, so that a run comes in one.
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import { MqttBroker } from '../../gateway/sources/mqtt/broker.ts'
import type { BrokerOptions } from '../../gateway/sources/mqtt/options.ts'
import { connect, heard, topicOfDrill, until } from './stand.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

interface Held {
  record: LogRecord
  payload: string
  done: (error?: Error) => void
}

const start = async (more: Partial<BrokerOptions> = {}) => {
  const held: Held[] = []
  const notes: string[] = []
  const broker = new MqttBroker({
    ...{ host: '127.0.0.1', port: 0, clock: systemClock(), payloadBytes: 1000, connections: 9 },
    ...{ machines: new Set(['cordless_drill']), epoch: 'test0000' },
    note: (line) => notes.push(line),
    ...more,
  })
  await broker.start((record, done) => {
    held.push({ record, payload: Buffer.from(record.payload).toString(), done })
  })
  stops.push(() => broker.stop())
  return { broker, held, notes }
}

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

const packet = (first: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  const { length } = body
  const size = length < 128 ? [length] : [(length & 127) | 128, length >> 7]
  return Buffer.concat([Buffer.from([first, ...size]), body])
}

const publish = (id: number, payload: string, more: { topic?: string; first?: number } = {}) =>
  packet(
    more.first ?? 0x32,
    text(more.topic ?? topicOfDrill('report')),
    Buffer.from([id >> 8, id & 255]),
    Buffer.from(payload),
  )

/** Connected, with the ids of the PUBACKs that have come, in order. */
const client = async (
  port: number,
  id = 'drill-1',
): Promise<{ socket: Socket; acks: number[] }> => {
  const socket = connectTcp(port, '127.0.0.1')
  stops.push(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(packet(0x10, text('MQTT'), Buffer.from([4, 2, 0, 0]), text(id)))
  await once(socket, 'data')
  const acks: number[] = []
  socket.on('data', (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += 4) {
      if (bytes[at] === 0x40) acks.push(bytes.readUInt16BE(at + 2))
    }
  })
  return { socket, acks }
}

const run = (from: number, to: number): Buffer =>
  Buffer.concat(
    Array.from({ length: to - from }, (_, i) => publish(from + i, `{"seq":${from + i}}`)),
  )

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** A client whose topic the broker has judged already. */
const known = async (port: number, held: Held[]) => {
  const one = await client(port)
  one.socket.write(publish(1, '{"seq":1}'))
  await until(() => held.length === 1)
  held[0]?.done()
  await until(() => one.acks.length === 1)
  return one
}

describe('a run of reports', () => {
  test('is logged whole and in order, and acknowledged when it is durable', async () => {
    const { broker, held } = await start()
    const { socket, acks } = await known(broker.port, held)
    socket.write(run(2, 300))
    await until(() => held.length === 299)
    expect(held.map(({ payload }) => payload)).toEqual(numbers(1, 300).map((n) => `{"seq":${n}}`))
    const [first, ...others] = held.map(({ record }) => record)
    for (const { topic, session, source, retained } of others) {
      expect({ topic, session, source, retained }).toEqual({
        ...{ topic: first?.topic, session: first?.session },
        ...{ source: 'mqtt', retained: false },
      })
    }
    for (const { done } of held.slice(1, -1)) {
      await pause(0)
      done()
    }
    held.at(-1)?.done()
    await until(() => acks.length === 299)
    expect(acks).toEqual(numbers(1, 300))
  })

  test('is not acknowledged before its last record is durable', async () => {
    const { broker, held } = await start()
    const { socket, acks } = await known(broker.port, held)
    socket.write(run(2, 12))
    await until(() => held.length === 11)
    for (const { done } of held.slice(1, 9)) done()
    await pause(50)
    expect(acks).toEqual([1])
  })

  test('that the log refuses is not acknowledged, and the client is let go', async () => {
    const { broker, held, notes } = await start()
    const { socket, acks } = await known(broker.port, held)
    socket.write(run(2, 12))
    await until(() => held.length === 11)
    const closed = once(socket, 'close')
    for (const { done } of held.slice(1)) done(new Error('the disk is full'))
    await closed
    expect(acks).toEqual([1])
    expect(notes.join()).toContain('the disk is full')
  })

  test('is not taken past other packets of the same client', async () => {
    const { broker, held } = await start()
    const { socket } = await known(broker.port, held)
    const hello = publish(500, '{"boot":2,"t":0}', { topic: topicOfDrill('hello') })
    const other = publish(501, '{"seq":"kept"}', { first: 0x33 })
    socket.write(Buffer.concat([run(2, 5), hello, run(5, 9), other, run(9, 12)]))
    await until(() => held.length === 13)
    const order = held.slice(1).map(({ payload }) => payload)
    const seq = (from: number, to: number) => numbers(from, to).map((n) => `{"seq":${n}}`)
    expect(order).toEqual([
      ...[...seq(2, 5), '{"boot":2,"t":0}'],
      ...[...seq(5, 9), '{"seq":"kept"}', ...seq(9, 12)],
    ])
    expect(held.some(({ record }) => record.retained)).toBe(false)
  })

  test('waits where a client sends more than it may', async () => {
    const { broker, held } = await start({ messagesPerSecond: 20 })
    const { socket } = await known(broker.port, held)
    socket.write(run(2, 61))
    await until(() => held.length >= 20)
    await pause(100)
    expect(held.length).toBeLessThan(30)
  })
})

describe('who listens', () => {
  test.each([true, false])('hears all of a run (clean session: %s)', async (clean) => {
    const { broker, held } = await start()
    const url = `mqtt://127.0.0.1:${broker.port}`
    const options = { clientId: 'ear', clean }
    const ear = await connect(url, options)
    const got = heard(ear)
    await ear.subscribeAsync(topicOfDrill('report'), { qos: 0 })
    const { socket } = await client(broker.port)
    socket.write(run(1, 40))
    let settled = 0
    while (got.length < 39) {
      for (const { done } of held.slice(settled)) done()
      settled = held.length
      await pause(1)
    }
    expect(got).toEqual(numbers(1, 40).map((n) => `${topicOfDrill('report')} {"seq":${n}}`))
  })

  test('to commands only does not count, nor does one who has gone', async () => {
    const { broker, held } = await start()
    const url = `mqtt://127.0.0.1:${broker.port}`
    const gone = await connect(url)
    await gone.subscribeAsync('#')
    await gone.endAsync()
    const ear = await connect(url)
    await ear.subscribeAsync(topicOfDrill('command'))
    await until(() => broker.connections === 1)
    const { socket, acks } = await known(broker.port, held)
    socket.write(run(2, 12))
    await until(() => held.length === 11)
    // Of a run past the broker none is acknowledged alone; the broker would do so with the first.
    held[1]?.done()
    await pause(50)
    expect(acks).toEqual([1])
  })
})
