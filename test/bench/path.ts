// The whole path without a socket: records of 5 values through decode, check, fold and the embedded
// store on a real disk. Prints messages per second and the memory that the process holds. One core,
// one thread.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadProfiles } from '../../firmware/profiles.ts'
import { limits } from '../../gateway/core/limits.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { Store } from '../../gateway/sinks/store/store.ts'
import { topicOf } from '../../hardware-profiles/names.ts'
import { machineLine, median } from './machine.ts'

const { values: args } = parseArgs({
  options: {
    messages: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '5' },
    units: { type: 'string', default: '50' },
    batch: { type: 'string', default: String(limits.batchRecords) },
  },
})
const messages = Number(args.messages)
const units = Number(args.units)
const batchRecords = Number(args.batch)

const profile = loadProfiles().profiles.get('cordless_drill')
if (profile === undefined) throw new Error('the profile of the drill is not there')
const machines = new Map([[profile.machine, prepareMachine(profile)]])
const startUs = 1_800_000_000_000_000

const record = (
  unit: number,
  kind: 'hello' | 'report',
  body: { t: number; [name: string]: unknown },
): Buffer =>
  encodeRecord({
    ...{
      receivedUs: startUs + body.t,
      source: 'mqtt',
      session: `session-${unit}`,
      retained: false,
    },
    topic: topicOf({ machine: 'cordless_drill', unit: `drill-${unit}`, kind }),
    payload: Buffer.from(JSON.stringify(body)),
  })

const reportOf = (n: number): Buffer => {
  const unit = n % units
  const seq = Math.floor(n / units)
  const t = seq * 50_000
  const v = {
    motor_speed: 900 + (seq % 100) / 8,
    motor_current: 12.25 + (seq % 64) / 16,
    torque: 3.5,
    winding_temperature: 40 + (seq % 50) / 10,
    pack_voltage: 17.875,
  }
  return record(unit, 'report', { boot: 1, seq, t, v, c: { run_time: seq * 50 } })
}

/** Messages per second into a new store. */
const run = async (folder: string): Promise<number> => {
  const bounds = { readingAgeUs: 1e15, storeBytes: 1e12, quarantineBytes: 1e8 }
  const store = Store.open({ folder, machines, enrol: 'hello', bounds })
  const stage = store.stage({ onKept: () => {} })
  let next = 0
  const take = async (bodies: Buffer[]): Promise<number> => {
    const started = performance.now()
    const records = bodies.map((body, i) => ({ offset: next + i, body }))
    next += bodies.length
    await stage.take({ records, gaps: [], next })
    return performance.now() - started
  }
  await take(Array.from({ length: units }, (_, u) => record(u, 'hello', { boot: 1, t: 0 })))
  let takenMs = 0
  let rssMax = 0
  for (let at = 0; at < messages; at += batchRecords) {
    const count = Math.min(batchRecords, messages - at)
    takenMs += await take(Array.from({ length: count }, (_, i) => reportOf(at + i)))
    rssMax = Math.max(rssMax, process.memoryUsage.rss())
  }
  const { tally } = stage.progress()
  if (tally.stored !== messages + units) throw new Error(`stored ${tally.stored}`)
  const sumStarted = performance.now()
  while (store.maintain(startUs + 1e13));
  console.log(`summaries of it: ${Math.round(performance.now() - sumStarted)} ms`)
  console.log(`${Math.round(rssMax / 1e6)} MB resident at most`)
  store.close()
  return messages / (takenMs / 1000)
}

console.log(machineLine())
const rates: number[] = []
for (let round = 0; round < Number(args.rounds); round += 1) {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-path-'))
  try {
    rates.push(await run(folder))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
const rate = Math.round(median(rates)).toLocaleString('en')
console.log(
  `${rate} messages/s of 5 values, ${units} units, batches of ${batchRecords} (goal 40,000)`,
)
