// What the torture tests have in common: a gateway in a process of its own with the embedded store
// and, where it is installed, a real InfluxDB behind a link that can fail; units that know exactly
// what was acknowledged; and the end of every test: the books balance per sink, nothing that was
// acknowledged is missing anywhere, nothing is there twice, the memory did not grow.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import type { Books } from '../../gateway/core/delivery.ts'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { tableOf } from '../../hardware-profiles/names.ts'
import { RawUnit } from '../mqtt/raw-unit.ts'
import { freePort, type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { type Influxd, startInfluxd } from '../servers/influxd.ts'
import { type Link, startLink } from './link.ts'
import { Memory } from './memory.ts'

export const long = process.env['TENFOLD_LONG'] === '1'
export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))
export const machine = 'cordless_drill'

/** mulberry32: small, and the same everywhere for one seed. */
export const randomOf = (start: number) => {
  let state = start
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export const report = (seq: number): string =>
  JSON.stringify({
    boot: 1,
    seq,
    t: seq * 1000,
    v: { motor_current: (seq % 100) / 10, pack_voltage: 18 },
    c: { starts: seq + 1, run_time: (seq + 1) * 7 },
  })

export interface WorldOptions {
  units?: number
  /** More settings of the gateway. */
  set?: Record<string, unknown>
  /** Every unit sends this many reports that often. */
  burst?: { reports: number; everyMs: number }
  /** Writes into the data folder before the gateway starts. */
  fill?: (data: string) => Promise<void>
  /** Arguments of Node before the gateway's own. */
  nodeArgs?: readonly string[]
  /** Bytes of a report; absent: as long as it is. */
  reportBytes?: number
}

export class World {
  readonly data: string
  readonly names: readonly string[]
  readonly units: RawUnit[] = []
  readonly influx: Influxd | undefined
  /** Between gateway and InfluxDB. */
  readonly link: Link | undefined
  /** Between units and gateway. */
  readonly cable: Link
  readonly mqttPort: number
  gateway: GatewayProcess
  readonly #options: WorldOptions
  readonly #memory = new Memory(() => this.gateway.child.pid)

  constructor(options: WorldOptions, parts: Parts) {
    this.#options = options
    const { data, influx, link, cable, mqttPort, gateway } = parts
    this.data = data
    this.influx = influx
    this.link = link
    this.cable = cable
    this.mqttPort = mqttPort
    this.gateway = gateway
    this.names = Array.from({ length: options.units ?? 4 }, (_, i) => `torture-${i}`)
    const { reports, everyMs } = options.burst ?? { reports: 20, everyMs: 20 }
    const padded = (seq: number) => report(seq).padEnd(options.reportBytes ?? 0)
    const base = { machine, port: cable.port, hello: '{"boot":1,"t":0}', report: padded }
    this.units = this.names.map(
      (unit) => new RawUnit({ ...base, unit, inFlight: reports, everyMs }),
    )
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const influx = await startInfluxd()
    const link = influx && (await startLink(Number(new URL(influx.url).port)))
    const mqttPort = await freePort()
    const cable = await startLink(mqttPort)
    const data = mkdtempSync(join(tmpdir(), 'tenfold-torture-'))
    await options.fill?.(data)
    const set = settingsOf(options, link)
    const { nodeArgs = [] } = options
    const gateway = await startGatewayProcess({ data, mqttPort, set, nodeArgs })
    return new World(options, { influx, link, cable, mqttPort, gateway, data })
  }

  /** As after a kill: the same data folder, the same port. */
  async startGateway(): Promise<void> {
    const { data, mqttPort, link } = this
    const set = settingsOf(this.#options, link)
    const { nodeArgs = [] } = this.#options
    this.gateway = await startGatewayProcess({ data, mqttPort, set, nodeArgs })
    this.#memory.forget()
  }

  get acknowledged(): number {
    return this.units.reduce((sum, unit) => sum + unit.acknowledged, 0)
  }

  async get<T>(path: string): Promise<T> {
    return (await (await fetch(new URL(path, this.gateway.pageUrl))).json()) as T
  }

  books(): Promise<Books[]> {
    return this.get<Books[]>('/api/books')
  }

  /** Milliseconds until a sink stores more than it has now; the lag of asking included. */
  async flows(sink: string): Promise<number> {
    const stored = async () => (await this.books()).find((one) => one.sink === sink)?.stored ?? 0
    const before = await stored()
    const beginMs = performance.now()
    while ((await stored()) === before) await sleep(25)
    return performance.now() - beginMs
  }

  /** Nothing new is sent, everything is acknowledged, every sink has read all. */
  async settle(): Promise<Books[]> {
    for (const unit of this.units) unit.pause()
    while (this.units.some(({ open }) => open > 0)) await sleep(10)
    for (;;) {
      const books = await this.books()
      if (books.every(({ pending }) => pending === 0)) return books
      await sleep(50)
    }
  }

  /** @param aside records that are expected in quarantine, by sink */
  async check(aside: Record<string, number> = {}): Promise<void> {
    const books = await this.settle()
    expect(books.map(({ sink }) => sink)).toEqual(this.influx ? ['store', 'influx1'] : ['store'])
    for (const one of books) {
      const { sink, received, stored, pending, quarantined, duplicate, dropped } = one
      const gone = Object.values(dropped).reduce((sum, count) => sum + count, 0)
      expect(stored + pending + quarantined + duplicate + gone).toBe(received)
      expect([sink, quarantined, gone]).toEqual([sink, aside[sink] ?? 0, 0])
    }
    const { units } = await this.get<{ units: UnitSummary[] }>('/api/units')
    for (const [i, name] of this.names.entries()) {
      const sent = this.units[i]?.sent ?? 0
      const unit = units.find((one) => one.unit === name)
      expect(unit).toMatchObject({ counters: { starts: sent, run_time: sent * 7 }, missing: 0 })
      await this.#checkInflux(name, sent)
    }
    this.#memory.check('memory')
    expect(await this.gateway.stop()).toBe(0)
    for (const [i, name] of this.names.entries()) this.#checkStore(name, this.units[i]?.sent ?? 0)
  }

  async remove(): Promise<void> {
    this.#memory.end()
    for (const unit of this.units) unit.end()
    await this.gateway.kill()
    await this.cable.close()
    await this.link?.close()
    await this.influx?.remove()
    rmSync(this.data, { recursive: true, force: true })
  }

  /** Every number once, none that was never sent. */
  #checkStore(name: string, sent: number): void {
    const store = new DatabaseSync(join(this.data, 'store', 'store.sqlite'), { readOnly: true })
    const rows = store
      .prepare(
        `SELECT count(*) AS n, count(DISTINCT sequence) AS different, max(sequence) AS last
         FROM ${tableOf(machine)} WHERE unit = (SELECT id FROM unit WHERE unit = ?)`,
      )
      .get(name)
    store.close()
    expect(rows).toEqual({ n: sent, different: sent, last: sent - 1 })
  }

  async #checkInflux(name: string, sent: number): Promise<void> {
    if (this.influx === undefined) return
    const [row] = await this.influx.query(
      `SELECT count("report.sequence") AS n, sum("report.sequence") AS s, max("starts") AS c
       FROM "raw"."${machine}" WHERE "unit" = '${name}'`,
      { db: 'tenfold' },
    )
    expect(row).toMatchObject({ n: sent, s: (sent * (sent - 1)) / 2, c: sent })
  }

  /**
   * Milliseconds that a thread of gateway or database was ready and had no processor, the longest
   * of them (proc(5), schedstat); 0 where the system does not say.
   */
  get unservedMs(): number {
    const pids = [this.gateway.child.pid, this.influx?.pid]
    return Math.max(0, ...pids.flatMap((pid) => unservedOf(pid)))
  }

  /** MiB that the present gateway held at most. */
  get most(): number {
    return this.#memory.most
  }

  /** MiB that it holds now. */
  get resident(): number {
    return this.#memory.now
  }
}

/** By thread; none where the system does not say. */
export const unservedOf = (pid: number | undefined): number[] => {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')
      return Number(text.split(' ')[1]) / 1e6
    })
  } catch {
    return []
  }
}

interface Parts {
  data: string
  influx: Influxd | undefined
  link: Link | undefined
  cable: Link
  mqttPort: number
  gateway: GatewayProcess
}

const settingsOf = ({ set }: WorldOptions, link: Link | undefined) => ({
  ...(link && {
    'sinks.influx1.url': `http://127.0.0.1:${link.port}`,
    'sinks.influx1.database': 'tenfold',
  }),
  ...set,
})

/** In the long form a limit that was promised; in the short one on a busy machine only a line. */
export const within = (ms: number, limitMs: number, what: string): void => {
  console.log(`${what}: ${Math.round(ms)} ms`)
  if (long) expect(ms).toBeLessThan(limitMs)
}
