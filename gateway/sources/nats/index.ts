// Shares a fleet's units with other gateways: as a front it gives what this gateway's other sources
// receive to the streams, and acknowledges when most servers have it; as an owner it takes in the
// messages of the shards that it has a lease for. It delivers nothing.
import { OperatingError } from '../../core/errors.ts'
import type { Handover } from '../../core/handover.ts'
import { type LinkHealth, LinkState } from '../../core/link.ts'
import type { Emit, Source, SourceContext } from '../../core/source.ts'
import { attemptMs, type Fleet, keysOf, openFleet } from './connection.ts'
import { Membership } from './membership.ts'
import { encodeHeaders } from './message.ts'
import { memberKey } from './names.ts'
import type { NatsSettings } from './settings.ts'
import { Shard } from './shard.ts'

export const create = (settings: NatsSettings, context: SourceContext): Source =>
  new NatsSource(settings, context)

class NatsSource implements Source {
  readonly name = 'nats'
  readonly #settings: NatsSettings
  readonly #context: SourceContext
  readonly #handover: Handover
  readonly #shards = new Map<number, { shard: Shard; run: Promise<void> }>()
  readonly #stopping = new AbortController()
  /** This run of the gateway: a restart is another one. */
  readonly #run: string
  /** Messages that it has offered to the stream. */
  #offered = 0
  readonly #link: LinkState
  /** Why the stream has not taken the last message that it was given. */
  #notTaken: string | undefined
  #tally = { gateways: 0, epoch: 0, fenced: 0, missed: 0 }
  #fleet: Fleet | undefined
  #membership: Membership | undefined
  #keeping: Promise<void> | undefined

  constructor(settings: NatsSettings, context: SourceContext) {
    const { handover, sinks = [] } = context
    if (handover === undefined || !sinks.includes(settings.confirmedBy)) {
      throw new OperatingError('nats_sink_missing', {
        message: `sources.nats waits for ${settings.confirmedBy}, and there is no such sink`,
        remedy: `Give sinks.${settings.confirmedBy}, the same database for the whole fleet.`,
      })
    }
    this.#settings = settings
    this.#context = context
    this.#handover = handover
    this.#run = Buffer.from(context.random(6)).toString('hex')
    const { clock, note } = context
    const peer = settings.servers.join(', ')
    this.#link = new LinkState({ peer, nowUs: () => clock.nowUs(), note })
  }

  async start(emit: Emit): Promise<void> {
    const { clock } = this.#context
    const { name, shards, leaseMs } = this.#settings
    const fleet = await this.#open()
    this.#fleet = fleet
    const membership = new Membership({
      ...{ leases: fleet.leases, name, run: this.#run, shards, leaseMs, clock },
      members: () => keysOf(fleet.jsm, { bucket: fleet.names.leases, filter: memberKey('>') }),
    })
    this.#membership = membership
    this.#keeping = this.#keep({ fleet, membership, emit })
  }

  /** Where what the other sources receive goes: acknowledged when most servers have it. */
  readonly front: Emit = (record, done) => {
    const fleet = this.#fleet
    if (fleet === undefined || this.#stopping.signal.aborted) return done(notTaken('it stops'))
    const { names, js } = fleet
    // What is lost while the servers elect who leads is offered again under the same name: they
    // know it where only their answer was lost.
    const msgID = `${this.#run}.${this.#offered++}`
    const options = { headers: encodeHeaders(record), timeout: attemptMs, retries, msgID }
    js.publish(names.subjectOf(record.topic), record.payload, options).then(
      () => {
        this.#notTaken = undefined
        done()
      },
      (error: Error) => {
        const failure = notTaken(error.message)
        this.#notTaken = `${failure.message} (${failure.code}). ${failure.remedy}`
        done(failure)
      },
    )
  }

  links(): LinkHealth[] {
    const { shards } = this.#settings
    const leases = { ...this.#tally, owned: this.#shards.size, shards }
    const health = { ...this.#link.health(), leases }
    if (this.#notTaken === undefined || !health.isConnected) return [health]
    return [{ ...health, said: this.#notTaken, isTrouble: true }]
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#keeping
    for (const { shard } of this.#shards.values()) shard.stop()
    await Promise.all([...this.#shards.values()].map(({ run }) => run))
    await this.#membership?.leave().catch(() => {})
    await this.#fleet?.connection.close()
  }

  /** Servers that start, or elect a leader, are waited for a while. */
  async #open(): Promise<Fleet> {
    const { clock, secret } = this.#context
    const chainKey = await this.#handover.chainKey()
    const untilMs = clock.monotonicMs() + patienceMs
    for (;;) {
      try {
        return await openFleet(this.#settings, { secret, chainKey })
      } catch (error) {
        const { code } = error as { code?: unknown }
        if (code !== 'nats_unreachable' || clock.monotonicMs() > untilMs) throw error
        await clock.sleep(retryMs)
      }
    }
  }

  /** Heartbeat and shares, for as long as the source runs. */
  async #keep(parts: Keeping): Promise<void> {
    const { clock } = this.#context
    const { signal } = this.#stopping
    while (!signal.aborted) {
      let waitMs = this.#settings.leaseMs / 5
      try {
        await this.#tick(parts)
        this.#link.connected('connected')
        this.#link.heard()
      } catch (error) {
        waitMs = Math.min(waitMs, retryMs)
        const { message } = error as Error
        this.#tally.missed += 1
        this.#link.lost(`the fleet does not answer (nats_unreachable): ${message}`)
      }
      await clock.sleep(waitMs, signal)
    }
  }

  async #tick(parts: Keeping): Promise<void> {
    const { membership } = parts
    if (!membership.isAlive()) this.#fenceAll()
    await membership.beat()
    if (!membership.isAlive()) return
    const members = Math.max(1, await membership.look())
    this.#tally.gateways = members
    const share = Math.ceil(this.#settings.shards / members)
    const ours = [...this.#shards.values()]
    for (const { shard } of ours.slice(share)) shard.stop()
    const held = new Map([...this.#shards].map(([number, { shard }]) => [number, shard.held]))
    for (const one of await membership.acquire(share - held.size, held)) {
      if (!membership.isAlive()) return
      this.#own(new Shard({ ...this.#shardParts(parts), held: one }), parts)
    }
  }

  #shardParts({ fleet, membership, emit }: Keeping) {
    const { clock, note } = this.#context
    const { confirmedBy: sink } = this.#settings
    const ending = this.#stopping.signal
    return { fleet, membership, emit, handover: this.#handover, sink, ending, clock, note }
  }

  #own(shard: Shard, { membership }: Keeping): void {
    const { note } = this.#context
    const { held } = shard
    const run = shard
      .run()
      .then(async (end) => {
        if (end === 'released') await membership.release(held)
        else {
          this.#tally.fenced += 1
          note(`shard ${held.shard}: fenced at epoch ${held.epoch}: another gateway may own it`)
        }
      })
      .catch((error: Error) => note(`shard ${held.shard}: ${error.message}`))
      .finally(() => this.#shards.delete(held.shard))
    this.#shards.set(held.shard, { shard, run })
    this.#tally.epoch = Math.max(this.#tally.epoch, held.epoch)
    note(`shard ${held.shard}: owned, epoch ${held.epoch}, from message ${held.position + 1}`)
  }

  #fenceAll(): void {
    for (const { shard } of this.#shards.values()) shard.fence()
  }
}

const patienceMs = 20_000
const retryMs = 500
const retries = 3

interface Keeping {
  fleet: Fleet
  membership: Membership
  emit: Emit
}

const notTaken = (why: string): OperatingError =>
  new OperatingError('nats_not_taken', {
    message: `the stream has not taken a message: ${why}`,
    remedy: 'Check that most NATS servers are up and that the stream has room.',
  })
