// Source: units behind OPC UA servers. The client runs in a thread of its own
// (gateway/opcua/client); this side hands what it reports to the log and tells it what is durable,
// so that it acknowledges nothing else. Loads no OPC UA library itself.
import { Worker } from 'node:worker_threads'
import { OperatingError } from '../../core/errors.ts'
import type { LinkHealth } from '../../core/link.ts'
import type { LogRecord } from '../../core/record.ts'
import type { Emit, Source, SourceContext } from '../../core/source.ts'
import type { ClientOrder, ClientPlan, FromClient, ToClient } from '../../opcua/client/plan.ts'
import { sessionOf, whereLeft } from './left.ts'
import { planOf } from './plan.ts'
import type { OpcUaSettings } from './settings.ts'

/** @param settings an OpcUaSettings; the gateway's config has checked it */
export const create = (settings: unknown, context: SourceContext): Source =>
  new OpcUaClientSource(planOf(settings as OpcUaSettings, context), context)

/** Longest wait for the thread to end, milliseconds. */
const stopMs = 5000
/** Wait before a thread that has failed is started again, milliseconds. */
const againMs = 1000

class OpcUaClientSource implements Source {
  readonly name = 'opcua'
  readonly #plan: ClientPlan
  readonly #context: SourceContext
  readonly #stopping = new AbortController()
  readonly #stopped = Promise.withResolvers<void>()
  #worker: Worker | undefined
  #epoch = ''
  /** One that could not begin is not tried again: the gateway does not start. */
  #hasStarted = false
  #links: readonly LinkHealth[] = []
  /** Messages that are on their way into the log, and where the log stood when each came. */
  readonly #flights = new Map<Promise<void>, number | undefined>()
  /** By server, the connection that the log has refused something of. */
  readonly #refused = new Map<string, { connection: number; why: string }>()

  constructor(plan: ClientPlan, context: SourceContext) {
    this.#plan = plan
    this.#context = context
  }

  /** Resolves when the thread runs; servers that do not answer are tried for ever. */
  start(emit: Emit): Promise<void> {
    return new Promise((resolve, reject) => this.#spawn(emit, { resolve, reject }))
  }

  links(): readonly LinkHealth[] {
    return this.#links
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    const worker = this.#worker
    if (worker === undefined) return
    worker.postMessage({ kind: 'stop' } satisfies ToClient)
    await Promise.race([this.#stopped.promise, this.#context.clock.sleep(stopMs)])
    await worker.terminate()
    // Who starts next looks into the log: all of this one is in it then, or never.
    await this.#landed()
  }

  async #landed(): Promise<void> {
    await Promise.all(this.#flights.keys())
  }

  #spawn(emit: Emit, started: { resolve(): void; reject(error: Error): void }): void {
    const { clock, note } = this.#context
    const file = new URL('../../opcua/client/worker.ts', import.meta.url)
    const worker = new Worker(file, { workerData: this.#order(), name: 'opcua client' })
    this.#worker = worker
    this.#epoch = Buffer.from(this.#context.random(6)).toString('hex')
    this.#refused.clear()
    worker.on('message', (message: FromClient) => {
      if (message.kind === 'ready') {
        this.#hasStarted = true
        started.resolve()
      }
      if (message.kind === 'note') note(message.line)
      else if (message.kind === 'links') {
        this.#links = message.links
        this.#tellPlace(worker)
      } else if (message.kind === 'stopped') this.#stopped.resolve()
      else if (message.kind === 'records') this.#take(message, { emit, worker })
    })
    worker.on('error', (cause: Error) => {
      const failure = threadFailed(cause)
      const said = `${failure.message} (${failure.code}). ${failure.remedy}`
      note(said)
      this.#links = this.#links.map((link) => {
        const sinceUs = link.isConnected ? clock.nowUs() : link.sinceUs
        return { ...link, isConnected: false, sinceUs, said, isTrouble: true }
      })
      started.reject(failure)
    })
    worker.on('exit', () => {
      this.#stopped.resolve()
      // What is not in the log is asked for again.
      const { signal } = this.#stopping
      const again = Promise.all([clock.sleep(againMs, signal), this.#landed()])
      void again.then(() => {
        if (!signal.aborted && this.#hasStarted) this.#spawn(emit, started)
      })
    })
  }

  /** Call it while nothing is on its way into the log. */
  #order(): ClientOrder {
    const { own, note } = this.#context
    try {
      return { ...this.#plan, left: whereLeft(this.#plan, own) }
    } catch (error) {
      note(
        `the end of the log cannot be read: ${(error as Error).message} What came last before ` +
          'this start may be asked for again, and be there twice.',
      )
      return { ...this.#plan, left: whereLeft(this.#plan, undefined) }
    }
  }

  /** After all that was said to be durable: what the log has below it is among that. */
  #tellPlace(worker: Worker): void {
    const { own } = this.#context
    if (own === undefined) return
    const [oldest] = this.#flights.values()
    const offset = oldest ?? own.next()
    worker.postMessage({ kind: 'place', offset } satisfies ToClient)
  }

  /** Hands a message's records to the log, in their order, and says how many of them it took. */
  #take(
    message: Extract<FromClient, { kind: 'records' }>,
    { emit, worker }: { emit: Emit; worker: Worker },
  ): void {
    const { id, records, server, connection } = message
    const flight = Promise.withResolvers<void>()
    this.#flights.set(flight.promise, this.#context.own?.next())
    const isIn = records.map(() => false)
    let left = records.length
    let refused: string | undefined
    const done = (place: number, error?: Error): void => {
      if (error === undefined) isIn[place] = true
      else {
        refused ??= error.message
        this.#refused.set(server, { connection, why: error.message })
      }
      left -= 1
      if (left > 0) return
      this.#flights.delete(flight.promise)
      flight.resolve()
      const taken = isIn.indexOf(false)
      const durable = { kind: 'durable', id, refused } as const
      const message = { ...durable, taken: taken < 0 ? records.length : taken }
      worker.postMessage(message satisfies ToClient)
    }
    const receivedUs = this.#context.clock.nowUs()
    for (const [place, { topic, payload, gap }] of records.entries()) {
      // After a hole nothing of a connection is taken: it comes again as a whole, and only once.
      const before = this.#refused.get(server)
      if (before?.connection === connection && gap !== true) {
        done(place, new Error(before.why))
        continue
      }
      const session = sessionOf({ server, connection }, { epoch: this.#epoch, gap })
      const record: LogRecord = {
        ...{ receivedUs, source: this.name, session, topic, retained: false },
        payload: Buffer.from(payload),
      }
      emit(record, (error) => done(place, error))
    }
  }
}

const threadFailed = (cause: Error): OperatingError =>
  new OperatingError('opcua_thread', {
    message: `the OPC UA client has ended: ${cause.message}`,
    remedy: 'It is started again; if this repeats, report it with this message.',
    cause,
  })
