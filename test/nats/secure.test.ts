// A fleet's servers that ask who is there: TLS with an authority of their own, client certificates,
// nkeys. Against a real nats-server; certificates and keys are made for the test.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { nkeys } from '@nats-io/transport-node'
import { afterEach, expect, test } from 'vitest'
import { createAuthority, issueLeaf, type Pair } from '../../gateway/certificates/authority.ts'
import { openFleet } from '../../gateway/sources/nats/connection.ts'
import type { NatsSettings } from '../../gateway/sources/nats/settings.ts'
import { natsInstalled, startNats } from '../servers/nats.ts'
import { openingOf } from './stand.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const settingsOf = (
  servers: readonly string[],
  more: Partial<NatsSettings> = {},
): NatsSettings => ({
  ...{ servers: [...servers], name: 'g', fleet: 'test', replicas: 1, shards: 4, leaseMs: 1000 },
  ...{ confirmedBy: 'influx1', bytesMax: 1024 ** 2 },
  ...more,
})

const day = { nowMs: Date.now(), days: 2 }
const serial = (byte: number) => Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 1 : byte))

/** Files of an authority, a server's certificate and a client's; paths by name. */
const makeCertificates = async (hosts: readonly string[]) => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-natstls-'))
  stops.push(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const files = (name: string, { certificate, key }: Pair) => ({
    certificate: file(`${name}.pem`, certificate),
    key: file(`${name}.key`, key),
  })
  const authority = await createAuthority({ name: 'fleet', serial: serial(1), ...day })
  const stranger = await createAuthority({ name: 'stranger', serial: serial(2), ...day })
  const leaf = { serial: serial(3), ...day }
  const server = await issueLeaf(authority, {
    ...{ ...leaf, name: 'nats', for: 'server', hosts },
  })
  const client = { ...leaf, name: 'g', for: 'client' } as const
  return {
    authority: files('authority', authority).certificate,
    stranger: files('stranger', stranger).certificate,
    server: files('server', server),
    client: files('client', await issueLeaf(authority, client)),
    foreign: files('foreign', await issueLeaf(stranger, client)),
  }
}

const startTls = async (lines: readonly string[], hosts = ['127.0.0.1']) => {
  const made = await makeCertificates(hosts)
  const tls = [`cert_file: "${made.server.certificate}"`, `key_file: "${made.server.key}"`]
  const servers = await startNats(1, [
    `tls { ${[...tls, ...lines.map((line) => line.replace('AUTHORITY', made.authority))].join(', ')} }`,
  ])
  stops.push(() => servers.remove())
  return { ...made, urls: servers.urls.map((url) => url.replace('nats:', 'tls:')) }
}

test.skipIf(!natsInstalled())(
  'TLS: only a server that the authority vouches for',
  async () => {
    const { urls, authority, stranger } = await startTls([])
    expect(await openingOf(settingsOf(urls, { authority }))).toBe('none')
    expect(await openingOf(settingsOf(urls, { authority: stranger }))).toBe('nats_unreachable')
    // Without one of its own, the authorities of the operating system are asked, who know neither.
    expect(await openingOf(settingsOf(urls))).toBe('nats_unreachable')
  },
  60_000,
)

test.skipIf(!natsInstalled())(
  'TLS: only a server with a certificate for its address',
  async () => {
    const { urls, authority } = await startTls([], ['localhost', '10.0.0.1'])
    expect(await openingOf(settingsOf(urls, { authority }))).toBe('nats_unreachable')
    const byName = urls.map((url) => url.replace('127.0.0.1', 'localhost'))
    expect(await openingOf(settingsOf(byName, { authority }))).toBe('none')
  },
  60_000,
)

test.skipIf(!natsInstalled())(
  'TLS: a server may ask for a client certificate',
  async () => {
    const { urls, authority, client, foreign } = await startTls([
      'ca_file: "AUTHORITY"',
      'verify: true',
    ])
    expect(await openingOf(settingsOf(urls, { authority, ...client }))).toBe('none')
    expect(await openingOf(settingsOf(urls, { authority, ...foreign }))).toBe('nats_unreachable')
    expect(await openingOf(settingsOf(urls, { authority }))).toBe('nats_unreachable')
  },
  60_000,
)

test.skipIf(!natsInstalled())(
  'an nkey opens the fleet, another one does not',
  async () => {
    const [ours, other] = [nkeys.createUser(), nkeys.createUser()]
    const seed = (pair: typeof ours): string => Buffer.from(pair.getSeed()).toString()
    const users = `authorization { users: [{ nkey: ${ours.getPublicKey()} }] }`
    const servers = await startNats(1, [users])
    stops.push(() => servers.remove())
    const settings = settingsOf(servers.urls, { nkey: { env: 'X' } })
    expect(await openingOf(settings, { secret: seed(ours) })).toBe('none')
    expect(await openingOf(settings, { secret: `${seed(ours)}\n` })).toBe('none')
    expect(await openingOf(settings, { secret: seed(other) })).toBe('nats_refused')
  },
  60_000,
)

test.runIf(natsInstalled())(
  'a password that the servers changed for a while',
  async () => {
    const asks = (word: string): string => `authorization { user: g, password: ${word} }`
    const lines = [asks('one')]
    const server = await startNats(1, lines)
    stops.push(() => server.remove())
    const settings = settingsOf(server.urls, { username: 'g', password: { env: 'WORD' } })
    const fleet = await openFleet(settings, { secret: () => 'one', chainKey: 'did:key:one' })
    stops.push(() => fleet.connection.close())
    let refused = 0
    const seen = (async () => {
      for await (const { type } of fleet.connection.status()) refused += Number(type === 'error')
    })()
    await server.kill(0)
    lines[0] = asks('two')
    await server.start(0)
    // The client's own way is to give up at the second refusal.
    while (refused < 3) await setTimeout(20)
    await server.kill(0)
    lines[0] = asks('one')
    await server.start(0)
    const put = async (): Promise<void> => {
      await fleet.leases.put('try', '1').catch(put)
    }
    await put()
    expect(fleet.connection.isClosed()).toBe(false)
    await fleet.connection.close()
    await seen
  },
  60_000,
)
