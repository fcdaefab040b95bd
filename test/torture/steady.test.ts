// Memory at steady traffic: an edge node and a Sparkplug host over a broker outside, and a fleet of
// two gateways that are fronts and owners (TENFOLD_STEADY_MINUTES; ten each in the long form).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RawUnit } from '../mqtt/raw-unit.ts'
import { booksOf, rowsOf, startFleet, unaccounted } from '../nats/fleet.ts'
import { freePort, type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { mosquittoInstalled, startMosquitto } from '../servers/mosquitto.ts'
import { later, startsOf } from './flow.ts'
import { Memory } from './memory.ts'
import { long, machine, report, sleep } from './world.ts'

const minutes = Number(process.env['TENFOLD_STEADY_MINUTES'] ?? (long ? 10 : 0.1))
const timeout = (minutes + 20) * 60_000
const names = ['near-0', 'near-1', 'near-2', 'near-3']

/** A hundred reports a second of all four. */
const unitAt = (port: number, unit: string): RawUnit => {
  const pace = { inFlight: 5, everyMs: 200, hello: '{"boot":1,"t":0}' }
  const one = new RawUnit({ ...pace, machine, unit, port, report })
  later(() => one.end())
  return one
}

const watched = (gateway: GatewayProcess): Memory => {
  const memory = new Memory(() => gateway.child.pid)
  later(() => memory.end())
  return memory
}

const steady = async (units: readonly RawUnit[]): Promise<void> => {
  for (let left = minutes; left > 0; left -= 1) {
    const before = units.map(({ acknowledged }) => acknowledged)
    await sleep(60_000 * Math.min(left, 1))
    expect(units.every((unit, i) => unit.acknowledged > (before[i] ?? 0))).toBe(true)
  }
  for (const unit of units) unit.pause()
  while (units.some(({ open }) => open > 0)) await sleep(20)
}

const balanced = async (gateway: GatewayProcess): Promise<void> => {
  while ((await booksOf(gateway)).some(({ pending }) => pending > 0)) await sleep(100)
  expect(unaccounted(await booksOf(gateway))).toBe(0)
}

test.runIf(mosquittoInstalled())('Sparkplug', { timeout }, async () => {
  const outside = await startMosquitto()
  later(() => outside.remove())
  const url = `mqtt://127.0.0.1:${outside.port}`
  const start = async (set: Record<string, unknown>, mqttPort = 0) => {
    const data = mkdtempSync(join(tmpdir(), 'tenfold-steady-'))
    later(() => rmSync(data, { recursive: true, force: true }))
    const gateway = await startGatewayProcess({ data, mqttPort, set })
    later(() => gateway.kill())
    return gateway
  }
  const bound = names.map((name) => ({
    ...{ from: `tenfold/gateway/${name}`, unit: `far-${name}`, machine },
    items: { motor_current: 'motor_current', starts: 'Counters/starts' },
  }))
  const mqttPort = await freePort()
  const servers = JSON.stringify([url])
  const edge = await start(
    { 'sinks.sparkplug.servers': servers, 'sinks.sparkplug.primaryHost': 'tenfold' },
    mqttPort,
  )
  const host = await start({
    'sources.sparkplug.url': url,
    'sources.sparkplug.units': JSON.stringify(bound),
  })
  const [edgeMemory, hostMemory] = [watched(edge), watched(host)]
  const units = names.map((name) => unitAt(mqttPort, name))
  await steady(units)
  for (const [i, name] of names.entries()) {
    const sent = units[i]?.sent ?? 0
    while (((await startsOf(host)).get(`far-${name}`) ?? 0) < sent) await sleep(100)
    expect((await startsOf(host)).get(`far-${name}`)).toBe(sent)
  }
  for (const gateway of [edge, host]) await balanced(gateway)
  console.log(`Sparkplug: ${units.reduce((sum, { sent }) => sum + sent, 0)} reports`)
  edgeMemory.check('the edge node')
  hostMemory.check('the host')
})

test('a fleet', { timeout }, async () => {
  const fleet = await startFleet()
  if (fleet === undefined) return
  later(() => fleet.remove())
  const gateways = [await fleet.start('a'), await fleet.start('b')]
  const memories = gateways.map(watched)
  const [a, b] = [await fleet.port('a'), await fleet.port('b')]
  const units = names.map((name, i) => unitAt(i < 2 ? a : b, name))
  await steady(units)
  for (const [i, name] of names.entries()) {
    const all = Array.from({ length: units[i]?.sent ?? 0 }, (_, seq) => seq)
    while ((await rowsOf(fleet, name)).length < all.length) await sleep(500)
    expect(await rowsOf(fleet, name)).toEqual(all)
  }
  for (const gateway of gateways) await balanced(gateway)
  console.log(`a fleet: ${units.reduce((sum, { sent }) => sum + sent, 0)} reports`)
  for (const [i, memory] of memories.entries()) memory.check(`gateway ${'ab'[i]} of a fleet`)
})
