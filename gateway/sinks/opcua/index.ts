// Sink: the OPC UA server as a face of the units. It runs in a thread of its own
// (gateway/opcua/server); a write resolves when it shows what it was given. It holds nothing that
// the store does not: after a start it stands every unit up from there. Loads no OPC UA library
// itself.
import { Worker } from 'node:worker_threads'
import type { Profile } from '../../../hardware-profiles/profile.ts'
import type { Clock } from '../../core/clock.ts'
import type { CommandOutcome, SetpointRequest } from '../../core/command.ts'
import type { DeliveryResult, OutgoingBatch, Sink } from '../../core/delivery.ts'
import { OperatingError, operatingError } from '../../core/errors.ts'
import type { UnitLife, UnitSummary } from '../../core/queries.ts'
import type { FromServer, ShowPlan, Standing, Told, ToServer } from '../../opcua/server/plan.ts'
import type { OpcUaSinkSettings } from './settings.ts'

export interface SinkContext {
  readonly clock: Clock
  readonly profiles: readonly Profile[]
  readonly folder: string
  note(line: string): void
  /** What the embedded store knows. */
  units(): UnitSummary[]
  life(query: { unit: string; nowUs: number }): UnitLife
  /** Hands setpoints to the gateway's desk; rejects with an OperatingError. */
  command(unit: string, request: SetpointRequest): Promise<CommandOutcome>
}

/** @param config an OpcUaSinkSettings; the gateway's config has checked it */
export const create = (config: unknown, context: SinkContext): Sink =>
  new OpcUaServerSink(config as OpcUaSinkSettings, context)

/** Longest wait for the thread to end, milliseconds. */
const stopMs = 3000
/** How often counters, lifecycle and maintenance are taken from the store, milliseconds. */
const standMs = 1000
const nothing: DeliveryResult = { refused: [], dropped: [] }

class OpcUaServerSink implements Sink {
  readonly name = 'opcua'
  readonly #plan: ShowPlan
  readonly #context: SinkContext
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>()
  #worker: Worker | undefined
  #id = 0
  #standing: NodeJS.Timeout | undefined
  /** Units that something came of since they were stood up. */
  readonly #touched = new Set<string>()

  constructor(settings: OpcUaSinkSettings, context: SinkContext) {
    this.#context = context
    const { host, port, modes, credentials, roles = {} } = settings
    const { folder, profiles } = context
    this.#plan = { folder, host, port, modes, credentials, roles, profiles }
  }

  /** Starts the server; throws an OperatingError where it cannot listen. */
  async open(): Promise<void> {
    if (this.#worker !== undefined) return
    const file = new URL('../../opcua/server/worker.ts', import.meta.url)
    const worker = new Worker(file, { workerData: this.#plan, name: 'opcua server' })
    const started = Promise.withResolvers<void>()
    worker.on('message', (message: FromServer) => this.#hear(message, started))
    worker.on('error', (cause) => this.#lost(threadFailed(cause as Error), started))
    worker.on('exit', () => {
      if (this.#worker === worker) this.#lost(threadFailed(new Error('it stopped')), started)
    })
    this.#worker = worker
    await started.promise
    this.#stand(this.#context.units())
    this.#standing = setInterval(() => this.#standTouched(), standMs)
    this.#standing.unref()
  }

  async write(batch: OutgoingBatch): Promise<DeliveryResult> {
    await this.open()
    const shown = Promise.withResolvers<void>()
    this.#id += 1
    this.#waiting.set(this.#id, shown)
    for (const { unit } of [...batch.readings, ...batch.events]) this.#touched.add(unit)
    this.#say({
      ...{ kind: 'show', id: this.#id },
      readings: batch.readings.map(({ unit, machine, timeUs, values, quality }) => ({
        ...{ unit, machine: machine.profile.machine, timeUs, values, quality },
      })),
      events: batch.events.map(({ unit, type, rule, severity, timeUs }) => ({
        ...{ unit, type, description: rule.description, severity, timeUs },
      })),
    })
    await shown.promise
    return nothing
  }

  async stop(): Promise<void> {
    clearInterval(this.#standing)
    const worker = this.#worker
    if (worker === undefined) return
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    this.#say({ kind: 'stop' })
    await Promise.race([ended, this.#context.clock.sleep(stopMs)])
    await worker.terminate()
    this.#worker = undefined
  }

  #say(message: ToServer): void {
    this.#worker?.postMessage(message)
  }

  #hear(message: FromServer, started: PromiseWithResolvers<void>): void {
    if (message.kind === 'ready') {
      this.#context.note(`opcua: listens at opc.tcp://${this.#plan.host}:${message.port}`)
      started.resolve()
    } else if (message.kind === 'failed') {
      const { code, message: text, remedy } = message
      this.#lost(new OperatingError(code, { message: text, remedy }), started)
    } else if (message.kind === 'note') this.#context.note(`opcua: ${message.line}`)
    else if (message.kind === 'ask') void this.#command(message)
    else if (message.kind === 'shown') {
      this.#waiting.get(message.id)?.resolve()
      this.#waiting.delete(message.id)
    }
  }

  async #command({ id, unit, request }: Extract<FromServer, { kind: 'ask' }>): Promise<void> {
    const told = await this.#context.command(unit, request).catch((error: unknown): Told => {
      const { code, message } = operatingError(error) ?? { code: 'defect', message: String(error) }
      return { code, message }
    })
    this.#say({ kind: 'told', id, told })
  }

  /** The runner tries again, and so starts another thread. */
  #lost(error: OperatingError, started: PromiseWithResolvers<void>): void {
    clearInterval(this.#standing)
    const worker = this.#worker
    this.#worker = undefined
    void worker?.terminate()
    started.reject(error)
    started.promise.catch(() => {})
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #standTouched(): void {
    if (this.#touched.size === 0) return
    const units = this.#context.units().filter(({ unit }) => this.#touched.has(unit))
    this.#touched.clear()
    this.#stand(units)
  }

  #stand(units: readonly UnitSummary[]): void {
    const nowUs = this.#context.clock.nowUs()
    const standings = units.map((summary): Standing => {
      const { unit, machine, simulated, lifecycle, key, lastTimeUs, counters, values } = summary
      const { maintenance } = this.#context.life({ unit, nowUs })
      return {
        ...{ unit, machine, simulated, lifecycle, key, lastTimeUs, counters, values },
        maintenance: maintenance
          .filter(({ by }) => by === 'counter')
          .map(({ task, description, of, every, left }) => ({
            ...{ task, description, of, every },
            ...(left === undefined ? {} : { left }),
          })),
      }
    })
    this.#say({ kind: 'standing', standings })
  }
}

const threadFailed = (cause: Error): OperatingError =>
  new OperatingError('opcua_thread', {
    message: `the OPC UA server has ended: ${cause.message}`,
    remedy: 'It is started again; if this repeats, report it with this message.',
    cause,
  })
