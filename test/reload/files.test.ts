// A running gateway whose secrets and certificates are renewed under the same names: sessions live
// on, new ones see the new, and what cannot be used changes nothing.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, issueLeaf, type Pair } from '../../gateway/certificates/authority.ts'
import { hashPassword } from '../../gateway/credentials.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { startBroker } from '../mqtt/stand.ts'
import { freePort, type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'

const patienceMs = 120_000
const dayMs = 86_400_000

let folder: string
let io: TestIo
let gateway: GatewayProcess
let authority: Pair
let tlsPort: number
let drill: MqttClient
let closed = 0
const others: MqttClient[] = []

const put = (name: string, text: string): void => writeFileSync(join(folder, name), text)
const configure = (more: object = {}, limits: object = {}): void => {
  const tls = { port: tlsPort, certificate: 'server.pem', key: 'server.key' }
  const door = { credentials: 'names.json', tls, limits }
  put('tenfold.json', JSON.stringify({ mqtt: door, ...more }))
}
const issue = (name: string, days = 90, nowMs = Date.now()) => ({
  ...{ name, nowMs, days, serial: randomBytes(16) },
})
const server = (days?: number, nowMs?: number): Promise<Pair> =>
  issueLeaf(authority, {
    ...{ ...issue('gateway', days, nowMs), for: 'server', hosts: ['127.0.0.1'] },
  })
const putPair = ({ certificate, key }: Pair): void => {
  put('server.key', key)
  put('server.pem', certificate)
}

const reload = async (...more: string[]): Promise<{ code: number; said: string }> => {
  io.lines.length = io.errors.length = 0
  const code = await io.tenfold('reload', '--gateway', gateway.pageUrl, ...more)
  return { code, said: [...io.lines, ...io.errors].join('\n') }
}

const join2 = async (): Promise<MqttClient> => {
  const client = await mqtt.connectAsync(
    `mqtts://127.0.0.1:${tlsPort}`,
    {
      ...{ username: 'drill-1', password: 'one', ca: authority.certificate },
      ...{ reconnectPeriod: 0, clientId: `drill-1:${others.length}` },
    },
    false,
  )
  client.on('error', () => {})
  others.push(client)
  return client
}

/** Serial number of the certificate that a new connection is shown. */
const shown = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { port: tlsPort, host: '127.0.0.1', ca: authority.certificate }
    const socket = connectTls(options, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })

const until = async (done: () => boolean): Promise<void> => {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 20))
}

let seq = 0
/** The session that was there from the beginning still gets its acknowledgements. */
const livesOn = async (): Promise<void> => {
  const report = JSON.stringify({ boot: 1, seq, t: 1000 * ++seq, v: { motor_current: 1 } })
  const topic = 'tenfold/v1/cordless_drill/drill-1/report'
  await drill.publishAsync(topic, report, { qos: 1 })
  expect(closed).toBe(0)
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-reload-files-'))
  io = await testIo()
  authority = await createAuthority(issue('authority', 3650))
  tlsPort = await freePort()
  const hash = await hashPassword('one', new Uint8Array(16))
  put('names.json', JSON.stringify({ 'drill-1': hash }))
  putPair(await server())
  configure()
  gateway = await startGatewayProcess({ data: folder })
  drill = await join2()
  drill.on('close', () => closed++)
  await drill.publishAsync('tenfold/v1/cordless_drill/drill-1/hello', '{"boot":1,"t":0}', {
    qos: 1,
  })
}, patienceMs)

afterAll(async () => {
  for (const client of others) await client.endAsync(true)
  await gateway?.stop()
  await io.remove()
  rmSync(folder, { recursive: true, force: true })
}, patienceMs)

test(
  'a renewed certificate is shown to who comes next, and nobody is disconnected',
  async () => {
    const before = await shown()
    expect(await reload('--dry-run')).toEqual({ code: 0, said: 'nothing differs' })
    putPair(await server())
    const dry = await reload('--dry-run')
    expect(dry.said).toBe(
      'would change:\n  mqtt.tls: new connections see it, open ones stay ' +
        '(new contents: mqtt.tls.certificate, mqtt.tls.key)',
    )
    expect((await reload()).said).toBe(dry.said.replace('would change:', 'done:'))
    expect(await shown()).not.toBe(before)
    await livesOn()
    await join2()
    expect((await reload()).said).toBe('nothing differs')
  },
  patienceMs,
)

test(
  "another's key, one that has expired, one that is gone: all is refused, the former is shown",
  async () => {
    const good = await server()
    putPair(good)
    await reload()
    const before = await shown()
    const tried = async (): Promise<string> => {
      configure({ alerts: { silentMinutes: 5 } })
      const dry = await reload('--dry-run')
      const { code, said } = await reload()
      expect([dry.code, code]).toEqual([1, 1])
      expect(dry.said).toBe(said)
      expect(await shown()).toBe(before)
      await livesOn()
      return said
    }
    putPair({ ...(await server()), key: (await server()).key })
    expect(await tried()).toContain('mqtt.tls: the key is not that of the certificate')
    putPair(await server(30, Date.now() - 60 * dayMs))
    expect(await tried()).toContain('mqtt.tls: the certificate has expired')
    put('server.key', 'no key')
    expect(await tried()).toContain('mqtt.tls: the key cannot be read')
    rmSync(join(folder, 'server.pem'))
    expect(await tried()).toMatch(/mqtt.tls.certificate: .*server.pem cannot be read/)
    // Nothing of it was taken up: with the good ones back, the alerts still differ.
    putPair(good)
    expect((await reload()).said).toBe('done:\n  alerts: taken up')
    expect(gateway.printed()).not.toContain('PRIVATE KEY')
  },
  patienceMs,
)

test(
  'limits hold for who comes next',
  async () => {
    const open = others.filter(({ connected }) => connected).length
    configure({}, { connections: open })
    expect((await reload()).said).toContain('mqtt.limits: taken up; nobody is disconnected')
    await expect(join2()).rejects.toThrow()
    await until(() => gateway.printed().includes(`${open} connections are the limit`))
    await livesOn()
    configure({}, { connections: open + 1 })
    expect((await reload()).code).toBe(0)
    await join2()
    await livesOn()
  },
  patienceMs,
)

test(
  'a new password in its file is what a source and a sink use from then on',
  async () => {
    const words: string[] = []
    const authenticate = async (name: string, password: string): Promise<boolean> => {
      words.push(`${name} ${password}`)
      return true
    }
    const { url } = await startBroker({ authenticate })
    const asked: string[] = []
    const database = createServer((request, response) => {
      asked.push(request.headers.authorization ?? '')
      request.resume().on('end', () => response.writeHead(503).end())
    })
    await new Promise<void>((done) => database.listen(0, '127.0.0.1', done))
    const influx = `http://127.0.0.1:${(database.address() as AddressInfo).port}`
    put('word', 'first-word\n')
    put('token', 'first-token\n')
    const source = { url, clientId: 'hall', username: 'hall', password: { file: 'word' } }
    configure({
      sources: { 'mqtt-client': { ...source, version: '3.1.1', filters: ['hall/#'] } },
      sinks: { influx2: { url: influx, org: 'hall', token: { file: 'token' } } },
    })
    expect((await reload()).code).toBe(0)
    await until(() => words.includes('hall first-word'))
    await livesOn()
    await until(() => asked.includes('Token first-token'))
    put('word', '')
    expect((await reload()).said).toMatch(/sources.mqtt-client.password: .*word is empty/)
    put('word', 'second-word\n')
    put('token', 'second-token\n')
    const { said } = await reload()
    expect(said).toContain(
      'sources.mqtt-client: restart (new contents: sources.mqtt-client.password)',
    )
    expect(said).toMatch(/sinks: delivery restarts.*\(new contents: sinks.influx2.token\)/)
    await until(() => words.includes('hall second-word'))
    await livesOn()
    await until(() => asked.includes('Token second-token'))
    expect(gateway.printed() + said).not.toMatch(/(first|second)-(word|token)/)
    await new Promise((done) => database.close(done))
  },
  patienceMs,
)
