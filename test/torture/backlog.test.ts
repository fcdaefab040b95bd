// A backlog that was there before the gateway: ten units, ten values a second each, which is 100
// points a second, for TENFOLD_BACKLOG_HOURS (720 are 30 days). Every sink takes all of it, once,
// with exact sums, while new reports come in; the memory does not depend on how much there is.
import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, test } from 'vitest'
import { encodeRecord } from '../../gateway/core/record.ts'
import { realFiles } from '../../gateway/log/files.ts'
import { openLog } from '../../gateway/log/open.ts'
import { tableOf, topicOf } from '../../hardware-profiles/names.ts'
import { long, machine, sleep, World, within } from './world.ts'

const hours = Number(process.env['TENFOLD_BACKLOG_HOURS'] ?? (long ? 720 : 1))
const unitCount = 10
const seconds = hours * 3600
const endUs = Math.floor(Date.now() / 1000) * 1_000_000 - 60_000_000
const startUs = endUs - seconds * 1_000_000
const nameOf = (unit: number): string => `backlog-${unit}`
let world: World
afterEach(() => world.remove())

const bodyOf = (unit: number, second: number): Buffer => {
  const kind = second === 0 ? 'hello' : 'report'
  const [seq, t] = [second - 1, second * 1_000_000]
  const wave = (second % 100) / 10
  const report =
    `{"boot":1,"seq":${seq},"t":${t},"v":{"motor_speed":${900 + wave},"motor_current":${wave},` +
    `"torque":${wave / 4},"winding_temperature":${40 + wave},"pack_voltage":18,"trigger":50,` +
    `"pack_temperature":${25 + wave},"duty":${wave * 4}},"c":{"starts":${second},"run_time":${t}}}`
  return encodeRecord({
    ...{ receivedUs: startUs + t, source: 'mqtt', session: `s-${unit}`, retained: false },
    topic: topicOf({ machine, unit: nameOf(unit), kind }),
    payload: Buffer.from(kind === 'hello' ? '{"boot":1,"t":0}' : report),
  })
}

const fill = async (data: string): Promise<void> => {
  const log = await openLog({
    folder: join(data, 'log'),
    files: realFiles(),
    clock: { nowUs: () => Date.now() * 1000, after: () => () => {} },
    random: (bytes) => randomBytes(bytes),
    retention: { maxBytes: 2 ** 40, reserveBytes: 0, maxAgeMs: Infinity, floor: () => 0 },
  })
  for (let from = 0; from <= seconds; from += 1000) {
    const to = Math.min(from + 1000, seconds + 1)
    let open = (to - from) * unitCount
    await new Promise<void>((resolve, reject) => {
      for (let second = from; second < to; second++) {
        for (let unit = 0; unit < unitCount; unit++) {
          log.append(bodyOf(unit, second), false, (error) => {
            if (error !== undefined) reject(error)
            open -= 1
            if (open === 0) resolve()
          })
        }
      }
    })
  }
  await log.close()
}

const checkStore = (data: string): void => {
  const store = new DatabaseSync(join(data, 'store', 'store.sqlite'), { readOnly: true })
  for (let unit = 0; unit < unitCount; unit++) {
    const row = store
      .prepare(
        `SELECT count(*) AS n, count(DISTINCT sequence) AS different
         FROM ${tableOf(machine)} WHERE unit = (SELECT id FROM unit WHERE unit = ?)`,
      )
      .get(nameOf(unit))
    expect(row).toEqual({ n: seconds, different: seconds })
  }
  store.close()
}

/** How long the live reports wait for their acknowledgement; each unit sends one a second. */
const watchLive = () => {
  let [acknowledged, sinceMs, longestMs] = [world.acknowledged, performance.now(), 0]
  const timer = setInterval(() => {
    const isWaiting = world.units.some(({ open }) => open > 0)
    if (!isWaiting || world.acknowledged > acknowledged) sinceMs = performance.now()
    acknowledged = world.acknowledged
    longestMs = Math.max(longestMs, performance.now() - sinceMs)
  }, 20)
  return {
    get longestMs() {
      return longestMs
    },
    said: () => `${acknowledged} live, acknowledged after ${Math.round(longestMs)} ms at most`,
    stop: () => clearInterval(timer),
  }
}

/** What a folder holds, all below it. */
const mib = (folder: string): number => {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  const bytes = files
    .filter((file) => file.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
  return Math.round(bytes / 2 ** 20)
}

test(`${hours} h of 100 points a second are in every sink, once`, async () => {
  const beginMs = performance.now()
  world = await World.start({
    fill,
    burst: { reports: 1, everyMs: 1000 },
    set: { 'log.bytesMax': 2 ** 40, 'store.bytesMax': 2 ** 40 },
  })
  console.log(`written in ${Math.round((performance.now() - beginMs) / 1000)} s`)
  console.log(`log: ${mib(join(world.data, 'log'))} MiB`)
  const deliverMs = performance.now()
  const live = watchLive()
  for (let minute = 1; ; ) {
    const books = await world.books()
    const left = books.map(({ sink, pending }) => `${sink} ${pending}`).join(', ')
    if (books.every(({ pending }) => pending < 1000)) break
    if (performance.now() - deliverMs > minute * 60_000) {
      console.log(
        `minute ${minute}: left ${left}; ${Math.round(world.resident)} MiB; ${live.said()}`,
      )
      minute += 1
    }
    await sleep(100)
  }
  live.stop()
  within(live.longestMs, 10_000, 'live reports beside it wait for their acknowledgement at most')
  const tookS = (performance.now() - deliverMs) / 1000
  const rate = Math.round((seconds * unitCount) / tookS)
  console.log(`delivered to all sinks at ${rate} reports/s; at most ${Math.round(world.most)} MiB`)
  await world.settle()
  for (let unit = 0; world.influx !== undefined && unit < unitCount; unit++) {
    const [row] = await world.influx.query(
      `SELECT count("report.sequence") AS n, sum("report.sequence") AS s, max("starts") AS c
       FROM "raw"."${machine}" WHERE "unit" = '${nameOf(unit)}'`,
      { db: 'tenfold' },
    )
    expect(row).toMatchObject({ n: seconds, s: (seconds * (seconds - 1)) / 2, c: seconds })
  }
  const [store, influx] = [join(world.data, 'store'), world.influx?.folder]
  console.log(`store: ${mib(store)} MiB; InfluxDB: ${influx === undefined ? 0 : mib(influx)} MiB`)
  await world.check()
  checkStore(world.data)
}, 14_400_000)
