// A gateway process that reads an OPC UA server process over a secure channel, approved by each
// other: what the tests kill and freeze to see when data flow again. Ask it only while it runs.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Books } from '../../gateway/core/delivery.ts'
import type { SourceLink } from '../../gateway/core/link.ts'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { later, unservedMs } from '../torture/flow.ts'
import { Memory } from '../torture/memory.ts'
import { long, sleep } from '../torture/world.ts'
import { Desk, freePort, introduce, Server, settingsFor, temporary, valuesUri } from './stand.ts'

const machine = 'cordless_drill'
/** Counts to values within the signals' plausible ranges. */
const scale = 1e-3

export interface Flow {
  /** From the return to the next new reading in the store. */
  tookMs: number
  /** Of that, what a thread of gateway or server waited for a processor at most. */
  waitedMs: number
}

export class Hall {
  readonly server: Server
  readonly gateway: GatewayProcess
  readonly units: readonly string[]
  readonly memory: Memory

  constructor(parts: Pick<Hall, 'server' | 'gateway' | 'units'>) {
    this.server = parts.server
    this.gateway = parts.gateway
    this.units = parts.units
    this.memory = new Memory(() => this.gateway.child.pid)
    later(() => this.memory.end())
  }

  /** It goes after the test. @param more further settings of the gateway */
  static async start(count: number, more: object = {}): Promise<Hall> {
    const place = temporary()
    later(() => place.remove())
    const server = new Server({
      ...{ port: await freePort(), folder: join(place.path, 'server'), counting: 2 * count },
      ...{ everyMs: 100, history: true, policies: ['Basic256Sha256'], modes: ['SignAndEncrypt'] },
    })
    later(() => server.kill())
    await server.start()
    const data = join(place.path, 'gateway')
    mkdirSync(data)
    const units = Array.from({ length: count }, (_, i) => `hall-${i}`)
    const planned = units.map((unit, i) => ({
      ...{ unit, machine, namespace: valuesUri, samplingMs: 20 },
      nodes: {
        trigger: { node: `s=Count${2 * i}`, scale },
        pack_voltage: { node: `s=Count${2 * i + 1}`, scale },
      },
    }))
    const { deafMs: _, publishMs: __, ...usual } = settingsFor(server, { units: planned })
    const settings = { data, sources: { opcua: { servers: [usual] } }, ...more }
    writeFileSync(join(data, 'tenfold.json'), JSON.stringify(settings))
    const gateway = await startGatewayProcess({ data })
    later(() => gateway.kill())
    const hall = new Hall({ server, gateway, units })
    await introduce(server, new Desk(join(data, 'sources', 'opcua')))
    await hall.flow()
    return hall
  }

  async get<T>(path: string): Promise<T> {
    return (await (await fetch(new URL(path, this.gateway.pageUrl))).json()) as T
  }

  /** Until every unit has a reading in the store whose source time is after this moment. */
  async flow(): Promise<Flow> {
    const pids = [this.gateway.child.pid, this.server.pid]
    const [fromUs, beginMs, unserved] = [Date.now() * 1000, performance.now(), unservedMs(pids)]
    for (;;) {
      const { units } = await this.get<{ units: UnitSummary[] }>('/api/units')
      const newest = (unit: string) => units.find((one) => one.unit === unit)?.lastTimeUs ?? 0
      if (this.units.every((unit) => newest(unit) > fromUs)) break
      await sleep(25)
    }
    const tookMs = performance.now() - beginMs
    return { tookMs, waitedMs: Math.max(0, unservedMs(pids) - unserved) }
  }

  /** Until the gateway says that the server is there, or away; it says it once a second. */
  async says(wanted: 'connected' | 'away'): Promise<void> {
    const isConnected = async (): Promise<boolean> => {
      const { links } = await this.get<{ links: SourceLink[] }>('/api/links')
      return links.some((link) => link.isConnected)
    }
    while ((await isConnected()) !== (wanted === 'connected')) await sleep(25)
  }

  /** The books balance, nothing was refused, the memory did not grow. */
  async check(): Promise<void> {
    for (const one of await this.get<Books[]>('/api/books')) {
      const { received, stored, pending, quarantined, duplicate, dropped } = one
      const gone = Object.values(dropped).reduce((sum, count) => sum + count, 0)
      expect(stored + pending + quarantined + duplicate + gone).toBe(received)
      expect([one.sink, quarantined, duplicate, gone]).toEqual([one.sink, 0, 0, 0])
    }
    // The short form is over before all of it is compiled.
    if (long) this.memory.check('memory')
    expect(await this.gateway.stop()).toBe(0)
  }
}
