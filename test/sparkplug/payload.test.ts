// Payloads byte for byte with the package's own encoder, what values mean under their datatypes,
// and the rows of the source's README about values and bounds.
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { createCheck } from '../../gateway/pipeline/check.ts'
import { bindingsOf } from '../../gateway/sparkplug/binding.ts'
import { Host } from '../../gateway/sparkplug/host.ts'
import { datatypes, decode, meaningOf } from '../../gateway/sparkplug/payload.ts'
import { Heard } from '../../gateway/sparkplug/sequence.ts'
import { drill } from '../influx/readings.ts'
import { freePort } from '../servers/gateway.ts'
import { bdSeq, beBorn, bytesOf } from './node.ts'
import { client, host, hostSettings, Stops, startServer, until } from './stand.ts'

const stops = new Stops()
afterEach(() => stops.all())

const roundTrip = (type: string, value: unknown): unknown => {
  const payload = decode(bytesOf([{ name: 'x', type, value }], 0))
  if (typeof payload === 'string') throw new Error(payload)
  const [item] = payload.items
  return meaningOf(item?.raw, item?.datatype)
}

test('whole numbers keep their sign and value', () => {
  const bits = { Int8: 8, Int16: 16, Int32: 32 }
  for (const [type, size] of Object.entries(bits)) {
    const half = 2 ** (size - 1)
    fc.assert(
      fc.property(fc.integer({ min: -half, max: half - 1 }), (value) => {
        expect(roundTrip(type, value)).toBe(value)
      }),
    )
  }
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      expect(roundTrip('Int64', value)).toBe(value)
    }),
  )
  expect(roundTrip('UInt32', 4_000_000_000)).toBe(4_000_000_000)
})

test('a value that does not fit its datatype, or is beyond 2^53, means nothing', () => {
  expect(meaningOf('text', datatypes.Double)).toBeUndefined()
  expect(meaningOf(1, datatypes.Boolean)).toBeUndefined()
  expect(meaningOf(true, datatypes.Int32)).toBeUndefined()
  expect(meaningOf(2n ** 60n, datatypes.UInt64)).toBeUndefined()
  expect(meaningOf(1n, undefined)).toBeUndefined()
})

test('type_wrong: text for a number goes to quarantine with its report alone', () => {
  const machine = prepareMachine(drill.profile)
  const made = new Host({
    bindings: bindingsOf(hostSettings(0).units, new Map([['test_drill', machine]])),
    ...{ reorderMs: 200, rebirthMs: 1000, monotonicMs: () => 0, nowMs: () => 1000 },
  })
  made.take('spBv1.0/line/NBIRTH/press', bytesOf([bdSeq(0)], 0))
  const text = { name: 'Brake', type: 'String', value: 'half' }
  const { records } = made.take('spBv1.0/line/DBIRTH/press/d1', bytesOf([text], 1))
  const reports = records.map(({ payload }) => JSON.parse(payload) as Record<string, never>)
  const faults = reports.slice(1).map((report) => {
    const absent = { boot: undefined, seq: undefined, t: undefined, c: undefined, q: undefined }
    return createCheck(machine)({ ...absent, v: undefined, time: undefined, ...report })
  })
  expect(faults).toEqual([expect.objectContaining({ reason: 'type_wrong' })])
})

test('a permutation of what is missing is never lost, and each gap is seen', () => {
  const order = fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6, maxLength: 6 })
  fc.assert(
    fc.property(order, fc.nat(255), (numbers, birth) => {
      const heard = new Heard(birth)
      for (const n of numbers) expect(heard.take((birth + n) % 256)).not.toBe('wrong')
      expect(heard.missing).toBe(0)
    }),
  )
})

test('nodes_many: strangers cannot fill the memory', () => {
  const machines = new Map([['test_drill', prepareMachine(drill.profile)]])
  const made = new Host({
    bindings: bindingsOf(hostSettings(0).units, machines),
    ...{ reorderMs: 200, rebirthMs: 1000, monotonicMs: () => 0, nowMs: () => 0 },
  })
  const birth = bytesOf([bdSeq(0)], 0)
  const codes = Array.from({ length: 10_001 }, (_, i) =>
    made.take(`spBv1.0/line/NBIRTH/n${i}`, birth).refused.map(({ code }) => code),
  )
  expect(codes.flat()).toEqual(['nodes_many'])
})

test('broker_unreachable: said once, tried again', async () => {
  const world = await host(hostSettings(await freePort()), stops)
  await until(() => world.notes.some((line) => line.includes('broker_unreachable')))
  expect(world.notes).toHaveLength(1)
})

test('subscribe_refused: a server that does not let it hear is said once, and tried again', async () => {
  let asked = 0
  const authenticate = async () => {
    asked += 1
    return true
  }
  const { port } = await startServer(stops, new Map(), { authenticate })
  const login = { username: 'nobody', password: { env: 'X' } }
  const world = await host(hostSettings(port, login), stops)
  await until(() => asked > 2)
  expect(world.notes).toEqual([expect.stringContaining('subscribe_refused')])
})

test('its link: with the server gone and back', async () => {
  const first = await startServer(stops)
  const world = await host(hostSettings(first.port), stops)
  const link = () => world.source.links?.()[0]
  await until(() => link()?.isConnected === true)
  const peer = `mqtt://127.0.0.1:${first.port}`
  expect(link()).toMatchObject({ peer, said: 'connected', isTrouble: false })
  const node = await client(first.port, stops)
  await beBorn(node)
  await until(() => world.records.length > 0)
  const before = link()
  expect(before?.heardUs).toBeGreaterThanOrEqual(before?.sinceUs ?? Number.NaN)
  await first.broker.stop()
  await until(() => link()?.isConnected === false)
  expect(link()).toMatchObject({ isTrouble: true })
  expect(link()?.said).toContain('broker_unreachable')
  await startServer(stops, new Map(), { port: first.port })
  await until(() => link()?.isConnected === true)
  expect(link()?.sinceUs).toBeGreaterThan(before?.sinceUs ?? Number.NaN)
})
