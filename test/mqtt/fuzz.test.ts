// Anything at all as payload, topic or bytes of the protocol: the broker stays up for the others,
// what it acknowledges is in the log, and the pipeline has one outcome for each. TENFOLD_FUZZ sets
// how many payloads; the seed is printed, and TENFOLD_SEED repeats a run.
import { randomInt } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import { expect, test } from 'vitest'
import { encodeRecord } from '../../gateway/core/record.ts'
import { hello, pipelineInMemory } from '../pipeline/feed.ts'
import { connect, startBroker, topicOfDrill } from './stand.ts'

const count = Number(process.env['TENFOLD_FUZZ'] ?? 5000)
const seed = Number(process.env['TENFOLD_SEED'] ?? randomInt(2 ** 31))

/** xorshift32 (Marsaglia 2003): fast, and the same everywhere. */
const numbers = (start: number) => {
  let state = start || 1
  return (below: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const sound = [
  '{"boot":1,"seq":7,"t":9,"v":{"motor_current":1.5,"state":"idle"},"c":{"starts":3}}',
  '{"boot":1,"t":0,"profile":"","custody":"gateway","simulated":true}',
  '{"boot":1,"t":7,"id":"a","kind":"setpoint","accepted":true,"values":{"x":1}}',
  '{"boot":1,"number":1,"kind":"event","data":"AAAA"}',
]
const bits = [
  'null',
  '1e999',
  '-1',
  '"',
  '{',
  ']',
  '\u0000',
  '__proto__',
  '9007199254740993',
  '\ud800',
]

/** A sound payload with a few bytes changed, cut, doubled or replaced; now and then bare noise. */
const payloadOf = (next: (below: number) => number): Buffer => {
  if (next(8) === 0) return Buffer.from(Array.from({ length: next(64) }, () => next(256)))
  let bytes = Buffer.from(sound[next(sound.length)] ?? '')
  for (let changes = 1 + next(4); changes > 0; changes -= 1) {
    const at = next(bytes.length + 1)
    const rest = bytes.subarray(at + next(8))
    const put =
      next(2) === 0 ? Buffer.from([next(256)]) : Buffer.from(bits[next(bits.length)] ?? '')
    bytes = Buffer.concat([bytes.subarray(0, at), put, rest])
  }
  return bytes
}

const kinds = ['report', 'hello', 'entry', 'claim', 'answer', 'item'] as const
const outcomes = ['reading', 'hello', 'answer', 'item', 'signed', 'duplicate', 'quarantine']

test(`${count} payloads have one outcome each (seed ${seed})`, () => {
  const next = numbers(seed)
  const pipeline = pipelineInMemory()
  pipeline.process(0, hello())
  const seen = new Map<string, number>()
  for (let offset = 1; offset <= count; offset += 1) {
    const topic = topicOfDrill(kinds[next(kinds.length)] ?? 'report')
    const outcome = pipeline.process(
      offset,
      encodeRecord({
        ...{ receivedUs: 1_800_000_000_000_000, source: 'mqtt', session: 's', topic },
        ...{ payload: payloadOf(next), retained: next(10) === 0 },
      }),
    )
    seen.set(outcome.kind, (seen.get(outcome.kind) ?? 0) + 1)
    pipeline.commit()
  }
  expect([...seen.keys()].filter((kind) => !outcomes.includes(kind))).toEqual([])
  expect([...seen.values()].reduce((sum, one) => sum + one, 0)).toBe(count)
  expect(seen.get('quarantine')).toBeGreaterThan(count / 4)
}, 600_000)

test(`noise on the wire disturbs nobody else (seed ${seed})`, async () => {
  const next = numbers(seed ^ 0x5f3759df)
  const { broker, url, records } = await startBroker()
  const drill = await connect(url, { clientId: 'drill-1' })
  const start = Buffer.from([0x10, 0x0d, 0, 4, 77, 81, 84, 84, 4, 2, 0, 0, 0, 1, 97])
  for (let n = 0; n < Math.min(count / 50, 2000); n += 1) {
    const socket = connectTcp(broker.port, '127.0.0.1')
    socket.on('error', () => {})
    const noise = Buffer.from(Array.from({ length: 1 + next(200) }, () => next(256)))
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.end(next(2) === 0 ? noise : Buffer.concat([start, noise]))
    socket.resume()
    await closed
  }
  await drill.publishAsync(topicOfDrill('report'), 'still here', { qos: 1 })
  expect(records.at(-1)?.payload.toString()).toBe('still here')
}, 600_000)
