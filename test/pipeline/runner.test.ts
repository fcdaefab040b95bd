// Each effect of a sink fails twice: not done, and done but reported failed. The books must balance
// at every moment, in memory and in the real store's file.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Clock, systemClock } from '../../gateway/core/clock.ts'
import {
  BatchRefused,
  type Books,
  type DeliveryResult,
  type OutgoingBatch,
  type Sink,
} from '../../gateway/core/delivery.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { backoffMs } from '../../gateway/pipeline/backoff.ts'
import { OutsideStage } from '../../gateway/pipeline/outside.ts'
import { Runner, type RunnerOptions, type RunnerParts } from '../../gateway/pipeline/runner.ts'
import { Store } from '../../gateway/sinks/store/store.ts'
import { hello, MemoryLog, machines, report } from './feed.ts'

const nothing: DeliveryResult = { refused: [], dropped: [] }
const away = (): OperatingError =>
  new OperatingError('away', { message: 'no answer', remedy: 'Start it.' })

/** A database in memory that overwrites by identity, and does what a test tells it to. */
class FakeSink implements Sink {
  readonly name = 'fake'
  readonly points = new Map<string, number>()
  writes = 0
  opens = 0
  before: (batch: OutgoingBatch) => Promise<void> = async () => {}
  after: (batch: OutgoingBatch) => Promise<DeliveryResult> = async () => nothing

  async open(): Promise<void> {
    this.opens++
  }

  async write(batch: OutgoingBatch): Promise<DeliveryResult> {
    this.writes++
    await this.before(batch)
    for (const { unit, boot, sequence } of batch.readings) {
      const id = `${unit}/${boot}/${sequence}`
      this.points.set(id, (this.points.get(id) ?? 0) + 1)
    }
    return this.after(batch)
  }

  async stop(): Promise<void> {}
}

/** Stands still until a test moves it. */
class HandClock implements Clock {
  #nowMs = 0
  readonly #sleeping = new Set<{ untilMs: number; wake: () => void }>()

  nowUs(): number {
    return this.#nowMs * 1000
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve }
      this.#sleeping.add(sleeper)
      signal?.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  advance(ms: number): void {
    this.#nowMs += ms
    for (const sleeper of this.#sleeping) {
      if (sleeper.untilMs > this.#nowMs) continue
      this.#sleeping.delete(sleeper)
      sleeper.wake()
    }
  }

  /** Resolves when somebody sleeps until so many milliseconds from now. */
  somebodySleeps(ms: number): Promise<void> {
    const is = () => [...this.#sleeping].some(({ untilMs }) => untilMs === this.#nowMs + ms)
    return vi.waitFor(() => expect(is()).toBe(true), { timeout: 10_000 })
  }
}

const options: RunnerOptions = {
  backoff: { firstMs: 1, capMs: 4 },
  lingerMs: 0,
  batchRecords: 16,
  batchBytes: 1e6,
}

let folder: string
let store: Store
const runners: Runner[] = []

const openStore = (): Store =>
  Store.open({
    ...{ folder, machines, enrol: 'hello' },
    bounds: { readingAgeUs: 1e15, storeBytes: 1e12, quarantineBytes: 1e6 },
  })

const runnerOf = (sink: Sink, log: MemoryLog, more: Partial<RunnerParts> = {}): Runner => {
  const stage = new OutsideStage({
    sink,
    keeper: store.books(sink.name),
    pipeline: store.pipeline(sink.name),
  })
  const runner = new Runner({
    stage,
    reader: log,
    clock: systemClock(),
    random: () => 0.5,
    options,
    ...more,
  })
  runners.push(runner)
  return runner
}

const sum = (books: Books): number =>
  books.stored +
  books.duplicate +
  books.quarantined +
  books.pending +
  Object.values(books.dropped).reduce((a, b) => a + b, 0)

const reports = (from: number, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) =>
    report({ boot: 1, seq: from + i, t: from + i, v: { torque: 1 } }),
  )

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenfold-runner-'))
  store = openStore()
})

afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.stop()
  store.close()
  rmSync(folder, { recursive: true, force: true })
})

const settled = (runner: Runner, cursor: number): Promise<void> =>
  vi.waitFor(() => expect(runner.books().cursor).toBe(cursor), { timeout: 10_000 })

describe('runner', () => {
  test('gives a database that was away no more a second than it may', async () => {
    const log = new MemoryLog()
    log.append(hello(), ...reports(0, 400))
    const sink = new FakeSink()
    let nowMs = 0
    const clock = {
      nowUs: () => nowMs * 1000,
      monotonicMs: () => nowMs,
      sleep: async (ms: number) => {
        nowMs += ms
        await setImmediate()
      },
    }
    const given: [atMs: number, readings: number][] = []
    sink.before = async ({ readings }) => void given.push([nowMs, readings.length])
    const runner = runnerOf(sink, log, { clock, options: { ...options, recordsPerSecond: 40 } })
    runner.start()
    await settled(runner, 401)
    // In any second no more than a second's worth and the batch that it ends with.
    for (const [from] of given) {
      const inSecond = given.filter(([at]) => at >= from && at < from + 1000)
      expect(inSecond.reduce((all, [, count]) => all + count, 0)).toBeLessThanOrEqual(50)
    }
    expect(nowMs).toBeGreaterThanOrEqual((1000 * 390) / 40)
  })

  test('what comes to a sink at rest goes at once, what follows goes together', async () => {
    const log = new MemoryLog()
    log.append(hello())
    const clock = new HandClock()
    const sink = new FakeSink()
    const given: number[] = []
    sink.before = async ({ readings }) => void given.push(readings.length)
    const runner = runnerOf(sink, log, { clock, options: { ...options, lingerMs: 100 } })
    runner.start()
    await settled(runner, 1)
    clock.advance(100)
    // Time stands still from here on: nothing but the log's head can move the runner.
    for (let i = 0; i < 3; i++) {
      log.append(...reports(3 * i, 1))
      await settled(runner, 2 + 3 * i)
      await clock.somebodySleeps(100)
      log.append(...reports(3 * i + 1, 2))
      clock.advance(99)
      await setImmediate()
      expect(runner.books().cursor).toBe(2 + 3 * i)
      clock.advance(1)
      await settled(runner, 4 + 3 * i)
      clock.advance(100)
    }
    expect(given).toEqual([0, 1, 2, 1, 2, 1, 2])
  })

  test('a batch in flight is company enough: the next goes when it has ended', async () => {
    const log = new MemoryLog()
    log.append(hello(), ...reports(0, 1))
    const clock = new HandClock()
    const sink = new FakeSink()
    const answers: (() => void)[] = []
    sink.before = () => new Promise((resolve) => void answers.push(resolve))
    const runner = runnerOf(sink, log, { clock, options: { ...options, lingerMs: 100 } })
    runner.start()
    await vi.waitFor(() => expect(answers).toHaveLength(1))
    log.append(...reports(1, 3))
    clock.advance(100)
    for (const answer of answers) answer()
    await vi.waitFor(() => expect(answers).toHaveLength(2))
    for (const answer of answers) answer()
    await settled(runner, 5)
    expect(sink.writes).toBe(2)
  })

  test('books every record once: stored, duplicate, quarantined, dropped', async () => {
    const log = new MemoryLog()
    const again = report({ boot: 1, seq: 0, t: 0, v: { torque: 1 } })
    log.append(hello(), ...reports(0, 20), again, report({ v: { torqe: 1 } }))
    log.append('corrupt', 'trimmed', 'trimmed', Buffer.from([9]))
    const sink = new FakeSink()
    const runner = runnerOf(sink, log)
    runner.start()
    await settled(runner, 27)
    const books = runner.books()
    expect(books).toMatchObject({
      ...{ received: 27, stored: 21, duplicate: 1, quarantined: 1, pending: 0 },
      dropped: { corrupt: 2, trimmed: 2 },
    })
    expect(sum(books)).toBe(books.received)
    expect(sink.points.size).toBe(20)
    expect(store.queries.quarantine({ limit: 10 })).toMatchObject([
      {
        sink: 'fake',
        offset: 22,
        reason: 'signal_unknown',
        detail: expect.stringMatching(/torque/),
      },
    ])
  })

  test('tries again until the database is back, and nothing is lost or booked twice', async () => {
    const log = new MemoryLog()
    log.append(hello(), ...reports(0, 30))
    const sink = new FakeSink()
    let down = true
    sink.before = async () => {
      if (down) throw away()
    }
    const runner = runnerOf(sink, log)
    runner.start()
    await vi.waitFor(() => expect(runner.health().error).toMatchObject({ code: 'away' }))
    expect(sum(runner.books())).toBe(31)
    down = false
    await settled(runner, 31)
    expect(runner.health()).toMatchObject({ attempts: 0, error: undefined })
    expect(sink.opens).toBeGreaterThan(1)
    expect([...sink.points.values()]).toEqual(Array(30).fill(1))
    expect(runner.books()).toMatchObject({ stored: 31, duplicate: 0 })
  })

  test('delivered but reported failed: delivered again, booked once', async () => {
    const log = new MemoryLog()
    log.append(hello(), ...reports(0, 10))
    const sink = new FakeSink()
    let lie = true
    sink.after = async () => {
      if (!lie) return nothing
      lie = false
      throw away()
    }
    const runner = runnerOf(sink, log)
    runner.start()
    await settled(runner, 11)
    expect(sink.points.size).toBe(10)
    expect(runner.books()).toMatchObject({ stored: 11, duplicate: 0 })
  })

  test('narrows a refused batch down to the points to blame', async () => {
    const log = new MemoryLog()
    log.append(hello(), ...reports(0, 60))
    const bad = new Set([3, 17, 18, 59])
    const sink = new FakeSink()
    sink.before = async ({ readings }) => {
      const wrong = readings.filter(({ sequence }) => bad.has(sequence))
      if (wrong.length > 0) throw new BatchRefused(`${wrong.length} wrong`)
    }
    const runner = runnerOf(sink, log)
    runner.start()
    await settled(runner, 61)
    expect(runner.books()).toMatchObject({ stored: 57, quarantined: 4 })
    expect(sink.points.size).toBe(56)
    const aside = store.queries.quarantine({ limit: 10 })
    expect(aside.map(({ offset }) => offset)).toEqual([60, 19, 18, 4])
    expect(aside[0]).toMatchObject({
      reason: 'sink_refused',
      detail: '1 wrong',
      remedy: expect.stringMatching(/type/),
    })
    expect(aside[0]?.payload).toContain('"seq":59')
  })

  test('named refusals and points beyond the retention are booked, each record once', async () => {
    const log = new MemoryLog()
    log.append(hello(), ...reports(0, 5))
    const sink = new FakeSink()
    sink.after = async () => ({
      refused: [
        { offset: 2, reason: 'sink_refused', detail: 'field type' },
        { offset: 2, reason: 'sink_refused', detail: 'again' },
      ],
      dropped: [
        { offset: 2, reason: 'retention' },
        { offset: 3, reason: 'retention' },
        { offset: 999, reason: 'retention' },
      ],
    })
    const runner = runnerOf(sink, log)
    runner.start()
    await settled(runner, 6)
    expect(runner.books()).toMatchObject({
      ...{ stored: 4, quarantined: 1, dropped: { retention: 1 } },
    })
    expect(sum(runner.books())).toBe(6)
  })

  test('a dead sink does not hold up another', async () => {
    const log = new MemoryLog()
    log.append(hello(), ...reports(0, 20))
    const dead = new FakeSink()
    dead.before = () => Promise.reject(away())
    const alive = Object.assign(new FakeSink(), { name: 'alive' })
    const [first, second] = [runnerOf(dead, log), runnerOf(alive, log)]
    first.start()
    second.start()
    await settled(second, 21)
    expect(first.books()).toMatchObject({ cursor: 0, pending: 21, stored: 0 })
    expect(first.health().state).toBe('retrying')
  })

  test('goes on where it was after a stop, with its states', async () => {
    const log = new MemoryLog()
    log.append(hello(), ...reports(0, 10))
    const sink = new FakeSink()
    const runner = runnerOf(sink, log)
    runner.start()
    await settled(runner, 11)
    await runner.stop()
    expect(log.closed).toBe(true)
    store.close()
    store = openStore()
    log.append(...reports(8, 4))
    const next = runnerOf(sink, log)
    next.start()
    await settled(next, 15)
    expect(next.books()).toMatchObject({ stored: 13, duplicate: 2 })
    expect([...sink.points.values()]).toEqual(Array(12).fill(1))
  })
})

test('backoff grows, is capped, and jitters over its whole width', () => {
  const limit = { firstMs: 100, capMs: 1000 }
  expect([0, 1, 2, 3, 4, 500].map((n) => backoffMs(n, limit, () => 1))).toEqual([
    ...[100, 200, 400, 800, 1000, 1000],
  ])
  expect(backoffMs(3, limit, () => 0)).toBe(0)
})
