// The whole gateway as a process, with a real OPC UA server as its source and its own OPC UA server
// as a sink: a value goes in at one end and is read at the other; and a gateway without these
// settings loads no OPC UA library.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { CertificateFolder } from '../../gateway/opcua/certificates.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { importsOf } from '../tree.ts'
import {
  Desk,
  freePort,
  introduce,
  Server,
  settingsFor,
  temporary,
  until,
  valuesUri,
} from './stand.ts'

const place = temporary()
let server: Server
let gateway: GatewayProcess

beforeAll(async () => {
  const folder = join(place.path, 'server')
  server = new Server({
    ...{ port: await freePort(), folder, counting: 1, everyMs: 100, history: true },
    ...{ policies: ['Basic256Sha256'], modes: ['SignAndEncrypt'] },
  })
  await server.start()
  mkdirSync(join(place.path, 'gateway'))
}, 60_000)

afterAll(async () => {
  await gateway?.stop()
  await server.kill()
  place.remove()
})

describe('a gateway between two OPC UA peers', () => {
  test('reads one and shows what it read to the other', { timeout: 60_000 }, async () => {
    const data = join(place.path, 'gateway')
    const unit = {
      ...{ unit: 'drill-9', machine: 'cordless_drill', namespace: valuesUri, samplingMs: 20 },
      nodes: { trigger: { node: 's=Count0', scale: 0.001 } },
    }
    const port = await freePort()
    const settings = {
      ...{ data, http: { port: 0 }, mqtt: { port: 0 } },
      sources: { opcua: { servers: [settingsFor(server, { units: [unit] })] } },
      sinks: { opcua: { port, modes: ['None'] } },
    }
    writeFileSync(join(data, 'tenfold.json'), JSON.stringify(settings))
    gateway = await startGatewayProcess({ data })
    await introduce(server, new Desk(join(data, 'sources', 'opcua')))
    const readings = async (): Promise<UnitSummary | undefined> => {
      const answer = await fetch(`${gateway.pageUrl}api/units`)
      const { units } = (await answer.json()) as { units: UnitSummary[] }
      return units.find((one) => one.unit === 'drill-9')
    }
    let drill: UnitSummary | undefined
    while ((drill?.readings ?? 0) < 4) drill = await readings()
    expect(drill?.quarantined).toBe(0)
    const other = new Desk(join(place.path, 'other'))
    const nodes = { count0: 's=drill-9/Signals/trigger', count1: 's=drill-9/Counters/starts' }
    await other.start(
      [
        {
          ...{ name: 'back', url: `opc.tcp://127.0.0.1:${port}`, security: { mode: 'None' } },
          units: [{ unit: 'back-1', machine: 'press', namespace: 'urn:tenfold:v1:units', nodes }],
        },
      ],
      2,
    )
    await until('the value at the other end', () => other.values('count0').length > 3)
    await other.stop()
    const [first] = other.values('count0')
    expect(first).toBeGreaterThan(0)
    expect(gateway.printed()).toContain('WITHOUT SECURITY')
    expect(new CertificateFolder(join(data, 'sinks', 'opcua', 'pki')).own()).toBeDefined()
  })

  test('loads no OPC UA library where the settings ask for none', () => {
    const roots = ['main', 'config', 'pipeline/worker', 'sources/opcua/index', 'sinks/opcua/index']
    const reached = new Set<string>()
    const walk = (file: string): void => {
      if (reached.has(file)) return
      reached.add(file)
      for (const { ours, target } of importsOf(file)) {
        if (ours) walk(target)
        else expect(target, file).not.toBe('node-opcua')
      }
    }
    for (const name of roots) walk(`gateway/${name}.ts`)
    expect(reached.size).toBeGreaterThan(40)
  })
})
