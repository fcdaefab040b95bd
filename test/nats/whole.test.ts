// A shard takes its messages without a gap, with a real nats-server: what a consumer skips is read
// again, what is nowhere any more is passed over after a while and said, and a stream that ends
// before what was confirmed is not begun anew.
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { KeptUnit } from '../../gateway/core/handover.ts'
import { type Fleet, keysOf, openFleet } from '../../gateway/sources/nats/connection.ts'
import { isConflict, Membership, swap } from '../../gateway/sources/nats/membership.ts'
import { encodeHeaders } from '../../gateway/sources/nats/message.ts'
import { ownerKey, unitKey } from '../../gateway/sources/nats/names.ts'
import { Shard } from '../../gateway/sources/nats/shard.ts'
import { natsInstalled, startNats } from '../servers/nats.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await setTimeout(10)
}

const topic = 'tenfold/v1/test_drill/u-1/report'
const stream = 'test_messages_0'

/** A fleet of one shard, its membership, and messages in its stream, from 1 on. */
const stand = async (messages: number, servers = 1) => {
  const server = await startNats(servers)
  stops.push(() => server.remove())
  const settings = {
    ...{ servers: [...server.urls], name: 'g', fleet: 'test', replicas: servers, shards: 1 },
    ...{ leaseMs: 600_000, confirmedBy: 'influx1' as const, bytesMax: 1024 ** 2 },
  }
  const context = { secret: () => '', chainKey: 'did:key:one' }
  // A cluster that elects its first leader answers nobody.
  const open = (): Promise<Fleet> => openFleet(settings, context).catch(() => open())
  const fleet = await open()
  stops.push(() => fleet.connection.close())
  const publish = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      const record = { receivedUs: 1, source: 'mqtt', session: '', topic, retained: false }
      const payload = Buffer.from(`{"v":{},"seq":${i}}`)
      const headers = encodeHeaders({ ...record, payload })
      await fleet.js.publish(fleet.names.subjectOf(topic), payload, { headers })
    }
  }
  await publish(messages)
  return { fleet, publish }
}

/** An owner of the shard; `speed`: how fast its clock runs. */
const owner = async (fleet: Fleet, { position = 0, speed = 1 } = {}) => {
  const units: KeptUnit[] = []
  const clock = systemClock()
  const membership = new Membership({
    ...{ leases: fleet.leases, name: 'g', run: '1', shards: 1, leaseMs: 600_000, clock },
    members: async () => [],
  })
  await membership.beat()
  const [held] = await membership.acquire(1, new Map())
  if (held === undefined) throw new Error('the shard was not taken')
  if (position > 0) await membership.keep(held, position)
  const [taken, notes]: [number[], string[]] = [[], []]
  const shard = new Shard({
    ...{ fleet, held, membership, sink: 'influx1', ending: new AbortController().signal },
    clock: { ...clock, monotonicMs: () => speed * clock.monotonicMs() },
    handover: {
      ...{ chainKey: async () => '', settled: async () => true, give: async () => undefined },
      ...{ take: async (kept) => void units.push(kept), forget: async () => {} },
    },
    emit: ({ session }, done) => {
      taken.push(Number(session.split(':')[1]))
      done()
    },
    note: (line) => notes.push(line),
  })
  const run = shard.run()
  stops.push(async () => {
    shard.stop()
    await run
  })
  return { held, taken, notes, units, ended: run }
}

/** The same fleet, whose first consumers swallow what they are given first. */
const skipping = (fleet: Fleet, times: number): Fleet => {
  let left = times
  const get: Fleet['js']['consumers']['get'] = async (...args) => {
    const consumer = await fleet.js.consumers.get(...args)
    if (left-- <= 0) return consumer
    await consumer.next({ expires: 1000 })
    return consumer
  }
  const js = Object.create(fleet.js, { consumers: { value: { ...fleet.js.consumers, get } } })
  return { ...fleet, js }
}

/** The same fleet, whose first read of a unit's state is answered with what was there before. */
const behind = (fleet: Fleet, before: number): Fleet => {
  let isBehind = true
  const get: Fleet['units']['get'] = (key) => {
    const options = isBehind ? { revision: before } : undefined
    isBehind = false
    return fleet.units.get(key, options)
  }
  return { ...fleet, units: Object.create(fleet.units, { get: { value: get } }) }
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => 1 + i)

describe.runIf(natsInstalled())('a shard takes its messages', () => {
  test('again where a consumer has skipped one', async () => {
    const { fleet } = await stand(20)
    const { taken, notes } = await owner(skipping(fleet, 2))
    await until(() => taken.length >= 20)
    expect(taken).toEqual(upTo(20))
    expect(notes.join()).toContain('1 messages were skipped from 1 on; they are read again')
    expect(notes.join()).not.toContain('nats_lost')
  }, 60_000)

  test('each once, also those that come while it purges, and leaves the last one there', async () => {
    const { fleet, publish } = await stand(1)
    const { streams } = fleet.jsm
    const purge = streams.purge.bind(streams)
    streams.purge = async (...args) => {
      streams.purge = purge
      await publish(10)
      return await purge(...args)
    }
    const { taken, held } = await owner(fleet)
    await until(() => held.position === 1)
    await publish(5)
    await until(() => taken.length >= 16)
    expect(taken).toEqual(upTo(16))
    await until(() => held.position === 16)
    const { state } = await fleet.jsm.streams.info(stream)
    expect(state).toMatchObject({ last_seq: 16 })
    expect(state.messages).toBeGreaterThan(0)
  }, 60_000)

  test('nats_lost: one that is nowhere any more is waited for, then passed over and said', async () => {
    const { fleet } = await stand(5)
    await fleet.jsm.streams.deleteMessage(stream, 3)
    const slow = await owner(fleet)
    await until(() => slow.notes.some((line) => line.includes('they are asked for again')))
    expect(slow.taken).toEqual([])
    for (const stop of stops.splice(2)) await stop()
    const fast = await owner(fleet, { speed: 1000 })
    await until(() => fast.taken.length >= 4)
    expect(fast.taken).toEqual([1, 2, 4, 5])
    expect(fast.notes.join()).toContain('messages 3 to 3 are gone from test_messages_0 (nats_lost)')
  }, 60_000)

  test('nats_lost: not before other servers have led the stream, which may have it', async () => {
    const { fleet } = await stand(5, 3)
    const leader = async () => (await fleet.jsm.streams.info(stream)).cluster?.leader
    const before = await leader()
    await fleet.jsm.streams.deleteMessage(stream, 3)
    const { notes, taken } = await owner(fleet)
    while ([before, undefined, ''].includes(await leader().catch(() => undefined))) {
      await setTimeout(50)
    }
    expect(notes.join()).not.toContain('nats_lost')
    expect(taken).toEqual([])
  }, 60_000)

  test('nats_behind: not from a stream that ends before what was confirmed', async () => {
    const { fleet } = await stand(5)
    const { taken, notes } = await owner(fleet, { position: 7 })
    await until(() => notes.some((line) => line.includes('nats_behind')))
    expect(notes.join()).toContain('test_messages_0 ends at 5, and 7 was confirmed')
    expect(taken).toEqual([])
  }, 60_000)
})

describe.runIf(natsInstalled())('a shard takes a unit over', () => {
  const key = unitKey(0, 'u-1')
  const snapshot = (store: string) => {
    const kept: KeptUnit = { unit: 'u-1', machine: 'm', store, outside: '', entries: [] }
    return { epoch: 0, position: 0, kept }
  }

  test('as it is, whatever a server that is behind has answered first', async () => {
    const { fleet } = await stand(0)
    await fleet.jsm.streams.update(`KV_${fleet.names.units}`, { max_msgs_per_subject: 2 })
    const before = await swap(fleet.units, { key, value: snapshot('old'), revision: 0 })
    await swap(fleet.units, { key, value: snapshot('new'), revision: before })
    const { units } = await owner(behind(fleet, before))
    await until(() => units.length > 0)
    expect(units.map(({ store }) => store)).toEqual(['new'])
  }, 60_000)

  test('and nobody who had it before can write it any more', async () => {
    const { fleet } = await stand(0)
    const revision = await swap(fleet.units, { key, value: snapshot('his'), revision: 0 })
    const { units } = await owner(fleet)
    await until(() => units.length > 0)
    const late = swap(fleet.units, { key, value: snapshot('late'), revision })
    await expect(late.catch(isConflict)).resolves.toBe(true)
  }, 60_000)

  test('never from an owner that came later', async () => {
    const { fleet } = await stand(0)
    const later = { ...snapshot('later'), epoch: 9 }
    const revision = await swap(fleet.units, { key, value: later, revision: 0 })
    const { units, ended } = await owner(fleet)
    expect(await ended).toBe('fenced')
    expect(units).toEqual([])
    expect((await fleet.units.get(key))?.revision).toBe(revision)
  }, 60_000)
})

test.runIf(natsInstalled())('keys of a bucket that is behind are not believed', async () => {
  const { fleet } = await stand(0)
  const revision = await fleet.units.put(ownerKey(0), '1')
  const { units: bucket } = fleet.names
  expect(await keysOf(fleet.jsm, { bucket, filter: '>', since: revision })).toEqual([ownerKey(0)])
  await expect(keysOf(fleet.jsm, { bucket, filter: '>', since: revision + 1 })).rejects.toThrow(
    /is behind/,
  )
})
