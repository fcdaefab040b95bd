// A small map of texts that is on the disk when `set` resolves: what a source must remember over a
// kill (sessions, pairings). A log of changes with the state written anew now and then, so that it
// never grows beyond a few times what it holds. Not for telemetry and not for much: it is all in
// memory.
import { realFiles } from './files.ts'
import type { Log, LogClock } from './log.ts'
import { openLog } from './open.ts'
import { openReader } from './reader.ts'

export interface DurableMapOptions {
  folder: string
  clock: Pick<LogClock, 'nowUs'>
  /** Secure random bytes. */
  random(bytes: number): Uint8Array
}

export interface DurableMap {
  get(key: string): string | undefined
  /** In the order in which they were set first. */
  entries(): IterableIterator<[key: string, value: string]>
  /** Seen by `get` at once; resolves when it is durable, rejects with a LogError when not. */
  set(key: string, value: string): Promise<void>
  /** The same; a key that is not there is no error. */
  delete(key: string): Promise<void>
  /** Finishes what was begun. */
  close(): Promise<void>
}

/** Keeps at most this many bytes of changes; the state is written anew long before. */
const bytesMax = 64 * 1024 * 1024
const rewriteAfterBytes = 4 * 1024 * 1024
const limits = { segmentBytes: 1024 * 1024, queuedBytes: 32 * 1024 * 1024 }

/** Reads the state back, as it was after the last `set` that had resolved, or a later one. */
export const openDurableMap = async (options: DurableMapOptions): Promise<DurableMap> => {
  const { folder, clock, random } = options
  const floor = { offset: 0 }
  const log = await openLog({
    folder,
    files: realFiles(),
    clock: { nowUs: () => clock.nowUs(), after: later },
    random,
    limits,
    retention: {
      maxBytes: bytesMax,
      reserveBytes: 0,
      maxAgeMs: Number.POSITIVE_INFINITY,
      floor: () => floor.offset,
    },
  })
  const state = replay(log, folder)
  return new LoggedMap(log, state, floor)
}

/** A change of the log: set, delete, or a mark around a state that was written anew. */
type Change = [key: string, value: string] | [key: string] | { mark: 'begin' | 'end' }

class LoggedMap implements DurableMap {
  readonly #log: Log
  readonly #state: Map<string, string>
  readonly #floor: { offset: number }
  #writtenBytes = 0
  #rewriteAtBytes = 0

  constructor(log: Log, state: Map<string, string>, floor: { offset: number }) {
    this.#log = log
    this.#state = state
    this.#floor = floor
  }

  get(key: string): string | undefined {
    return this.#state.get(key)
  }

  entries(): IterableIterator<[string, string]> {
    return this.#state.entries()
  }

  set(key: string, value: string): Promise<void> {
    this.#state.set(key, value)
    return this.#change([key, value])
  }

  delete(key: string): Promise<void> {
    if (!this.#state.delete(key)) return Promise.resolve()
    return this.#change([key])
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  #change(change: Change): Promise<void> {
    const done = this.#append(change).then(() => {})
    if (this.#writtenBytes > this.#rewriteAtBytes) this.#rewrite()
    return done
  }

  /** Everything once more; what is before it may then go. */
  #rewrite(): void {
    this.#writtenBytes = 0
    const begun = this.#append({ mark: 'begin' })
    for (const entry of this.#state) this.#append(entry).catch(() => {})
    // Only changes made since count: a large state must not be written again at every change.
    this.#rewriteAtBytes = rewriteAfterBytes + this.#writtenBytes
    this.#writtenBytes = 0
    Promise.all([begun, this.#append({ mark: 'end' })]).then(
      ([offset]) => {
        this.#floor.offset = offset
      },
      // Whoever asked for the change hears of it; the state before stays readable.
      () => {},
    )
  }

  #append(change: Change): Promise<number> {
    const body = Buffer.from(JSON.stringify(change))
    this.#writtenBytes += body.length
    return new Promise((resolve, reject) => {
      this.#log.append(body, false, (error, offset) => {
        if (error === undefined) resolve(offset)
        else reject(error)
      })
    })
  }
}

const replay = (log: Log, folder: string): Map<string, string> => {
  const reader = openReader(realFiles(), folder, log.head)
  let state = new Map<string, string>()
  let rewritten: Map<string, string> | undefined
  let from = 0
  for (;;) {
    const { records, next } = reader.read(from, { records: 4096, bytes: 1024 * 1024 })
    for (const { body } of records) {
      const change = JSON.parse(Buffer.from(body).toString()) as Change
      if (!Array.isArray(change)) {
        // A state that was not finished is let go: the one before still holds.
        if (change.mark === 'end') state = rewritten ?? state
        rewritten = change.mark === 'begin' ? new Map() : undefined
        continue
      }
      apply(state, change)
      if (rewritten !== undefined) apply(rewritten, change)
    }
    if (next === from) break
    from = next
  }
  reader.close()
  return state
}

const apply = (state: Map<string, string>, [key, value]: [string, string?]): void => {
  if (value === undefined) state.delete(key)
  else state.set(key, value)
}

const later = (delayMs: number, task: () => void): (() => void) => {
  const timer = setTimeout(task, delayMs)
  timer.unref()
  return () => clearTimeout(timer)
}
