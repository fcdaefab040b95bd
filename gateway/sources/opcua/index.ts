// Source: units behind OPC UA servers. The client runs in a thread of its own
// (gateway/opcua/client); this side hands what it reports to the log and tells it what is durable,
// so that it acknowledges nothing else. Loads no OPC UA library itself.
import { Worker } from 'node:worker_threads'
import { OperatingError } from '../../core/errors.ts'
import type { LinkHealth } from '../../core/link.ts'
import type { LogRecord } from '../../core/record.ts'
import type { Emit, Source, SourceContext } from '../../core/source.ts'
import type { ClientPlan, FromClient, ToClient } from '../../opcua/client/plan.ts'
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

  constructor(plan: ClientPlan, context: SourceContext) {
    this.#plan = plan
    this.#context = context
  }

  /** Resolves when the thread runs; servers that do not answer are tried for ever. */
  start(emit: Emit): Promise<void> {
    this.#epoch = Buffer.from(this.#context.random(6)).toString('hex')
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
  }

  #spawn(emit: Emit, started: { resolve(): void; reject(error: Error): void }): void {
    const { clock, note } = this.#context
    const file = new URL('../../opcua/client/worker.ts', import.meta.url)
    const worker = new Worker(file, { workerData: this.#plan, name: 'opcua client' })
    this.#worker = worker
    worker.on('message', (message: FromClient) => {
      if (message.kind === 'ready') {
        this.#hasStarted = true
        started.resolve()
      }
      if (message.kind === 'note') note(message.line)
      else if (message.kind === 'links') this.#links = message.links
      else if (message.kind === 'stopped') this.#stopped.resolve()
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
      // What was not in the log is asked for again: the thread begins where its file says.
      const { signal } = this.#stopping
      void clock.sleep(againMs, signal).then(() => {
        if (!signal.aborted && this.#hasStarted) this.#spawn(emit, started)
      })
    })
  }

  #take(
    message: Extract<FromClient, { kind: 'records' }>,
    { emit, worker }: { emit: Emit; worker: Worker },
  ): void {
    const { id, records } = message
    let left = records.length
    let refused: string | undefined
    const session = `${this.#epoch}-${message.session}`
    const receivedUs = this.#context.clock.nowUs()
    for (const { topic, payload } of records) {
      const record: LogRecord = {
        ...{ receivedUs, source: this.name, session, topic, retained: false },
        payload: Buffer.from(payload),
      }
      emit(record, (error) => {
        refused ??= error?.message
        left -= 1
        if (left > 0) return
        worker.postMessage({ kind: 'durable', id, refused } satisfies ToClient)
      })
    }
  }
}

const threadFailed = (cause: Error): OperatingError =>
  new OperatingError('opcua_thread', {
    message: `the OPC UA client has ended: ${cause.message}`,
    remedy: 'It is started again; if this repeats, report it with this message.',
    cause,
  })
