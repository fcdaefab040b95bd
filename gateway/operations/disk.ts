// What a gateway writes to its disk: all of it as the kernel counts it, the log's and the delivery
// worker's share apart. An SD card has only so many writes. It must never slow a write down.
import { readFileSync } from 'node:fs'
import type { Written } from '../core/queries.ts'
import type { Finding } from '../diagnosis.ts'
import type { FileSystem } from '../log/log.ts'

/** Smallest piece that the kernel writes back, bytes. */
const pageBytes = 4096

/**
 * Bytes caused to be written, proc_pid_io(5); undefined where there is no such count.
 * @param who `self`: the process, `thread-self`: the thread that asks
 */
export const writtenBy = (who: 'self' | 'thread-self'): number | undefined => {
  try {
    const [, bytes] = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${who}/io`, 'utf8')) ?? []
    return bytes === undefined ? undefined : Number(bytes)
  } catch {
    return undefined
  }
}

export interface Disk {
  /** Counts what is written through it. */
  files: FileSystem
  written(storeBytes: number | undefined): Written
}

export const openDisk = (files: FileSystem, clock: { nowUs(): number }): Disk => {
  const sinceUs = clock.nowUs()
  const before = writtenBy('self') ?? 0
  let logBytes = 0
  return {
    files: {
      ...files,
      write: (file, bytes, position) => {
        // The log syncs after each write: pages that it touches twice are written twice.
        const first = Math.floor(position / pageBytes)
        const end = Math.ceil((position + bytes.length) / pageBytes)
        logBytes += (end - first) * pageBytes
        return files.write(file, bytes, position)
      },
    },
    written: (storeBytes) => {
      const total = writtenBy('self')
      const totalBytes = total === undefined ? undefined : total - before
      return { sinceUs, nowUs: clock.nowUs(), totalBytes, logBytes, storeBytes }
    },
  }
}

const dayUs = 86_400_000_000
/** Before so long a day's amount would be a guess. */
const measuredUs = 60_000_000

/** What `tenfold doctor` says of it. */
export const writtenFinding = (written: Written): Finding => {
  const { sinceUs, nowUs, totalBytes, logBytes, storeBytes } = written
  const spanUs = nowUs - sinceUs
  const perDay = spanUs >= measuredUs
  const amount = (bytes: number): string => mega(perDay ? (bytes * dayUs) / spanUs : bytes)
  const known = (bytes: number | undefined): string =>
    bytes === undefined ? 'not counted here' : amount(bytes)
  const span = `${Math.round(spanUs / 1e6).toLocaleString('en')} s`
  const text =
    `written to the disk ${perDay ? `a day, by the ${span}` : `in the ${span}`} since its start: ` +
    `${known(totalBytes)} (log ${amount(logBytes)}, store and sinks ${known(storeBytes)})`
  return { station: 'folder', verdict: 'good', text }
}

const mega = (bytes: number): string =>
  `${(bytes / 1e6).toLocaleString('en', { maximumFractionDigits: 1 })} MB`
