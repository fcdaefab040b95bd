// One shard that this gateway owns, in rounds: read, log, wait until store and replicated sink have
// it, keep the state of its units, then forget it in the stream. A round that is broken off leaves
// nothing behind that the next owner would not make the same again.
import { AckPolicy, type Consumer, DeliverPolicy, type JsMsg } from '@nats-io/jetstream'
import type { Clock } from '../../core/clock.ts'
import type { Handover } from '../../core/handover.ts'
import type { Emit } from '../../core/source.ts'
import type { Fleet } from './connection.ts'
import type { Held, Membership } from './membership.ts'
import { decodeMessage } from './message.ts'
import { Units } from './units.ts'

export interface ShardParts {
  readonly fleet: Fleet
  readonly held: Held
  readonly membership: Membership
  readonly handover: Handover
  readonly sink: string
  readonly clock: Clock
  readonly emit: Emit
  /** Aborted when the gateway itself ends. */
  readonly ending: AbortSignal
  note(line: string): void
}

/** Why a round was broken off for good. */
export type End = 'released' | 'fenced'

const roundMessages = 1000
const waitMs = 1000
/** For a round's reading, its consumer's making included. */
const readMs = 8000
const retryMs = 300
/** So long the servers are asked for messages that their leader has not, and so often another. */
const goneMs = 60_000
const leadMs = 5000

export class Shard {
  readonly #parts: ShardParts
  readonly #units: Units
  readonly #stopping = new AbortController()
  readonly #fencing = new AbortController()
  #fenced = false
  /** The units' states here are those of the fleet. */
  #isLoaded = false
  #consumer: Consumer | undefined
  /** Since when the next message is nowhere, though later ones are there. */
  #goneSinceMs: number | undefined
  /** When another server was asked to lead, for that. */
  #ledSinceMs = Number.NEGATIVE_INFINITY

  constructor(parts: ShardParts) {
    this.#parts = parts
    const { fleet, held, handover, sink, note } = parts
    this.#units = new Units({ fleet, held, handover, sink, note, isOurs: () => this.#isOurs() })
  }

  get held(): Held {
    return this.#parts.held
  }

  /** Ends after the round in hand. */
  stop(): void {
    this.#stopping.abort()
  }

  /** The lease ran out: nothing is given to the log or written to the fleet from now on. */
  fence(): void {
    this.#fenced = true
    this.#stopping.abort()
    this.#fencing.abort()
  }

  /** Runs until stopped or fenced; what fails for a while is tried again. */
  async run(): Promise<End> {
    const { clock, note, held } = this.#parts
    let said = ''
    while (!this.#stopping.signal.aborted) {
      try {
        this.#isLoaded ||= await this.#load()
        if (this.#isLoaded) await this.#round()
        said = ''
      } catch (error) {
        this.#consumer = undefined
        const { message } = error as Error
        if (message !== said) note(`shard ${held.shard}: tried again: ${message}`)
        said = message
        await clock.sleep(retryMs, this.#stopping.signal)
      }
    }
    await this.#forget()
    return this.#fenced ? 'fenced' : 'released'
  }

  #isOurs(): boolean {
    if (!this.#fenced && this.#parts.membership.isAlive()) return true
    this.fence()
    return false
  }

  /** Takes over what the owner before has kept of the shard's units; false at the end. */
  async #load(): Promise<boolean> {
    // What this gateway still has of an earlier lease comes first, or it would go over the state.
    if (!(await this.#settled())) return false
    if (await this.#units.load()) return true
    this.fence()
    return false
  }

  async #round(): Promise<void> {
    const { held, membership, fleet } = this.#parts
    const messages = await this.#bounded(this.#read())
    const last = messages.at(-1)
    if (last === undefined) return
    for (const unit of new Set(messages.map(unitOf))) {
      if (!(await this.#units.begin(unit))) return this.fence()
    }
    // Until all of it is kept, a round that is tried again begins from what is kept.
    this.#isLoaded = false
    const touched = await this.#log(messages)
    if (!(await this.#settled()) || !this.#isOurs()) return
    for (const unit of touched) {
      if (!(await this.#units.keep(unit, last.seq))) return this.fence()
    }
    if (!(await membership.keep(held, last.seq))) return this.fence()
    this.#isLoaded = true
    // Only now is it acknowledged to the stream: the sink has it, and so has the state.
    // The last one stays: a stream that is empty could forget how far it has counted.
    // (Up to 1 would be understood as all of it.)
    if (last.seq === 1) return
    await fleet.jsm.streams.purge(fleet.names.streamOf(held.shard), { seq: last.seq })
  }

  /** The client waits for ever for an answer of a server that has died in between: we do not. */
  async #bounded<T>(work: Promise<T>): Promise<T> {
    const { clock } = this.#parts
    const done = new AbortController()
    const late = clock.sleep(readMs, done.signal).then(() => {
      if (!done.signal.aborted) throw new Error('the stream does not answer; it is read again')
      return work
    })
    try {
      return await Promise.race([work, late])
    } finally {
      done.abort()
      work.catch(() => {})
      late.catch(() => {})
    }
  }

  #settled(): Promise<boolean> {
    const { handover, sink, ending } = this.#parts
    return handover.settled(sink, AbortSignal.any([ending, this.#fencing.signal]))
  }

  /** The next messages in the stream's order without a gap; empty when there are none yet. */
  async #read(): Promise<JsMsg[]> {
    this.#consumer ??= await this.#consume()
    const first = await this.#consumer.next({ expires: waitMs })
    if (first === null) {
      // A consumer that is gone with its server says nothing: it is asked for.
      await this.#consumer.info()
      return []
    }
    const messages = [first]
    const more = Math.min(first.info.pending, roundMessages - 1)
    if (more > 0) {
      const fetched = await this.#consumer.fetch({ max_messages: more, expires: waitMs })
      for await (const message of fetched) messages.push(message)
    }
    return await this.#whole(messages)
  }

  /**
   * What follows the position, without a gap. A consumer of a real server was seen to begin behind
   * messages that the stream had: then they are read again, by another consumer.
   */
  async #whole(messages: readonly JsMsg[]): Promise<JsMsg[]> {
    const { position } = this.#parts.held
    const fresh = messages.filter(({ seq }) => seq > position)
    let next = position + 1
    for (const { seq } of fresh) {
      if (seq !== next) await this.#pass(next, seq)
      next = seq + 1
    }
    this.#goneSinceMs = undefined
    return fresh
  }

  /** Messages from `from` to before `to` did not come: throws unless they are gone for good. */
  async #pass(from: number, to: number): Promise<void> {
    const { fleet, held, clock, note } = this.#parts
    const stream = fleet.names.streamOf(held.shard)
    const [gone, missing] = [`${from} to ${to - 1}`, to - from]
    for (let seq = from; seq < to; seq += 1) {
      if ((await fleet.jsm.streams.getMessage(stream, { seq })) === null) continue
      throw new Error(`${missing} messages were skipped from ${from} on; they are read again`)
    }
    this.#goneSinceMs ??= clock.monotonicMs()
    if (clock.monotonicMs() - this.#goneSinceMs < goneMs) {
      await this.#leadAnew(stream)
      throw new Error(`messages ${gone} are not in the stream; they are asked for again`)
    }
    note(
      `shard ${held.shard}: messages ${gone} are gone from ${stream} (nats_lost): it goes on ` +
        'behind them; check whether they were deleted, or most servers lost their disks',
    )
  }

  /** Servers that were killed may differ in what they have: another one of them may have it. */
  async #leadAnew(stream: string): Promise<void> {
    const { fleet, clock } = this.#parts
    if (clock.monotonicMs() - this.#ledSinceMs < leadMs) return
    this.#ledSinceMs = clock.monotonicMs()
    await fleet.connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`)
  }

  async #consume(): Promise<Consumer> {
    const { fleet, held } = this.#parts
    const stream = fleet.names.streamOf(held.shard)
    const { state } = await fleet.jsm.streams.info(stream)
    if (state.last_seq < held.position) {
      throw new Error(
        `${stream} ends at ${state.last_seq}, and ${held.position} was confirmed (nats_behind): ` +
          'a server is behind, or the stream was made anew; bring its servers back',
      )
    }
    const { name } = await fleet.jsm.consumers.add(stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: held.position + 1,
      ack_policy: AckPolicy.None,
      inactive_threshold: 30_000_000_000,
      mem_storage: true,
      num_replicas: 1,
    })
    return await fleet.js.consumers.get(stream, name)
  }

  /** Hands the messages to the log in order; resolves with their units when all are durable. */
  async #log(messages: readonly JsMsg[]): Promise<Set<string>> {
    const { held, emit } = this.#parts
    const touched = new Set<string>()
    const durable: Promise<void>[] = []
    for (const message of messages) {
      if (!this.#isOurs()) break
      const unit = unitOf(message)
      if (message.seq <= this.#units.positionOf(unit)) continue
      const record = decodeMessage(message, held)
      touched.add(unit)
      durable.push(
        new Promise((resolve, reject) => {
          emit(record, (error) => (error === undefined ? resolve() : reject(error)))
        }),
      )
    }
    const settled = await Promise.allSettled(durable)
    const failed = settled.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return touched
  }

  /** Another gateway goes on: what is in hand here is ended, and then not remembered. */
  async #forget(): Promise<void> {
    const { handover, sink, ending } = this.#parts
    // A gateway that ends keeps its states: what waits in its log goes on from them.
    if (!(await handover.settled(sink, ending))) return
    await this.#units.forget()
  }
}

const unitOf = ({ subject }: JsMsg): string => subject.split('.').at(-1) ?? ''
