// A gateway without sockets, to be killed: the real log, the real delivery worker. Appends one
// record after the other, each following from its offset, until it is killed; or only lets delivery
// catch up.
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { loadProfiles } from '../../firmware/profiles.ts'
import { realFiles } from '../../gateway/log/files.ts'
import type { Log } from '../../gateway/log/log.ts'
import { openLog } from '../../gateway/log/open.ts'
import { type Delivery, startDelivery } from '../../gateway/pipeline/client.ts'
import { deliveredRecord } from './delivered-record.ts'

const [dataDir = '', mode = ''] = process.argv.slice(2)
mkdirSync(dataDir, { recursive: true })

const open = (): Promise<Log> =>
  openLog({
    folder: join(dataDir, 'log'),
    files: realFiles(),
    clock: {
      nowUs: () => Date.now() * 1000,
      after: (delayMs, task) => {
        const timer = globalThis.setTimeout(task, delayMs)
        return () => clearTimeout(timer)
      },
    },
    random: (bytes) => randomBytes(bytes),
    retention: { maxBytes: 2 ** 32, reserveBytes: 0, maxAgeMs: Infinity, floor: () => 0 },
  })

const appendForEver = async (log: Log): Promise<never> => {
  for (;;) {
    const from = log.status().next
    const acks = Array.from(
      { length: 40 },
      (_, i) =>
        new Promise<void>((resolve, reject) => {
          log.append(deliveredRecord(from + i), false, (error) =>
            error === undefined ? resolve() : reject(error),
          )
        }),
    )
    await Promise.all(acks)
    process.stdout.write(`${log.status().next}\n`)
    await setTimeout(Math.random() * 5)
  }
}

const catchUp = async (log: Log, delivery: Delivery): Promise<void> => {
  const next = log.status().next
  for (;;) {
    const [books] = await delivery.queries.books()
    if (books?.cursor === next) break
    await setTimeout(20)
  }
  const [unit] = await delivery.queries.units()
  const passport = await delivery.queries.passportSummary('drill-1')
  const books = await delivery.queries.books()
  process.stdout.write(`${JSON.stringify({ next, books, unit, passport })}\n`)
  await delivery.stop()
  await log.close()
}

const log = await open()
const delivery = await startDelivery(
  {
    ...{ dataDir, keysDir: join(dataDir, 'keys'), head: log.head, sinks: [] },
    profiles: [...loadProfiles().profiles.values()],
    bounds: { readingAgeUs: 1e16, storeBytes: 1e12, quarantineBytes: 1e8 },
  },
  {
    live: () => {},
    command: () => {},
    fault: (error) => {
      throw error
    },
  },
)
if (mode === 'append') await appendForEver(log)
else await catchUp(log, delivery)
