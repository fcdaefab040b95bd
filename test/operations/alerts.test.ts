// Alerts: what began, what ended and what happened reaches a webhook and a mailbox, once, over
// outages of both and restarts of the gateway.

import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { RecentEvent, UnitSummary } from '../../gateway/core/queries.ts'
import { Alerts, type Message } from '../../gateway/operations/alerts.ts'
import { channelsOf } from '../../gateway/operations/channels.ts'
import { conditionsOf, type Known } from '../../gateway/operations/conditions.ts'
import { type Smtp, startSmtp } from '../servers/smtp.ts'

const minuteUs = 60_000_000
const nowUs = 1_760_000_000_000_000
const thresholds = {
  ...{ silentMinutes: 60, lagMinutes: 10, awayMinutes: 10 },
  ...{ certificateDays: 14, diskFreeMiB: 512, diskDays: 7 },
}
const secretPath = '/hook/a-secret-token'

const unit = (more: Partial<UnitSummary> = {}): UnitSummary => ({
  ...{ unit: 'drill-1', machine: 'cordless_drill', simulated: false, lifecycle: 'in_use' },
  ...{ key: undefined, custody: 'gateway', owner: undefined, boot: 1, lastTimeUs: nowUs },
  ...{ counters: {}, values: {}, readings: 1, missing: 0, duplicates: 0, quarantined: 0 },
  ...more,
})
const sink = (lagUs: number, more: object = {}): Known['sinks'][number] => ({
  ...{ sink: 'influx1', received: 9, pending: 4, cursor: 5, stored: 5, duplicate: 0 },
  ...{ quarantined: 0, dropped: {}, state: 'retrying', lagUs, attempts: 3, error: undefined },
  ...more,
})
const knownOf = (more: Partial<Known> = {}): Known => ({
  ...{ nowUs, sinks: [], links: [], units: [], notReady: [] },
  ...{ certificates: [], room: undefined },
  ...more,
})
const fault = (offset: number): RecentEvent => ({
  ...{ offset, unit: 'drill-1', type: 'stalled', timeUs: nowUs, cause: 'fault = stall' },
  description: 'The motor was blocked',
})

describe('what is worth telling', () => {
  const keys = (known: Partial<Known>): string[] =>
    conditionsOf(knownOf(known), thresholds).map(({ key }) => key)

  test('a unit in use that is silent, neither put away nor simulated nor just begun', () => {
    const ago = (minutes: number) => ({ lastTimeUs: nowUs - minutes * minuteUs })
    expect(keys({ units: [unit(ago(59))] })).toEqual([])
    expect(keys({ units: [unit(ago(61))] })).toEqual(['unit drill-1'])
    expect(keys({ units: [unit({ ...ago(61), simulated: true })] })).toEqual([])
    expect(keys({ units: [unit({ ...ago(61), lifecycle: 'stored' })] })).toEqual([])
    expect(keys({ units: [unit({ lastTimeUs: undefined })] })).toEqual([])
    expect(keys({ units: [unit(ago(8 * 24 * 60))] })).toEqual([])
  })

  test('a sink that is late, with its error, and a gateway that takes no data', () => {
    expect(keys({ sinks: [sink(9 * minuteUs)] })).toEqual([])
    const error = { code: 'x', message: 'cannot reach InfluxDB', remedy: 'Start it.' }
    const [late] = conditionsOf(knownOf({ sinks: [sink(11 * minuteUs, { error })] }), thresholds)
    expect(late?.text).toMatch(/influx1 is 11 min behind, 4 records wait: cannot.*Start it/)
    expect(keys({ notReady: ['log: the disk is full'] })).toEqual(['not ready'])
  })
})

describe('telling', () => {
  let folder: string
  let smtp: Smtp
  let hook: Server
  let hooked: Message[]
  let hookStatus: number
  let known: Known
  let faults: RecentEvent[]
  let notes: string[]
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tenfold-alerts-'))
    smtp = await startSmtp()
    hooked = []
    hookStatus = 200
    known = knownOf()
    faults = []
    notes = []
    hook = createServer((request, response) => {
      let body = ''
      request.on('data', (bytes: Buffer) => {
        body += bytes.toString()
      })
      request.on('end', () => {
        if (hookStatus === 200) hooked.push(JSON.parse(body) as Message)
        response.writeHead(hookStatus).end()
      })
    }).listen(0, '127.0.0.1')
    await once(hook, 'listening')
  })
  afterEach(async () => {
    await smtp.remove()
    if (hook.listening) hook.close()
    hook.closeAllConnections()
    rmSync(folder, { recursive: true })
  })

  const start = (): Alerts => {
    const { port } = hook.address() as AddressInfo
    const mail = { host: '127.0.0.1', port: smtp.port, tls: 'never' as const }
    const settings = {
      ...thresholds,
      webhook: { url: `http://127.0.0.1:${port}${secretPath}` },
      email: { ...mail, from: 'gateway@example.org', to: ['a@example.org', 'b@example.org'] },
    }
    return new Alerts({
      channels: channelsOf(settings, () => ''),
      ...{ thresholds, clock: systemClock(), path: join(folder, 'alerts.json'), name: 'tenfold x' },
      known: async () => known,
      faults: async (after) => faults.filter(({ offset }) => offset > after),
      note: (line) => notes.push(line),
    })
  }

  test('what began, what happened and what ended, once each, on both ways', async () => {
    let alerts = start()
    faults = [fault(5)]
    await alerts.look()
    expect([hooked, smtp.taken]).toEqual([[], []])
    known = knownOf({ sinks: [sink(11 * minuteUs)] })
    faults.push(fault(6), fault(9))
    await alerts.look()
    await alerts.look()
    expect(hooked).toHaveLength(1)
    expect(hooked[0]?.subject).toMatch(/^tenfold x: sink influx1 is 11 min behind.* and 2 more$/)
    expect(hooked[0]?.lines).toHaveLength(3)
    expect(hooked[0]?.lines[1]).toMatch(/drill-1: The motor was blocked \(fault = stall\)/)
    expect(smtp.taken).toHaveLength(1)
    expect(smtp.taken[0]?.to).toHaveLength(2)
    expect(smtp.taken[0]?.text).toMatch(/Subject: tenfold x: sink influx1[\s\S]*blocked/)
    alerts = start()
    await alerts.look()
    expect(hooked).toHaveLength(1)
    known = knownOf({ nowUs: nowUs + 5 * minuteUs })
    await alerts.look()
    expect(hooked[1]?.lines).toEqual(['over: sink influx1, after 5 min'])
    expect(smtp.taken).toHaveLength(2)
  })

  test('an outage of one way loses nothing and does not hold up the other', async () => {
    let alerts = start()
    await alerts.look()
    hookStatus = 503
    known = knownOf({ notReady: ['log: the disk is full'] })
    await alerts.look()
    await alerts.look()
    expect(smtp.taken).toHaveLength(1)
    expect(notes).toEqual(['alerts: webhook did not take a message: HTTP 503'])
    hookStatus = 200
    alerts = start()
    await alerts.look()
    expect(hooked[0]?.lines).toEqual(['the gateway takes no data: log: the disk is full'])
    expect(smtp.taken).toHaveLength(1)
    smtp.refuse = '451 try later'
    faults = [fault(3)]
    await alerts.look()
    expect(hooked).toHaveLength(2)
    expect(smtp.taken).toHaveLength(1)
    await alerts.look()
    expect(smtp.taken).toHaveLength(2)
    expect(notes.join()).not.toContain('a-secret-token')
    expect(existsSync(join(folder, 'alerts.json.new'))).toBe(false)
  })

  test('a webhook that is not there does not show its address', async () => {
    const { port } = hook.address() as AddressInfo
    hook.close()
    await once(hook, 'close')
    const [channel] = channelsOf(
      { ...thresholds, webhook: { url: `http://127.0.0.1:${port}${secretPath}` } },
      () => '',
    )
    const error = await channel?.send({ subject: 'x', lines: ['x'] }).catch((e: Error) => e)
    expect(String(error)).toMatch(/ECONNREFUSED/)
    expect(String(error)).not.toContain('a-secret-token')
  })
})
