// Hosts one sink: reads the log from the sink's own cursor, hands over batches, tries again for as
// long as it takes. Every sink has its own runner, reader and pipeline, so that a dead one blocks
// nobody.
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import type { Books } from '../core/delivery.ts'
import { limits } from '../core/limits.ts'
import { decodeRecord } from '../core/record.ts'
import type { Batch, LogReader } from '../log/log.ts'
import { type BackoffOptions, backoffMs } from './backoff.ts'
import type { Progress } from './keeper.ts'
import { type PlainError, plainError, type SinkHealth } from './protocol.ts'

/** What takes the batches of one runner: the embedded store, or a database outside. */
export interface Stage {
  readonly name: string
  /** Prepares the far side; may be called again after a failure. */
  open(): Promise<void>
  /** As it is durable. */
  progress(): Progress
  /**
   * Resolves when every record of the batch is accounted for and kept. Throws when it could not be:
   * then nothing of it was kept, and the same stretch of log comes again. The bodies are valid
   * until then.
   */
  take(batch: Batch): Promise<void>
  stop(): Promise<void>
}

export interface RunnerParts {
  readonly stage: Stage
  readonly reader: LogReader
  readonly clock: Clock
  /** 0 to 1. */
  random(): number
  readonly options: RunnerOptions
}

export interface RunnerOptions {
  readonly backoff: BackoffOptions
  /**
   * Least time from the beginning of a small batch to that of the next: what comes meanwhile goes
   * together, which is fewer commits and requests. What comes to a sink at rest waits for nobody.
   */
  readonly lingerMs: number
  readonly batchRecords: number
  readonly batchBytes: number
  /** Most records a second, in batches of a quarter of a second; absent = no bound. */
  readonly recordsPerSecond?: number | undefined
}

export const runnerDefaults: RunnerOptions = {
  // A far side that is back gets its data within seconds; an attempt costs it one small request.
  backoff: { firstMs: 100, capMs: 2000 },
  lingerMs: 20,
  batchRecords: limits.batchRecords,
  batchBytes: limits.batchBytes,
}

/** How long to wait for the log's head at once: a stop is noticed at the latest then. */
const waitMs = 250

export class Runner {
  readonly #parts: RunnerParts
  readonly #stopping = new AbortController()
  #state: SinkHealth['state'] = 'starting'
  #attempts = 0
  #error: PlainError | undefined
  /** When the last batch was begun. */
  #begunMs = Number.NEGATIVE_INFINITY
  /** When the oldest record in hand was received. */
  #oldestUs: number | undefined
  #run: Promise<void> | undefined

  constructor(parts: RunnerParts) {
    this.#parts = parts
  }

  get name(): string {
    return this.#parts.stage.name
  }

  start(): void {
    this.#run ??= this.#loop()
  }

  /**
   * Lets the batch in hand end, then stops the stage. A batch that is waiting to be retried is
   * left.
   */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#run
    await this.#parts.stage.stop()
    this.#parts.reader.close()
    this.#state = 'stopped'
  }

  books(): Books {
    const { stage, reader } = this.#parts
    const { cursor, tally } = stage.progress()
    const received = Math.max(reader.head(), cursor)
    return { sink: stage.name, received, pending: received - cursor, cursor, ...copy(tally) }
  }

  health(): SinkHealth {
    const lagUs =
      this.#oldestUs === undefined ? 0 : Math.max(0, this.#parts.clock.nowUs() - this.#oldestUs)
    return {
      ...this.books(),
      state: this.#state,
      lagUs,
      attempts: this.#attempts,
      error: this.#error,
    }
  }

  async #loop(): Promise<void> {
    const { stage } = this.#parts
    await this.#insist(() => stage.open())
    while (!this.#stopping.signal.aborted) {
      let records = 0
      const beginMs = this.#parts.clock.monotonicMs()
      await this.#insist(async () => {
        records = await this.#step()
      })
      await this.#pause(records)
      await this.#hold(records, beginMs)
    }
  }

  /** One batch; returns how many records it had. */
  async #step(): Promise<number> {
    const { stage, reader, options } = this.#parts
    const { cursor } = stage.progress()
    const { batchRecords, recordsPerSecond = Number.POSITIVE_INFINITY, batchBytes } = options
    const records = Math.min(batchRecords, Math.ceil(recordsPerSecond / 4))
    const batch = reader.read(cursor, { records, bytes: batchBytes })
    if (batch.next === cursor) return 0
    this.#oldestUs = receivedUs(batch) ?? this.#oldestUs
    this.#state = 'delivering'
    this.#begunMs = this.#parts.clock.monotonicMs()
    await stage.take(batch)
    return batch.records.length
  }

  /** Tries until it works or the runner stops. */
  async #insist(work: () => Promise<void>): Promise<void> {
    const { clock, options, random, stage } = this.#parts
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        await work()
        this.#attempts = 0
        this.#error = undefined
        return
      } catch (error) {
        this.#error = plainError(error)
        this.#state = 'retrying'
        await clock.sleep(backoffMs(this.#attempts++, options.backoff, random), signal)
        // What the far side was told about itself may be gone: a database that was wiped is made
        // anew.
        if (!signal.aborted) await stage.open().catch((again) => this.#note(again))
      }
    }
  }

  #note(error: unknown): void {
    this.#error = plainError(error)
  }

  /** Waits until a batch has had its share of time: a backlog must not flood who was away. */
  async #hold(records: number, beginMs: number): Promise<void> {
    const { clock, options } = this.#parts
    if (options.recordsPerSecond === undefined) return
    const dueMs = beginMs + (1000 * records) / options.recordsPerSecond
    const waitMs = dueMs - clock.monotonicMs()
    if (waitMs > 0) await clock.sleep(waitMs, this.#stopping.signal)
  }

  /** Between batches: other work of the thread gets its turn; an empty log is waited for. */
  async #pause(records: number): Promise<void> {
    const { clock, options, reader, stage } = this.#parts
    const { signal } = this.#stopping
    if (signal.aborted) return
    const { cursor } = stage.progress()
    if (reader.head() <= cursor) {
      this.#state = 'idle'
      this.#oldestUs = undefined
      await reader.wait(cursor, waitMs)
    }
    const isSmall = records < options.batchRecords / 4
    const lingerMs = this.#begunMs + options.lingerMs - clock.monotonicMs()
    if (isSmall && lingerMs > 0) await clock.sleep(lingerMs, signal)
    else await setImmediate()
  }
}

const receivedUs = ({ records }: Batch): number | undefined => {
  const [first] = records
  if (first === undefined) return undefined
  try {
    return decodeRecord(first.body).receivedUs
  } catch {
    return undefined
  }
}

const copy = ({ stored, duplicate, quarantined, dropped }: Progress['tally']) => ({
  stored,
  duplicate,
  quarantined,
  dropped: { ...dropped },
})
