// A database of the later kinds goes away: stopped and started, standing still, its cable frozen,
// half open, cut. A report that was sent after its return is there within seconds. For InfluxDB 2.x
// with a real VictoriaMetrics, which takes its writes; for 3 there is only a stand-in.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RawUnit } from '../mqtt/raw-unit.ts'
import { freePort, startGatewayProcess } from '../servers/gateway.ts'
import { startLaterInflux } from '../servers/influx-later.ts'
import { startVictoria } from '../servers/victoria.ts'
import { awayMs, freshIn, later, type Reaching } from './flow.ts'
import { type Link, startLink } from './link.ts'
import { machine, report, sleep } from './world.ts'

interface Database {
  port: number
  settings: Record<string, unknown>
  /** Greatest sequence that it has; -1 before the first. */
  newest(): Promise<number>
}

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'tenfold-flow-'))
  later(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const running = async (sink: 'influx2' | 'influx3', database: Database) => {
  const link = await startLink(database.port)
  later(() => link.close())
  const data = folder()
  const own = Object.entries({ url: `http://127.0.0.1:${link.port}`, ...database.settings })
  const set = Object.fromEntries(own.map(([key, value]) => [`sinks.${sink}.${key}`, value]))
  const mqttPort = await freePort()
  const gateway = await startGatewayProcess({ data, mqttPort, set })
  later(() => gateway.kill())
  const pace = { inFlight: 1, everyMs: 100, hello: '{"boot":1,"t":0}' }
  const unit = new RawUnit({ ...pace, machine, unit: 'near-1', port: mqttPort, report })
  later(() => unit.end())
  const reaching: Reaching = {
    arrived: async (sent) => (await database.newest()) >= sent,
    sent: () => unit.sent,
    pids: () => [gateway.child.pid],
  }
  const end = async (): Promise<void> => {
    expect(await gateway.stop()).toBe(0)
  }
  return { link, reaching, end }
}

const cableFaults: [string, (cable: Link) => unknown][] = [
  [
    'whose cable carries nothing for a while',
    async (cable) => {
      cable.freeze()
      await sleep(awayMs)
      cable.thaw()
    },
  ],
  ['that has forgotten its connections without a word', (cable) => cable.forget()],
  ['whose connections are reset', (cable) => cable.cut()],
]

test('influx2', { timeout: 600_000 }, async () => {
  const victoria = await startVictoria()
  if (victoria === undefined) return
  later(() => victoria.remove())
  const newest = async (): Promise<number> => {
    const found = await victoria.points('{unit="near-1",__name__=~".*report.sequence"}')
    return Math.max(-1, ...[...found.values()].flatMap((one) => [...one.values()]))
  }
  const settings = { org: 'coop', setUp: false }
  const port = Number(new URL(victoria.url).port)
  const { link, reaching, end } = await running('influx2', { port, settings, newest })
  await freshIn('influx2, at the start', reaching, Number.POSITIVE_INFINITY)
  await victoria.stop()
  await sleep(awayMs)
  await victoria.start()
  await freshIn('influx2, stopped and back', reaching)
  victoria.freeze()
  await sleep(awayMs)
  victoria.thaw()
  await freshIn('influx2, standing still for a while', reaching)
  for (const [what, fault] of cableFaults) {
    await fault(link)
    await freshIn(`influx2, ${what}`, reaching)
  }
  await end()
})

test('influx3', { timeout: 600_000 }, async () => {
  const server = await startLaterInflux({ version: 3, token: 'a-token' })
  later(() => server.remove())
  const newest = async (): Promise<number> => {
    const points = [...server.kept.values()].flatMap((one) => [...one.values()])
    return Math.max(-1, ...points.map(({ fields }) => Number(fields['report.sequence'] ?? -1)))
  }
  const secret = join(folder(), 'token')
  writeFileSync(secret, 'a-token', { mode: 0o600 })
  const settings = { 'token.file': secret }
  const port = Number(new URL(server.url).port)
  const { link, reaching, end } = await running('influx3', { port, settings, newest })
  await freshIn('influx3, at the start', reaching, Number.POSITIVE_INFINITY)
  for (const [what, fault] of cableFaults) {
    await fault(link)
    await freshIn(`influx3, ${what}`, reaching)
  }
  await end()
})
