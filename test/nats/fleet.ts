// A fleet for tests: real nats-servers, real gateway processes, one real database, and units
// at their brokers.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { inspect } from 'node:util'
import { connect } from '@nats-io/transport-node'
import { decodeCbor } from '../../gateway/attestation/cbor.ts'
import { coseTypes, decodeSign1 } from '../../gateway/attestation/cose.ts'
import type { Books } from '../../gateway/core/delivery.ts'
import { measurementOf } from '../../hardware-profiles/names.ts'
import { freePort, type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { type Influxd, startInfluxd } from '../servers/influxd.ts'
import { type NatsCluster, natsInstalled, startNats } from '../servers/nats.ts'

export const machine = 'cordless_drill'
export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

export interface Fleet {
  readonly nats: NatsCluster
  readonly influx: Influxd
  readonly folder: string
  /** Starts a gateway of this name, on its own folder and port; again after a kill. */
  start(name: string): Promise<GatewayProcess>
  port(name: string): Promise<number>
  /** Resolves when every server has all of every stream. */
  inStep(): Promise<void>
  remove(): Promise<void>
}

/** undefined, with a printed line, where a server is not installed. */
export const startFleet = async (set: Record<string, unknown> = {}): Promise<Fleet | undefined> => {
  if (!natsInstalled()) return undefined
  const influx = await startInfluxd()
  if (influx === undefined) return undefined
  const nats = await startNats(3)
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-fleet-'))
  const ports = new Map<string, number>()
  const running = new Map<string, GatewayProcess>()
  const port = async (name: string): Promise<number> => {
    const known = ports.get(name) ?? (await freePort())
    ports.set(name, known)
    return known
  }
  return {
    ...{ nats, influx, folder, port },
    inStep: () => inStep(nats.urls),
    start: async (name) => {
      const data = join(folder, name)
      mkdirSync(join(data, 'keys'), { recursive: true, mode: 0o700 })
      const [first = name] = ports.keys()
      await port(name)
      // One key for units without a key, as the README asks for.
      if (first !== name) {
        copyFileSync(join(folder, first, 'keys', 'units.key'), join(data, 'keys', 'units.key'))
      }
      const gateway = await startGatewayProcess({
        ...{ data, mqttPort: await port(name) },
        set: {
          'sources.nats.name': name,
          'sources.nats.servers': JSON.stringify(nats.urls),
          'sources.nats.shards': 6,
          'sources.nats.leaseMs': 2000,
          'sources.nats.bytesMax': 64 * 1024 ** 2,
          'sinks.influx1.url': influx.url,
          ...set,
        },
      })
      running.set(name, gateway)
      return gateway
    },
    remove: async () => {
      for (const gateway of running.values()) {
        gateway.child.kill('SIGCONT')
        await gateway.kill()
      }
      await nats.remove()
      await influx.remove()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface Cluster {
  leader?: string
  replicas?: { current?: boolean; lag?: number }[]
}

const inStep = async (servers: readonly string[]): Promise<void> => {
  const connection = await connect({ servers: [...servers], maxReconnectAttempts: -1 })
  const isInStep = async (): Promise<boolean> => {
    const ask = async (what: string) => (await connection.request(`$JS.API.STREAM.${what}`)).json()
    const { streams = [] } = (await ask('NAMES')) as { streams?: string[] }
    const of = (name: string) => ask(`INFO.${name}`) as Promise<{ cluster?: Cluster }>
    const infos = await Promise.all(streams.map(of))
    return infos.length > 0 && infos.every(({ cluster }) => isWhole(cluster))
  }
  while (!(await isInStep().catch(() => false))) await sleep(100)
  await connection.close()
}

const isWhole = (cluster: Cluster | undefined): boolean =>
  (cluster?.leader ?? '') !== '' &&
  (cluster?.replicas ?? []).every(({ current, lag = 0 }) => current === true && lag === 0)

/** Sequences of a unit in the shared database, ascending, every row of it. */
export const rowsOf = async ({ influx }: Fleet, unit: string): Promise<number[]> => {
  const rows = await influx
    .query(
      `SELECT "report.sequence" FROM "raw"."${measurementOf(machine)}" WHERE unit = '${unit}'`,
      { db: 'tenfold' },
    )
    .catch(() => [])
  return rows.map((row) => Number(row['report.sequence'])).sort((a, b) => a - b)
}

/** What is at each place of every chain, over the stores of all gateways; one where none forks. */
export const placesOf = (folders: readonly string[]): Map<string, Set<string>> => {
  const places = new Map<string, Set<string>>()
  for (const folder of folders) {
    const store = new DatabaseSync(join(folder, 'store', 'store.sqlite'), { readOnly: true })
    for (const row of store.prepare('SELECT key, seq, hash, bytes FROM entry').all()) {
      const place = `${row['key']} ${row['seq']}`
      const hash = Buffer.from(row['hash'] as Uint8Array).toString('hex')
      const { payload } = decodeSign1(row['bytes'] as Uint8Array, coseTypes.entry)
      const said = `${hash} ${inspect(decodeCbor(payload), { depth: 9 })}`
      places.set(place, (places.get(place) ?? new Set()).add(said))
    }
    store.close()
  }
  return places
}

export const booksOf = async ({ pageUrl }: GatewayProcess): Promise<Books[]> =>
  (await (await fetch(new URL('/api/books', pageUrl))).json()) as Books[]

/** Records that the books cannot account for, over all sinks of a gateway; 0 where they balance. */
export const unaccounted = (books: readonly Books[]): number =>
  books.reduce((sum, { received, stored, pending, quarantined, duplicate, dropped }) => {
    const gone = Object.values(dropped).reduce((all, one) => all + one, 0)
    return sum + Math.abs(received - stored - pending - quarantined - duplicate - gone)
  }, 0)
