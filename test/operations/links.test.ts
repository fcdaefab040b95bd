// How a source's peer fares, as a running gateway tells it, with a real broker that goes and comes
// back: doctor and Prometheus say the same. And the doctor beside pages that ask for a password.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { hashPassword } from '../../gateway/credentials.ts'
import type { Finding } from '../../gateway/diagnosis.ts'
import { connectUnit } from '../../gateway/mqtt/client.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { mosquittoInstalled, startMosquitto } from '../servers/mosquitto.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-links-'))
  stops.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const running = async (data: string, set: Record<string, unknown>): Promise<GatewayProcess> => {
  const gateway = await startGatewayProcess({ data, set })
  stops.push(() => gateway.stop())
  return gateway
}

/** What the doctor says, given these arguments beside the folder and the port. */
const doctor = async (
  { pageUrl, mqttPort }: GatewayProcess,
  { io, data, set = {}, args = [] }: Asking,
): Promise<{ code: number; findings: Finding[] }> => {
  io.lines.length = 0
  const ports = { 'http.port': new URL(pageUrl).port, 'mqtt.port': mqttPort }
  const sets = Object.entries({ ...ports, ...set }).flatMap(([k, v]) => ['--set', `${k}=${v}`])
  const code = await io.tenfold('doctor', '--json', '--data', data, ...sets, ...args)
  return { code, findings: JSON.parse(io.lines.join('\n')) as Finding[] }
}
interface Asking {
  io: TestIo
  data: string
  set?: Record<string, unknown>
  args?: string[]
}

const until = async (check: () => Promise<boolean>): Promise<void> => {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 50))
}

test.runIf(mosquittoInstalled())(
  'a broker outside: there, gone, and back',
  async () => {
    const outside = await startMosquitto()
    stops.push(() => outside.remove())
    const data = temporary()
    const io = await testIo()
    stops.push(() => io.remove())
    const url = `mqtt://127.0.0.1:${outside.port}`
    const set = { 'sources.mqtt-client.url': url }
    const gateway = await running(data, set)
    const found = async (): Promise<Finding | undefined> =>
      (await doctor(gateway, { io, data, set })).findings.find((one) => one.station === 'sources')
    const metrics = async (): Promise<string> => (await fetch(`${gateway.pageUrl}metrics`)).text()
    const labels = `{source="mqtt-client",peer="${url}"}`
    const turned = async (): Promise<number> => {
      const at = `tenfold_source_turned_seconds${labels} `
      return Number((await metrics()).split(at)[1]?.split('\n')[0])
    }
    await until(async () => (await found())?.verdict === 'good')
    expect((await found())?.text).toMatch(`mqtt-client, ${url}: connected for `)
    expect((await found())?.text).toContain('nothing heard yet')
    const unit = await connectUnit({ url, clientId: 'drill-9' })
    await unit.publish('tenfold/v1/cordless_drill/drill-9/hello', '{"boot":1,"t":0}')
    await unit.stop()
    await until(async () => (await found())?.text.includes('last heard') === true)
    const first = await turned()
    const said = await metrics()
    expect(said).toContain(`tenfold_source_connected${labels} 1`)
    expect(said).toMatch(/tenfold_source_heard_seconds\{[^}]*\} \d{10}/)
    await outside.kill()
    await until(async () => (await found())?.text.includes('ECONNREFUSED') === true)
    expect(await found()).toMatchObject({
      verdict: 'bad',
      text: expect.stringMatching(/not connected for .*last heard .*broker_unreachable/),
      remedy: expect.stringContaining('sources.mqtt-client'),
    })
    expect(await metrics()).toContain(`tenfold_source_connected${labels} 0`)
    await outside.start()
    await until(async () => (await found())?.verdict === 'good')
    expect(await metrics()).toContain(`tenfold_source_connected${labels} 1`)
    expect(await turned()).toBeGreaterThan(first)
  },
  120_000,
)

test('pages that ask for a password: the doctor reads its word, or says what to pass', async () => {
  const data = temporary()
  const io = await testIo({ WORD: 'open sesame' })
  stops.push(() => io.remove())
  const names = join(io.cwd, 'users.json')
  const hash = await hashPassword('open sesame', new Uint8Array(16).fill(3))
  writeFileSync(names, JSON.stringify({ ann: hash }), { mode: 0o600 })
  const set = { 'http.credentials': names }
  const gateway = await running(data, set)
  const seen = async (...args: string[]) => {
    const { findings } = await doctor(gateway, { io, data, set, args })
    const closed = findings.find(({ text }) => text.includes('ask for a name and a password'))
    return { closed, isLive: findings.some(({ text }) => /stored, \d+ waiting/.test(text)) }
  }
  // The books of the store are there once it has opened.
  await until(async () => (await seen()).isLive)
  expect((await seen()).closed).toBeUndefined()
  // As for a user who may not read it.
  renameSync(join(data, 'doctor.token'), join(data, 'elsewhere'))
  expect(await seen()).toMatchObject({
    isLive: false,
    closed: { verdict: 'note', remedy: expect.stringMatching(/--user NAME.*doctor\.token/) },
  })
  expect(await seen('--user', 'ann', '--password-env', 'WORD')).toEqual({
    ...{ closed: undefined, isLive: true },
  })
  io.env['WORD'] = 'wrong'
  expect((await seen('--user', 'ann', '--password-env', 'WORD')).closed).toBeDefined()
}, 120_000)
