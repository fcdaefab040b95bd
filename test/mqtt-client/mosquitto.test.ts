// The source for brokers outside, with Debian's Mosquitto: nothing that the broker has given away
// is lost when broker or gateway are killed, nothing is there twice, and what MQTT 5 adds is used.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { issueClient } from '../../gateway/certificates/clients.ts'
import { ownAuthority, ownServer } from '../../gateway/certificates/files.ts'
import { systemClock } from '../../gateway/core/clock.ts'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { startBroker } from '../mqtt/stand.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { mosquittoInstalled } from '../servers/mosquitto.ts'
import { broker, client, folder, later, source, topic, until } from './stand.ts'

const report = (seq: number): string =>
  `{"boot":1,"seq":${seq},"t":${seq * 1000},"v":{"motor_current":1}}`

const summaryOf = async ({ pageUrl }: GatewayProcess): Promise<UnitSummary | undefined> => {
  const reply = await fetch(new URL('/api/units', pageUrl))
  return ((await reply.json()) as { units: UnitSummary[] }).units[0]
}

describe.runIf(mosquittoInstalled())('with a real broker', () => {
  test('broker restarts and gateway kills lose nothing and double nothing', async () => {
    const outside = await broker()
    const data = folder()
    const set = { 'sources.mqtt-client.url': `mqtt://127.0.0.1:${outside.port}` }
    let gateway = await startGatewayProcess({ data, set })
    await until(() => gateway.printed().includes('connected'))
    const drill = await client(outside.port, { protocolVersion: 5, clientId: 'drill-1' })
    await drill.publishAsync(topic('hello'), '{"boot":1,"t":0}', { qos: 1 })
    await until(async () => (await summaryOf(gateway)) !== undefined)
    let acknowledged = 0
    const publish = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n += 1) {
        await drill.publishAsync(topic('report'), report(acknowledged + 1), { qos: 1 })
        acknowledged += 1
      }
    }
    await publish(200)
    await gateway.kill()
    await publish(200)
    gateway = await startGatewayProcess({ data, set })
    later(() => gateway.kill())
    await publish(200)
    // Mosquitto keeps what it has not delivered over a stop; the client sends again what it missed.
    await outside.stop()
    const during = publish(200)
    await outside.start()
    await during
    await until(async () => ((await summaryOf(gateway))?.readings ?? 0) >= acknowledged)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await summaryOf(gateway)).toMatchObject({ readings: 800, quarantined: 0 })
    expect(gateway.printed()).toContain('connected')
  })

  test('a message is acknowledged only when it is durable', async () => {
    const outside = await broker()
    const url = `mqtt://127.0.0.1:${outside.port}`
    const first = await source({ url })
    const drill = await client(outside.port)
    await until(() => first.notes.some((line) => line.endsWith('connected')))
    await drill.publishAsync(topic('report'), 'not durable', { qos: 1 })
    await until(() => first.held.length === 1)
    await first.stop()
    const second = await source({ url })
    await until(() => second.held.length === 1)
    expect(second.held[0]?.record.payload.toString()).toBe('not durable')
    second.held[0]?.done()
    await drill.publishAsync(topic('report'), 'next', { qos: 1 })
    await until(() => second.held.length === 2)
    expect(second.held[1]?.record.payload.toString()).toBe('next')
  })

  test('a message whose commit failed comes again', async () => {
    const outside = await broker()
    const { held, notes } = await source({ url: `mqtt://127.0.0.1:${outside.port}` })
    const drill = await client(outside.port)
    await until(() => notes.some((line) => line.endsWith('connected')))
    await drill.publishAsync(topic('report'), 'x', { qos: 1 })
    await until(() => held.length === 1)
    held[0]?.done(new Error('the disk is full'))
    await until(() => held.length === 2)
    expect(held[1]?.record.session).not.toBe(held[0]?.record.session)
    held[1]?.done()
  })

  test('MQTT 5: what expires is not delivered', async () => {
    const outside = await broker()
    const url = `mqtt://127.0.0.1:${outside.port}`
    const first = await source({ url })
    await until(() => first.notes.some((line) => line.endsWith('connected')))
    await first.stop()
    const drill = await client(outside.port, { protocolVersion: 5 })
    const properties = { messageExpiryInterval: 1 }
    await drill.publishAsync(topic('report'), 'short-lived', { qos: 1, properties })
    for (const text of ['a', 'b', 'c', 'd']) {
      const kept = { messageExpiryInterval: 3600 }
      await drill.publishAsync(topic('report'), text, { qos: 1, properties: kept })
    }
    await new Promise((resolve) => setTimeout(resolve, 2100))
    const second = await source({ url })
    const texts = () => second.held.map(({ record }) => record.payload.toString())
    for (const count of [1, 2, 3, 4]) {
      await until(() => second.held.length === count)
      second.held[count - 1]?.done()
    }
    expect(texts()).toEqual(['a', 'b', 'c', 'd'])
  })

  test('MQTT 3.1.1 and a shared subscription: each message once, over all sessions', async () => {
    const outside = await broker()
    const url = `mqtt://127.0.0.1:${outside.port}`
    const one = await source({ url, version: '3.1.1', share: 'gw', sessions: 2 })
    await until(() => one.notes.filter((line) => line.endsWith('connected')).length >= 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const drill = await client(outside.port)
    const acknowledging = setInterval(() => {
      for (const { done } of one.held) done()
    }, 5)
    for (let seq = 0; seq < 40; seq += 1) {
      await drill.publishAsync(topic('report'), report(seq), { qos: 1 })
    }
    await until(() => one.held.length >= 40)
    clearInterval(acknowledging)
    const sequences = one.held.map(({ record }) => JSON.parse(record.payload.toString()).seq)
    expect(sequences.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => n))
    expect(new Set(one.held.map(({ record }) => record.session)).size).toBe(2)
  })

  test('TLS with a client certificate; a broker that is not trusted is not spoken to', async () => {
    const keys = folder()
    const own = {
      folder: keys,
      clock: systemClock(),
      random: (bytes: number) => randomBytes(bytes),
    }
    await ownServer(own, ['127.0.0.1', 'localhost'])
    const authority = join(keys, 'authority.pem')
    const { certificate, key } = await issueClient(own, 'gateway')
    writeFileSync(join(keys, 'c.pem'), certificate)
    writeFileSync(join(keys, 'c.key'), key)
    const outside = await broker([
      `cafile ${authority}`,
      `certfile ${keys}/server-1.pem`,
      `keyfile ${keys}/server-1.key`,
      'require_certificate true',
    ])
    const url = `mqtts://127.0.0.1:${outside.port}`
    const mine = { certificate: join(keys, 'c.pem'), key: join(keys, 'c.key') }
    const { notes } = await source({ url, authority, ...mine })
    await until(() => notes.some((line) => line.endsWith('connected')))
    const other = folder()
    await ownAuthority({ ...own, folder: other })
    const wary = await source({ url, authority: join(other, 'authority.pem'), ...mine })
    await until(() => wary.notes.some((line) => line.includes('certificate')))
  })

  test('a wrong password and a refused subscription are said, and tried again', async () => {
    const keys = folder()
    writeFileSync(join(keys, 'passwords'), '', { mode: 0o600 })
    const password = { env: 'X' }
    const outside = await broker(['allow_anonymous false', `password_file ${keys}/passwords`])
    const url = `mqtt://127.0.0.1:${outside.port}`
    const { notes } = await source({ url, username: 'gw', password })
    await until(() => notes.some((line) => /[Nn]ot authorized|Bad user/.test(line)))
    const strict = await startBroker({ authenticate: async () => true })
    const refused = await source({
      url: strict.url,
      version: '3.1.1',
      clientId: 'gw',
      username: 'gw',
      password,
    })
    await until(() => refused.notes.some((line) => line.includes('subscribe_refused')))
  })

  test('a command goes out while the unit is heard, and is not retained', async () => {
    const outside = await broker()
    const { made, held, notes } = await source({ url: `mqtt://127.0.0.1:${outside.port}` })
    const drill = await client(outside.port, { protocolVersion: 5 })
    const got: { payload: string; retain: boolean; expiry: number | undefined }[] = []
    drill.on('message', (_, payload, { retain, properties }) => {
      const expiry = properties?.messageExpiryInterval
      got.push({ payload: payload.toString(), retain, expiry })
    })
    await drill.subscribeAsync(topic('command'), { qos: 1 })
    await until(() => notes.some((line) => line.endsWith('connected')))
    const command = { machine: 'cordless_drill', unit: 'drill-1', payload: '{}' }
    expect(made.command?.(command)).toBe(false)
    await drill.publishAsync(topic('report'), 'x', { qos: 1 })
    await until(() => held.length === 1)
    expect(made.command?.(command)).toBe(true)
    await until(() => got.length === 1)
    expect(got[0]).toMatchObject({ payload: '{}', retain: false })
    expect(got[0]?.expiry).toBeLessThanOrEqual(3)
  })
})
