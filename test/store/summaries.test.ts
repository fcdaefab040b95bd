// Summing costs what is new, and comes to the same whatever the order and however often it is done
// in between.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { reportTable } from '../../gateway/sinks/store/report-tables.ts'
import { migrations } from '../../gateway/sinks/store/schema.ts'
import { Summaries, type Summed } from '../../gateway/sinks/store/summaries.ts'
import { drill, hello, machines, report, startUs } from '../pipeline/feed.ts'
import { StoreFolder } from './store-folder.ts'

const table = reportTable(drill)

const withStore = async (use: (made: StoreFolder) => Promise<void>): Promise<void> => {
  const made = new StoreFolder()
  try {
    await made.feed([hello()])
    await use(made)
  } finally {
    made.remove()
  }
}

/** All that is noted now, as maintenance does it once a second. */
const sumOf = ({ store }: StoreFolder): Summed => {
  const tables = new Map(Array.from(machines, ([name, one]) => [name, reportTable(one)]))
  return new Summaries(store.database, tables).sum(Number.MAX_SAFE_INTEGER, 1000)
}

const reading = (seq: number, everyUs: number, torque: number): Buffer =>
  report(
    { boot: 1, seq, t: seq * everyUs, v: { torque, duty: seq % 3 === 0 ? 40 : torque } },
    { receivedUs: startUs },
  )

const summaryOf = ({ store }: StoreFolder) =>
  store.database.all(`SELECT * FROM ${table.summary} ORDER BY span_us, start_us, kind`)

test('a backlog that is summed while it comes in is read once, not each time from the minute on', () =>
  withStore(async (made) => {
    const [batches, size] = [50, 40]
    let rows = 0
    for (let batch = 0; batch < batches; batch++) {
      const from = batch * size
      // 2,000 readings within one minute.
      await made.feed(Array.from({ length: size }, (_, i) => reading(from + i, 25_000, i)))
      rows += sumOf(made).rows
    }
    expect(rows).toBe(batches * size)
    expect(made.count('unsummed')).toBe(0)
    expect(sumOf(made)).toEqual({ minutes: 0, rows: 0 })
  }))

test('a late reading costs its own row', () =>
  withStore(async (made) => {
    const all = Array.from({ length: 500 }, (_, seq) => reading(seq, 100_000, seq % 7))
    const [late] = all.splice(250, 1)
    await made.feed(all)
    expect(sumOf(made)).toEqual({ minutes: 1, rows: 499 })
    await made.feed(late === undefined ? [] : [late])
    expect(sumOf(made)).toEqual({ minutes: 1, rows: 1 })
  }))

test('any order and any pauses give the same summaries', async () => {
  const values = fc.array(fc.integer({ min: -150, max: 150 }), { minLength: 5, maxLength: 40 })
  const given = values.chain((list) =>
    fc.record({
      list: fc.constant(list),
      order: fc.shuffledSubarray([...list.keys()], { minLength: list.length }),
      pauses: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
      seconds: fc.constantFrom(0.3, 4, 37, 900),
    }),
  )
  await fc.assert(
    fc.asyncProperty(given, async ({ list, order, pauses, seconds }) => {
      const bodies = list.map((torque, seq) => reading(seq, seconds * 1e6, torque))
      await withStore(async (whole) => {
        await whole.feed(bodies)
        sumOf(whole)
        await withStore(async (parts) => {
          const left = order.map((seq) => bodies[seq] as Buffer)
          for (let i = 0; left.length > 0; i++) {
            await parts.feed(left.splice(0, pauses[i % pauses.length]))
            sumOf(parts)
          }
          expect(summaryOf(parts)).toEqual(summaryOf(whole))
        })
      })
    }),
    { numRuns: 10 },
  )
}, 60_000)

test('notes of the version before are summed, the whole minute', () =>
  withStore(async (made) => {
    await made.feed(Array.from({ length: 30 }, (_, seq) => reading(seq, 1_000_000, seq)))
    const { database } = made.store
    // As the store was before the last step that concerns these notes.
    database.exec('ALTER TABLE unsummed DROP COLUMN from_us')
    database.exec('ALTER TABLE unsummed DROP COLUMN to_us')
    const step = migrations.find((text) => text.includes('unsummed ADD COLUMN from_us'))
    database.exec(step ?? '')
    expect(sumOf(made)).toEqual({ minutes: 1, rows: 30 })
  }))
