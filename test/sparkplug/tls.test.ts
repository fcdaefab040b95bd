// Host application and edge node over TLS with certificates of their own, at the embedded broker
// with TLS; and that neither speaks to a server whose certificate does not fit.
import { randomBytes } from 'node:crypto'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { issueClient } from '../../gateway/certificates/clients.ts'
import { ownAuthority, ownServer } from '../../gateway/certificates/files.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Role } from '../../gateway/sources/mqtt/sparkplug.ts'
import {
  edge,
  host,
  hostSettings,
  reading,
  Stops,
  startServer,
  tempFolder,
  until,
} from './stand.ts'

const stops = new Stops()
afterEach(() => stops.all())

const yearUs = 366 * 86_400_000_000

const authority = (ageUs = 0) => ({
  folder: tempFolder(stops),
  clock: { nowUs: () => systemClock().nowUs() - ageUs },
  random: (bytes: number) => randomBytes(bytes),
})
type Own = ReturnType<typeof authority>

const roles = new Map<string, Role>([
  ['scada-login', { host: 'scada' }],
  ['gate-login', { group: 'hall', node: 'gate' }],
])

/** Serves with a certificate of this authority, to who shows one of the same. */
const serve = async (own: Own, hosts = ['localhost', '127.0.0.1']) => {
  const material = async () => ({
    ...(await ownServer(own, hosts)),
    authority: (await ownAuthority(own)).certificate,
  })
  const tls = { host: '127.0.0.1', port: 0, clients: 'certificate' as const, material }
  const { broker } = await startServer(stops, roles, { tls })
  return { broker, server: `mqtts://127.0.0.1:${broker.tlsPort}` }
}

/** Paths, as the settings have them. */
const files = async (own: Own, name: string) => {
  const { certificate, key } = await issueClient(own, name)
  const path = (end: string) => join(own.folder, `${name}.${end}`)
  writeFileSync(path('pem'), certificate)
  writeFileSync(path('key'), key)
  const trusted = join(own.folder, 'authority.pem')
  return { authority: trusted, certificate: path('pem'), key: path('key') }
}

const unitsBelowGate = hostSettings(1).units.map((unit) => ({
  ...unit,
  from: 'hall/gate/d1',
  items: { motor_current: 'motor_current' },
}))

test('a node is heard by a host, each by its own certificate', { timeout: 60_000 }, async () => {
  const own = authority()
  const { server } = await serve(own)
  const more = { url: server, units: unitsBelowGate, ...(await files(own, 'scada-login')) }
  const world = await host(hostSettings(1, more), stops)
  const primaryHost = 'scada'
  const login = await files(own, 'gate-login')
  const sink = edge(1, { stops, config: { servers: [server], primaryHost, ...login } })
  await sink.open()
  await sink.write({ readings: [reading('d1')], events: [], entries: [] } as never)
  await until(() => world.records.some(({ topic }) => topic.endsWith('/drill-9/report')))
})

const wrongs: Record<string, () => Promise<{ server: Own; hosts?: string[]; trusts: Own }>> = {
  certificate_untrusted: async () => {
    const trusts = authority()
    await ownAuthority(trusts)
    return { server: authority(), trusts }
  },
  certificate_expired: async () => {
    const old = authority(2 * yearUs)
    return { server: old, trusts: old }
  },
  certificate_name: async () => {
    const own = authority()
    return { server: own, hosts: ['elsewhere.example'], trusts: own }
  },
}

for (const [code, make] of Object.entries(wrongs)) {
  test(`${code}: said, and the server is not spoken to`, { timeout: 60_000 }, async () => {
    const { server, hosts, trusts } = await make()
    const { broker, server: url } = await serve(server, hosts)
    const login = await files(trusts, 'scada-login')
    const world = await host(hostSettings(1, { url, ...login }), stops)
    await until(() => world.notes.some((line) => line.includes(code)))
    const sink = edge(1, { stops, config: { servers: [url], ...login } })
    const notes: string[] = []
    const noted = edge(1, {
      ...{ stops, config: { servers: [url], ...login } },
      note: (line) => notes.push(line),
    })
    await expect(sink.open()).rejects.toMatchObject({ code: 'sparkplug_unreachable' })
    await expect(noted.open()).rejects.toMatchObject({ code: 'sparkplug_unreachable' })
    expect(notes.join()).toContain(code)
    expect(broker.connections).toBe(0)
    // An outage is said once, however often it was tried.
    expect(world.notes.filter((line) => line.includes(code))).toHaveLength(1)
  })
}

test('a foreign certificate is refused, its replacement used without a restart', {
  timeout: 60_000,
}, async () => {
  const [own, foreign] = [authority(), authority()]
  const { broker, server: url } = await serve(own)
  const mine = await files(own, 'scada-login')
  const theirs = await files(foreign, 'scada-login')
  const login = { ...theirs, authority: mine.authority }
  const world = await host(hostSettings(1, { url, ...login }), stops)
  await until(() => world.notes.some((line) => line.includes('broker_unreachable')))
  expect(broker.connections).toBe(0)
  copyFileSync(mine.key, theirs.key)
  copyFileSync(mine.certificate, theirs.certificate)
  await until(() => world.notes.some((line) => line.endsWith('connected')))
})

test('nothing is said in the clear where TLS is asked for', { timeout: 60_000 }, async () => {
  const own = authority()
  await ownAuthority(own)
  const login = await files(own, 'scada-login')
  const { broker, port } = await startServer(stops, roles)
  const url = `mqtts://127.0.0.1:${port}`
  const world = await host(hostSettings(1, { url, ...login }), stops)
  await until(() => world.notes.some((line) => line.includes('no connection')))
  expect(world.notes.join()).toMatch(/tls_not_spoken|disconnected|socket|ECONNRESET/)
  expect(broker.connections).toBe(0)
  for (const wrong of [
    { url: `mqtt://127.0.0.1:${port}`, ...login },
    { url, authority: login.authority, certificate: login.certificate },
    { url, ...login, key: login.certificate },
    { url, ...login, authority: '/nowhere/authority.pem' },
  ]) {
    await expect(host(hostSettings(1, wrong), stops)).rejects.toMatchObject({
      code: 'certificate_wrong',
    })
  }
})
