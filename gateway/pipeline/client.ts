// Main thread's side of delivery: starts the worker, asks it, hears live values, commands and
// faults. It holds no data of its own and never waits for a database.
import { Worker } from 'node:worker_threads'
import type { CommandOutcome, SetpointRequest } from '../core/command.ts'
import type { Asked, Handover, KeptUnit } from '../core/handover.ts'
import type { LiveReading } from '../core/live.ts'
import type { Queries } from '../core/queries.ts'
import type { UnitCommand } from '../core/source.ts'
import type { AsideAsked, AsideRow } from './aside.ts'
import { settled } from './handover.ts'
import {
  type DeliveryOptions,
  errorOf,
  type FromWorker,
  plainError,
  type SinkHealth,
  type ToWorker,
} from './protocol.ts'

export type { DeliveryOptions, SinkConfig, SinkHealth } from './protocol.ts'

export interface DeliveryListeners {
  /** Newest values, at most ten times a second a unit; only while `listen(true)`. */
  live(readings: readonly LiveReading[]): void
  /** To be published to the unit. Asked again at its next hello: losing one is no loss. */
  command(command: UnitCommand): void
  /** A sink's client asks a unit for setpoints; rejects with an OperatingError. */
  ask?(unit: string, request: SetpointRequest): Promise<CommandOutcome>
  /** One line of a sink for the person who runs the gateway. */
  note?(line: string): void
  /** The worker has failed and delivers no more; the log keeps what is acknowledged. */
  fault(error: Error): void
}

export interface Delivery {
  readonly queries: Queries
  /** State of every sink, the embedded store first. */
  health(): Promise<SinkHealth[]>
  /** Quarantined records, whole. */
  aside(asked: AsideAsked): Promise<AsideRow[]>
  /** They are in the log again, durable: their sinks book them as dropped(requeued). */
  endAside(rows: readonly Pick<AsideRow, 'offset' | 'sinks'>[]): Promise<void>
  /** For a source that shares units with other gateways. */
  readonly handover: Handover
  /** Whether a page wants live values. */
  listen(on: boolean): void
  /** Finishes what is in hand, closes the store; pending records wait in the log. Idempotent. */
  stop(): Promise<void>
}

const methods = [
  'units',
  'series',
  'events',
  'life',
  'durability',
  'books',
  'quarantine',
  'faults',
  'passportSummary',
  'passport',
  'register',
  'health',
  'aside',
  'endAside',
  'chainKey',
  'giveUnit',
  'takeUnit',
  'forgetUnit',
] as const

/** Resolves when the store is open and delivery runs; rejects with an OperatingError otherwise. */
export const startDelivery = async (
  options: DeliveryOptions,
  listeners: DeliveryListeners,
): Promise<Delivery> => {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: options,
    // A batch is short-lived garbage: without a bound V8 lets it grow to many times its size. The
    // smaller the most that the heap may ever be, the sooner V8 looks for garbage: it takes some
    // 50 MB, and may take 1 GB.
    resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 1024 },
  })
  const calls = new Calls(worker)
  await connect(worker, { calls, listeners })
  const remote = Object.fromEntries(
    methods.map((method) => [method, (...args: unknown[]) => calls.call(method, args)]),
  ) as unknown as Queries & Remote
  return {
    queries: remote,
    health: () => remote.health(),
    aside: (asked) => remote.aside(asked),
    endAside: (rows) => remote.endAside(rows),
    handover: {
      chainKey: () => remote.chainKey(),
      settled: (sink, signal) => settled(() => remote.health(), { sink, signal }),
      give: (asked) => remote.giveUnit(asked),
      take: (kept) => remote.takeUnit(kept),
      forget: (unit) => remote.forgetUnit(unit),
    },
    listen: (on) => worker.postMessage({ kind: 'listen', on } satisfies ToWorker),
    stop: () => calls.stop(),
  }
}

interface Remote extends Pick<Delivery, 'health' | 'aside' | 'endAside'> {
  chainKey(): Promise<string>
  giveUnit(asked: Asked): Promise<KeptUnit | undefined>
  takeUnit(kept: KeptUnit): Promise<void>
  forgetUnit(unit: string): Promise<void>
}

/** Resolves at `ready`; before it a fault or the worker's end rejects. */
const connect = (
  worker: Worker,
  { calls, listeners }: { calls: Calls; listeners: DeliveryListeners },
): Promise<void> =>
  new Promise((resolve, reject) => {
    let ready = false
    const fail = (error: Error): void => {
      calls.failAll(error)
      if (ready) listeners.fault(error)
      else {
        reject(error)
        void worker.terminate()
      }
    }
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'answer' || message.kind === 'failure') calls.settle(message)
      else if (message.kind === 'live') listeners.live(message.readings)
      else if (message.kind === 'command') listeners.command(message.command)
      else if (message.kind === 'ask') void askedBy(worker, listeners, message)
      else if (message.kind === 'note') listeners.note?.(message.line)
      else if (message.kind === 'fault') fail(errorOf(message.error))
      else if (message.kind === 'stopped') void worker.terminate()
      else if (message.kind === 'ready') {
        ready = true
        resolve()
      }
    })
    worker.on('error', (error) => fail(error as Error))
    worker.on('exit', (code) => {
      const stopped = calls.ended()
      if (!stopped) fail(new Error(`the delivery worker ended with code ${code}`))
    })
  })

const askedBy = async (
  worker: Worker,
  { ask }: DeliveryListeners,
  { id, unit, request }: Extract<FromWorker, { kind: 'ask' }>,
): Promise<void> => {
  const tell = (message: ToWorker): void => worker.postMessage(message)
  try {
    if (ask === undefined) throw new Error('nobody commands units here')
    tell({ kind: 'told', id, outcome: await ask(unit, request) })
  } catch (error) {
    tell({ kind: 'refused', id, error: plainError(error) })
  }
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Calls under way, by number. */
class Calls {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #next = 0
  #stopping: Promise<void> | undefined
  #ended = false
  #onEnd: () => void = () => {}

  constructor(worker: Worker) {
    this.#worker = worker
  }

  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#ended || this.#stopping !== undefined) return Promise.reject(stopped())
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ kind: 'call', id, method, args } satisfies ToWorker)
    })
  }

  settle(message: Extract<FromWorker, { kind: 'answer' | 'failure' }>): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.kind === 'answer') waiting?.resolve(message.value)
    else waiting?.reject(errorOf(message.error))
  }

  failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  /** The worker has ended; true when that was asked for. */
  ended(): boolean {
    this.#ended = true
    this.failAll(stopped())
    this.#onEnd()
    return this.#stopping !== undefined
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#ended
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#onEnd = resolve
          this.#worker.postMessage({ kind: 'stop' } satisfies ToWorker)
        })
    return this.#stopping
  }
}

const stopped = (): Error =>
  errorOf({
    code: 'delivery_stopped',
    message: 'the delivery worker has stopped',
    remedy: 'Start the gateway again; see its first error message for the reason.',
  })
