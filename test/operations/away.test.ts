// A peer of a source that is away: told once when the patience is over, once when it is back, over
// restarts of the gateway, from the state that the source itself keeps.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '../../gateway/core/clock.ts'
import { LinkState, type SourceLink } from '../../gateway/core/link.ts'
import type { Queries } from '../../gateway/core/queries.ts'
import { Alerts, type Message } from '../../gateway/operations/alerts.ts'
import { startOperations } from '../../gateway/operations/index.ts'

const minuteUs = 60_000_000
const startUs = 1_760_000_000_000_000
const thresholds = {
  ...{ silentMinutes: 60, lagMinutes: 10, awayMinutes: 10 },
  ...{ certificateDays: 14, diskFreeMiB: 512, diskDays: 7 },
}

const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-away-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A gateway that is looked at when the test says so; its peer is what its source says. */
const rig = () => {
  const path = join(temporary(), 'alerts.json')
  const lines: string[][] = []
  const rig = { nowUs: startUs, links: [] as LinkState[], look: async () => {}, lines }
  const parts = {
    channels: [
      { name: 'paper', send: async (message: Message) => void lines.push([...message.lines]) },
    ],
    ...{ thresholds, path, name: 'tenfold x', note: () => {} },
    clock: systemClock(),
    known: async () => ({
      ...{ nowUs: rig.nowUs, sinks: [], units: [], notReady: [] },
      ...{ certificates: [], room: undefined },
      links: rig.links.map((link): SourceLink => ({ source: 'opcua', ...link.health() })),
    }),
    faults: async () => [],
  }
  /** A start of the gateway: it remembers what its files say, and its links begin anew. */
  const start = (): LinkState => {
    const alerts = new Alerts(parts)
    rig.look = () => alerts.look()
    const link = new LinkState({ peer: 'hall', nowUs: () => rig.nowUs, note: () => {} })
    rig.links = [link]
    return link
  }
  const after = async (minutes: number): Promise<void> => {
    rig.nowUs += minutes * minuteUs
    await rig.look()
  }
  return { rig, start, after, lines }
}

test('is told once when it has been away for so long, and once when it is back', async () => {
  const { start, after, lines } = rig()
  const link = start()
  link.connected('connected to hall')
  await after(60)
  link.lost('hall: the server does not answer (opcua_unreachable). Check its address.')
  await after(9)
  expect(lines).toEqual([])
  await after(1)
  await after(30)
  const since = new Date((startUs + 60 * minuteUs) / 1000).toISOString()
  const text = `peer hall of opcua is away since ${since}: hall: the server does not answer `
  expect(lines).toEqual([[`${text}(opcua_unreachable). Check its address.`]])
  link.connected('connected to hall')
  await after(1)
  expect(lines[1]).toEqual(['over: peer hall of opcua, after 31 min'])
  link.lost('again')
  await after(10)
  expect(lines).toHaveLength(3)
})

test('that comes and goes within the patience is not told', async () => {
  const { start, after, lines } = rig()
  const link = start()
  for (let i = 0; i < 10; i++) {
    link.lost('no answer')
    await after(9)
    link.connected('connected')
    await after(1)
  }
  expect(lines).toEqual([])
})

test('is the same outage for a gateway that starts again meanwhile', async () => {
  const { start, after, lines } = rig()
  start().lost('no answer')
  await after(10)
  expect(lines).toHaveLength(1)
  const link = start()
  await after(0)
  link.lost('no answer')
  await after(5)
  await after(20)
  expect(lines).toHaveLength(1)
  link.connected('connected')
  await after(1)
  expect(lines[1]).toEqual(['over: peer hall of opcua, after 26 min'])
})

test('reaches a webhook from the links that a gateway shows', { timeout: 60_000 }, async () => {
  const told = Promise.withResolvers<Message>()
  const hook = createServer((request, response) => {
    let body = ''
    request.on('data', (bytes: Buffer) => {
      body += bytes.toString()
    })
    request.on('end', () => {
      told.resolve(JSON.parse(body) as Message)
      response.end()
    })
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void hook.close())
  await once(hook, 'listening')
  const { port } = hook.address() as AddressInfo
  const link = new LinkState({ peer: 'mqtt://b:1883', nowUs: () => startUs, note: () => {} })
  link.lost('connection refused')
  const operations = startOperations({
    ...{ data: temporary(), env: {}, note: () => {}, secret: () => '' },
    alerts: { ...thresholds, awayMinutes: 1, webhook: { url: `http://127.0.0.1:${port}/` } },
    clock: { nowUs: () => startUs + minuteUs, monotonicMs: () => 0 } as Clock,
    queries: { units: async () => [], faults: async () => [] } as unknown as Queries,
    ...{ health: async () => [], notReady: () => [], connections: () => 0 },
    links: () => [{ source: 'mqtt-client', ...link.health() }],
    log: { status: () => expect.unreachable() },
    disk: { written: () => expect.unreachable() },
    ...{ freeBytes: async () => 2 ** 40, certificates: async () => [] },
  })
  onTestFinished(() => operations.stop())
  const { lines } = await told.promise
  expect(lines).toEqual([expect.stringMatching(/^peer mqtt:..b:1883 of mqtt-client is away since/)])
})
