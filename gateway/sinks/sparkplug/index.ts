// Sink: Sparkplug B edge node, every unit of ours below it. A delivery counts when the server has
// taken all of it and the host that is waited for is there; until then the runner keeps it in the
// log. What is said is gateway/sparkplug's; it obeys one command: to say its births again.
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { DeliveryResult, OutgoingBatch, Sink } from '../../core/delivery.ts'
import { OperatingError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { LinkState } from '../../core/link.ts'
import { type Live, type LiveMessage, startLive } from '../../mqtt/live.ts'
import { readTls } from '../../mqtt/tls.ts'
import { nextBirth } from '../../sparkplug/birth-count.ts'
import { EdgeNode, type Message, rebirthName } from '../../sparkplug/edge.ts'
import { decode } from '../../sparkplug/payload.ts'
import { HostWatch } from '../../sparkplug/state.ts'
import { nodeTopic, parseTopic, stateTopic } from '../../sparkplug/topics.ts'
import type { SparkplugConfig } from './config.ts'

export interface SparkplugContext {
  readonly clock: Clock
  /** Of its own, for what it must remember. */
  readonly folder: string
  /** 0 to 1, for the jitter of reconnects. */
  random(): number
  note(line: string): void
}

export const create = (config: SparkplugConfig, context: SparkplugContext): Sink =>
  new SparkplugSink(config, context)

/** How often silent units are looked for, milliseconds. */
const lookMs = 250
/** Longest wait for the first birth before the runner is told why there is none. */
const openMs = 3000

class SparkplugSink implements Sink {
  readonly name = 'sparkplug'
  readonly #config: SparkplugConfig
  readonly #context: SparkplugContext
  readonly #edge: EdgeNode
  readonly #watch: HostWatch | undefined
  #live: Live | undefined
  #timer: NodeJS.Timeout | undefined
  #bdSeq = 0
  /** The birth of this connection was said. */
  #born = false
  /** What the connection said last, for the person who asks why nothing is delivered. */
  #said = 'no connection yet'

  constructor(config: SparkplugConfig, context: SparkplugContext) {
    this.#config = config
    this.#context = context
    const { group, node, primaryHost } = config
    this.#watch = primaryHost === undefined ? undefined : new HostWatch(primaryHost)
    this.#edge = new EdgeNode({
      name: { group, node },
      historicalMs: config.historicalSeconds * 1000,
      silentMs: config.silentSeconds * 1000,
      nowMs: () => Math.floor(context.clock.nowUs() / 1000),
      monotonicMs: () => context.clock.monotonicMs(),
    })
  }

  async open(): Promise<void> {
    if (this.#live === undefined) this.#start()
    const { clock } = this.#context
    const untilMs = clock.monotonicMs() + openMs
    while (!this.#born && clock.monotonicMs() < untilMs) await clock.sleep(20)
    this.#mustBeBorn()
  }

  async write({ readings, events }: OutgoingBatch): Promise<DeliveryResult> {
    this.#mustBeBorn()
    const live = this.#live as Live
    const { connection } = live
    try {
      this.#say(this.#edge.data(readings, events))
      await live.barrier()
    } catch (error) {
      throw this.#unreachable((error as Error).message)
    }
    // Sent into a connection that was lost: nobody knows how far it came. It is sent again.
    if (live.connection !== connection) throw this.#unreachable('the connection was lost')
    this.#mustBeBorn()
    return { refused: [], dropped: [] }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#live?.stop(this.#born ? this.#farewell() : undefined)
  }

  #start(): void {
    const { servers, version, group, node, primaryHost, username, password } = this.#config
    const { clock, random, folder } = this.#context
    const use = { section: 'sinks.sparkplug', servers }
    readTls(this.#config, use)
    const filters = [
      { topic: nodeTopic('NCMD', { group, node }), qos: 1 as const },
      ...(primaryHost === undefined ? [] : [{ topic: stateTopic(primaryHost), qos: 1 as const }]),
    ]
    this.#live = startLive({
      ...{ servers, version: version === '5' ? 5 : 4, username, password, filters, random },
      clientId: `${username ?? 'tenfold'}:${group}-${node}`.replace(/[^A-Za-z0-9_.:-]/g, '_'),
      packetBytesMax: 16 * limits.payloadBytes,
      tls: () => readTls(this.#config, { ...use, nowMs: Math.floor(clock.nowUs() / 1000) }),
      will: () => {
        this.#bdSeq = nextBirth(join(folder, 'birth.json'))
        return this.#farewell()
      },
      ready: () => this.#maybeBirth(),
      lost: () => {
        this.#born = false
        this.#watch?.forget()
      },
      take: ({ topic, payload }, done) => {
        this.#take(topic, payload)
        done()
      },
      link: new LinkState({
        peer: servers.join(', '),
        nowUs: () => clock.nowUs(),
        note: (line) => {
          this.#said = line
          this.#context.note(`sparkplug: ${line}`)
        },
      }),
    })
    this.#timer = setInterval(() => {
      if (this.#born) this.#say(this.#edge.silent())
    }, lookMs)
    this.#timer.unref()
  }

  #take(topic: string, payload: Uint8Array): void {
    const told = parseTopic(topic)
    if (told?.kind === 'STATE') {
      this.#watch?.heard(told.host, payload)
      if (this.#watch?.online === false && this.#born) {
        this.#born = false
        void this.#live?.leave(this.#farewell())
      } else this.#maybeBirth()
      return
    }
    if (told?.kind !== 'NCMD' || !this.#born) return
    const command = decode(payload)
    if (typeof command === 'string') return
    const asked = command.items.some(({ name, raw }) => name === rebirthName && raw === true)
    if (asked) this.#say(this.#edge.birth(this.#bdSeq))
  }

  #maybeBirth(): void {
    const isAwaited = this.#watch === undefined || this.#watch.online
    if (this.#born || this.#live?.ready !== true || !isAwaited) return
    this.#born = true
    this.#say(this.#edge.birth(this.#bdSeq))
  }

  /** In one go, so that nothing comes between a birth and what belongs to it. */
  #say(messages: readonly Message[]): void {
    for (const { topic, payload } of messages) {
      // What cannot be written is found by the barrier behind it, and said anew by the next birth.
      this.#live?.publish({ topic, payload, qos: 0, retain: false }).catch(() => {})
    }
  }

  #farewell(): LiveMessage {
    return { ...this.#edge.death(this.#bdSeq), qos: 1, retain: false }
  }

  #mustBeBorn(): void {
    if (this.#born) return
    if (this.#live?.ready !== true) throw this.#unreachable(this.#said)
    throw new OperatingError('sparkplug_host_offline', {
      message: `the Sparkplug host "${this.#config.primaryHost}" is not online`,
      remedy: 'Nothing is lost, it is kept; start that host, or compare its id with primaryHost.',
    })
  }

  #unreachable(reason: string): OperatingError {
    return new OperatingError('sparkplug_unreachable', {
      message: `nothing could be delivered to the MQTT server: ${reason}`,
      remedy: 'Nothing is lost, it is kept; check server, name and password of sinks.sparkplug.',
    })
  }
}
