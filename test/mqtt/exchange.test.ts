// QoS 2 of a persistent session over a SIGKILL at every step between its PUBLISH and its PUBREC: it
// comes again with the same packet id (MQTT 3.1.1, 4.3.3) and is in the log exactly once, whatever
// kind of message it is. Broker, log and memory are real, in a process of their own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeRecord, encodeRecord, type LogRecord } from '../../gateway/core/record.ts'
import type { Emit } from '../../gateway/core/source.ts'
import type { DurableMap } from '../../gateway/log/durable-map.ts'
import { Exchanges } from '../../gateway/sources/mqtt/exchanges.ts'
import { root } from '../tree.ts'
import { recordsIn } from './own-log.ts'
import { later, tempFolder, topicOfDrill, until } from './stand.ts'

const steps = ['note', 'noted', 'append', 'logged', 'store', 'stored'] as const

interface Running {
  port: number
  /** Resolves when it has ended, by whatever. */
  gone: Promise<unknown>
  kill(): Promise<void>
}

const start = async (folder: string, ...killAt: string[]): Promise<Running> => {
  const program = join(root, 'test', 'mqtt', 'killed-broker.ts')
  const child: ChildProcess = spawn(process.execPath, [program, folder, ...killAt], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  later(async () => {
    child.kill('SIGKILL')
    await gone
  })
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await until(() => /^port \d+$/m.test(text) || child.exitCode !== null)
  return {
    port: Number(/^port (\d+)$/m.exec(text)?.[1]),
    gone,
    kill: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}

/** The unit's end of a persistent session: what it has sent, and which packet ids got a PUBREC. */
const unitOn = async (port: number) => {
  const socket: Socket = connectTcp(port, '127.0.0.1')
  const received = new Set<number>()
  const completed = new Set<number>()
  let [bytes, connected] = [Buffer.alloc(0), false]
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    for (; bytes.length >= 4; bytes = bytes.subarray(4)) {
      const kind = (bytes[0] ?? 0) >> 4
      if (kind === 2) connected = true
      if (kind === 5) received.add(bytes.readUInt16BE(2))
      if (kind === 7) completed.add(bytes.readUInt16BE(2))
    }
  })
  later(() => socket.destroy())
  // CONNECT of "drl1", clean session 0.
  socket.write(Buffer.from('101000044d51545404000000000464726c31', 'hex'))
  await until(() => connected)
  return {
    received,
    completed,
    publish: (id: number, { topic, payload }: Sent, dup = false): void => {
      const name = Buffer.from(topic)
      const head = Buffer.from([0, name.length, ...name, id >> 8, id & 255])
      const body = Buffer.concat([head, payload])
      socket.write(Buffer.concat([Buffer.from([dup ? 0x3c : 0x34, body.length]), body]))
    },
    release: (id: number) => socket.write(Buffer.from([0x62, 2, id >> 8, id & 255])),
  }
}

interface Sent {
  topic: string
  payload: Buffer
}

/** Of every kind that a unit may send, none with a sequence. */
const kinds = ['report', 'hello', 'item', 'answer', 'entry', 'claim'] as const
const messages: Sent[] = [
  ...kinds.map((kind, i) => ({
    topic: topicOfDrill(kind, 'drl1'),
    payload: Buffer.from(`{"v":{"motor_current":${i}}}`),
  })),
  { topic: 'shop/light', payload: Buffer.from('on') },
]

/** Sends all, is killed, sends again what got no PUBREC, ends every exchange; what the log has. */
const over = async (...killAt: string[]): Promise<LogRecord[]> => {
  const folder = tempFolder()
  const before = await start(folder, ...killAt)
  const one = await unitOn(before.port)
  for (const [i, message] of messages.entries()) one.publish(i + 1, message)
  await before.gone
  const after = await start(folder)
  const two = await unitOn(after.port)
  for (const [i, message] of messages.entries()) {
    if (!one.received.has(i + 1)) two.publish(i + 1, message, true)
    else two.received.add(i + 1)
  }
  await until(() => two.received.size === messages.length)
  for (const i of messages.keys()) two.release(i + 1)
  await until(() => two.completed.size === messages.length)
  // Each id is free again: what comes with it now is another message.
  two.received.clear()
  two.publish(1, { topic: topicOfDrill('report', 'drl1'), payload: Buffer.from('{"v":{}}') })
  await until(() => two.received.has(1))
  await after.kill()
  return recordsIn(folder)
}

const textOf = ({ topic, payload }: Pick<LogRecord, 'topic' | 'payload'>): string =>
  `${topic} ${Buffer.from(payload)}`
const all = [...messages.map(textOf), `${topicOfDrill('report', 'drl1')} {"v":{}}`].sort()

test.each([
  // Between the log's commit and the PUBREC: all are in the log, and no PUBREC has left.
  ['store', '1'],
  ['stored', '1'],
  // The first is in the log, and nothing of it anywhere else.
  ['logged', '1'],
  // Noted, and not in the log: it must be taken when it comes again.
  ['append', '1'],
  ['noted', '2'],
])(
  'killed at %s, number %s: every message is there once',
  async (...killAt) => {
    expect((await over(...killAt)).map(textOf).sort()).toEqual(all)
  },
  120_000,
)

test('killed at any step of any message', async () => {
  const point = fc.tuple(fc.constantFrom(...steps), fc.integer({ min: 1, max: messages.length }))
  const runs = Number(process.env['TENFOLD_KILLS'] ?? 2)
  await fc.assert(
    fc.asyncProperty(point, async ([step, nth]) => {
      expect((await over(step, `${nth}`)).map(textOf).sort()).toEqual(all)
    }),
    { numRuns: runs, endOnFailure: true },
  )
}, 600_000)

const recordOf = (more: Partial<LogRecord> = {}): LogRecord => ({
  ...{ receivedUs: 1e15, source: 'mqtt', session: 'a-1', topic: 'shop/light', retained: false },
  ...{ payload: Buffer.from('on'), ...more },
})

test('a number of 32 bits is in the record beside all else', () => {
  const numbers = fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { nil: undefined })
  const others = fc.option(fc.double({ noNaN: true }), { nil: undefined })
  fc.assert(
    fc.property(numbers, others, fc.boolean(), (exchange, steppedUs, has) => {
      const record = recordOf({
        ...(exchange !== undefined && { exchange }),
        ...(steppedUs !== undefined && { steppedUs }),
        ...(has && { properties: { line: '7' } }),
      })
      const read = decodeRecord(encodeRecord(record))
      expect({ ...read, payload: Buffer.from(read.payload) }).toEqual(record)
    }),
  )
})

const memory = (begun: Record<string, unknown> = {}) => {
  const map = new Map(Object.entries(begun).map(([key, value]) => [key, JSON.stringify(value)]))
  const durable: DurableMap = {
    get: (key) => map.get(key),
    entries: () => map.entries(),
    set: async (key, value) => void map.set(key, value),
    delete: async (key) => void map.delete(key),
    close: async () => {},
  }
  return { map, durable }
}

const held = () => {
  const taken: { record: LogRecord; done: (error?: Error) => void }[] = []
  const emit: Emit = (record, done) => taken.push({ record, done })
  return { taken, emit }
}

test('what was begun is taken where it is in the log by session and number, and else forgotten', async () => {
  const { map, durable } = memory({
    there: { session: 'a-1', exchange: 7, from: 40 },
    absent: { session: 'a-1', exchange: 8, from: 50 },
    other: { session: 'a-2', exchange: 7, from: 60 },
  })
  const asked: number[] = []
  const own = {
    next: () => 99,
    *since(offset: number) {
      asked.push(offset)
      yield* [recordOf(), recordOf({ exchange: 7 }), recordOf({ exchange: 9 })]
    },
  }
  const exchanges = new Exchanges({ map: durable, own })
  for (const [key, value] of map) exchanges.restore(key, value)
  expect(await exchanges.settle()).toEqual(['there'])
  expect([...map]).toEqual([['there', '']])
  expect(asked).toEqual([40])
})

test('what comes again while the first is on its way waits for it, in one session only', async () => {
  const { map, durable } = memory()
  const { taken, emit } = held()
  const exchanges = new Exchanges({ map: durable, own: { next: () => 5, since: () => [] } })
  const heard: string[] = []
  const take = (name: string, isAgain: boolean): void =>
    exchanges.take('["in","drl1",7]', { record: recordOf(), isAgain, emit }, (error) =>
      heard.push(`${name} ${error?.message ?? 'done'}`),
    )
  take('first', false)
  take('again', true)
  await until(() => taken.length > 0)
  expect(taken).toHaveLength(1)
  expect(map.get('["in","drl1",7]')).toBe('{"session":"a-1","exchange":1,"from":5}')
  taken[0]?.done(new Error('full'))
  expect(heard).toEqual(['first full', 'again full'])
  // The log has refused it: it is taken when it comes again.
  take('third', true)
  await until(() => taken.length === 2)
  await exchanges.forget('["in","drl1",')
  expect(map.size).toBe(0)
  // Another session under this name: the same id is another message.
  take('fourth', true)
  await until(() => taken.length === 3)
  expect(taken.map(({ record }) => record.exchange)).toEqual([1, 2, 3])
})

test('what cannot be noted is not logged', async () => {
  const { durable } = memory()
  const { taken, emit } = held()
  const broken = { ...durable, set: () => Promise.reject(new Error('no disk')) }
  const exchanges = new Exchanges({ map: broken, own: { next: () => 5, since: () => [] } })
  const said = await new Promise((resolve) =>
    exchanges.take('k', { record: recordOf(), isAgain: false, emit }, resolve),
  )
  expect([said, taken]).toEqual([new Error('no disk'), []])
})
