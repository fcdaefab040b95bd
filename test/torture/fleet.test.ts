// A fleet whose servers all go away and come back: what its fronts take flows again into the shared
// database within seconds of the moment at which the servers answer. They need some seconds of
// their own to elect who leads; that is measured by itself, with a client of the test's own.
import { jetstream } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { expect, test } from 'vitest'
import { measurementOf } from '../../hardware-profiles/names.ts'
import { RawUnit } from '../mqtt/raw-unit.ts'
import { booksOf, type Fleet, machine, rowsOf, startFleet, unaccounted } from '../nats/fleet.ts'
import type { GatewayProcess } from '../servers/gateway.ts'
import { awayMs, later, limitMs, unservedMs } from './flow.ts'
import { report, sleep, within } from './world.ts'

const unitsAt = (port: number, names: readonly string[]): RawUnit[] =>
  names.map((unit) => {
    const pace = { inFlight: 1, everyMs: 200, hello: '{"boot":1,"t":0}' }
    const one = new RawUnit({ ...pace, machine, unit, port, report })
    later(() => one.end())
    return one
  })

/** The greatest sequence of each unit in the database. */
const newest = async ({ influx }: Fleet, name: string): Promise<number> => {
  const from = `"raw"."${measurementOf(machine)}" WHERE unit = '${name}'`
  const [row] = await influx
    .query(`SELECT max("report.sequence") AS s FROM ${from}`, { db: 'tenfold' })
    .catch(() => [])
  return Number(row?.['s'] ?? -1)
}

/** Resolves when every stream and bucket has taken something, as any client sees it. */
const answering = async ({ nats }: Fleet): Promise<void> => {
  const connection = await connect({ servers: [...nats.urls], maxReconnectAttempts: -1 })
  const js = jetstream(connection, { timeout: 500 })
  const streams = Array.from({ length: shards }, (_, shard) => `tenfold.message.${shard}.stray`)
  const buckets = ['leases', 'units', 'chains'].map((name) => `$KV.tenfold_${name}.nobody`)
  for (const subject of [...streams, ...buckets]) {
    while ((await js.publish(subject, '{}').catch(() => undefined)) === undefined) await sleep(50)
  }
  await connection.close()
}
const shards = 6

test('the servers of a fleet, all at once', { timeout: 900_000 }, async () => {
  // The lease that a gateway has where nothing is set.
  const fleet = await startFleet({ 'sources.nats.leaseMs': 10_000 })
  if (fleet === undefined) return
  later(() => fleet.remove())
  const gateways: GatewayProcess[] = [await fleet.start('a'), await fleet.start('b')]
  const names = ['fleet-0', 'fleet-1', 'fleet-2', 'fleet-3']
  const units = [
    ...unitsAt(await fleet.port('a'), names.slice(0, 2)),
    ...unitsAt(await fleet.port('b'), names.slice(2)),
  ]
  const fresh = async (): Promise<void> => {
    const wanted = units.map(({ sent }) => sent)
    for (const [i, name] of names.entries()) {
      while ((await newest(fleet, name)) < (wanted[i] ?? 0)) await sleep(50)
    }
  }
  await fresh()
  await Promise.all([0, 1, 2].map((server) => fleet.nats.kill(server)))
  await sleep(awayMs)
  await Promise.all([0, 1, 2].map((server) => fleet.nats.start(server)))
  const startedMs = performance.now()
  await answering(fleet)
  const pids = [...gateways.map(({ child }) => child.pid), fleet.influx.pid]
  const before = unservedMs(pids)
  const beginMs = performance.now()
  console.log(`three servers: they answer after ${Math.round(beginMs - startedMs)} ms`)
  await fresh()
  const tookMs = performance.now() - beginMs
  const waitedMs = unservedMs(pids) - before
  const said = `all servers of a fleet: data flow after ${Math.round(tookMs)} ms, with a processor`
  // Where the servers come back with numbers that none of them has, an owner asks for them for a
  // minute before it goes on: a message that was taken could be behind them.
  const hasGap = gateways.some((gateway) => gateway.printed().includes('nats_lost'))
  const mostMs = hasGap ? 60_000 + 2 * limitMs : limitMs
  if (hasGap) console.log('numbers of messages were missing (nats_lost)')
  within(Math.max(0, tookMs - waitedMs), mostMs, said)
  for (const unit of units) unit.pause()
  while (units.some(({ open }) => open > 0)) await sleep(20)
  for (const [i, name] of names.entries()) {
    const all = Array.from({ length: units[i]?.sent ?? 0 }, (_, seq) => seq)
    while ((await rowsOf(fleet, name)).length < all.length) await sleep(100)
    expect([name, await rowsOf(fleet, name)]).toEqual([name, all])
  }
  for (const gateway of gateways) {
    while ((await booksOf(gateway)).some(({ pending }) => pending > 0)) await sleep(100)
    expect(unaccounted(await booksOf(gateway))).toBe(0)
  }
})
