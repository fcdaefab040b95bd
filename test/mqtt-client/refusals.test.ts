// What the source for brokers outside refuses and puts aside, row by row of its README, with
// Debian's Mosquitto: what is too long, what is not ours, what is retained, and nobody there.
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { limits } from '../../gateway/core/limits.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { createDecode } from '../../gateway/pipeline/decode.ts'
import { freePort } from '../servers/gateway.ts'
import { mosquittoInstalled } from '../servers/mosquitto.ts'
import { broker, client, source, topic, until } from './stand.ts'

const drill = loadProfiles().profiles.get('cordless_drill')
if (drill === undefined) throw new Error('no drill')
const decode = createDecode(new Map([[drill.machine, prepareMachine(drill)]]))

const reasonOf = (record: Parameters<typeof encodeRecord>[0] | undefined): unknown => {
  if (record === undefined) throw new Error('no record')
  const decoded = decode(encodeRecord(record))
  return 'fault' in decoded ? decoded.fault.reason : decoded.kind
}

test('broker_unreachable: nobody there is said once, and tried again', async () => {
  const port = await freePort()
  const { notes } = await source({ url: `mqtt://127.0.0.1:${port}` })
  let tries = 0
  const counting = createServer((socket) => {
    tries += 1
    socket.destroy()
  })
  await until(() => notes.length === 1)
  expect(notes[0]).toContain('(broker_unreachable): connect ECONNREFUSED')
  await new Promise<void>((resolve) => counting.listen(port, '127.0.0.1', resolve))
  await until(() => tries > 2)
  counting.close()
  // What is new is said: that somebody is there, and hangs up. Once, too.
  expect(notes.length).toBeLessThanOrEqual(3)
})

test('certificate_wrong: a file that is not there stops the start', async () => {
  const url = 'mqtts://127.0.0.1:1'
  await expect(source({ url, authority: '/nowhere/ca.pem' })).rejects.toMatchObject({
    code: 'certificate_wrong',
    message: expect.stringContaining('/nowhere/ca.pem'),
  })
})

describe.runIf(mosquittoInstalled())('from a real broker', () => {
  test('topic_unknown, payload_oversize: logged, acknowledged, quarantined', async () => {
    const outside = await broker()
    const url = `mqtt://127.0.0.1:${outside.port}`
    const { held, notes } = await source({ url, filters: ['#'] })
    const writer = await client(outside.port)
    await until(() => notes.some((line) => line.endsWith('connected')))
    await writer.publishAsync('shop/light', 'on', { qos: 1 })
    await until(() => held.length === 1)
    expect(reasonOf(held[0]?.record)).toBe('topic_unknown')
    held[0]?.done()
    await writer.publishAsync(topic('report'), Buffer.alloc(3 * limits.payloadBytes), { qos: 1 })
    await until(() => held.length === 2)
    expect(held[1]?.record.payload.length).toBe(limits.payloadBytes + 1)
    expect(reasonOf(held[1]?.record)).toBe('payload_oversize')
    held[1]?.done()
    await writer.publishAsync(topic('report'), 'next', { qos: 1 })
    await until(() => held.length === 3)
  })

  test('a packet over 256 KiB is not sent by a broker of MQTT 5, and blocks nothing', async () => {
    const outside = await broker()
    const { held, notes } = await source({ url: `mqtt://127.0.0.1:${outside.port}` })
    const writer = await client(outside.port)
    await until(() => notes.some((line) => line.endsWith('connected')))
    await writer.publishAsync(topic('report'), Buffer.alloc(5 * limits.payloadBytes), { qos: 1 })
    await writer.publishAsync(topic('report'), 'next', { qos: 1 })
    await until(() => held.length === 1)
    expect(held[0]?.record.payload.toString()).toBe('next')
  })

  test('a retained message is logged as retained: state, not a new sample', async () => {
    const outside = await broker()
    const writer = await client(outside.port)
    await writer.publishAsync(topic('report'), '{"v":{}}', { qos: 1, retain: true })
    const { held } = await source({ url: `mqtt://127.0.0.1:${outside.port}` })
    await until(() => held.length === 1)
    expect(held[0]?.record.retained).toBe(true)
    held[0]?.done()
    await writer.publishAsync(topic('report'), '{"v":{}}', { qos: 1 })
    await until(() => held.length === 2)
    expect(held[1]?.record.retained).toBe(false)
  })

  test('its link: since when, when it was heard, what it said, with the broker gone and back', async () => {
    const outside = await broker()
    const { made, held, notes } = await source({ url: `mqtt://127.0.0.1:${outside.port}` })
    const link = () => made.links?.()[0]
    const peer = `mqtt://127.0.0.1:${outside.port}`
    await until(() => link()?.isConnected === true)
    expect(link()).toMatchObject({ peer, said: 'connected', isTrouble: false, heardUs: undefined })
    const first = link()?.sinceUs ?? Number.NaN
    const writer = await client(outside.port)
    await writer.publishAsync(topic('report'), 'x', { qos: 1 })
    await until(() => held.length === 1)
    expect(link()?.heardUs).toBeGreaterThanOrEqual(first)
    await outside.kill()
    await until(() => link()?.isConnected === false)
    expect(link()?.said).toContain('broker_unreachable')
    const gone = link()?.sinceUs ?? Number.NaN
    expect(gone).toBeGreaterThan(first)
    await until(() => link()?.said.includes('ECONNREFUSED') === true)
    expect(link()?.sinceUs).toBe(gone)
    await outside.start()
    await until(() => link()?.isConnected === true)
    expect(link()).toMatchObject({ said: 'connected', isTrouble: false })
    expect(link()?.sinceUs).toBeGreaterThan(gone)
    expect(notes.filter((line) => line.endsWith(': connected'))).toHaveLength(2)
  })
})
