// A whole gateway: a unit reports by MQTT, the edge node says it at the gateway's own broker, its
// own host application hears it there as another unit. Killed and started again, nothing is
// missing.
import mqtt from 'mqtt'
import { afterEach, expect, test } from 'vitest'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { freePort, startGatewayProcess } from '../servers/gateway.ts'
import { Stops, tempFolder } from './stand.ts'

const stops = new Stops()
afterEach(() => stops.all())

const units = [
  {
    ...{ from: 'tenfold/gateway/drill-1', unit: 'drill-9', machine: 'cordless_drill' },
    items: { motor_current: 'motor_current', starts: 'Counters/starts' },
  },
]

const readings = async (pageUrl: string, unit: string): Promise<UnitSummary | undefined> => {
  const reply = await fetch(new URL('/api/units', pageUrl))
  const { units: all } = (await reply.json()) as { units: UnitSummary[] }
  return all.find((one) => one.unit === unit)
}

const until = async (check: () => Promise<boolean>): Promise<void> => {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 50))
}

test('what one unit reports is heard as another, over a kill', { timeout: 60_000 }, async () => {
  const data = tempFolder(stops)
  const mqttPort = await freePort()
  const url = `mqtt://127.0.0.1:${mqttPort}`
  const set = {
    'mqtt.sparkplug.hosts': '{}',
    'sources.sparkplug.url': url,
    'sources.sparkplug.units': JSON.stringify(units),
    'sinks.sparkplug.servers': JSON.stringify([url]),
    'sinks.sparkplug.primaryHost': 'tenfold',
  }
  const report = (boot: number, seq: number): string =>
    JSON.stringify({ boot, seq, t: seq * 1000, v: { motor_current: boot * 10 + seq } })
  for (const boot of [1, 2]) {
    const gateway = await startGatewayProcess({ data, mqttPort, set })
    stops.add(() => gateway.kill())
    const drill = await mqtt.connectAsync(url, { clientId: `drill-${boot}` })
    stops.add(() => drill.endAsync(true))
    const topic = 'tenfold/v1/cordless_drill/drill-1'
    await drill.publishAsync(`${topic}/hello`, `{"boot":${boot},"t":0}`, { qos: 1 })
    for (const seq of [1, 2, 3]) {
      await drill.publishAsync(`${topic}/report`, report(boot, seq), { qos: 1 })
    }
    await until(
      async () => ((await readings(gateway.pageUrl, 'drill-9'))?.readings ?? 0) >= 3 * boot,
    )
    expect(await readings(gateway.pageUrl, 'drill-9')).toMatchObject({ quarantined: 0 })
    await drill.endAsync(true)
    await gateway.kill()
  }
})
