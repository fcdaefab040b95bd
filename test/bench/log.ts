// What the log costs: appends of 150-byte records, 2,500 in flight, against a bare callback loop in
// the same run. Prints the figures and the fsync times of the disk it ran on; judges nothing.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realFiles } from '../../gateway/log/files.ts'
import type { Done, FileSystem, LogClock } from '../../gateway/log/log.ts'
import { openLog } from '../../gateway/log/open.ts'
import { openReader } from '../../gateway/log/reader.ts'

const recordBytes = 150
const inFlight = 2500
const seconds = 3
const rounds = 5

type Append = (body: Uint8Array, done: Done) => void

/** Appends per second with `inFlight` unacknowledged at any time. */
const drive = (append: Append): Promise<{ perSecond: number; appended: number }> =>
  new Promise((resolve) => {
    const body = randomBytes(recordBytes)
    const begin = performance.now()
    const end = begin + seconds * 1000
    let acknowledged = 0
    let waiting = 0
    const send = (): void => {
      waiting += 1
      append(body, done)
    }
    const done: Done = (error) => {
      if (error !== undefined) throw error
      waiting -= 1
      acknowledged += 1
      if (performance.now() < end) return send()
      if (waiting > 0) return
      const spent = (performance.now() - begin) / 1000
      resolve({ perSecond: acknowledged / spent, appended: acknowledged })
    }
    for (let index = 0; index < inFlight; index += 1) send()
  })

/** The same loop with nothing behind it but a turn of the event loop per round. */
const bare = (): Append => {
  let batch: Done[] = []
  return (_body, done) => {
    if (batch.length === 0) {
      setImmediate(() => {
        const calls = batch
        batch = []
        for (const call of calls) call(undefined, 0)
      })
    }
    batch.push(done)
  }
}

const timedFiles = (timesUs: number[]): FileSystem => {
  const files = realFiles()
  return {
    ...files,
    fdatasync: async (file, site) => {
      const begin = performance.now()
      await files.fdatasync(file, site)
      timesUs.push((performance.now() - begin) * 1000)
    },
  }
}

const clock: LogClock = {
  nowUs: () => Date.now() * 1000,
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs).unref()
    return () => clearTimeout(timer)
  },
}

const quantile = (values: number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN

const round = async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-log-'))
  try {
    const syncsUs: number[] = []
    const retention = {
      maxBytes: 16 * 1024 ** 3,
      reserveBytes: 0,
      maxAgeMs: Number.POSITIVE_INFINITY,
      floor: () => 0,
    }
    const options = { folder, files: timedFiles(syncsUs), clock, random: randomBytes, retention }
    const log = await openLog(options)
    const plain = await drive(bare())
    const durable = await drive((body, done) => log.append(body, false, done))
    const reader = openReader(realFiles(), folder, log.head)
    const begin = performance.now()
    let records = 0
    for (let from = 0; from < reader.head(); ) {
      const batch = reader.read(from, { records: 4096, bytes: 1024 * 1024 })
      records += batch.records.length
      from = batch.next
    }
    const readPerSecond = records / ((performance.now() - begin) / 1000)
    reader.close()
    await log.close()
    console.log(
      [
        `appends/s ${Math.round(durable.perSecond)}`,
        `bare/s ${Math.round(plain.perSecond)}`,
        `records per commit ${Math.round(durable.appended / syncsUs.length)}`,
        `fsync p50 ${Math.round(quantile(syncsUs, 0.5))} us`,
        `p99 ${Math.round(quantile(syncsUs, 0.99))} us`,
        `read/s ${Math.round(readPerSecond)}`,
        `rss ${Math.round(process.memoryUsage.rss() / 1024 ** 2)} MiB`,
      ].join(', '),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

for (let index = 0; index < rounds; index += 1) await round()
