// Records out of quarantine and into the log again, mended or not: the books balance, the reading
// keeps its time and is stored once, also where a kill falls between the log and the books.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeliveryResult, OutgoingBatch, Reading, Sink } from '../../gateway/core/delivery.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import type { Emit } from '../../gateway/core/source.ts'
import { tallied } from '../../gateway/pipeline/keeper.ts'
import { OutsideStage } from '../../gateway/pipeline/outside.ts'
import { type RequeueRequest, requeue } from '../../gateway/requeue.ts'
import { readAside } from '../../gateway/sinks/store/quarantine.ts'
import { hello, report, startUs } from '../pipeline/feed.ts'
import { StoreFolder } from './store-folder.ts'

let folder: StoreFolder

beforeEach(() => {
  folder = new StoreFolder()
})
afterEach(() => folder.remove())

const emit: Emit = (record, done) => {
  folder.log.append(encodeRecord(record))
  done()
}

const takeOut = (request: RequeueRequest, end = true) =>
  requeue(
    {
      emit,
      aside: async (asked) => readAside(folder.store.database, asked),
      endAside: async (rows) => {
        if (!end) throw new Error('killed')
        folder.store.endAside(rows)
      },
    },
    request,
  )

const tallyOf = (sink = 'store') => {
  const { tally, cursor } = folder.store.books(sink).progress()
  expect(tallied(tally)).toBe(cursor)
  return tally
}

const rows = () =>
  folder.store.database
    .all('SELECT boot, sequence, time_us AS timeUs FROM report_cordless_drill ORDER BY sequence')
    .map((row) => ({ ...row }))

const wrong = (seq: number) => ({ boot: 1, seq, t: seq * 1000, v: { torqe: 1 } })
const mended = (seq: number) => ({ boot: 1, seq, t: seq * 1000, v: { torque: 1 } })
const bytes = (body: object): Buffer => Buffer.from(JSON.stringify(body))

test('a mended record keeps its time and ends the old one in the books', async () => {
  await folder.feed([hello(), report(wrong(1), { receivedUs: startUs + 5000 })])
  expect(tallyOf()).toMatchObject({ stored: 1, quarantined: 1 })
  const payload = bytes(mended(1))
  expect(await takeOut({ offset: 1, payload })).toEqual({ requeued: 1, more: false })
  expect(tallyOf()).toMatchObject({ stored: 1, quarantined: 0, dropped: { requeued: 1 } })
  await folder.drain()
  expect(tallyOf()).toEqual({
    ...{ stored: 2, duplicate: 0, quarantined: 0, dropped: { requeued: 1 } },
  })
  expect(rows()).toEqual([{ boot: 1, sequence: 1, timeUs: startUs + 1000 }])
  await expect(takeOut({ offset: 1 })).rejects.toMatchObject({ code: 'quarantine_unknown' })
})

test('all of one reason go in again as they were, and take the time of their receipt', async () => {
  const early = [1, 2, 3].map((seq) => report(mended(seq), { receivedUs: startUs + seq * 1000 }))
  await folder.feed([...early, hello({ boot: 1, t: 9000 }, { receivedUs: startUs + 9000 })])
  expect(tallyOf()).toMatchObject({ stored: 1, quarantined: 3 })
  expect(await takeOut({ reason: 'unit_unknown' })).toEqual({ requeued: 3, more: false })
  await folder.drain()
  expect(tallyOf()).toMatchObject({ stored: 4, quarantined: 0, dropped: { requeued: 3 } })
  expect(rows().map(({ timeUs }) => timeUs)).toEqual([1, 2, 3].map((ms) => startUs + ms * 1000))
})

test.each([
  ['with a sequence', wrong(1), mended(1)],
  ['without one', { v: { torqe: 1 } }, { v: { torque: 1 } }],
])('a kill between log and books stores a report %s once', async (_, body, good) => {
  await folder.feed([hello(), report(body, { receivedUs: startUs + 5000 })])
  const payload = bytes(good)
  await expect(takeOut({ offset: 1, payload }, false)).rejects.toThrow('killed')
  folder.reopen()
  await folder.drain()
  expect(tallyOf()).toMatchObject({ stored: 2, quarantined: 1 })
  folder.reopen()
  await takeOut({ offset: 1, payload })
  await folder.drain()
  expect(tallyOf()).toMatchObject({
    ...{ stored: 2, duplicate: 1, quarantined: 0, dropped: { requeued: 1 } },
  })
  expect(rows()).toHaveLength(1)
})

test('a record that is wrong again is the same reading at its third attempt', async () => {
  await folder.feed([hello(), report({ v: { torqe: 1 } })])
  await takeOut({ offset: 1 })
  await folder.drain()
  expect(tallyOf()).toMatchObject({ quarantined: 1, dropped: { requeued: 1 } })
  await takeOut({ offset: 2, payload: bytes({ v: { torque: 1 } }) })
  await folder.drain()
  expect(rows()).toMatchObject([{ boot: -1, sequence: 1 }])
})

/** Refuses what has a torque of 13. */
const picky = (taken: Reading[]): Sink => ({
  name: 'picky',
  open: async () => {},
  stop: async () => {},
  write: async ({ readings }: OutgoingBatch): Promise<DeliveryResult> => {
    const isBad = ({ values }: Reading): boolean => values.includes(13)
    taken.push(...readings.filter((one) => !isBad(one)))
    const refused = readings
      .filter(isBad)
      .map(({ offset }) => ({ offset, reason: 'sink_refused' as const, detail: '13' }))
    return { refused, dropped: [] }
  },
})

test('what a database refused is delivered to it again, and stays once in the store', async () => {
  const taken: Reading[] = []
  const others: Reading[] = []
  const outside = ['picky', 'other'].map((name, i) => {
    const sink = { ...picky(i === 0 ? taken : others), name }
    const [keeper, pipeline] = [folder.store.books(name), folder.store.pipeline(name)]
    if (i === 1)
      sink.write = async ({ readings }) => {
        others.push(...readings)
        return nothing
      }
    return new OutsideStage({ sink, keeper, pipeline })
  })
  const drain = async (): Promise<void> => {
    await folder.drain()
    for (const stage of outside) {
      const from = stage.progress().cursor
      await stage.take(folder.log.read(from, { records: 100, bytes: 1e9 }))
    }
  }
  const bad = { boot: 1, seq: 1, t: 1000, v: { torque: 13 } }
  folder.log.append(hello(), report(bad), report(mended(2)))
  await drain()
  expect(tallyOf('picky')).toMatchObject({ stored: 2, quarantined: 1 })
  await takeOut({ offset: 1, payload: bytes(mended(1)) })
  await drain()
  expect(tallyOf('picky')).toMatchObject({
    ...{ stored: 3, duplicate: 0, quarantined: 0, dropped: { requeued: 1 } },
  })
  expect(taken.map(({ sequence }) => sequence)).toEqual([2, 1])
  expect(tallyOf('other')).toMatchObject({ stored: 3, duplicate: 1 })
  expect(others).toHaveLength(2)
  expect(tallyOf()).toMatchObject({ stored: 3, duplicate: 1 })
  expect(rows()).toHaveLength(2)
})

const nothing: DeliveryResult = { refused: [], dropped: [] }
