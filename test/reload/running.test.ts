// A running gateway that takes up other settings: a unit that sends all the while notices nothing,
// and where a part cannot start everything is as it was.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Books } from '../../gateway/core/delivery.ts'
import { hashPassword } from '../../gateway/credentials.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'

let folder: string
let io: TestIo
let gateway: GatewayProcess
let clients: MqttClient[]

const topic = 'tenfold/v1/cordless_drill'
const write = (name: string, value: unknown): void =>
  writeFileSync(join(folder, name), JSON.stringify(value))
const hash = (password: string): Promise<string> => hashPassword(password, new Uint8Array(16))
const config = (more: object = {}): void =>
  write('tenfold.json', { mqtt: { credentials: 'names.json' }, ...more })

const connect = async (username: string, password: string): Promise<MqttClient> => {
  const url = `mqtt://127.0.0.1:${gateway.mqttPort}`
  const client = await mqtt.connectAsync(
    url,
    { username, password, clientId: username, clean: false, reconnectPeriod: 0 },
    false,
  )
  client.on('error', () => {})
  clients.push(client)
  return client
}

/** Reports one after the other, each when the last was acknowledged, until told to stop. */
const sending = (client: MqttClient, unit: string): { stop(): Promise<number> } => {
  let [seq, goes] = [0, true]
  const done = (async () => {
    await client.publishAsync(`${topic}/${unit}/hello`, '{"boot":1,"t":0}', { qos: 1 })
    while (goes) {
      const report = JSON.stringify({ boot: 1, seq, t: seq * 1000, v: { motor_current: 1 } })
      await client.publishAsync(`${topic}/${unit}/report`, report, { qos: 1 })
      seq++
    }
    return seq
  })()
  return {
    stop: () => {
      goes = false
      return done
    },
  }
}

const books = async (): Promise<Books[]> =>
  (await (await fetch(`${gateway.pageUrl}api/books`)).json()) as Books[]
const stored = async (): Promise<number> =>
  (await books()).find(({ sink }) => sink === 'store')?.stored ?? 0
const until = async (done: () => Promise<boolean>): Promise<void> => {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20))
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-reload-'))
  io = await testIo()
  clients = []
  write('names.json', { 'drill-1': await hash('one'), 'drill-2': await hash('two') })
  config()
  gateway = await startGatewayProcess({ data: folder })
})
afterEach(async () => {
  for (const client of clients) await client.endAsync(true)
  await gateway.stop()
  await io.remove()
  rmSync(folder, { recursive: true, force: true })
})

const reload = async (...more: string[]): Promise<{ code: number; said: string }> => {
  io.lines.length = io.errors.length = 0
  const code = await io.tenfold('reload', '--gateway', gateway.pageUrl, ...more)
  return { code, said: [...io.lines, ...io.errors].join('\n') }
}

test('sinks, sources and names come and go while a unit sends', async () => {
  const drill = await connect('drill-1', 'one')
  const other = await connect('drill-2', 'two')
  let closed = 0
  drill.on('close', () => closed++)
  const otherClosed = new Promise((resolve) => other.once('close', () => resolve(undefined)))
  const work = sending(drill, 'drill-1')
  write('names.json', { 'drill-1': await hash('one'), 'drill-3': await hash('three') })
  const path = join(folder, 'no-such-port')
  config({
    sinks: { influx1: { url: 'http://127.0.0.1:1' } },
    sources: { serial: { ports: [{ path }] } },
  })
  const dry = await reload('--dry-run')
  expect(dry).toEqual({ code: 0, said: expect.stringContaining('would change:') })
  expect(dry.said).toContain('sources.serial: start')
  expect((await books()).map(({ sink }) => sink)).toEqual(['store'])
  const real = await reload()
  expect(real.said).toBe(dry.said.replace('would change:', 'done:'))
  expect((await books()).map(({ sink }) => sink)).toEqual(['store', 'influx1'])
  await otherClosed
  await connect('drill-3', 'three')
  await expect(connect('drill-2', 'two')).rejects.toThrow()
  const before = await stored()
  await until(async () => (await stored()) > before + 20)
  const sent = await work.stop()
  expect(closed).toBe(0)
  await until(async () => (await stored()) === sent + 1)
  expect(gateway.printed()).toContain('drill-2 disconnected (credentials_changed)')
  expect(await reload()).toEqual({ code: 0, said: 'nothing differs' })
})

test('SIGHUP does the same, and what is wrong changes nothing', async () => {
  config({ alerts: { silentMinutes: 5 } })
  gateway.child.kill('SIGHUP')
  await until(async () => /^reload: done\n {2}alerts: taken up$/m.test(gateway.printed()))
  config({ alerts: { silentMinutes: -5 }, mqtts: {} })
  gateway.child.kill('SIGHUP')
  await until(async () => /reload: .*mqtts.*silentMinutes: -5/s.test(gateway.printed()))
  config({ mqtt: { credentials: 'names.json', host: '127.0.0.2' } })
  const { code, said } = await reload()
  expect(code).not.toBe(0)
  expect(said).toMatch(/only a restart takes up mqtt.host; nothing has been changed/)
})

test('where a part cannot start, those before it are taken back', async () => {
  const drill = await connect('drill-1', 'one')
  let closed = 0
  drill.on('close', () => closed++)
  const work = sending(drill, 'drill-1')
  write('names.json', { 'drill-1': await hash('one'), 'drill-3': await hash('three') })
  const broker = { username: 'ann', password: { env: 'TENFOLD_NOT_SET' } }
  config({ sources: { 'mqtt-client': broker }, sinks: { influx1: { url: 'http://127.0.0.1:1' } } })
  const failed = await reload()
  expect(failed.code).not.toBe(0)
  expect(failed.said).toContain('TENFOLD_NOT_SET')
  await connect('drill-2', 'two')
  await expect(connect('drill-3', 'three')).rejects.toThrow()
  expect((await books()).map(({ sink }) => sink)).toEqual(['store'])
  const sent = await work.stop()
  await until(async () => (await stored()) === sent + 1)
  expect(closed).toBe(0)
  // Still the same difference to the settings in use: nothing of it was taken up.
  expect((await reload('--dry-run')).said.split('\n')).toHaveLength(4)
})
