// A log over a model disk, with a clock that a test moves by hand, and records that say themselves
// which offset they were appended for.
import type {
  FileSystem,
  Gap,
  Log,
  LogClock,
  LogLimits,
  LogOptions,
  LogRetention,
} from '../../gateway/log/log.ts'
import { openLog } from '../../gateway/log/open.ts'
import { openReader } from '../../gateway/log/reader.ts'
import { Random } from './random.ts'

export const folder = '/data/log'

/** Time stands still until `run` is called; then everything that waits happens. */
export class HandClock implements LogClock {
  timeUs = 1_700_000_000_000_000
  readonly #waiting = new Set<() => void>()

  nowUs(): number {
    return this.timeUs
  }

  after(_delayMs: number, task: () => void): () => void {
    const once = (): void => {
      if (this.#waiting.delete(once)) task()
    }
    this.#waiting.add(once)
    return () => this.#waiting.delete(once)
  }

  run(): void {
    for (const task of [...this.#waiting]) task()
  }
}

/** Body of the record at `offset`: its length and bytes follow from the offset and the salt. */
export const bodyOf = (offset: number, salt = 0): Buffer => {
  const random = new Random(offset * 7919 + salt * 104_729 + 1)
  const body = Buffer.alloc(8 + random.below(random.chance(0.1) ? 400 : 90))
  random.fill(body)
  body.writeUInt32LE(offset, 0)
  body.writeUInt32LE(salt, 4)
  return body
}

/** Some stretches have none, so that whole segments can go. */
export const isKept = (offset: number): boolean => offset % 7 === 0 && offset % 60 < 30

export const smallLimits: Partial<LogLimits> = {
  segmentBytes: 3000,
  commitBytes: 1500,
  queuedBytes: 20_000,
  recordBytes: 1000,
}

export const unbounded: LogRetention = {
  maxBytes: 1e12,
  reserveBytes: 0,
  maxAgeMs: Number.POSITIVE_INFINITY,
  floor: () => 0,
}

export interface RigOptions {
  files: FileSystem
  random: Random
  clock?: LogClock
  retention?: Partial<LogRetention>
  limits?: Partial<LogLimits>
  lock?: (folder: string) => { release(): void }
}

export const open = (rig: RigOptions): Promise<Log> => {
  const { files, random, clock, retention, limits, lock } = rig
  const options: LogOptions = {
    folder,
    files,
    clock: clock ?? new HandClock(),
    random: (bytes) => random.fill(new Uint8Array(bytes)),
    limits: { ...smallLimits, ...limits },
    retention: { ...unbounded, ...retention },
    ...(lock === undefined ? {} : { lock }),
  }
  return openLog(options)
}

/** Appends, and the offset or the error. */
export const append = (log: Log, body: Uint8Array, keep = false): Promise<number> =>
  new Promise((resolve, reject) => {
    log.append(body, keep, (error, offset) =>
      error === undefined ? resolve(offset) : reject(error),
    )
  })

/** Appends `count` records, one commit each. */
export const fill = async (log: Log, count: number): Promise<void> => {
  const first = log.status().next
  for (let offset = first; offset < first + count; offset += 1) {
    await append(log, bodyOf(offset), isKept(offset))
  }
}

export interface Everything {
  records: Map<number, Buffer>
  gaps: Gap[]
  /** Wherever a batch and the one before did not fit together. */
  faults: string[]
  damagedCommits: number
}

/** All that a reader delivers from `from` on, copied. */
export const readAll = (files: FileSystem, log: Log, from = 0): Everything => {
  const reader = openReader(files, folder, log.head)
  const all: Everything = { records: new Map(), gaps: [], faults: [], damagedCommits: 0 }
  let at = from
  while (at < reader.head()) {
    const batch = reader.read(at, { records: 50, bytes: 2000 })
    const covered = [
      ...batch.records.map(({ offset }) => ({ from: offset, to: offset + 1 })),
      ...batch.gaps,
    ].sort((a, b) => a.from - b.from)
    let expected = at
    for (const { from: start, to } of covered) {
      if (start !== expected || to <= start) all.faults.push(`offset ${expected} came as ${start}`)
      expected = to
    }
    if (expected !== batch.next) all.faults.push(`next is ${batch.next} after ${expected}`)
    for (const { offset, body } of batch.records) all.records.set(offset, Buffer.from(body))
    all.gaps.push(...batch.gaps)
    if (batch.next <= at) {
      all.faults.push(`no progress at ${at}`)
      break
    }
    at = batch.next
  }
  all.damagedCommits = reader.damagedCommits()
  reader.close()
  return all
}
