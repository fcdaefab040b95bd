// The whole way from the durable log to InfluxDB: real log, real runner, real pipeline, real sink,
// real server. Over outages, crashes between delivery and bookkeeping, and resends, every record
// ends once, and the books say how.
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../gateway/core/clock.ts'
import type { Tally } from '../../gateway/core/delivery.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { realFiles } from '../../gateway/log/files.ts'
import type { Log } from '../../gateway/log/log.ts'
import { openLog } from '../../gateway/log/open.ts'
import { openReader } from '../../gateway/log/reader.ts'
import { addTally, emptyTally, type Keeper } from '../../gateway/pipeline/keeper.ts'
import { OutsideStage } from '../../gateway/pipeline/outside.ts'
import { Pipeline } from '../../gateway/pipeline/pipeline.ts'
import { Runner, runnerDefaults } from '../../gateway/pipeline/runner.ts'
import type { UnitState } from '../../gateway/pipeline/unit.ts'
import type { Influx1Config } from '../../gateway/sinks/influx1/index.ts'
import { formOf } from '../../gateway/sources/replay/form.ts'
import { Messages } from '../../gateway/sources/replay/messages.ts'
import { readCycles } from '../../gateway/sources/replay/records.ts'
import { topicOf } from '../../hardware-profiles/names.ts'
import { cyclesFile, nutrunner, pointsOf } from '../replay/record.ts'
import { type Row, startInfluxd } from '../servers/influxd.ts'
import { drill, nowUs, sinkFor } from './readings.ts'

const server = await startInfluxd()
const clock = systemClock()

// A machine that is busy takes as long as it takes: three thousand commits, one after the other.
const timeout = 240_000

describe.skipIf(server === undefined)('from the log to InfluxDB', { timeout }, () => {
  if (server === undefined) return
  const rows = (statement: string): Promise<Row[]> => server.query(statement, { db: 'd' })
  let folder = ''
  let log: Log
  let appended = 0
  const runners: Runner[] = []

  beforeEach(async () => {
    await server.query('DROP DATABASE "d"')
    folder = await mkdtemp(join(tmpdir(), 'tenfold-influx-'))
    appended = 0
    log = await openLog({
      folder,
      files: realFiles(),
      clock: {
        nowUs,
        after: (delayMs, task) => {
          const timer = setTimeout(task, delayMs)
          return () => clearTimeout(timer)
        },
      },
      random: (bytes) => randomBytes(bytes),
      retention: {
        maxBytes: 2 ** 30,
        reserveBytes: 2 ** 20,
        maxAgeMs: Number.POSITIVE_INFINITY,
        floor: () => 0,
      },
    })
  })
  afterEach(async () => {
    for (const runner of runners.splice(0)) await runner.stop()
    await log.close()
    await rm(folder, { recursive: true, force: true })
  })
  afterAll(() => server.remove())

  const append = (topic: string, payload: string): Promise<void> => {
    const record = {
      receivedUs: nowUs(),
      source: 'test',
      session: 's',
      topic,
      payload: Buffer.from(payload),
      retained: false,
    }
    appended++
    return new Promise((resolve, reject) => {
      log.append(encodeRecord(record), false, (error) => (error ? reject(error) : resolve()))
    })
  }

  /** Keeps progress in memory, as the embedded store keeps it on disk. */
  const memoryKeeper = (): Keeper & { failNext: number } => {
    let progress = { cursor: 0, tally: emptyTally() as Tally }
    const units = new Map<string, string>()
    return {
      failNext: 0,
      progress: () => progress,
      loadUnit: (unit) => {
        const text = units.get(unit)
        return text === undefined ? undefined : (JSON.parse(text) as UnitState)
      },
      keep(step) {
        // A crash after the delivery and before the books.
        if (this.failNext-- > 0) throw new Error('power cut')
        for (const state of step.units) units.set(state.unit, JSON.stringify(state))
        const tally = addTally(structuredClone(progress.tally), step.tally)
        progress = { cursor: step.cursor, tally }
      },
    }
  }

  const runnerOn = (keeper: Keeper, config: Partial<Influx1Config> = {}): Runner => {
    const machines = new Map([drill, nutrunner].map((one) => [one.profile.machine, one]))
    const pipeline = new Pipeline({ machines, enrol: 'hello', load: (u) => keeper.loadUnit(u) })
    const runner = new Runner({
      stage: new OutsideStage({ sink: sinkFor(server, config), keeper, pipeline }),
      reader: openReader(realFiles(), folder, log.head),
      clock,
      random: () => 0.5,
      options: { ...runnerDefaults, backoff: { firstMs: 10, capMs: 50 }, lingerMs: 1 },
    })
    runners.push(runner)
    runner.start()
    return runner
  }

  const caughtUp = async (runner: Runner): Promise<Tally> => {
    while (runner.books().cursor < appended) await clock.sleep(10)
    const { received, pending, stored, duplicate, quarantined, dropped } = runner.books()
    const gone = Object.values(dropped).reduce((sum, count) => sum + count, 0)
    expect(pending).toBe(0)
    expect(stored + duplicate + quarantined + gone).toBe(received)
    return { stored, duplicate, quarantined, dropped }
  }

  const unit = 'drill-1'
  const machine = drill.profile.machine
  const hello = (): Promise<void> =>
    append(topicOf({ machine, unit, kind: 'hello' }), '{"boot":1,"t":0}')
  const report = (seq: number, more: object = {}): Promise<void> =>
    append(
      topicOf({ machine, unit, kind: 'report' }),
      JSON.stringify({ boot: 1, seq, t: seq * 1000, v: {}, c: { starts: seq }, ...more }),
    )

  test('an outage, a crash and resends lose nothing and double nothing', async () => {
    const keeper = memoryKeeper()
    const runner = runnerOn(keeper)
    await hello()
    const count = 3000
    const troubles = (async () => {
      await clock.sleep(100)
      await server.kill()
      await clock.sleep(300)
      await server.start()
      keeper.failNext = 2
      await clock.sleep(100)
      await server.stop()
      await clock.sleep(100)
      await server.start()
    })()
    for (let seq = 0; seq < count; seq++) {
      await report(seq)
      if (seq % 10 === 9) await report(seq)
      if (seq % 100 === 0) await clock.sleep(15)
    }
    await troubles
    const tally = await caughtUp(runner)
    expect(tally).toEqual({ stored: count + 1, duplicate: count / 10, quarantined: 0, dropped: {} })
    const stored = await rows(`SELECT "report.sequence" AS s FROM "raw"."${machine}"`)
    expect(stored.map(({ s }) => s)).toEqual(Array.from({ length: count }, (_, i) => i))
    const days = await rows('SELECT max("starts") AS starts FROM "daily"."unit_daily"')
    expect(days[0]).toMatchObject({ starts: count - 1 })
    const made = await rows(`SELECT "cause" FROM "event"."event" WHERE "type" = 'made'`)
    expect(made).toHaveLength(1)
  })

  test('a conflicting type is quarantined, too old is dropped, the rest is stored', async () => {
    const dayMs = 86_400_000
    await sinkFor(server, { retentionDays: 30 }).open()
    const line = `${machine},unit=other motor_current_a=3i ${nowUs()}000`
    const body = { method: 'POST', body: line }
    const answer = await fetch(`${server.url}/write?db=d&rp=raw`, body)
    expect(answer.status).toBe(204)
    await hello()
    for (let seq = 0; seq < 100; seq++) {
      await report(seq, {
        ...(seq % 25 === 7 ? { v: { motor_current: 1.5 } } : {}),
        ...(seq % 50 === 9 ? { time: nowUs() - 31 * dayMs * 1000 } : {}),
      })
    }
    await report(100, { v: { no_such_signal: 1 } })
    const keeper = memoryKeeper()
    const tally = await caughtUp(runnerOn(keeper, { retentionDays: 30 }))
    expect(tally).toEqual({
      stored: 1 + 100 - 4 - 2,
      duplicate: 0,
      quarantined: 4 + 1,
      dropped: { retention: 2 },
    })
    const [counted] = await rows(`SELECT count("report.sequence") AS n FROM "raw"."${machine}"`)
    expect(counted).toMatchObject({ n: 94 })
  })

  const file = cyclesFile()

  test.skipIf(file === undefined)(
    'the real records of the nutrunner are in InfluxDB point for point',
    async () => {
      const path = file ?? ''
      const keeper = memoryKeeper()
      const form = formOf(nutrunner.profile)
      const play = async (cyclesMax: number): Promise<void> => {
        const messages = new Messages(nutrunner, form)
        const waiting: Promise<void>[] = []
        for await (const one of readCycles(createReadStream(path), { form, zoneUs: 0 })) {
          if ('message' in one) throw new Error(one.message)
          if (one.line > cyclesMax) break
          for (const { topic, payload } of messages.of(one.cycle)) {
            waiting.push(append(topic, payload))
          }
          if (waiting.length > 20_000) await Promise.all(waiting.splice(0))
        }
        await Promise.all(waiting)
      }
      await play(945)
      const tally = await caughtUp(runnerOn(keeper))
      expect(tally).toEqual({ stored: 299_644, duplicate: 0, quarantined: 0, dropped: {} })
      const points = pointsOf(path)
      expect(points).toHaveLength(299_643)
      const found = await rows(
        'SELECT "torque_nm" AS torque, "angle_deg" AS angle, "cycle_time_s" AS "cycleTime", ' +
          '"speed_rpm" AS speed, "cycles" FROM "raw"."nutrunner"',
      )
      expect(found).toHaveLength(points.length)
      // One by one: a comparison of both lists at once takes longer than all the rest.
      const wrong = points.findIndex((point, i) => {
        const { time, torque, angle, cycleTime, speed, cycles } = found[i] ?? {}
        return (
          point.timeUs !== time ||
          point.torque !== torque ||
          point.angle !== angle ||
          point.cycleTime !== cycleTime ||
          point.speed !== speed ||
          point.cycles !== cycles
        )
      })
      expect([found[wrong], points[wrong]]).toEqual([undefined, undefined])
      const [totals] = await rows(
        'SELECT count("cycles") AS n, sum("torque_nm") AS torque, sum("angle_deg") AS angle, ' +
          'sum("cycle_time_s") AS time FROM "raw"."nutrunner"',
      )
      expect(totals?.['n']).toBe(945)
      const sum = (of: 'torque' | 'angle' | 'cycleTime'): number =>
        points.reduce((total, point) => total + point[of], 0)
      expect(Number(totals?.['torque']) / sum('torque')).toBeCloseTo(1, 9)
      expect(Number(totals?.['angle']) / sum('angle')).toBeCloseTo(1, 9)
      expect(Number(totals?.['time'])).toBeGreaterThan(0)
      const days = await rows('SELECT "cycles" FROM "daily"."unit_daily"')
      const perDay = Map.groupBy(
        points.filter(({ cycles }) => cycles !== null),
        ({ timeUs }) => Math.floor(timeUs / 86_400_000_000),
      )
      expect(days.map(({ cycles }) => cycles)).toEqual(
        [...perDay.values()].map((day) => day.at(-1)?.cycles),
      )
      // Played again, it changes nothing but the count of duplicates.
      await play(100)
      const [runner] = runners
      if (runner === undefined) throw new Error('no runner')
      const duplicate = pointsOf(path, 100).length
      expect(await caughtUp(runner)).toEqual({ ...tally, stored: tally.stored + 1, duplicate })
      const [again] = await rows('SELECT count("report.sequence") AS n FROM "raw"."nutrunner"')
      expect(again).toMatchObject({ n: 299_643 })
    },
    120_000,
  )
})
