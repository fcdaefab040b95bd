// Our edge node as a sink: each row of what its README says goes wrong, with its code, and that
// what was cut off is delivered again.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../servers/gateway.ts'
import { rebirth } from './edge-world.ts'
import {
  client,
  edge,
  nowMs,
  reading,
  Stops,
  startServer,
  startTap,
  tempFolder,
  until,
} from './stand.ts'
import { wireOf } from './wire.ts'

const stops = new Stops()
afterEach(() => stops.all())

test('sparkplug_unreachable: no server', async () => {
  const made = edge(await freePort(), { stops })
  await expect(made.open()).rejects.toMatchObject({ code: 'sparkplug_unreachable' })
})

test('sparkplug_host_offline: nothing is said before its host is there', async () => {
  const { port } = await startServer(stops)
  const made = edge(port, { stops, config: { primaryHost: 'scada' } })
  await expect(made.open()).rejects.toMatchObject({ code: 'sparkplug_host_offline' })
  const batch = { readings: [reading('drill-1')], events: [] }
  await expect(made.write(batch)).rejects.toMatchObject({ code: 'sparkplug_host_offline' })
})

test('sparkplug_birth_count: a damaged file is said, not overwritten', async () => {
  const { port } = await startServer(stops)
  const folder = tempFolder(stops)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'birth.json'), '{"bdSeq":')
  const notes: string[] = []
  const made = edge(port, { stops, folder, note: (line) => notes.push(line) })
  await expect(made.open()).rejects.toMatchObject({ code: 'sparkplug_unreachable' })
  expect(notes.join()).toMatch(/birth\.json cannot be used/)
})

test('a command that is not Rebirth, or no payload, is ignored', async () => {
  const { port } = await startServer(stops)
  const tap = await startTap(port, { stops })
  const made = edge(tap.port, { stops })
  await made.open()
  const scada = await client(port, stops)
  const births = () => wireOf(tap.sent).sent.filter(({ kind }) => kind === 'NBIRTH').length
  for (const payload of [Buffer.from([0xff, 0xff]), Buffer.alloc(0)]) {
    await scada.publishAsync('spBv1.0/hall/NCMD/gate', payload, { qos: 1 })
  }
  await until(() => tap.got.filter(({ cmd }) => cmd === 'publish').length === 2)
  expect(births()).toBe(1)
  await scada.publishAsync('spBv1.0/hall/NCMD/gate', rebirth(), { qos: 1 })
  await until(() => births() === 2)
})

test('a delivery that was cut off is refused, and whole when it is sent again', async () => {
  const { port } = await startServer(stops)
  const tap = await startTap(port, { stops })
  const made = edge(tap.port, { stops })
  await made.open()
  const timeUs = nowMs() * 1000
  const readings = Array.from({ length: 50 }, (_, i) =>
    reading('drill-1', { timeUs: timeUs + i * 1000, values: [i, i, i, i, i, 0, 0] }),
  )
  const cut = made.write({ readings, events: [] })
  tap.cut()
  await expect(cut).rejects.toMatchObject({ code: 'sparkplug_unreachable' })
  await made.open()
  const from = tap.sent.length
  await made.write({ readings, events: [] })
  const again = wireOf(tap.sent).sent.filter(({ kind, at }) => kind === 'DDATA' && at >= from)
  const times = new Set(again.flatMap(({ items }) => items.map(({ timestamp }) => timestamp)))
  // The newest is in the birth already; what is older comes as history.
  expect(times.size).toBe(49)
  expect(again.every(({ items }) => items.every((item) => item.isHistorical === true))).toBe(true)
})
