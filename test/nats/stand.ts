// A real nats-server with a fleet of one shard, and owners of it whose handover and log only write
// down what they are asked.
import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { KeptUnit } from '../../gateway/core/handover.ts'
import type { Source } from '../../gateway/core/source.ts'
import { type Fleet, openFleet } from '../../gateway/sources/nats/connection.ts'
import { create } from '../../gateway/sources/nats/index.ts'
import { Membership } from '../../gateway/sources/nats/membership.ts'
import { encodeHeaders } from '../../gateway/sources/nats/message.ts'
import type { NatsSettings } from '../../gateway/sources/nats/settings.ts'
import { Shard } from '../../gateway/sources/nats/shard.ts'
import { startNats } from '../servers/nats.ts'

type Stops = (() => unknown)[]

export const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await setTimeout(10)
}

export const topic = 'tenfold/v1/test_drill/u-1/report'
export const stream = 'test_messages_0'

/** A fleet of one shard, and messages in its stream, from 1 on. */
export const openStand = async (stops: Stops, { messages = 0, servers = 1 } = {}) => {
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

export interface OwnerOptions {
  position?: number
  /** How fast its clock runs. */
  speed?: number
  name?: string
  leaseMs?: number
  /** What it had of a unit before the fleet. */
  has?: Readonly<Record<string, KeptUnit>>
  /** Whether store and sink have what is in the log. */
  settled?: () => Promise<boolean>
  /** Whether the log takes a message. */
  takes?: (seq: number) => boolean
}

/** An owner of the shard; `did`: what it was asked, in order. */
export const startOwner = async (fleet: Fleet, stops: Stops, options: OwnerOptions = {}) => {
  const { position = 0, speed = 1, name = 'g', leaseMs = 600_000, has = {} } = options
  const clock = systemClock()
  const members = async () => []
  const run = '1'
  const membership = new Membership({
    ...{ leases: fleet.leases, name, run, shards: 1, leaseMs, clock, members },
  })
  await membership.beat()
  const [held] = await membership.acquire(1, new Map())
  if (held === undefined) throw new Error('the shard was not taken')
  if (position > 0) await membership.keep(held, position)
  const [did, notes]: [string[], string[]] = [[], []]
  const taken = () =>
    did.flatMap((one) => (one.startsWith('message') ? [Number(one.slice(8))] : []))
  const shard = new Shard({
    ...{ fleet, held, membership, sink: 'influx1', ending: new AbortController().signal },
    clock: { ...clock, monotonicMs: () => speed * clock.monotonicMs() },
    handover: {
      chainKey: async () => '',
      settled: options.settled ?? (async () => true),
      give: async ({ unit }) => has[unit],
      take: async ({ unit, store }) => void did.push(`take ${unit} ${store}`),
      forget: async (unit) => void did.push(`forget ${unit}`),
    },
    emit: ({ session }, done) => {
      const seq = Number(session.split(':')[1])
      did.push(`message ${seq}`)
      done(options.takes?.(seq) === false ? new Error('the log is full') : undefined)
    },
    note: (line) => notes.push(line),
  })
  const ended = shard.run()
  stops.push(async () => {
    shard.stop()
    await ended
  })
  return { held, did, notes, ended, shard, membership, taken }
}

/** Code of the error at opening; `none` where the fleet opens and keeps what it is given. */
export const openingOf = async (
  settings: NatsSettings,
  { secret = 'none', hidden = secret }: { secret?: string; hidden?: string } = {},
): Promise<unknown> => {
  try {
    const fleet = await openFleet(settings, { secret: () => secret, chainKey: 'did:key:one' })
    try {
      await fleet.leases.put('try', '1')
      expect((await fleet.leases.get('try'))?.string()).toBe('1')
    } finally {
      await fleet.connection.close()
    }
    return 'none'
  } catch (error) {
    expect(JSON.stringify(error) + String(error)).not.toContain(hidden)
    return (error as { code?: unknown }).code
  }
}

/** A gateway's source; it says that it has whatever it is asked for. */
export const startSource = async (settings: NatsSettings, stops: Stops): Promise<Source> => {
  const source = create(settings, {
    ...{ profiles: [], clock: systemClock(), folder: '/nowhere', sinks: ['influx1'] },
    random: (bytes) => Buffer.alloc(bytes, 7),
    secret: () => '',
    handover: {
      ...{ chainKey: async () => 'did:key:one', settled: async () => true },
      ...{ give: async () => undefined, take: async () => {}, forget: async () => {} },
    },
    note: () => {},
  })
  await source.start((_, done) => done())
  stops.push(() => source.stop())
  return source
}
