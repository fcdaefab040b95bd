// A whole gateway with both settings on: a foreign unit arrives in its books with its value, and a
// unit of ours is announced to a client that listens as Home Assistant does.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { connect, heard, later, until } from '../mqtt/stand.ts'
import { startGatewayProcess } from '../servers/gateway.ts'

const mapping = {
  machine: 'nutrunner',
  topics: {
    '{unit}/sensor/torque/state': { values: { torque: {} } },
    '{unit}/sensor/cycles/state': { values: { cycles: {} } },
    '{unit}/status': { availability: { online: 'online', offline: 'offline' } },
  },
}

test('from a foreign topic to the page, and from a hello to an announcement', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tenfold-foreign-'))
  later(() => rmSync(data, { recursive: true, force: true }))
  const set = { 'mqtt.foreign': JSON.stringify([mapping]), 'mqtt.homeAssistant': true }
  const gateway = await startGatewayProcess({ data, set })
  later(() => gateway.kill())
  const client = await connect(`mqtt://127.0.0.1:${gateway.mqttPort}`)
  const got = heard(client)
  await client.subscribeAsync('homeassistant/#')
  await client.publishAsync('station-3/sensor/torque/state', '12.5', { qos: 1 })
  await client.publishAsync('station-3/sensor/cycles/state', '41', { qos: 1 })
  await client.publishAsync('station-3/status', 'asleep', { qos: 1 })
  await client.publishAsync('tenfold/v1/cordless_drill/drill-1/hello', '{"boot":1,"t":0}', {
    qos: 1,
  })
  const summary = async (): Promise<UnitSummary | undefined> => {
    const reply = await fetch(new URL('/api/units', gateway.pageUrl))
    const { units } = (await reply.json()) as { units: UnitSummary[] }
    return units.find(({ unit }) => unit === 'station-3')
  }
  let found = await summary()
  while ((found?.quarantined ?? 0) === 0) found = await summary()
  expect(found).toMatchObject({
    ...{ machine: 'nutrunner', readings: 2, quarantined: 1, counters: { cycles: 41 } },
    values: { torque: { value: 12.5, quality: 'good' } },
  })
  await until(() => got.some((line) => line.includes('tenfold-drill-1/')))
  expect(got.some((line) => line.includes('station-3'))).toBe(false)
})
