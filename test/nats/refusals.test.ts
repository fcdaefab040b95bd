// What the fleet's source refuses while it runs, with a real nats-server: a stream that takes
// nothing more, a server that goes, a chain that another gateway has written otherwise.
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { KeptUnit } from '../../gateway/core/handover.ts'
import { limits } from '../../gateway/core/limits.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { encodeRecord, type LogRecord } from '../../gateway/core/record.ts'
import type { Source } from '../../gateway/core/source.ts'
import { noteLimits, openNotes } from '../../gateway/operations/notes.ts'
import { createDecode } from '../../gateway/pipeline/decode.ts'
import { openFleet } from '../../gateway/sources/nats/connection.ts'
import { create } from '../../gateway/sources/nats/index.ts'
import { Membership } from '../../gateway/sources/nats/membership.ts'
import { decodeMessage, encodeHeaders } from '../../gateway/sources/nats/message.ts'
import { entryKey, namesOf, shardOf } from '../../gateway/sources/nats/names.ts'
import type { NatsSettings } from '../../gateway/sources/nats/settings.ts'
import { Shard } from '../../gateway/sources/nats/shard.ts'
import { drill } from '../influx/readings.ts'
import { connect, startBroker } from '../mqtt/stand.ts'
import { natsInstalled, startNats } from '../servers/nats.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await setTimeout(10)
}

const settingsOf = (urls: readonly string[], more: Partial<NatsSettings> = {}): NatsSettings => ({
  ...{ servers: [...urls], name: 'g', fleet: 'test', replicas: 1, shards: 2, leaseMs: 1000 },
  ...{ confirmedBy: 'influx1', bytesMax: 1024 ** 2, ...more },
})

const context = { secret: () => '', chainKey: 'did:key:one' }
const topic = 'tenfold/v1/test_drill/u-1/report'
const record: LogRecord = {
  ...{ receivedUs: 1, source: 'mqtt', session: 's', topic, retained: false },
  payload: Buffer.from('{"v":{}}'),
}

const running = async (settings: NatsSettings) => {
  const notes: string[] = []
  const source = create(settings, {
    ...{ profiles: [], clock: systemClock(), folder: '/nowhere', sinks: ['influx1'] },
    random: (bytes) => Buffer.alloc(bytes, 7),
    secret: context.secret,
    handover: {
      ...{ chainKey: async () => context.chainKey, settled: async () => true },
      ...{ give: async () => undefined, take: async () => {}, forget: async () => {} },
    },
    note: (line) => notes.push(line),
  })
  await source.start((_, done) => done())
  stops.push(() => source.stop())
  return { source, notes }
}

const given = ({ front }: Source, one: LogRecord): Promise<unknown> =>
  new Promise((resolve) => front?.(one, (error) => resolve(error)))

test('nats_sink_missing: without the sink that confirms', () => {
  expect(() => create(settingsOf([]), { sinks: [] } as never)).toThrow(
    expect.objectContaining({ code: 'nats_sink_missing' }),
  )
})

test('payload_oversize: cut where it shows that it is too long, then quarantined', () => {
  const decode = createDecode(new Map([['test_drill', prepareMachine(drill.profile)]]))
  const data = Buffer.alloc(2 * limits.payloadBytes, '{')
  const arrived = decodeMessage({ seq: 1, data, headers: encodeHeaders(record) }, { epoch: 1 })
  expect(arrived.payload.length).toBe(limits.payloadBytes + 1)
  expect(decode(encodeRecord(arrived))).toMatchObject({ fault: { reason: 'payload_oversize' } })
})

describe.runIf(natsInstalled())('with a real nats-server', () => {
  test('nats_not_taken: by a full stream; units are let go, and it is a few lines', async () => {
    const server = await startNats(1)
    stops.push(() => server.remove())
    const { source } = await running(settingsOf(server.urls, { bytesMax: 2048 }))
    // Nobody takes these off the stream: what is quarantined is of a unit without a state.
    const fill = { ...record, payload: Buffer.alloc(4096) }
    expect(await given(source, fill)).toMatchObject({ code: 'nats_not_taken' })
    await until(() => source.links?.()[0]?.isConnected === true)
    const full = { isTrouble: true, said: expect.stringContaining('nats_not_taken') }
    expect(source.links?.()).toEqual([expect.objectContaining(full)])
    const lines: string[] = []
    const notes = openNotes({
      ...{ clock: { nowUs: () => 0 }, after: () => () => {}, form: 'text' },
      write: (line) => lines.push(line),
    })
    let heard = 0
    const { broker, url } = await startBroker({
      note: (line) => {
        heard += 1
        notes.note(`mqtt: ${line}`)
      },
    })
    await broker.stop()
    const { front } = source
    await broker.start((one, done) => front?.(one, done))
    const count = noteLimits.linesOfKind + 5
    const port = url.replace(/\d+$/, String(broker.port))
    for (const letter of 'abcdefghijklmnopqrstuvwxyz'.slice(0, count)) {
      const unit = await connect(port, { clientId: `drill-${letter}` })
      const sent = unit.publishAsync(topic, fill.payload, { qos: 1 }).catch(() => 'not sent')
      await until(() => !unit.connected)
      unit.end(true)
      expect(await Promise.race([sent, setTimeout(50, 'not sent')])).toBe('not sent')
    }
    expect(heard).toBe(count)
    expect(lines).toHaveLength(noteLimits.linesOfKind)
    notes.close()
    expect(lines.at(-1)).toContain('5 more lines within a minute with nats_not_taken')
  })

  test('nats_unreachable: later it is said once, nothing is taken and nothing owned', async () => {
    const server = await startNats(1)
    stops.push(() => server.remove())
    const { source, notes } = await running(settingsOf(server.urls))
    await until(() => notes.filter((line) => line.includes('owned, epoch')).length === 2)
    const link = () => source.links?.()[0]
    await until(() => link()?.isConnected === true)
    expect(link()).toMatchObject({ peer: server.urls[0], isTrouble: false })
    expect(link()?.heardUs).toBeGreaterThanOrEqual(link()?.sinceUs ?? Number.NaN)
    const before = link()?.sinceUs
    await server.kill(0)
    expect(await given(source, record)).toMatchObject({ code: 'nats_not_taken' })
    await until(() => notes.some((line) => line.includes('nats_unreachable')))
    await until(() => notes.filter((line) => line.includes('fenced at epoch')).length === 2)
    const gone = { isConnected: false, said: expect.stringContaining('nats_unreachable') }
    expect(link()).toMatchObject(gone)
    expect(notes.filter((line) => line.includes('nats_unreachable')).length).toBeLessThan(4)
    await server.start(0)
    await until(() => notes.filter((line) => line.includes('owned, epoch')).length === 4)
    expect(await given(source, record)).toBeUndefined()
    expect(link()).toMatchObject({ isConnected: true, isTrouble: false, said: 'connected' })
    expect(link()?.sinceUs).toBeGreaterThan(before ?? Number.NaN)
  }, 120_000)

  test('nats_fork: another entry in a place of a chain leaves the shard, and writes nothing', async () => {
    const server = await startNats(1)
    stops.push(() => server.remove())
    const fleet = await openFleet(settingsOf(server.urls), context)
    stops.push(() => fleet.connection.close())
    const clock = systemClock()
    const membership = new Membership({
      ...{ leases: fleet.leases, name: 'g', run: '1', shards: 2, leaseMs: 60_000, clock },
      members: async () => [],
    })
    await membership.beat()
    const shard = shardOf('u-1', 2)
    const all = await membership.acquire(2, new Map())
    const held = all.find((one) => one.shard === shard)
    if (held === undefined) throw new Error('the shard was not taken')
    const entry = { did: 'did:key:u', seq: 0, bytes: 'b3Vycw==', receivedUs: 1, timeUs: 1 }
    const theirs = { ...entry, bytes: 'dGhlaXJz' }
    await fleet.chains.create(entryKey('u-1', entry), JSON.stringify(theirs))
    const { subjectOf } = namesOf({ fleet: 'test', shards: 2 })
    await fleet.js.publish(subjectOf(topic), record.payload, { headers: encodeHeaders(record) })
    const kept: KeptUnit = {
      ...{ unit: 'u-1', machine: 'test_drill', store: '{}', outside: '{}', entries: [entry] },
    }
    const notes: string[] = []
    const ended = await new Shard({
      ...{ fleet, held, membership, clock, sink: 'influx1', ending: new AbortController().signal },
      handover: {
        ...{ chainKey: async () => '', settled: async () => true, give: async () => kept },
        ...{ take: async () => {}, forget: async () => {} },
      },
      emit: (_, done) => done(),
      note: (line) => notes.push(line),
    }).run()
    expect(ended).toBe('fenced')
    expect(notes.join()).toContain('nats_fork')
    expect(held.position).toBe(0)
    expect((await fleet.chains.get(entryKey('u-1', entry)))?.json()).toEqual(theirs)
    expect(await fleet.units.get(`${shard}.u-1`)).toBeNull()
  })
})
