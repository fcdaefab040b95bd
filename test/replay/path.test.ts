// The whole path with nothing replaced: `tenfold replay` plays the real records to a `tenfold
// gateway` with a real InfluxDB behind it. Totals in the embedded store and in InfluxDB are those
// of the file.
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../gateway/cli/replay.ts'
import type { Books } from '../../gateway/core/delivery.ts'
import type { UnitSummary } from '../../gateway/core/queries.ts'
import { storeFile } from '../../gateway/sinks/store/store.ts'
import { tableOf } from '../../hardware-profiles/names.ts'
import { type GatewayProcess, startGatewayProcess } from '../servers/gateway.ts'
import { startInfluxd } from '../servers/influxd.ts'
import { cyclesFile, type FilePoint, pointsOf } from './record.ts'

const file = cyclesFile()
const server = file === undefined ? undefined : await startInfluxd()

describe.skipIf(server === undefined)('the real records through the whole path', () => {
  if (server === undefined || file === undefined) return
  const unit = 'nexo-520000905'
  let data = ''
  let gateway: GatewayProcess
  const points = pointsOf(file)

  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'tenfold-path-'))
    gateway = await startGatewayProcess({
      data,
      set: {
        'sinks.influx1.url': server.url,
        'sinks.influx1.database': 'd',
        // The records are of 2021.
        'store.retentionDays': 36_500,
      },
    })
  })
  afterAll(async () => {
    await gateway.kill()
    await server.remove()
    await rm(data, { recursive: true, force: true })
  })

  const ask = async <T>(path: string): Promise<T> => {
    const answer = await fetch(new URL(path, gateway.pageUrl))
    return (await answer.json()) as T
  }
  const replay = async (records: string): Promise<string[]> => {
    const out: string[] = []
    const io = {
      out: (line: string) => void out.push(line),
      err: (line: string) => void out.push(line),
      env: {},
      cwd: data,
      signal: new AbortController().signal,
    }
    const broker = `mqtt://127.0.0.1:${gateway.mqttPort}`
    expect(await run([records, '--profile', 'nutrunner', '--broker', broker], io)).toBe(0)
    return out
  }
  /** Books of every sink once nothing is pending. */
  const settled = async (received: number): Promise<Books[]> => {
    for (;;) {
      const books = await ask<Books[]>('/api/books')
      if (books.every((one) => one.received === received && one.pending === 0)) return books
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const sum = (of: keyof FilePoint): number =>
    points.reduce((total, point) => total + (point[of] ?? 0), 0)

  test('all of them are there once, whatever is played again', async () => {
    expect((await replay(file)).slice(0, 2)).toEqual([
      `played   ${unit}: 945 cycles, 299,643 points`,
      'counter  7351 to 9892: 1,597 cycles are not in the file, in 944 gaps',
    ])
    const books = await settled(299_644)
    expect(books.map(({ sink }) => sink).sort()).toEqual(['influx1', 'store'])
    for (const one of books) {
      expect(one).toMatchObject({ stored: 299_644, duplicate: 0, quarantined: 0, dropped: {} })
    }
    const again = join(data, 'again.ndjson')
    await writeFile(again, readFileSync(file, 'utf8').split('\n').slice(0, 100).join('\n'))
    await replay(again)
    const duplicate = pointsOf(file, 100).length
    for (const one of await settled(299_644 + duplicate + 1)) {
      expect(one).toMatchObject({ stored: 299_645, duplicate, quarantined: 0 })
    }
    const units = await ask<{ units: UnitSummary[] }>('/api/units')
    expect(units.units).toMatchObject([
      { unit, machine: 'nutrunner', readings: 299_643, missing: 0, counters: { cycles: 9892 } },
    ])
  }, 300_000)

  test('InfluxDB has the totals of the file', async () => {
    const [totals] = await server.query(
      'SELECT count("report.sequence") AS points, count("cycles") AS cycles, ' +
        'max("cycles") AS last, sum("torque_nm") AS torque, sum("angle_deg") AS angle, ' +
        'sum("cycle_time_s") AS time FROM "raw"."nutrunner"',
      { db: 'd' },
    )
    expect(totals).toMatchObject({ points: 299_643, cycles: 945, last: 9892 })
    expect(Number(totals?.['torque']) / sum('torque')).toBeCloseTo(1, 9)
    expect(Number(totals?.['angle']) / sum('angle')).toBeCloseTo(1, 9)
    expect(Number(totals?.['time']) / sum('cycleTime')).toBeCloseTo(1, 9)
  })

  test('the embedded store has every point of the file', async () => {
    expect(await gateway.stop()).toBe(0)
    const db = new DatabaseSync(join(data, 'store', storeFile), { readOnly: true })
    try {
      const rows = db
        .prepare(
          `SELECT time_us AS timeUs, torque_nm AS torque, angle_deg AS angle,
             cycle_time_s AS cycleTime, speed_rpm AS speed, cycles
           FROM ${tableOf('nutrunner')} ORDER BY boot, sequence`,
        )
        .all()
      expect(rows).toHaveLength(points.length)
      const names = Object.keys(points[0] ?? {}) as (keyof FilePoint)[]
      const wrong = points.findIndex((point, i) => names.some((n) => rows[i]?.[n] !== point[n]))
      expect([rows[wrong], points[wrong]]).toEqual([undefined, undefined])
    } finally {
      db.close()
    }
  })
})
