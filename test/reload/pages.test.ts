// A gateway whose pages speak TLS, as a person runs it: with a certificate of its own authority,
// asked by commands and by the doctor, then with one that is exchanged while it runs.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as requestHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, issueLeaf, type Pair } from '../../gateway/certificates/authority.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Finding } from '../../gateway/diagnosis.ts'
import { type TestIo, testIo } from '../cli/io.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'

const patienceMs = 120_000
const dayMs = 86_400_000

let folder: string
let io: TestIo
let gateway: GatewayProcess
let port: number
let authority: Pair

const configure = (tls: object): void =>
  writeFileSync(join(folder, 'tenfold.json'), JSON.stringify({ http: { tls } }))
const issue = (name: string, days: number, nowMs = systemClock().nowUs() / 1000) => ({
  ...{ name, nowMs, days, serial: randomBytes(16) },
})
const putPair = async (days: number, nowMs?: number): Promise<Pair> => {
  const pair = await issueLeaf(authority, {
    ...{ ...issue('pages', days, nowMs), for: 'server', hosts: ['pages.example', '127.0.0.1'] },
  })
  writeFileSync(join(folder, 'pages.key'), pair.key)
  writeFileSync(join(folder, 'pages.pem'), pair.certificate)
  return pair
}
const files = { certificate: 'pages.pem', key: 'pages.key' }
const ownAuthority = (): string => join(folder, 'keys', 'tls', 'authority.pem')

const tenfold = async (...args: string[]): Promise<{ code: number; said: string }> => {
  io.lines.length = io.errors.length = 0
  const code = await io.tenfold(...args)
  return { code, said: [...io.lines, ...io.errors].join('\n') }
}
const reload = (ca: string, ...more: string[]) =>
  tenfold('reload', '--gateway', gateway.pageUrl, '--ca', ca, ...more)

/** The settings of the gateway, for commands that read them. */
const settings = (): string[] => [
  ...['--config', join(folder, 'tenfold.json'), '--data', folder],
  ...['--set', `http.port=${port}`, '--set', `mqtt.port=${gateway.mqttPort}`],
]
const doctor = async (): Promise<Finding[]> => {
  const { said } = await tenfold('doctor', '--json', ...settings())
  return JSON.parse(said) as Finding[]
}
const about = (findings: readonly Finding[], text: string): Finding | undefined =>
  findings.find((one) => one.text.includes(text))

const shown = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false }
    const socket = connectTls(options, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-pages-'))
  io = await testIo()
  authority = await createAuthority(issue('authority', 3650))
  writeFileSync(join(folder, 'authority.pem'), authority.certificate)
  configure({})
  gateway = await startGatewayProcess({ data: folder })
  port = Number(new URL(gateway.pageUrl).port)
}, patienceMs)

afterAll(async () => {
  await gateway?.stop()
  await io.remove()
  rmSync(folder, { recursive: true, force: true })
}, patienceMs)

test(
  'commands ask https with the authority that --ca names, and believe no other',
  async () => {
    expect(gateway.pageUrl).toBe(`https://127.0.0.1:${port}/`)
    expect(await reload(ownAuthority())).toEqual({ code: 0, said: 'nothing differs' })
    const without = await tenfold('reload', '--gateway', gateway.pageUrl)
    expect(without.code).toBe(1)
    expect(without.said).toMatch(/no gateway answers at .*certificate_untrusted/)
    expect((await reload(join(folder, 'authority.pem'))).said).toContain('certificate_untrusted')
    expect((await reload('no-such.pem')).said).toContain('--ca no-such.pem cannot be read')
    const plain = gateway.pageUrl.replace('https:', 'http:')
    expect((await tenfold('reload', '--gateway', plain)).said).toContain('no gateway answers')
  },
  patienceMs,
)

test(
  'a claim finds them by the settings, or by --pages with --ca',
  async () => {
    const key = join(folder, 'me.pem')
    expect((await tenfold('claim', 'key', '--out', key)).code).toBe(0)
    const accept = async (...where: string[]): Promise<string> =>
      (await tenfold('claim', 'accept', 'drill-9', '--key', key, ...where)).said
    expect(await accept(...settings())).toContain(`${gateway.pageUrl} knows no unit drill-9`)
    const pages = ['--pages', gateway.pageUrl]
    expect(await accept(...pages)).toContain('certificate_untrusted')
    expect(await accept(...pages, '--ca', ownAuthority())).toContain('knows no unit drill-9')
  },
  patienceMs,
)

test(
  'the doctor finds them with nothing but the settings, and says until when they hold',
  async () => {
    const findings = await doctor()
    expect(findings.filter(({ verdict }) => verdict === 'bad')).toEqual([])
    expect(about(findings, 'http.tls: its certificate holds until')).toMatchObject({
      station: 'gateway',
      verdict: 'good',
    })
  },
  patienceMs,
)

test(
  'a certificate of files, and each renewal of them, is taken up under a live view',
  async () => {
    let [chunks, ended] = [0, false]
    const options = { rejectUnauthorized: false, agent: false } as const
    const view = requestHttps(`${gateway.pageUrl}api/live`, options, (response) => {
      response.on('data', () => chunks++)
      response.on('close', () => {
        ended = true
      })
    })
    view.on('error', () => {})
    view.end()
    while (chunks === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    const own = await shown()
    await putPair(90)
    configure(files)
    const line = 'http.tls: new connections see it, open ones stay'
    const dry = await reload(ownAuthority(), '--dry-run')
    expect(dry.said).toBe(`would change:\n  ${line}`)
    expect(await shown()).toBe(own)
    expect((await reload(ownAuthority())).said).toBe(`done:\n  ${line}`)
    const first = await shown()
    expect(first).not.toBe(own)
    await putPair(20)
    const ca = join(folder, 'authority.pem')
    expect((await reload(ca)).said).toContain('new contents: http.tls.certificate, http.tls.key')
    const second = await shown()
    expect(second).not.toBe(first)
    expect(about(await doctor(), 'http.tls: its certificate ends in')).toMatchObject({
      verdict: 'note',
      remedy: expect.stringContaining('without a restart'),
    })
    const { key } = await putPair(90)
    await putPair(90)
    writeFileSync(join(folder, 'pages.key'), key)
    expect((await reload(ca)).said).toContain('http.tls: the key is not that of the certificate')
    await putPair(30, systemClock().nowUs() / 1000 - 60 * dayMs)
    expect((await reload(ca)).said).toContain('http.tls: the certificate has expired')
    expect(about(await doctor(), 'http.tls: its certificate ended on')?.verdict).toBe('bad')
    expect(await shown()).toBe(second)
    configure({ ...files, key: 'no-such.key' })
    expect((await reload(ca)).said).toMatch(/http.tls.key: .*no-such.key cannot be read/)
    writeFileSync(join(folder, 'tenfold.json'), '{}')
    expect((await reload(ca)).said).toContain('only a restart takes up http.tls')
    expect(ended).toBe(false)
    view.destroy()
  },
  patienceMs,
)
