// A log of a test's own in `<folder>/log`, as the gateway opens its own; and what is in it.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../gateway/core/clock.ts'
import type { LogRecord } from '../../gateway/core/record.ts'
import { realFiles } from '../../gateway/log/files.ts'
import type { Log } from '../../gateway/log/log.ts'
import { openLog } from '../../gateway/log/open.ts'
import { ownRecords } from '../../gateway/own-records.ts'

export const openOwnLog = (folder: string): Promise<Log> =>
  openLog({
    folder: join(folder, 'log'),
    files: realFiles(),
    clock: {
      nowUs: () => systemClock().nowUs(),
      after: (delayMs, task) => {
        const timer = setTimeout(task, delayMs)
        return () => clearTimeout(timer)
      },
    },
    random: (bytes) => randomBytes(bytes),
    retention: {
      ...{ maxBytes: 2 ** 30, reserveBytes: 0 },
      ...{ maxAgeMs: Number.POSITIVE_INFINITY, floor: () => 0 },
    },
  })

/** All records of the broker; nobody else may have the folder. */
export const recordsIn = async (folder: string): Promise<LogRecord[]> => {
  const log = await openOwnLog(folder)
  try {
    const own = ownRecords(log, { folder: join(folder, 'log'), source: 'mqtt' })
    return [...own.since(0)].map((record) => ({ ...record, payload: record.payload.slice() }))
  } finally {
    await log.close()
  }
}
