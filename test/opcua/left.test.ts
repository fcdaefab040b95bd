// How a killed gateway knows what of a server is in its log: the state file brought up to the log's
// end, and a feed that moves by nothing but what the log has taken.
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { DataType, DataValue, StatusCodes, Variant } from 'node-opcua'
import { describe, expect, onTestFinished, test } from 'vitest'
import { encodeRecord, type LogRecord } from '../../gateway/core/record.ts'
import { realFiles } from '../../gateway/log/files.ts'
import { openLog } from '../../gateway/log/open.ts'
import { Feed } from '../../gateway/opcua/client/feed.ts'
import {
  type ClientPlan,
  NotTaken,
  type ReportRecord,
  type ServerPlan,
} from '../../gateway/opcua/client/plan.ts'
import {
  follow,
  type Reached,
  readState,
  type ServerState,
  statePath,
  writeState,
} from '../../gateway/opcua/client/state-file.ts'
import { ownRecords } from '../../gateway/own-records.ts'
import { sessionOf, whereLeft } from '../../gateway/sources/opcua/left.ts'
import { type Heard, temporary } from './stand.ts'

const startUs = 1_800_000_000_000_000
const t = (n: number): number => startUs + n * 1000
const topic = 'tenfold/v1/press/u/report'
const names = ['count0', 'count1']

const server: ServerPlan = {
  ...{ name: 's', url: 'opc.tcp://x', mode: 'None', policy: 'None', publishMs: 100 },
  ...{ user: { kind: 'anonymous' }, deafMs: 2000, history: true },
  units: [
    {
      ...{ unit: 'u', machine: 'press', namespace: '', samplingMs: 10 },
      nodes: names.map((name) => ({
        ...{ name, type: 'number', address: `s=${name}`, scale: 1, offset: 0 },
      })),
    },
  ],
}

const said = (heard: Heard): string => JSON.stringify(heard)
const value = (n: number): string => said({ time: t(n), v: { count0: n } })
const none = (): Reached => ({ marksUs: {}, gapsUs: {} })

const record = (payload: string, more: Partial<LogRecord> = {}): LogRecord => ({
  ...{ receivedUs: startUs, source: 'opcua', topic, retained: false },
  session: sessionOf({ server: 's', connection: 1 }, { epoch: 'e', gap: undefined }),
  payload: Buffer.from(payload),
  ...more,
})

const gapSession = sessionOf({ server: 's', connection: 1 }, { epoch: 'e', gap: true })

describe('what the log has of a server', () => {
  test('is the newest value of each signal, and from where on it is unknown', () => {
    const reached = none()
    follow(reached, { topic, payload: value(3) })
    follow(reached, { topic, payload: said({ time: t(2), v: { count0: 2, count1: 2 } }) })
    follow(reached, { topic, payload: said({ time: t(9), q: { count0: 'bad' } }), gap: true })
    follow(reached, { topic: topic.replace('report', 'hello'), payload: '{"boot":0,"t":0}' })
    expect(reached).toEqual({
      marksUs: { 'u/count0': t(3), 'u/count1': t(2) },
      gapsUs: { 'u/count0': t(9) },
    })
    follow(reached, { topic, payload: said({ time: t(10), q: { count0: 'bad' } }) })
    expect(reached).toMatchObject({ marksUs: { 'u/count0': t(10) }, gapsUs: {} })
  })

  test('comes out the same from any place further back', () => {
    const report = fc.record({
      ...{ name: fc.constantFrom(...names), n: fc.nat({ max: 50 }) },
      gap: fc.constantFrom(true as const, undefined),
    })
    fc.assert(
      fc.property(fc.array(report), fc.nat(), fc.nat(), (reports, a, b) => {
        const log = reports.map(({ name, n, gap }) => ({
          ...{ topic, payload: said({ time: t(n), v: { [name]: n } }) },
          ...(gap && { gap }),
        }))
        const [from, seen] = [a % (log.length + 1), b % (log.length + 1)].sort((x, y) => x - y)
        const [whole, again] = [none(), none()]
        for (const one of log) follow(whole, one)
        for (const one of log.slice(0, seen)) follow(again, one)
        for (const one of log.slice(from)) follow(again, one)
        expect(again).toEqual(whole)
      }),
    )
  })

  test('is read from the end of the log, of this source only, from its file on', async () => {
    const place = temporary()
    onTestFinished(() => place.remove())
    const [folder, logFolder] = [join(place.path, 'opcua'), join(place.path, 'log')]
    const log = await openLog({
      ...{ folder: logFolder, files: realFiles(), random: (bytes) => randomBytes(bytes) },
      clock: { nowUs: () => startUs, after: () => () => {} },
      retention: { maxBytes: 2 ** 30, reserveBytes: 0, maxAgeMs: Infinity, floor: () => 0 },
    })
    const append = (given: LogRecord): Promise<void> =>
      new Promise((resolve, reject) => {
        log.append(encodeRecord(given), false, (error) => (error ? reject(error) : resolve()))
      })
    await append(record(value(1)))
    await append(record(value(5)))
    await append(record(value(7), { source: 'mqtt' }))
    const gap = said({ time: t(6), q: { count0: 'bad' } })
    await append(record(gap, { session: gapSession }))
    await append(record(value(8), { topic: topic.replace('/u/', '/another/') }))
    const plan: ClientPlan = { folder, servers: [server] }
    const own = ownRecords(log, { folder: logFolder, source: 'opcua' })
    const left = (): ServerState | undefined => whereLeft(plan, own)['s']
    expect(left()).toEqual({ ...none(), heardUs: 0, offset: 5 })
    writeState(statePath(folder, 's'), { ...none(), heardUs: t(3), offset: 1 })
    expect(left()).toEqual({
      ...{ marksUs: { 'u/count0': t(5) }, gapsUs: { 'u/count0': t(6) } },
      ...{ heardUs: t(3), offset: 5 },
    })
    // What goes elsewhere than into this log cannot be followed in it.
    expect(whereLeft(plan, undefined)['s']).toEqual({ ...none(), heardUs: t(3) })
    await log.close()
  })

  test('a file of an older gateway has no offset, and a damaged one is none', () => {
    const { path, remove } = temporary()
    onTestFinished(remove)
    mkdirSync(path, { recursive: true })
    const file = statePath(path, 's')
    writeFileSync(file, '{"marksUs":{"u/count0":5},"heardUs":7}')
    expect(readState(file)).toEqual({ marksUs: { 'u/count0': 5 }, gapsUs: {}, heardUs: 7 })
    writeFileSync(file, '{"marksUs":{"u/count0":-5},"heardUs":7}')
    expect(readState(file)).toBeUndefined()
    writeFileSync(file, '')
    expect(readState(file)).toBeUndefined()
  })
})

describe('a feed', () => {
  const live = (n: number) => ({
    handle: 1,
    value: new DataValue({
      value: new Variant({ dataType: DataType.Double, value: n }),
      ...{ statusCode: StatusCodes.Good, sourceTimestamp: new Date(t(n) / 1000) },
    }),
  })
  /** Takes as many reports as it is told to, then refuses, once. */
  const rig = (state?: ServerState) => {
    const log: ReportRecord[] = []
    const rig = { log, room: Infinity, feed: undefined as unknown as Feed }
    const emit = async (records: readonly ReportRecord[]): Promise<void> => {
      const taken = Math.min(rig.room, records.length)
      log.push(...records.slice(0, taken))
      rig.room = Infinity
      if (taken < records.length) throw new NotTaken('the disk is full', taken)
    }
    rig.feed = new Feed({ plan: server, state, nowUs: () => t(1000), emit })
    rig.feed.begin()
    return rig
  }
  const heardOf = (log: readonly ReportRecord[]) =>
    log.map(({ payload }) => {
      const { v, q, time } = JSON.parse(payload) as Heard
      return v?.['count0'] ?? `${q?.['count0']} ${(time - startUs) / 1000}`
    })

  test('asks again for what the log has not taken, and for that only', async () => {
    const one = rig()
    await one.feed.release(new Set())
    await one.feed.live([live(1)])
    one.room = 1
    const refused = one.feed.live([live(2), live(3)])
    const after = one.feed.live([live(4)])
    await expect(refused).rejects.toThrow('the disk is full')
    await expect(after).rejects.toThrow('the disk is full')
    await one.feed.lost()
    expect(one.feed.wanted()).toEqual([{ handle: 1, afterUs: t(2) }])
  })

  test('does not say a gap again that the log has, in another run', async () => {
    const one = rig()
    await one.feed.release(new Set())
    await one.feed.live([live(1)])
    one.feed.heard(t(4))
    await one.feed.lost()
    const next = rig({ ...one.feed.state(), heardUs: t(5) })
    await next.feed.release(new Set())
    await next.feed.absent([1])
    expect(heardOf([...one.log, ...next.log])).toEqual([1, 'bad 4.001'])
  })

  test('says a gap that was refused when it is connected again', async () => {
    const one = rig()
    await one.feed.release(new Set())
    await one.feed.live([live(1)])
    one.room = 0
    await expect(one.feed.lost()).rejects.toThrow('the disk is full')
    await one.feed.settle()
    one.feed.begin()
    await one.feed.release(new Set())
    expect(heardOf(one.log)).toEqual([1, 'bad 1.001'])
  })
})
