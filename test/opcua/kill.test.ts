// A gateway is killed (SIGKILL) at random points while it reads an OPC UA server process that keeps
// history, and started again. Afterwards each value of the server is in the embedded store exactly
// once, none is missing, and the books balance. TENFOLD_KILLS kills more often; TENFOLD_SEED
// repeats a run's points.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { Books } from '../../gateway/core/delivery.ts'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { fieldOf, tableOf } from '../../hardware-profiles/names.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { randomOf, sleep } from '../torture/world.ts'
import { freePort, Server, settingsFor, valuesUri } from './stand.ts'

const kills = Math.ceil(Number(process.env['TENFOLD_KILLS'] ?? 100) / 20)
const seed = Number(process.env['TENFOLD_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const machine = 'cordless_drill'
const units = ['kill-o', 'kill-p']
/** Counts to values within the signals' plausible ranges. */
const scale = 1e-3
const fields = [fieldOf('trigger', '%'), fieldOf('pack_voltage', 'V')]

const get = async <T>(gateway: GatewayProcess, path: string): Promise<T> =>
  (await (await fetch(new URL(path, gateway.pageUrl))).json()) as T

const readings = async (gateway: GatewayProcess): Promise<number> => {
  const { units: known } = await get<{ units: UnitSummary[] }>(gateway, '/api/units')
  return Math.min(...units.map((unit) => known.find((one) => one.unit === unit)?.readings ?? 0))
}

const moreReadings = async (gateway: GatewayProcess): Promise<void> => {
  const before = await readings(gateway)
  while ((await readings(gateway)) <= before) await sleep(20)
}

const settled = async (gateway: GatewayProcess): Promise<Books[]> => {
  for (;;) {
    const books = await get<Books[]>(gateway, '/api/books')
    if (books.every(({ pending }) => pending < 100)) return books
    await sleep(20)
  }
}

/** Whole numbers that the store has of a signal, as often as it has them. */
const storedIn = (data: string, unit: string, field: string): number[] => {
  const store = new DatabaseSync(join(data, 'store', 'store.sqlite'), { readOnly: true })
  const rows = store
    .prepare(
      `SELECT "${field}" AS value FROM ${tableOf(machine)} WHERE "${field}" IS NOT NULL
       AND unit = (SELECT id FROM unit WHERE unit = ?) ORDER BY time_us`,
    )
    .all(unit) as { value: number }[]
  store.close()
  return rows.map(({ value }) => Math.round(value / scale))
}

test(`${kills} kills while OPC UA values come lose none and store none twice (seed ${seed})`, async () => {
  const random = randomOf(seed)
  const data = mkdtempSync(join(tmpdir(), 'tenfold-opcua-kill-'))
  const server = new Server({
    ...{ port: await freePort(), folder: join(data, 'server'), counting: 4, everyMs: 100 },
    ...{ history: true, policies: ['None'], modes: ['None'] },
  })
  const nodes = (first: number) => ({
    trigger: { node: `s=Count${first}`, scale },
    pack_voltage: { node: `s=Count${first + 1}`, scale },
  })
  const planned = units.map((unit, i) => ({
    ...{ unit, machine, namespace: valuesUri, samplingMs: 20, nodes: nodes(2 * i) },
  }))
  const servers = [settingsFor(server, { security: { mode: 'None' }, units: planned })]
  let gateway: GatewayProcess | undefined
  try {
    await server.start()
    writeFileSync(
      join(data, 'tenfold.json'),
      JSON.stringify({ data, sources: { opcua: { servers } } }),
    )
    for (let kill = 0; kill < kills; kill += 1) {
      gateway = await startGatewayProcess({ data })
      // Some kills fall before the first value, most between two that are remembered.
      if (kill === 0 || random() < 0.8) await moreReadings(gateway)
      await sleep(random() * 2000)
      await gateway.kill()
    }
    gateway = await startGatewayProcess({ data })
    await moreReadings(gateway)
    for (const one of await settled(gateway)) {
      const { received, stored, pending, quarantined, duplicate, dropped } = one
      const given = Object.values(dropped).reduce((sum, n) => sum + n, 0)
      expect(received).toBe(stored + pending + quarantined + duplicate + given)
      expect([quarantined, duplicate, given]).toEqual([0, 0, 0])
    }
    expect(await gateway.stop()).toBe(0)
    for (const unit of units) {
      for (const field of fields) {
        const values = storedIn(data, unit, field)
        expect(values.length).toBeGreaterThan(kills)
        const all = values.map((_, i) => (values[0] as number) + i)
        const missing = all.filter((count) => !values.includes(count))
        const twice = values.filter((count, i) => values.indexOf(count) !== i)
        expect({ unit, field, missing, twice }).toEqual({ unit, field, missing: [], twice: [] })
        expect(values).toEqual(all)
      }
    }
  } finally {
    await gateway?.kill()
    await server.kill()
    rmSync(data, { recursive: true, force: true })
  }
}, 3_600_000)
