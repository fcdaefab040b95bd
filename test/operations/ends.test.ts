// Certificates that end and a disk that fills: what is told, when and how often; which certificates
// are looked at; and all of it in a running gateway, by webhook, by e-mail and by `tenfold doctor`.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { certificateFinding, type ShownCertificate } from '../../gateway/certificate-findings.ts'
import { createAuthority, issueLeaf } from '../../gateway/certificates/authority.ts'
import { issueClient, revokeClient } from '../../gateway/certificates/clients.ts'
import { ownServer } from '../../gateway/certificates/files.ts'
import { loadConfig } from '../../gateway/config.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Finding } from '../../gateway/diagnosis.ts'
import { Alerts, type Message } from '../../gateway/operations/alerts.ts'
import { conditionsOf, type Known } from '../../gateway/operations/conditions.ts'
import { fillingOf, RoomTrend, roomFinding } from '../../gateway/operations/room.ts'
import { certificatesOf } from '../../gateway/shown-certificates.ts'
import { testIo } from '../cli/io.ts'
import { startGatewayProcess } from '../servers/gateway.ts'
import { startSmtp } from '../servers/smtp.ts'

const dayUs = 86_400_000_000
const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000]
const startUs = 1_760_000_000_000_000
const mebi = 1024 ** 2
const thresholds = {
  ...{ silentMinutes: 60, lagMinutes: 10, awayMinutes: 10 },
  ...{ certificateDays: 14, diskFreeMiB: 512, diskDays: 7 },
}
const knownOf = (more: Partial<Known>): Known => ({
  ...{ nowUs: startUs, sinks: [], links: [], units: [], notReady: [], certificates: [] },
  ...{ room: undefined, ...more },
})

const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-ends-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Alerts that are looked at when the test says so, and the lines of each message. */
const rig = () => {
  const lines: string[][] = []
  const now: { known: Known } = { known: knownOf({}) }
  const alerts = new Alerts({
    channels: [
      { name: 'paper', send: async (message: Message) => void lines.push([...message.lines]) },
    ],
    ...{ thresholds, name: 'tenfold x', note: () => {}, clock: systemClock() },
    path: join(temporary(), 'alerts.json'),
    known: async () => now.known,
    faults: async () => [],
  })
  const look = async (more: Partial<Known>): Promise<string[]> => {
    const before = lines.length
    now.known = knownOf(more)
    await alerts.look()
    return lines.slice(before).flat()
  }
  return { look }
}

const endsAfter = (days: number): ShownCertificate => ({
  setting: 'http.tls',
  content: { untilMs: startUs / 1000 + days * dayMs },
})

test('a certificate is told of once before its end, once when it has ended, and when it is new', async () => {
  const { look } = rig()
  const certificates = [endsAfter(20)]
  const at = (days: number) => ({ certificates, nowUs: startUs + days * dayUs })
  expect(await look(at(0))).toEqual([])
  expect(await look(at(5.9))).toEqual([])
  const [soon] = await look(at(6.1))
  expect(soon).toMatch(/^the certificate of http\.tls ends in 13 days, on 2025-10-29\. Replace its/)
  expect(await look(at(10))).toEqual([])
  const [ended] = await look(at(20.1))
  expect(ended).toMatch(/^the certificate of http\.tls has ended on 2025-10-29\./)
  expect(await look(at(25))).toEqual([])
  const over = await look({ certificates: [endsAfter(400)], nowUs: startUs + 25 * dayUs })
  expect(over.map((line) => line.split(', after')[0])).toEqual([
    'over: certificate of http.tls',
    'over: certificate of http.tls, ended',
  ])
})

test('one that cannot be read is told of, and one with a remedy of its own says it', () => {
  const told = (shown: ShownCertificate): string[] =>
    conditionsOf(knownOf({ certificates: [shown] }), thresholds).map(({ text }) => text)
  expect(told({ setting: 'mqtt.tls', content: { problem: 'EACCES' } })).toEqual([
    'the certificate of mqtt.tls cannot be read: EACCES',
  ])
  expect(told({ setting: 'mqtt.tls', content: Buffer.from('none') })).toHaveLength(1)
  const own = { ...endsAfter(3), remedy: 'Give it another.' }
  expect(told(own)[0]).toMatch(/ends in 3 days.*Give it another\.$/)
  expect(certificateFinding(own, startUs)).toMatchObject({
    ...{ verdict: 'note', remedy: 'Give it another.' },
  })
})

test('a disk is told of by its room or by its days, and not anew for each file that goes', async () => {
  const { look } = rig()
  const room = (freeMiB: number, daysLeft?: number) => ({
    room: { freeBytes: freeMiB * mebi, ...(daysLeft !== undefined && { daysLeft }) },
  })
  expect(await look(room(513, 7.1))).toEqual([])
  expect(await look({ room: undefined })).toEqual([])
  expect(await look(room(511))).toEqual(['the disk of the data folder fills: 511 MiB are left'])
  expect(await look(room(520))).toEqual([])
  expect((await look(room(600)))[0]).toMatch(/^over: disk/)
  expect(await look(room(90_000, 6.94))).toEqual([
    'the disk of the data folder fills: 90,000 MiB are left, full in 6.9 days at this rate',
  ])
  expect(await look(room(90_000, 7.5))).toEqual([])
  expect((await look(room(90_000, 8)))[0]).toMatch(/^over: disk/)
  expect(fillingOf({ freeBytes: 0 }, { diskFreeMiB: 0, diskDays: 0 })).toBeUndefined()
})

test('days are those at the rate of the last day, once an hour is measured', () => {
  const trend = new RoomTrend()
  const perDay = 1000 * mebi
  const at = (ms: number): number => 20_000 * mebi - (perDay * ms) / dayMs
  for (let ms = 0; ms < hourMs; ms += minuteMs) {
    expect(trend.look(ms, at(ms))).toEqual({ freeBytes: at(ms) })
  }
  expect(trend.look(hourMs, at(hourMs)).daysLeft).toBeCloseTo(at(hourMs) / perDay)
  // It fills at twice the rate from here on: a day later that is all that counts.
  const then = at(hourMs)
  let room = trend.look(hourMs, then)
  for (let ms = minuteMs; ms <= 25 * hourMs; ms += minuteMs) {
    room = trend.look(hourMs + ms, then - (2 * perDay * ms) / dayMs)
  }
  expect(room.daysLeft).toBeCloseTo(room.freeBytes / (2 * perDay))
  expect(roomFinding(room, thresholds).text).toMatch(/^room on the disk: .* full in 8 days/)
  expect(trend.look(27 * hourMs, 30_000 * mebi)).toEqual({ freeBytes: 30_000 * mebi })
})

test('whatever the disk does, days are a number above 0, or not known', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: dayMs }), fc.integer({ min: 0 })))
  fc.assert(
    fc.property(steps, (looks) => {
      const trend = new RoomTrend()
      let ms = 0
      for (const [after, freeBytes] of looks) {
        ms += after
        const { daysLeft = 1 } = trend.look(ms, freeBytes)
        expect(daysLeft >= 0 && Number.isFinite(daysLeft)).toBe(true)
      }
    }),
  )
})

const issue = (name: string, days: number) => ({
  ...{ name, days, nowMs: systemClock().nowUs() / 1000, serial: randomBytes(16) },
})
/** A server certificate for this machine that ends in so many days. */
const leaf = async (days: number) =>
  issueLeaf(await createAuthority(issue('somebody', 100)), {
    ...{ ...issue('localhost', days), for: 'server', hosts: ['localhost', '127.0.0.1'] },
  })
const configOf = (settings: object) =>
  loadConfig({
    ...{ file: '/nowhere/tenfold.json', text: JSON.stringify(settings), env: {} },
    readFile: () => '',
  }).config

test('looked at are those of settings, of its own authority, of OPC UA, and the newest of units', async () => {
  const data = temporary()
  const folder = join(data, 'keys', 'tls')
  const own = (days: number) => ({
    folder,
    clock: { nowUs: () => systemClock().nowUs() + days * dayUs },
    random: (bytes: number) => randomBytes(bytes),
  })
  const given = await leaf(5)
  for (const [name, text] of Object.entries(given)) writeFileSync(join(data, name), text)
  const pki = join(data, 'sinks', 'opcua', 'pki', 'own')
  mkdirSync(pki, { recursive: true })
  writeFileSync(join(pki, 'certificate.pem'), (await leaf(9)).certificate)
  await ownServer(own(0), ['localhost'])
  for (const unit of ['drill-1', 'drill-2']) await issueClient(own(-10 * 365 + 7), unit)
  await revokeClient(own(0), 'drill-1')
  await issueClient(own(-10 * 365 + 3), 'drill-3')
  await issueClient(own(0), 'drill-3')
  const config = configOf({
    data,
    http: { tls: { certificate: join(data, 'certificate'), key: join(data, 'key') } },
    mqtt: { tls: {} },
    sinks: { opcua: {} },
  })
  const texts = (await certificatesOf(config))
    .map((one) => certificateFinding(one, systemClock().nowUs()))
    .map(({ station, verdict, text }) => `${station} ${verdict} ${text.split(', on')[0]}`)
  expect(texts.map((text) => text.replace(/until 20.*/, 'until'))).toEqual([
    'gateway note http.tls: its certificate ends in 4 days',
    'broker good mqtt.tls: its certificate holds until',
    'sinks note sinks.opcua: its certificate ends in 8 days',
    'broker note mqtt.tls, drill-2: its certificate ends in 6 days',
    'broker good mqtt.tls, drill-3: its certificate holds until',
  ])
}, 60_000)

test('a running gateway tells both by webhook and e-mail, and the doctor says the same', async () => {
  const data = temporary()
  const smtp = await startSmtp()
  const io = await testIo()
  onTestFinished(async () => {
    await smtp.remove()
    await io.remove()
  })
  const hooked: string[] = []
  const hook = createServer(async (request, response) => {
    let body = ''
    for await (const bytes of request) body += (bytes as Buffer).toString()
    hooked.push(...(JSON.parse(body) as Message).lines)
    response.end()
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void hook.close())
  await once(hook, 'listening')
  const given = await leaf(5)
  for (const [name, text] of Object.entries(given)) writeFileSync(join(data, name), text)
  const set = {
    'http.tls.certificate': join(data, 'certificate'),
    'http.tls.key': join(data, 'key'),
    'alerts.webhook.url': `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
    'alerts.email': JSON.stringify({
      ...{ host: '127.0.0.1', port: smtp.port, tls: 'never' },
      ...{ from: 'gateway@example.org', to: ['a@example.org'] },
    }),
    'alerts.diskFreeMiB': 1e9,
  }
  const gateway = await startGatewayProcess({ data, set })
  try {
    while (hooked.length < 2 || smtp.taken.length < 1) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(hooked.sort()).toEqual([
      expect.stringMatching(/^the certificate of http\.tls ends in 4 days, on /),
      expect.stringMatching(/^the disk of the data folder fills: [\d,]+ MiB are left$/),
    ])
    expect(smtp.taken[0]?.text).toContain('the certificate of http.tls ends in 4 days')
    const port = { 'http.port': new URL(gateway.pageUrl).port }
    const all = Object.entries({ ...set, ...port }).flatMap(([k, v]) => ['--set', `${k}=${v}`])
    await io.tenfold('doctor', '--json', '--data', data, ...all)
    const found = JSON.parse(io.lines.join('\n')) as Finding[]
    expect(found).toContainEqual(
      expect.objectContaining({
        ...{ station: 'gateway', verdict: 'note', remedy: expect.any(String) },
        text: expect.stringMatching(/^http\.tls: its certificate ends in 4 days/),
      }),
    )
    expect(found).toContainEqual(
      expect.objectContaining({
        ...{ station: 'folder', verdict: 'note' },
        text: expect.stringMatching(/^the disk fills: [\d,]+ MiB are left$/),
      }),
    )
  } finally {
    await gateway.stop()
  }
}, 120_000)
