// A shard takes its messages without a gap, with a real nats-server: what a consumer skips is read
// again, what is nowhere any more is passed over after a while and said, and a stream that ends
// before what was confirmed is not begun anew.
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { type Fleet, keysOf } from '../../gateway/sources/nats/connection.ts'
import { ownerKey } from '../../gateway/sources/nats/names.ts'
import { natsInstalled } from '../servers/nats.ts'
import { type OwnerOptions, openStand, startOwner, stream, until } from './stand.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const stand = (messages: number, servers = 1) => openStand(stops, { messages, servers })
const owner = (fleet: Fleet, options: OwnerOptions = {}) => startOwner(fleet, stops, options)

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

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => 1 + i)

describe.runIf(natsInstalled())('a shard takes its messages', () => {
  test('again where a consumer has skipped one', async () => {
    const { fleet } = await stand(20)
    const { taken, notes } = await owner(skipping(fleet, 2))
    await until(() => taken().length >= 20)
    expect(taken()).toEqual(upTo(20))
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
    await until(() => taken().length >= 16)
    expect(taken()).toEqual(upTo(16))
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
    expect(slow.taken()).toEqual([])
    for (const stop of stops.splice(2)) await stop()
    const fast = await owner(fleet, { speed: 1000 })
    await until(() => fast.taken().length >= 4)
    expect(fast.taken()).toEqual([1, 2, 4, 5])
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
    expect(taken()).toEqual([])
  }, 60_000)

  test('nats_behind: not from a stream that ends before what was confirmed', async () => {
    const { fleet } = await stand(5)
    const { taken, notes } = await owner(fleet, { position: 7 })
    await until(() => notes.some((line) => line.includes('nats_behind')))
    expect(notes.join()).toContain('test_messages_0 ends at 5, and 7 was confirmed')
    expect(taken()).toEqual([])
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
