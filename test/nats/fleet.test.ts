// A fleet of three NATS servers, real gateways and one database: one server and one gateway are
// killed, another gateway is stopped beyond its lease and wakes up, a third one joins. Nothing that
// was acknowledged is lost, nothing is in the database twice, no chain forks. TENFOLD_LONG=1 does
// it again and again.
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { RawUnit } from '../mqtt/raw-unit.ts'
import type { GatewayProcess } from '../servers/gateway.ts'
import {
  booksOf,
  type Fleet,
  machine,
  placesOf,
  rowsOf,
  sleep,
  startFleet,
  unaccounted,
} from './fleet.ts'

const rounds = process.env['TENFOLD_LONG'] === '1' ? 20 : 1
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const until = async (what: string, check: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; !(await check()); tries += 1) {
    if (tries % 100 === 99) console.log(`still waiting: ${what}`)
    await sleep(100)
  }
}

/** Ten minutes of the unit's time from one report to the next: a day's summary is often due. */
const startUs = Date.UTC(2025, 0, 1) * 1000
const report = (seq: number): string =>
  JSON.stringify({
    ...{ boot: 1, seq, t: seq * 1000, time: startUs + seq * 600_000_000 },
    v: { motor_current: (seq % 100) / 10 },
    c: { starts: seq + 1, run_time: (seq + 1) * 7 },
  })

interface Reporting {
  readonly name: string
  readonly unit: RawUnit
  readonly acknowledged: Set<number>
}

const startUnits = (count: number, port: number, from = 0): Reporting[] =>
  Array.from({ length: count }, (_, i) => {
    const name = `fleet-${from + i}`
    const acknowledged = new Set<number>()
    const base = { machine, port, inFlight: 4, everyMs: 40, hello: '{"boot":1,"t":0}', report }
    const unit = new RawUnit({ ...base, unit: name }, (seq) => acknowledged.add(seq))
    stops.push(() => unit.end())
    return { name, unit, acknowledged }
  })

/** A count of its leases, by its metrics: lines about them are held back where they are many. */
const counted = async ({ pageUrl }: GatewayProcess, name: string): Promise<number> => {
  const text = await (await fetch(new URL('/metrics', pageUrl))).text()
  return Number(new RegExp(`^tenfold_nats_${name} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}
const owned = (gateway: GatewayProcess) => counted(gateway, 'shards_owned')
const fenced = (gateway: GatewayProcess) => counted(gateway, 'fenced_total')

const moreAcknowledged = async (what: string, units: readonly Reporting[]): Promise<void> => {
  const before = units.map(({ acknowledged }) => acknowledged.size)
  await until(what, () => units.every((one, i) => one.acknowledged.size > (before[i] ?? 0) + 20))
}

const drain = async (fleet: Fleet, units: readonly Reporting[]): Promise<void> => {
  for (const { unit } of units) unit.pause()
  await until('acknowledgements', () => units.every(({ unit }) => unit.open === 0))
  for (const { name, unit } of units) {
    await until(
      `${name} in the database`,
      async () => (await rowsOf(fleet, name)).length >= unit.sent,
    )
  }
}

test(
  'a fleet loses nothing, doubles nothing and forks no chain',
  async () => {
    const fleet = await startFleet()
    if (fleet === undefined) return
    stops.push(() => fleet.remove())
    let first = await fleet.start('a')
    const second = await fleet.start('b')
    const units = [
      ...startUnits(4, await fleet.port('a')),
      ...startUnits(4, await fleet.port('b'), 4),
    ]
    await moreAcknowledged('both gateways', units)
    for (let round = 0; round < rounds; round += 1) {
      const server = round % 3
      await fleet.nats.kill(server)
      await first.kill()
      // Those of the gateway that is gone wait; the others go on with two servers of three.
      await moreAcknowledged('one server and one gateway gone', units.slice(4))
      first = await fleet.start('a')
      await fleet.nats.start(server)
      await moreAcknowledged('both back', units)
      await until('it owns something', async () => (await owned(second)) > 0)
      const before = await fenced(second)
      // Beyond its lease and the patience of the others.
      second.child.kill('SIGSTOP')
      await sleep(6000)
      second.child.kill('SIGCONT')
      await until('it is fenced', async () => (await fenced(second)) > before)
      await moreAcknowledged('awake again', units)
      // The next server is not taken away before this one has all that it missed: most servers
      // would not have it.
      await fleet.inStep()
    }
    const third = await fleet.start('c')
    await until('the one that joins gets its share', async () => (await owned(third)) >= 2)
    await moreAcknowledged('three gateways', units)
    await drain(fleet, units)
    for (const { name, unit, acknowledged } of units) {
      const rows = await rowsOf(fleet, name)
      // Each number once, from the first to the last: none lost, none twice.
      expect([name, rows]).toEqual([name, Array.from({ length: unit.sent }, (_, seq) => seq)])
      expect(acknowledged.size).toBe(unit.sent)
    }
    const gateways = [first, second, third]
    for (const gateway of gateways) {
      await until('nothing pending', async () =>
        (await booksOf(gateway)).every(({ pending }) => pending === 0),
      )
      const books = await booksOf(gateway)
      expect(unaccounted(books)).toBe(0)
      expect(books.map(({ quarantined }) => quarantined)).toEqual([0, 0])
    }
    const places = placesOf(['a', 'b', 'c'].map((name) => join(fleet.folder, name)))
    expect(places.size).toBeGreaterThan(units.length * 2)
    expect([...places].filter(([, hashes]) => hashes.size > 1)).toEqual([])
    for (const gateway of gateways) {
      const printed = gateway.printed()
      expect(printed).not.toContain('nats_fork')
    }
    console.log(
      `${units.reduce((sum, { unit }) => sum + unit.sent, 0)} reports, ${places.size} entries`,
    )
  },
  rounds * 600_000,
)
