// The host application against an edge node that is not ours: what it makes of messages, and each
// row of what it refuses, with its code.
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { bindingsOf } from '../../gateway/sparkplug/binding.ts'
import { Host } from '../../gateway/sparkplug/host.ts'
import { drill } from '../influx/readings.ts'
import { bdSeq, beBorn, bound, bytesOf, type Said, say } from './node.ts'
import {
  client,
  hear,
  host,
  hostSettings,
  pause,
  Stops,
  startServer,
  textOf,
  until,
} from './stand.ts'

const stops = new Stops()
afterEach(() => stops.all())

const hour = 3_600_000

/** A host with a clock that tests move, and what it makes of the messages of one node. */
const stand = () => {
  const now = { ms: 1_800_000_000_000 }
  const machines = new Map([['test_drill', prepareMachine(drill.profile)]])
  const made = new Host({
    bindings: bindingsOf(hostSettings(0).units, machines),
    ...{ reorderMs: 200, rebirthMs: 1000, monotonicMs: () => now.ms, nowMs: () => now.ms },
  })
  const take = (kind: string, items: readonly Said[], seq?: number) => {
    const below = kind.startsWith('D') ? '/d1' : ''
    return made.take(`spBv1.0/line/${kind}/press${below}`, bytesOf(items, seq, now.ms))
  }
  const born = () => [take('NBIRTH', [bdSeq(0)], 0), take('DBIRTH', bound, 1)] as const
  return { now, made, take, born }
}
const codes = ({ refused }: { refused: { code: string }[] }) => refused.map(({ code }) => code)
const reports = ({ records }: { records: { payload: string }[] }) =>
  records.map(({ payload }) => JSON.parse(payload) as Record<string, unknown>)

test('a birth gives values, aliases and the hello of its unit', () => {
  const { born, take, now } = stand()
  const [, birth] = born()
  const v = { motor_current: 3.5, brake: true, state: 'run' }
  const time = now.ms * 1000
  expect(reports(birth)).toEqual([
    { boot: 0, t: 0 },
    { time, v, c: { starts: 12 } },
  ])
  now.ms += 1000
  const data = take('DDATA', [{ alias: 1, type: 'Int32', value: -4000 }], 2)
  expect(reports(data)).toEqual([{ time: now.ms * 1000, v: { motor_current: -4 } }])
  expect(data.refused).toEqual([])
})

test('a value of the past keeps its time and does not become the present', () => {
  const { born, take, now } = stand()
  born()
  const timestamp = now.ms - hour
  const past = { alias: 1, type: 'Int32', value: 9000, isHistorical: true, timestamp }
  const out = reports(take('DDATA', [past], 2))
  expect(out).toEqual([{ time: timestamp * 1000, v: { motor_current: 9 } }])
})

test('a birth that repeats what was said adds nothing; after a death it says it anew', () => {
  const { take, now } = stand()
  const old = bound.map((item) => ({ ...item, timestamp: now.ms }))
  take('NBIRTH', [bdSeq(0)], 0)
  expect(reports(take('DBIRTH', old, 1)).length).toBe(2)
  now.ms += hour
  take('NBIRTH', [bdSeq(0)], 0)
  expect(reports(take('DBIRTH', old, 1)).length).toBe(1)
  take('DDEATH', [], 2)
  now.ms += hour
  const again = reports(take('DBIRTH', old, 3))
  // A counter did not end with it, and what was counted since may still come.
  const v = { motor_current: 3.5, brake: true, state: 'run' }
  expect(again[1]).toEqual({ time: now.ms * 1000, v })
})

test('a node is asked for its birth at once on a new connection: the first may not have come', () => {
  const { made, take } = stand()
  const data = () => take('NDATA', [], 5).rebirth
  expect(data()).toMatchObject({ node: 'press' })
  expect(data()).toBeUndefined()
  made.forget()
  expect(data()).toMatchObject({ node: 'press' })
})

test('bad and stale qualities and null carry no value', () => {
  const { born, take } = stand()
  born()
  const properties = { Quality: { type: 'Int32', value: 500 } }
  const stale = { alias: 1, type: 'Int32', value: 1, properties }
  const out = reports(take('DDATA', [stale, { alias: 2, type: 'Boolean', value: null }], 2))
  expect(out[0]).toMatchObject({ q: { motor_current: 'bad', brake: 'bad' } })
  expect(out[0]).not.toHaveProperty('v')
})

test('topic_unknown, payload_malformed, birth_incomplete: aside as they came', () => {
  const { made, take } = stand()
  const unknown = made.take('spBv1.0/line/XBIRTH/press', bytesOf([]))
  expect([codes(unknown), unknown.aside]).toEqual([['topic_unknown'], true])
  const malformed = made.take('spBv1.0/line/NBIRTH/press', Buffer.from([0xff, 1, 2]))
  expect([codes(malformed), malformed.aside]).toEqual([['payload_malformed'], true])
  const incomplete = take('NBIRTH', bound, 0)
  expect([codes(incomplete), incomplete.aside]).toEqual([['birth_incomplete'], true])
})

test('node_unborn: nothing is used, the birth is asked for, not more often than allowed', () => {
  const { take, now } = stand()
  const first = take('DDATA', [{ alias: 1, type: 'Int32', value: 1 }], 5)
  expect([codes(first), first.records]).toEqual([['node_unborn'], []])
  expect(first.rebirth).toEqual({ group: 'line', node: 'press' })
  expect(take('DDATA', [], 6).rebirth).toBeUndefined()
  now.ms += 1000
  expect(take('DDATA', [], 7).rebirth).toEqual({ group: 'line', node: 'press' })
})

test('alias_unknown: the other values are used', () => {
  const { born, take } = stand()
  born()
  const items = [
    { alias: 77, type: 'Int32', value: 1 },
    { alias: 1, type: 'Int32', value: 2000 },
  ]
  const out = take('DDATA', items, 2)
  expect(codes(out)).toEqual(['alias_unknown'])
  expect(reports(out)[0]).toMatchObject({ v: { motor_current: 2 } })
  expect(out.rebirth).toBeDefined()
})

test('sequence_lost: no seq, or one that fits nothing', () => {
  for (const seq of [undefined, 200]) {
    const { born, take } = stand()
    born()
    const out = take('DDATA', [{ alias: 1, type: 'Int32', value: 2000 }], seq)
    expect(codes(out)).toEqual(['sequence_lost'])
    expect(reports(out)[0]).toMatchObject({ v: { motor_current: 2 } })
    expect(out.rebirth).toBeDefined()
  }
})

test('death_other: the will of a connection before', () => {
  const { born, take, made } = stand()
  born()
  expect(codes(take('NDEATH', [bdSeq(7)]))).toEqual(['death_other'])
  expect(made.isOnline({ group: 'line', node: 'press' })).toBe(true)
})

test('template_refused: bad where it is bound, the others are used', () => {
  const { take } = stand()
  take('NBIRTH', [bdSeq(0)], 0)
  const template = { isDefinition: false, templateRef: 'T', metrics: [], parameters: [] }
  const items = [{ name: 'Motor/Current', type: 'Template', value: template }, ...bound.slice(1)]
  const out = take('DBIRTH', items, 1)
  expect(codes(out)).toEqual(['template_refused'])
  expect(reports(out)[1]).toMatchObject({ v: { brake: true }, q: { motor_current: 'bad' } })
})

test('sparkplug_settings: names that are not there', () => {
  const machines = new Map([['test_drill', prepareMachine(drill.profile)]])
  const unit = { from: 'a/b', unit: 'u', machine: 'test_drill', items: { brake: 'B' } }
  const wrong = [
    [{ ...unit, machine: 'none' }],
    [{ ...unit, from: 'a/b/c/d' }],
    [{ ...unit, from: 'a/+' }],
    [{ ...unit, items: { none: 'B' } }],
    [unit, unit],
  ]
  for (const units of wrong) {
    expect(() => bindingsOf(units as never, machines)).toThrow(
      expect.objectContaining({ code: 'sparkplug_settings' }),
    )
  }
})

test('whatever arrives, it neither throws nor makes what is no JSON', () => {
  const kind = fc.constantFrom('NBIRTH', 'NDATA', 'NDEATH', 'DBIRTH', 'DDATA', 'DDEATH', 'X')
  const { made, born } = stand()
  born()
  const good = [...bytesOf(bound, 2)]
  const broken = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 })
    .map((changes) => {
      const bytes = Uint8Array.from(good)
      for (const [place, byte] of changes) bytes[place] = byte
      return bytes
    })
  fc.assert(
    fc.property(kind, fc.oneof(broken, fc.uint8Array({ maxLength: 64 })), (verb, bytes) => {
      const below = verb.startsWith('D') ? '/d1' : ''
      for (const { payload } of made.take(`spBv1.0/line/${verb}/press${below}`, bytes).records) {
        JSON.parse(payload)
      }
    }),
    { numRuns: Number(process.env['TENFOLD_FUZZ_RUNS'] ?? 5000) },
  )
})

test('a death at QoS 1 is acknowledged only when it is durable', async () => {
  const { port } = await startServer(stops)
  const world = await host(hostSettings(port), stops, true)
  await until(() => world.notes.some((line) => line.endsWith('connected')))
  const press = await client(port, stops)
  await beBorn(press)
  await until(() => world.held.length === 2)
  const after = await hear(press, 'spBv1.0/STATE/scada')
  await until(() => after.length === 1)
  await press.publishAsync('spBv1.0/line/NDEATH/press', bytesOf([bdSeq(0)]), { qos: 1 })
  await pause(50)
  // What came before is not durable: the next is not even looked at.
  expect(world.records.length).toBe(2)
  for (const done of world.held.splice(0)) done()
  await until(() => world.records.length === 3)
  expect(textOf(world.records[2] as never)).toMatchObject({ q: { motor_current: 'bad' } })
  for (const done of world.held.splice(0)) done()
})

test('what the log does not take disconnects', async () => {
  const { port } = await startServer(stops)
  const world = await host(hostSettings(port), stops, true)
  await until(() => world.notes.some((line) => line.endsWith('connected')))
  const press = await client(port, stops)
  await beBorn(press)
  await until(() => world.held.length === 2)
  for (const done of world.held.splice(0)) done(new Error('the disk is full'))
  await until(() => world.notes.filter((line) => line.endsWith('connected')).length === 2)
  const asked = await hear(press, 'spBv1.0/line/NCMD/press')
  await say(press, 'DDATA', bytesOf([{ alias: 1, type: 'Int32', value: 1 }], 2))
  await until(() => asked.length === 1)
})
