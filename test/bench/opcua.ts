// 1,000 OPC UA values that change every 100 ms at a real server process, signed and encrypted, read
// by the source into a real log with fsync. Prints what was lost and what the source's process took
// of a core, beside an idle connection to the same server; judges nothing.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../gateway/core/clock.ts'
import { encodeRecord } from '../../gateway/core/record.ts'
import { realFiles } from '../../gateway/log/files.ts'
import { openLog } from '../../gateway/log/open.ts'
import { create } from '../../gateway/sources/opcua/index.ts'
import {
  countingProfile,
  Desk,
  freePort,
  type Heard,
  introduce,
  Server,
  settingsFor,
  temporary,
} from '../opcua/stand.ts'
import { fsyncP50Ms, machineLine, median } from './machine.ts'

const items = 1000
const seconds = 10
const rounds = 5

const place = temporary()
const clock = systemClock()
const server = new Server({
  ...{ port: await freePort(), folder: join(place.path, 'server'), counting: items },
  ...{ everyMs: 100, history: false, policies: ['Basic256Sha256'], modes: ['SignAndEncrypt'] },
})
await server.start()
const desk = new Desk(join(place.path, 'desk'))
await desk.start([settingsFor(server)], items)
await introduce(server, desk)
await desk.stop()

const log = await openLog({
  folder: join(place.path, 'log'),
  files: realFiles(),
  clock: {
    nowUs: () => clock.nowUs(),
    after: (delayMs, task) => {
      const timer = setTimeout(task, delayMs)
      return () => clearTimeout(timer)
    },
  },
  random: (bytes) => randomBytes(bytes),
  retention: { maxBytes: 16 * 1024 ** 3, reserveBytes: 0, maxAgeMs: Infinity, floor: () => 0 },
})
/** First, last and number of values of each signal. */
const seen = new Map<string, { first: number; last: number; count: number }>()
let records = 0
const source = create(
  { servers: [settingsFor(server, { publishMs: 250, deafMs: 3000 })] },
  {
    ...{ profiles: [countingProfile(items)], clock, folder: desk.folder },
    random: (bytes) => randomBytes(bytes),
    secret: () => '',
    note: (line) => console.log(line),
  },
)
const payloads: Uint8Array[] = []
await source.start((record, done) => {
  records += 1
  if (record.topic.endsWith('/report')) payloads.push(record.payload)
  log.append(encodeRecord(record), false, (error) => done(error))
})

/** Looks at what came; outside the measured time. */
const count = (): void => {
  for (const payload of payloads.splice(0)) {
    const { v } = JSON.parse(Buffer.from(payload).toString()) as Heard
    for (const [name, value] of Object.entries(v ?? {})) {
      const known = seen.get(name) ?? { first: Number(value), last: 0, count: 0 }
      seen.set(name, { first: known.first, last: Number(value), count: known.count + 1 })
    }
  }
}

await clock.sleep(5000)
const shares: number[] = []
for (let round = 0; round < rounds; round++) {
  const before = process.cpuUsage()
  const beginMs = clock.monotonicMs()
  await clock.sleep(seconds * 1000)
  const { user, system } = process.cpuUsage(before)
  shares.push((user + system) / 1000 / (clock.monotonicMs() - beginMs))
  count()
}
await source.stop()
count()
const values = [...seen.values()]
const came = values.reduce((sum, one) => sum + one.count, 0)
const due = values.reduce((sum, { first, last }) => sum + last - first + 1, 0)
const share = median(shares) * 100
console.log(machineLine())
console.log(`fsync p50 ${fsyncP50Ms().toFixed(2)} ms`)
console.log(
  `${values.length} items, ${came} values in ${records} records, ${due - came} lost ` +
    `(sampled at 20 ms, published at 250 ms); goal 0 lost`,
)
console.log(
  `${share.toFixed(1)} % of a core for client thread, reports and log (median of ${rounds}); ` +
    `goal 25 %: ${share <= 25 ? 'met' : 'MISSED'}`,
)
await log.close()
await server.kill()
place.remove()
process.exit()
