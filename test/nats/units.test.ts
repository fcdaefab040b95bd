// What an owner takes over of a unit, with a real nats-server: the newest state, nothing that was
// made and not kept, and nobody who had it before can write it any more.
import { afterEach, describe, expect, test } from 'vitest'
import type { KeptUnit } from '../../gateway/core/handover.ts'
import type { Fleet } from '../../gateway/sources/nats/connection.ts'
import { isConflict, swap } from '../../gateway/sources/nats/membership.ts'
import { unitKey } from '../../gateway/sources/nats/names.ts'
import { natsInstalled } from '../servers/nats.ts'
import { type OwnerOptions, openStand, startOwner, until } from './stand.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
const stand = (messages: number) => openStand(stops, { messages })
const owner = (fleet: Fleet, options: OwnerOptions = {}) => startOwner(fleet, stops, options)

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

const key = unitKey(0, 'u-1')
const keptAs = (store: string): KeptUnit => ({
  ...{ unit: 'u-1', machine: 'm', store, outside: '', entries: [] },
})
const snapshot = (store: string) => ({ epoch: 0, position: 0, kept: keptAs(store) })

describe.runIf(natsInstalled())('a shard takes a unit over', () => {
  test('as it is, whatever a server that is behind has answered first', async () => {
    const { fleet } = await stand(0)
    await fleet.jsm.streams.update(`KV_${fleet.names.units}`, { max_msgs_per_subject: 2 })
    const before = await swap(fleet.units, { key, value: snapshot('old'), revision: 0 })
    await swap(fleet.units, { key, value: snapshot('new'), revision: before })
    const { did } = await owner(behind(fleet, before))
    await until(() => did.length > 0)
    expect(did).toEqual(['take u-1 new'])
  }, 60_000)

  test('and nobody who had it before can write it any more', async () => {
    const { fleet } = await stand(0)
    const revision = await swap(fleet.units, { key, value: snapshot('his'), revision: 0 })
    const { did } = await owner(fleet)
    await until(() => did.length > 0)
    const late = swap(fleet.units, { key, value: snapshot('late'), revision })
    await expect(late.catch(isConflict)).resolves.toBe(true)
  }, 60_000)

  test('never from an owner that came later', async () => {
    const { fleet } = await stand(0)
    const later = { ...snapshot('later'), epoch: 9 }
    const revision = await swap(fleet.units, { key, value: later, revision: 0 })
    const { did, ended } = await owner(fleet)
    expect(await ended).toBe('fenced')
    expect(did).toEqual([])
    expect((await fleet.units.get(key))?.revision).toBe(revision)
  }, 60_000)

  const messages = ['message 1', 'message 2', 'message 3']

  test('from the beginning where its first round was broken off', async () => {
    const { fleet } = await stand(3)
    let asked = 0
    const first = await owner(fleet, {
      settled: async () => {
        asked += 1
        if (asked === 2) first.shard.fence()
        return asked !== 2
      },
    })
    await first.ended
    // What it made of them and did not keep is not remembered; and where it was killed before it
    // could forget, it or another one does at the next beginning.
    expect(first.did).toEqual(['forget u-1', ...messages, 'forget u-1'])
    const next = await owner(fleet)
    await until(() => next.held.position === 3)
    expect(next.did).toEqual(['forget u-1', ...messages])
  }, 60_000)

  test('from what is kept where a round is tried again', async () => {
    const { fleet } = await stand(3)
    let isFull = true
    const takes = (seq: number): boolean => {
      const isTaken = seq < 3 || !isFull
      if (seq === 3) isFull = false
      return isTaken
    }
    const { did, held } = await owner(fleet, { takes })
    await until(() => held.position === 3)
    expect(did).toEqual(['forget u-1', ...messages, 'forget u-1', ...messages])
  }, 60_000)

  test('from what a gateway had of it before it was one of a fleet', async () => {
    const { fleet } = await stand(3)
    const first = await owner(fleet, { has: { 'u-1': keptAs('old') } })
    await until(() => first.held.position === 3)
    expect(first.did).toEqual(messages)
    first.shard.fence()
    await first.ended
    const next = await owner(fleet)
    await until(() => next.did.length > 0)
    expect(next.did).toEqual(['take u-1 old'])
  }, 60_000)
})
