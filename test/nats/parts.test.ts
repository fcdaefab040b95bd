// The parts of the fleet's source by themselves: what messages become, whose a shard is, and what a
// gateway refuses at its start. With a real nats-server where one is needed.
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { limits } from '../../gateway/core/limits.ts'
import type { prepareMachine } from '../../gateway/core/machine.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { createDecode } from '../../gateway/pipeline/decode.ts'
import { identityOf } from '../../gateway/pipeline/stream-place.ts'
import { type Fleet, keysOf, openFleet } from '../../gateway/sources/nats/connection.ts'
import { create } from '../../gateway/sources/nats/index.ts'
import { Membership } from '../../gateway/sources/nats/membership.ts'
import { decodeMessage, encodeHeaders } from '../../gateway/sources/nats/message.ts'
import { namesOf, shardOf } from '../../gateway/sources/nats/names.ts'
import type { NatsSettings } from '../../gateway/sources/nats/settings.ts'
import { natsInstalled, startNats } from '../servers/nats.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const settingsOf = (
  servers: readonly string[],
  more: Partial<NatsSettings> = {},
): NatsSettings => ({
  ...{ servers: [...servers], name: 'g', fleet: 'test', replicas: 1, shards: 4, leaseMs: 1000 },
  ...{ confirmedBy: 'influx1', bytesMax: 1024 ** 2 },
  ...more,
})
const context = { secret: () => 'wrong', chainKey: 'did:key:one' }
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: { code?: unknown }) => error.code,
  )

describe('a message', () => {
  const runs = Number(process.env['TENFOLD_FUZZ'] ?? 300)

  test('is the record that it was, with a place of its own', () => {
    const record = fc.record({
      receivedUs: fc.integer({ min: 0, max: 2 ** 52 }),
      source: fc.constant('mqtt'),
      session: fc.constant(''),
      topic: fc.string({ maxLength: 200 }),
      payload: fc.uint8Array({ maxLength: 200 }),
      properties: fc.constantFrom(undefined, { line: '7', 'ü ': '' }),
      retained: fc.boolean(),
      steppedUs: fc.integer({ min: -1e15, max: 1e15 }),
    })
    fc.assert(
      fc.property(record, fc.integer({ min: 1, max: 2 ** 40 }), (one, seq) => {
        const back = decodeMessage(
          { seq, data: one.payload, headers: encodeHeaders(one) },
          { epoch: 3 },
        )
        const { receivedUs, payload, retained, steppedUs, properties } = one
        const topic = Buffer.from(one.topic).toString()
        expect(back).toMatchObject({ receivedUs, topic, payload, retained, steppedUs, properties })
        expect(identityOf(back)).toBe(2 ** 50 + seq)
      }),
      { numRuns: runs },
    )
  })

  test('of anybody else is a record that goes to quarantine', () => {
    const decode = createDecode(new Map<string, ReturnType<typeof prepareMachine>>())
    const header = fc.string({ maxLength: 100 })
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 100 }), (value, data) => {
        const record = decodeMessage({ seq: 1, data, headers: { get: () => value } }, { epoch: 1 })
        expect(decode(encodeRecord(record)).kind).toBe('fault')
      }),
      { numRuns: runs },
    )
    const bare = decode(encodeRecord(decodeMessage({ seq: 1, data: Buffer.of() }, { epoch: 1 })))
    expect(bare).toMatchObject({ fault: { reason: 'topic_unknown' } })
    const long = { seq: 1, data: Buffer.alloc(2 * limits.payloadBytes) }
    expect(decodeMessage(long, { epoch: 1 }).payload.length).toBe(limits.payloadBytes + 1)
  })

  test('goes to the shard of its unit, whatever its kind', () => {
    const { subjectOf } = namesOf({ fleet: 'f', shards: 7 })
    const subject = `f.message.${shardOf('u-1', 7)}.u-1`
    expect(subjectOf('tenfold/v1/cordless_drill/u-1/report')).toBe(subject)
    expect(subjectOf('tenfold/v1/cordless_drill/u-1/hello')).toBe(subject)
    expect(subjectOf('a b > *')).toBe(`f.message.${shardOf('stray', 7)}.stray`)
  })
})

describe('a gateway of a fleet refuses to start', () => {
  test('without the sink that confirms', () => {
    expect(() => create(settingsOf([]), { sinks: [] } as never)).toThrow(/no such sink/)
  })

  test('where no server is, or a file of its certificates is not', async () => {
    const nobody = settingsOf(['nats://127.0.0.1:1'])
    expect(await codeOf(openFleet(nobody, context))).toBe('nats_unreachable')
    const lost = settingsOf(['tls://127.0.0.1:1'], { authority: '/nowhere/ca.pem' })
    expect(await codeOf(openFleet(lost, context))).toBe('certificate_wrong')
  })

  test('with a wrong password or nkey, and says neither', async () => {
    if (!natsInstalled()) return
    const server = await startNats(1, ['authorization { user: u, password: right }'])
    stops.push(() => server.remove())
    const wrong = settingsOf(server.urls, { username: 'u', password: { env: 'X' } })
    const said = await openFleet(wrong, context).catch((error: Error) => error)
    expect(said).toMatchObject({ code: 'nats_refused' })
    expect(JSON.stringify(said)).not.toContain('wrong')
    const right = { ...context, secret: () => 'right' }
    await (await openFleet(wrong, right)).connection.close()
  })

  test('with another number of shards, or another key for units without one', async () => {
    if (!natsInstalled()) return
    const server = await startNats(1)
    stops.push(() => server.remove())
    await (await openFleet(settingsOf(server.urls), context)).connection.close()
    const other = settingsOf(server.urls, { shards: 5 })
    expect(await codeOf(openFleet(other, context))).toBe('nats_settings')
    const start = async (key: string): Promise<unknown> => {
      const source = create(settingsOf(server.urls), {
        ...{ sinks: ['influx1'], random: () => Buffer.from('1'), note: () => {} },
        handover: { chainKey: async () => key, settled: async () => true },
        secret: context.secret,
        clock: { nowUs: () => 0, monotonicMs: () => performance.now(), sleep: () => setTimeout(5) },
      } as never)
      stops.push(() => source.stop())
      return await codeOf(source.start(() => {}))
    }
    expect(await start('did:key:one')).toBe('none')
    expect(await start('did:key:two')).toBe('nats_unit_key')
  })
})

test('what one gateway wrote, another one reads, whichever server it asks', async () => {
  if (!natsInstalled()) return
  const servers = await startNats(3)
  stops.push(() => servers.remove())
  const fleets: Fleet[] = []
  for (const url of servers.urls) {
    const settings = settingsOf([url], { replicas: 3 })
    // A cluster that elects its first leader answers nobody.
    const open = (): Promise<Fleet> => openFleet(settings, context).catch(() => open())
    const fleet = await open()
    stops.push(() => fleet.connection.close())
    fleets.push(fleet)
  }
  let stale = 0
  for (let i = 0; i < 500; i += 1) {
    const revision = await fleets[i % 3]?.leases.put('key', String(i))
    const entry = await fleets[(i + 1) % 3]?.leases.get('key')
    if (entry?.revision !== revision) stale += 1
  }
  expect(stale).toBe(0)
}, 120_000)

test('a shard has one owner, and one that was away cannot write over the next', async () => {
  if (!natsInstalled()) return
  const server = await startNats(1)
  stops.push(() => server.remove())
  const fleet = await openFleet(settingsOf(server.urls), context)
  stops.push(() => fleet.connection.close())
  let nowMs = 0
  const member = (name: string): Membership =>
    new Membership({
      ...{ leases: fleet.leases, name, run: '1', shards: 4, leaseMs: 1000 },
      clock: { monotonicMs: () => nowMs },
      members: () => keysOf(fleet.jsm, { bucket: fleet.names.leases, filter: 'member.>' }),
    })
  const [one, two] = [member('one'), member('two')]
  await one.beat()
  await two.beat()
  expect(await one.look()).toBe(2)
  expect(await two.look()).toBe(2)
  const held = await one.acquire(4, new Map())
  expect(held.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1])
  expect(await two.acquire(4, new Map())).toEqual([])
  nowMs = 800
  expect(await two.look()).toBe(2)
  nowMs = 1600
  expect(one.isAlive()).toBe(false)
  await two.beat()
  expect(await two.look()).toBe(1)
  const taken = await two.acquire(4, new Map())
  expect(taken.map(({ epoch }) => epoch)).toEqual([2, 2, 2, 2])
  // Awake again, and sure of its shards: its position is not taken.
  await one.beat()
  expect(await one.keep(held[0] as (typeof held)[0], 10)).toBe(false)
  expect(await two.keep(taken[0] as (typeof taken)[0], 10)).toBe(true)
  await two.release(taken[0] as (typeof taken)[0])
  const back = await one.acquire(1, new Map())
  expect(back).toMatchObject([{ epoch: 3, position: 10 }])
  // The servers were away: two has not seen one be silent meanwhile, and leaves it its shard.
  await two.look()
  nowMs = 60_000
  await two.beat()
  expect(await two.look()).toBe(2)
  expect(await two.acquire(4, new Map(taken.slice(1).map((it) => [it.shard, it])))).toEqual([])
  nowMs = 60_800
  expect(await two.look()).toBe(2)
  nowMs = 61_600
  await two.beat()
  expect(await two.look()).toBe(1)
})
