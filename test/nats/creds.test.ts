// A fleet's servers in operator mode: who is let in has a JWT that its account has signed, whose
// own the operator has signed, in a file .creds. Against a real nats-server; all of them are made
// here, as the NATS documents describe them (JWT with alg ed25519-nkey, version 2).
import { createHash, randomBytes } from 'node:crypto'
import { nkeys } from '@nats-io/transport-node'
import { afterEach, expect, test } from 'vitest'
import type { NatsSettings } from '../../gateway/sources/nats/settings.ts'
import { natsInstalled, startNats } from '../servers/nats.ts'
import { openingOf } from './stand.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

type Key = ReturnType<typeof nkeys.createUser>

const base64 = (value: object | Uint8Array): string =>
  Buffer.from(value instanceof Uint8Array ? value : JSON.stringify(value)).toString('base64url')

interface Claim {
  of: Key
  by: Key
  name: string
  nats: object
  /** Seconds since 1970. */
  until?: number
}

const jwtOf = ({ of, by, name, nats, until }: Claim): string => {
  const claims = {
    ...{ iat: Math.floor(Date.now() / 1000), iss: by.getPublicKey(), sub: of.getPublicKey() },
    ...{ name, nats: { ...nats, version: 2 }, ...(until !== undefined && { exp: until }) },
  }
  const jti = createHash('sha256').update(JSON.stringify(claims)).digest('hex').toUpperCase()
  const signed = `${base64({ typ: 'JWT', alg: 'ed25519-nkey' })}.${base64({ jti, ...claims })}`
  return `${signed}.${base64(by.sign(new TextEncoder().encode(signed)))}`
}

/** Nothing is limited; the system account may have no JetStream. */
const unlimited = {
  ...{ subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1 },
  leaf: -1,
}
const withStreams = { ...unlimited, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }

/** The form of a file .creds. */
const credsOf = (jwt: string, user: Key): string =>
  [
    ...['-----BEGIN NATS USER JWT-----', jwt, '------END NATS USER JWT------', ''],
    ...['-----BEGIN USER NKEY SEED-----', new TextDecoder().decode(user.getSeed())],
    ...['------END USER NKEY SEED------', ''],
  ].join('\n')

const startOperated = async () => {
  const [operator, account, system] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
  ]
  const accountOf = (of: Key, name: string, limits: object): string =>
    jwtOf({ of, by: operator, name, nats: { type: 'account', limits } })
  const operatorJwt = jwtOf({
    ...{ of: operator, by: operator, name: 'op' },
    nats: { type: 'operator', system_account: system.getPublicKey() },
  })
  const servers = await startNats(1, [
    `operator: ${operatorJwt}`,
    `system_account: ${system.getPublicKey()}`,
    'resolver: MEMORY',
    'resolver_preload: {',
    `  ${account.getPublicKey()}: ${accountOf(account, 'fleet', withStreams)}`,
    `  ${system.getPublicKey()}: ${accountOf(system, 'SYS', unlimited)}`,
    '}',
  ])
  stops.push(() => servers.remove())
  const user = (by: Key, until?: number) => {
    const of = nkeys.createUser()
    const nats = { type: 'user', subs: -1, data: -1, payload: -1, pub: {}, sub: {} }
    return { of, jwt: jwtOf({ of, by, name: 'g', nats, ...(until !== undefined && { until }) }) }
  }
  return { urls: servers.urls, account, user }
}

const settingsOf = (
  servers: readonly string[],
  more: Partial<NatsSettings> = {},
): NatsSettings => ({
  ...{ servers: [...servers], name: 'g', fleet: 'test', replicas: 1, shards: 4, leaseMs: 1000 },
  ...{ confirmedBy: 'influx1', bytesMax: 1024 ** 2, credentials: { env: 'CREDS' } },
  ...more,
})

const opening = (urls: readonly string[], creds: string): Promise<unknown> =>
  openingOf(settingsOf(urls), {
    secret: creds,
    hidden: /SU[A-Z2-7]{56}/.exec(creds)?.[0] ?? 'no seed',
  })

test.skipIf(!natsInstalled())(
  'nats_refused: a .creds of another account, of another seed, or that has ended',
  async () => {
    const { urls, account, user } = await startOperated()
    const good = user(account)
    expect(await opening(urls, credsOf(good.jwt, good.of))).toBe('none')
    // As a file with the line ends of another system.
    expect(await opening(urls, credsOf(good.jwt, good.of).replaceAll('\n', '\r\n'))).toBe('none')
    expect(await opening(urls, credsOf(good.jwt, nkeys.createUser()))).toBe('nats_refused')
    const foreign = user(nkeys.createAccount())
    expect(await opening(urls, credsOf(foreign.jwt, foreign.of))).toBe('nats_refused')
    const old = user(account, Math.floor(Date.now() / 1000) - 60)
    expect(await opening(urls, credsOf(old.jwt, old.of))).toBe('nats_refused')
  },
  120_000,
)

test('nats_credentials: what is no .creds is said, and nobody is asked', async () => {
  const user = nkeys.createUser()
  const whole = credsOf('aa.bb.cc', user)
  for (const text of [
    ...['', 'aa.bb.cc', whole.replace('SEED', 'KEY'), whole.replace('aa.bb.cc', 'aa.bb')],
    ...[whole.slice(0, 120), randomBytes(200).toString('latin1')],
  ]) {
    expect(await opening(['nats://127.0.0.1:1'], text)).toBe('nats_credentials')
  }
})
