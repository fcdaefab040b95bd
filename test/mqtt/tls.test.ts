// MQTT over TLS with real certificates: the gateway's own authority, units that show a certificate,
// renewal without a restart, and what is refused.
import { randomBytes, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, test } from 'vitest'
import { issueLeaf } from '../../gateway/certificates/authority.ts'
import { issueClient } from '../../gateway/certificates/clients.ts'
import { issueOf, ownAuthority, ownServer } from '../../gateway/certificates/files.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import { connectUnit } from '../../gateway/mqtt/client.ts'
import type { TlsDoor } from '../../gateway/sources/mqtt/listeners.ts'
import { later, startBroker, tempFolder, topicOfDrill, until } from './stand.ts'

const hosts = ['localhost', '127.0.0.1']
const dayUs = 86_400_000_000

const authority = (folder = tempFolder(), nowUs = systemClock().nowUs()) => ({
  folder,
  clock: { nowUs: () => nowUs },
  random: (bytes: number) => randomBytes(bytes),
})

const startTls = async (clients: TlsDoor['clients'], more = {}) => {
  const own = authority()
  const material = async () => ({
    ...(await ownServer(own, hosts)),
    authority: (await ownAuthority(own)).certificate,
  })
  const tls = { host: '127.0.0.1', port: 0, clients, material }
  const stand = await startBroker({ tls, ...more })
  const ca = (await ownAuthority(own)).certificate
  return { ...stand, own, ca, url: `mqtts://127.0.0.1:${stand.broker.tlsPort}` }
}

const unit = async (options: Parameters<typeof connectUnit>[0]) => {
  const connection = await connectUnit({ reconnectMs: 60_000, ...options })
  later(() => connection.stop())
  return connection
}

test('a certificate says which unit it is, and it speaks only as itself', async () => {
  const { url, ca, own, records, notes } = await startTls('either')
  const { certificate: cert, key } = await issueClient(own, 'drill-1')
  const drill = await unit({ url, clientId: 'drill-1', tls: { ca, cert, key } })
  await drill.publish(topicOfDrill('report'), 'own')
  drill.publish(topicOfDrill('report', 'drill-2'), 'other').catch(() => {})
  await until(() => !drill.connected)
  expect(records.map(({ payload }) => payload.toString())).toEqual(['own'])
  expect(notes.join()).toContain('unit_other')
  const named = { url, clientId: 'drill-2', username: 'drill-2', password: 'x' }
  await expect(unit({ ...named, tls: { ca, cert, key } })).rejects.toThrow('Not authorized')
})

test('nobody without a name is let in, also where the plain port takes anybody', async () => {
  const { url, ca } = await startTls('either')
  await expect(unit({ url, clientId: 'a', tls: { ca } })).rejects.toThrow('Not authorized')
})

test('a password is as good as a certificate where both are allowed', async () => {
  const authenticate = (user: string, password: string) => Promise.resolve(user === password)
  const { url, ca, records } = await startTls('either', { authenticate })
  const name = { clientId: 'drill-1', username: 'drill-1', password: 'drill-1' }
  const drill = await unit({ url, ...name, tls: { ca } })
  await drill.publish(topicOfDrill('report'), 'x')
  expect(records).toHaveLength(1)
  await expect(unit({ url, ...name, password: 'no', tls: { ca } })).rejects.toThrow('authorized')
})

test('a certificate of another authority opens nothing', async () => {
  const { url, ca } = await startTls('either')
  const { certificate: cert, key } = await issueClient(authority(), 'drill-1')
  await expect(unit({ url, clientId: 'drill-1', tls: { ca, cert, key } })).rejects.toThrow()
})

test('where certificates are asked for, a client without one is turned away', async () => {
  const { url, ca, notes } = await startTls('certificate')
  const tls = { ca }
  await expect(unit({ url, clientId: 'a', tls, connectMs: 500 })).rejects.toMatchObject({
    code: 'broker_unreachable',
  })
  await until(() => notes.some((line) => line.includes('tls_refused')))
})

test('a unit does not speak to a broker that it does not trust', async () => {
  const { url } = await startTls('either')
  const { certificate: ca } = await ownAuthority(authority())
  await expect(unit({ url, clientId: 'a', tls: { ca } })).rejects.toThrow(/certificate/)
})

const shown = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })

test('a renewed certificate is taken up without a restart, open connections stay', async () => {
  const folder = tempFolder()
  let nowUs = systemClock().nowUs()
  const own = { ...authority(folder), clock: { nowUs: () => nowUs } }
  const material = async () => ({
    ...(await ownServer(own, hosts)),
    authority: (await ownAuthority(own)).certificate,
  })
  const tls: TlsDoor = { host: '127.0.0.1', port: 0, clients: 'either', material }
  const { broker } = await startBroker({ tls })
  const { certificate: ca } = await ownAuthority(own)
  const { certificate: cert, key } = await issueClient(own, 'drill-1')
  const url = `mqtts://127.0.0.1:${broker.tlsPort}`
  const drill = await unit({ url, clientId: 'drill-1', tls: { ca, cert, key } })
  const before = await shown(broker.tlsPort)
  await broker.renew()
  expect(await shown(broker.tlsPort)).toBe(before)
  nowUs += 370 * dayUs
  await broker.renew()
  expect(await shown(broker.tlsPort)).not.toBe(before)
  await drill.publish(topicOfDrill('report'), 'still here')
  // Nothing was overwritten.
  const files = readdirSync(folder).filter((name) => name.endsWith('.pem'))
  expect(files.sort()).toEqual(['authority.pem', 'server-1.pem', 'server-2.pem'])
})

test('a certificate that soon expires is said once a day', async () => {
  const own = authority()
  const pair = await ownServer(own, hosts)
  const nowUs = systemClock().nowUs() + 385 * dayUs
  const material = async () => ({ ...pair, authority: pair.certificate })
  const tls: TlsDoor = { host: '127.0.0.1', port: 0, clients: 'either', material }
  const { broker, notes } = await startBroker({
    tls,
    clock: { ...systemClock(), nowUs: () => nowUs },
  })
  await broker.renew()
  expect(notes.filter((line) => /expires in 1[12] days/.test(line))).toHaveLength(1)
})

test('a key that does not belong to the certificate is said with the setting', async () => {
  const [one, two] = [await ownServer(authority(), hosts), await ownServer(authority(), hosts)]
  const material = async () => ({ ...one, key: two.key, authority: one.certificate })
  const tls: TlsDoor = { host: '127.0.0.1', port: 0, clients: 'either', material }
  await expect(startBroker({ tls })).rejects.toMatchObject({
    code: 'certificate_wrong',
    remedy: expect.stringContaining('mqtt.tls.key'),
  })
})

test('one that cannot be used is not taken up, and the former one stays in use', async () => {
  const own = authority()
  const good = await ownServer(own, hosts)
  const old = { ...authority(own.folder, systemClock().nowUs() - 900 * dayUs) }
  const ended = await issueLeaf(await ownAuthority(own), {
    ...{ ...issueOf(old, 'gateway', 30), for: 'server', hosts },
  })
  const other = await ownServer(authority(), hosts)
  let pair = good
  const material = async () => ({ ...pair, authority: other.certificate })
  const tls: TlsDoor = { host: '127.0.0.1', port: 0, clients: 'either', material }
  const { broker } = await startBroker({ tls })
  const before = await shown(broker.tlsPort)
  for (const [wrong, why] of [
    [ended, /has expired/],
    [{ ...other, key: good.key }, /not that of the certificate/],
    [{ ...other, certificate: 'x' }, /cannot be read/],
  ] as const) {
    pair = wrong
    await expect(broker.renew()).rejects.toThrow(why)
    expect(await shown(broker.tlsPort)).toBe(before)
  }
  pair = other
  await broker.renew()
  expect(await shown(broker.tlsPort)).not.toBe(before)
})

test('the own server certificate follows the names that it is asked for', async () => {
  const own = authority()
  const first = await ownServer(own, hosts)
  expect(await ownServer(own, hosts)).toEqual(first)
  const second = await ownServer(own, [...hosts, 'gateway.local', '192.0.2.7'])
  const certificate = new X509Certificate(second.certificate)
  expect(certificate.checkHost('gateway.local')).toBe('gateway.local')
  expect(certificate.checkIP('192.0.2.7')).toBe('192.0.2.7')
  const root = new X509Certificate((await ownAuthority(own)).certificate)
  expect(certificate.checkIssued(root)).toBe(true)
  expect(readFileSync(join(own.folder, 'server-1.pem'), 'utf8')).toBe(first.certificate)
})

test('a handshake that does not end is waited for no longer than said', async () => {
  const { broker, notes } = await startTls('either', { connectMs: 300 })
  const socket = connectTcp(broker.tlsPort, '127.0.0.1')
  later(() => socket.destroy())
  socket.on('error', () => {})
  await new Promise((resolve) => socket.on('close', resolve).resume())
  await until(() => notes.some((line) => line.includes('(tls_refused)')))
})
