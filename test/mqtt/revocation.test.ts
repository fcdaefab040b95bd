// Client certificates by the command line, and what a running broker does with those that are
// revoked: nobody gets in by one, and who is in by one is let go.
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { issueClient, ownRevoked, revokeClient } from '../../gateway/certificates/clients.ts'
import { ownAuthority, ownServer } from '../../gateway/certificates/files.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import { connectUnit } from '../../gateway/mqtt/client.ts'
import type { TlsDoor } from '../../gateway/sources/mqtt/listeners.ts'
import { refused, testIo } from '../cli/io.ts'
import { freePort, startGatewayProcess } from '../servers/gateway.ts'
import { later, startBroker, tempFolder, topicOfDrill, until } from './stand.ts'

const own = (folder = tempFolder()) => ({
  folder,
  clock: systemClock(),
  random: (bytes: number) => randomBytes(bytes),
})

const startTls = async (clients: TlsDoor['clients']) => {
  const options = own()
  const material = async () => {
    const revoked = await ownRevoked(options)
    return {
      ...(await ownServer(options, ['127.0.0.1'])),
      authority: (await ownAuthority(options)).certificate,
      ...(revoked === undefined ? {} : { revoked }),
    }
  }
  const tls = { host: '127.0.0.1', port: 0, clients, material }
  const stand = await startBroker({ tls })
  const ca = (await ownAuthority(options)).certificate
  return { ...stand, own: options, ca, url: `mqtts://127.0.0.1:${stand.broker.tlsPort}` }
}

const unit = async (options: Parameters<typeof connectUnit>[0]) => {
  const connection = await connectUnit({ reconnectMs: 60_000, ...options })
  later(() => connection.stop())
  return connection
}

test.each(['either', 'certificate'] as const)(
  'one that is revoked opens nothing, and who is in by it is let go; the others stay: %s',
  async (clients) => {
    const { url, ca, own: options, broker, records, notes } = await startTls(clients)
    const tlsOf = async (name: string) => {
      const { certificate: cert, key } = await issueClient(options, name)
      return { ca, cert, key }
    }
    const [lost, renewed, other] = [
      await tlsOf('drill-1'),
      await tlsOf('drill-1'),
      await tlsOf('drill-2'),
    ]
    const one = await unit({ url, clientId: 'drill-1', tls: lost })
    const two = await unit({ url, clientId: 'drill-2', tls: other })
    const { serialNumber } = new (await import('node:crypto')).X509Certificate(lost.cert)
    await revokeClient(options, serialNumber)
    await broker.renew()
    await until(() => !one.connected)
    expect(notes.join()).toContain('drill-1 disconnected (certificate_revoked)')
    await expect(
      unit({ url, clientId: 'drill-1', tls: lost, connectMs: 2000 }),
    ).rejects.toBeDefined()
    await until(() => notes.some((line) => /turned away \(certificate_revoked\)/.test(line)))
    // By the new certificate of the same unit it is heard, and the other one never left.
    const again = await unit({ url, clientId: 'drill-1', tls: renewed })
    await again.publish(topicOfDrill('report'), 'again')
    await two.publish(topicOfDrill('report', 'drill-2'), 'still')
    expect(records.map(({ payload }) => payload.toString())).toEqual(['again', 'still'])
    await revokeClient(options, 'drill-1')
    await broker.renew()
    await until(() => !again.connected)
    expect(two.connected).toBe(true)
  },
  60_000,
)

test('issued, listed and revoked by the command line, seen by a running gateway', async () => {
  const io = await testIo()
  later(() => io.remove())
  const data = tempFolder()
  const set = ['--set', `data=${data}`]
  expect(await io.tenfold('certificate', ...set)).toBe(0)
  expect(io.lines.join()).toContain('no client certificate')
  expect(await io.tenfold('certificate', 'drill-1', ...set)).toBe(0)
  expect(io.errors.splice(0)).toEqual([expect.stringContaining('had no authority yet')])
  expect(statSync(join(io.cwd, 'drill-1.key')).mode & 0o777).toBe(0o600)
  const read = (name: string): string => readFileSync(join(io.cwd, name), 'utf8')
  const tls = { ca: read('authority.pem'), cert: read('drill-1.pem'), key: read('drill-1.key') }
  const tlsPort = await freePort()
  const gateway = await startGatewayProcess({ data, set: { 'mqtt.tls.port': tlsPort } })
  later(() => gateway.stop())
  const url = `mqtts://127.0.0.1:${tlsPort}`
  const drill = await unit({ url, clientId: 'drill-1', tls })
  await drill.publish(topicOfDrill('hello'), '{"boot":1,"t":0}')
  io.lines.length = 0
  expect(await io.tenfold('certificate', '--revoke', 'drill-1', ...set)).toBe(0)
  expect(io.lines).toEqual([expect.stringMatching(/^revoked: [0-9a-f]+ {2}drill-1$/)])
  await until(() => !drill.connected)
  io.lines.length = 0
  expect(await io.tenfold('certificate', ...set)).toBe(0)
  expect(io.lines).toEqual([expect.stringMatching(/^drill-1 +revoked \d{4}-\d\d-\d\d/)])
  const refusals: [string[], RegExp][] = [
    [['drill-1'], /is there already/],
    [['Drill'], /no id of a unit/],
    [['--revoke', 'drill-1'], /no certificate in force/],
    [['drill-2', '--revoke', 'drill-1'], /one thing at a time/],
  ]
  for (const [args, message] of refusals) {
    io.errors.length = 0
    expect(await io.tenfold('certificate', ...args, ...set)).toBe(refused(io))
    expect(io.errors.join('\n')).toMatch(message)
  }
}, 120_000)

test('a list of an authority of your own, and one that is none', async () => {
  const data = tempFolder()
  const theirs = own()
  const { certificate: ca } = await ownAuthority(theirs)
  const { certificate: cert, key } = await issueClient(theirs, 'drill-1')
  await revokeClient(theirs, 'drill-1')
  const tlsPort = await freePort()
  const [authority, revoked] = [join(data, 'ca.pem'), join(data, 'crl.pem')]
  writeFileSync(authority, ca)
  writeFileSync(revoked, 'nothing')
  const set = {
    'mqtt.tls.port': tlsPort,
    'mqtt.tls.authority': authority,
    'mqtt.tls.revoked': revoked,
  }
  await expect(startGatewayProcess({ data, set })).rejects.toThrow(/certificate_wrong/)
  writeFileSync(revoked, (await ownRevoked(theirs))?.list ?? '')
  const gateway = await startGatewayProcess({ data, set })
  later(() => gateway.stop())
  const url = `mqtts://127.0.0.1:${tlsPort}`
  const server = readFileSync(join(data, 'keys', 'tls', 'authority.pem'), 'utf8')
  const tls = { ca: server, cert, key }
  await expect(unit({ url, clientId: 'drill-1', tls, connectMs: 2000 })).rejects.toBeDefined()
  await until(() => gateway.printed().includes('drill-1 turned away (certificate_revoked)'))
}, 120_000)
