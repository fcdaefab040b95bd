// What the source for brokers outside refuses and puts aside, row by row of its README, with
// Debian's Mosquitto: what is too long, what is not ours, what is retained, and nobody there.
import { describe, expect, test } from 'vitest'
import { limits } from '../../gateway/core/limits.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { createDecode } from '../../gateway/pipeline/decode.ts'
import { freePort } from '../servers/gateway.ts'
import { mosquittoInstalled } from '../servers/mosquitto.ts'
import { broker, client, source, topic, until } from './stand.ts'

const reasonOf = (record: Parameters<typeof encodeRecord>[0] | undefined): unknown => {
  if (record === undefined) throw new Error('no record')
  const decoded = createDecode(new Map())(encodeRecord(record))
  return 'fault' in decoded ? decoded.fault.reason : decoded.kind
}

test('broker_unreachable: nobody there is said once, and tried again', async () => {
  const port = await freePort()
  const { notes } = await source({ url: `mqtt://127.0.0.1:${port}` })
  const lost = (): number => notes.filter((line) => line.includes('broker_unreachable')).length
  await until(() => lost() === 1)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(lost()).toBe(1)
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
    const drill = await client(outside.port)
    await until(() => notes.some((line) => line.endsWith('connected')))
    await drill.publishAsync('shop/light', 'on', { qos: 1 })
    await until(() => held.length === 1)
    expect(reasonOf(held[0]?.record)).toBe('topic_unknown')
    held[0]?.done()
    await drill.publishAsync(topic('report'), Buffer.alloc(3 * limits.payloadBytes), { qos: 1 })
    await until(() => held.length === 2)
    expect(held[1]?.record.payload.length).toBe(limits.payloadBytes + 1)
    expect(reasonOf(held[1]?.record)).toBe('payload_oversize')
    held[1]?.done()
    await drill.publishAsync(topic('report'), 'next', { qos: 1 })
    await until(() => held.length === 3)
  })

  test('a packet over 256 KiB is not sent by a broker of MQTT 5, and blocks nothing', async () => {
    const outside = await broker()
    const { held, notes } = await source({ url: `mqtt://127.0.0.1:${outside.port}` })
    const drill = await client(outside.port)
    await until(() => notes.some((line) => line.endsWith('connected')))
    await drill.publishAsync(topic('report'), Buffer.alloc(5 * limits.payloadBytes), { qos: 1 })
    await drill.publishAsync(topic('report'), 'next', { qos: 1 })
    await until(() => held.length === 1)
    expect(held[0]?.record.payload.toString()).toBe('next')
  })

  test('a retained message is logged as retained: state, not a new sample', async () => {
    const outside = await broker()
    const drill = await client(outside.port)
    await drill.publishAsync(topic('report'), '{"v":{}}', { qos: 1, retain: true })
    const { held } = await source({ url: `mqtt://127.0.0.1:${outside.port}` })
    await until(() => held.length === 1)
    expect(held[0]?.record.retained).toBe(true)
    held[0]?.done()
    await drill.publishAsync(topic('report'), '{"v":{}}', { qos: 1 })
    await until(() => held.length === 2)
    expect(held[1]?.record.retained).toBe(false)
  })
})
