// Source: Sparkplug B host application. Connects, says STATE, hands what it hears to the log, and
// asks nodes for their births. What a message means is gateway/sparkplug's; it sends no command but
// that request.

import { limits } from '../../core/limits.ts'
import { type LinkHealth, LinkState } from '../../core/link.ts'
import { prepareMachine } from '../../core/machine.ts'
import type { Emit, Source, SourceContext } from '../../core/source.ts'
import { type Live, type LiveMessage, startLive } from '../../mqtt/live.ts'
import { readTls } from '../../mqtt/tls.ts'
import { bindingsOf } from '../../sparkplug/binding.ts'
import { Host, type Outcome } from '../../sparkplug/host.ts'
import { encode } from '../../sparkplug/payload.ts'
import { decodeState, encodeState } from '../../sparkplug/state.ts'
import { type NodeName, namespace, nodeTopic, stateTopic } from '../../sparkplug/topics.ts'
import type { SparkplugSettings } from './settings.ts'

export const create = (settings: SparkplugSettings, context: SourceContext): Source =>
  new SparkplugHost(settings, context)

/** How often missing messages are looked for, milliseconds. */
const lookMs = 100
/** A refusal of one kind is said at most once in this time. */
const sayAgainMs = 60_000

class SparkplugHost implements Source {
  readonly name = 'sparkplug'
  readonly #settings: SparkplugSettings
  readonly #context: SourceContext
  readonly #epoch: string
  readonly #host: Host
  readonly #saidMs = new Map<string, number>()
  readonly #link: LinkState
  #timer: NodeJS.Timeout | undefined
  #live: Live | undefined
  /** Of the CONNECT that is in force: birth and will carry the same. */
  #timestampMs = 0

  constructor(settings: SparkplugSettings, context: SourceContext) {
    this.#settings = settings
    this.#context = context
    this.#epoch = Buffer.from(context.random(6)).toString('hex')
    const { clock, profiles, note } = context
    this.#link = new LinkState({ peer: settings.url, nowUs: () => clock.nowUs(), note })
    const machines = new Map(profiles.map((one) => [one.machine, prepareMachine(one)]))
    this.#host = new Host({
      bindings: bindingsOf(settings.units, machines),
      reorderMs: settings.reorderMs,
      rebirthMs: settings.rebirthSeconds * 1000,
      monotonicMs: () => clock.monotonicMs(),
      nowMs: () => this.#nowMs(),
    })
  }

  async start(emit: Emit): Promise<void> {
    const { url, version, clientId, hostId, username, password } = this.#settings
    const { random, secret } = this.#context
    const use = { section: 'sources.sparkplug', servers: [url] }
    readTls(this.#settings, use)
    this.#live = startLive({
      servers: [url],
      version: version === '5' ? 5 : 4,
      clientId,
      username,
      password: password === undefined ? undefined : secret(password),
      filters: [
        { topic: stateTopic(hostId), qos: 1 },
        { topic: `${namespace}/#`, qos: 1 },
      ],
      packetBytesMax: 16 * limits.payloadBytes,
      tls: () => readTls(this.#settings, { ...use, nowMs: this.#nowMs() }),
      will: () => {
        this.#timestampMs = this.#nowMs()
        return this.#state(false, this.#timestampMs)
      },
      ready: () => {
        this.#host.forget()
        this.#say(this.#state(true, this.#timestampMs))
      },
      lost: () => {},
      take: (message, done) => this.#take(message, { emit, done }),
      random: () => (random(1)[0] ?? 0) / 256,
      link: this.#link,
    })
    this.#timer = setInterval(() => {
      for (const node of this.#host.overdue()) this.#askBirth(node)
    }, lookMs)
  }

  links(): LinkHealth[] {
    return [this.#link.health()]
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#live?.stop(this.#state(false, this.#nowMs()))
  }

  #take({ topic, payload }: { topic: string; payload: Uint8Array }, to: Handing): void {
    if (topic === stateTopic(this.#settings.hostId)) {
      // Somebody's word that we are gone, such as the will of our last connection.
      if (decodeState(payload)?.online === false && this.#live?.ready === true) {
        this.#say(this.#state(true, this.#timestampMs))
      }
      to.done()
      return
    }
    const outcome = this.#host.take(topic, payload)
    this.#note(outcome)
    if (outcome.rebirth !== undefined) this.#askBirth(outcome.rebirth)
    const records = outcome.aside
      ? [{ topic, payload: payload.subarray(0, limits.payloadBytes + 1) }]
      : outcome.records
    this.#hand(records, to)
  }

  #hand(records: readonly { topic: string; payload: Uint8Array | string }[], to: Handing): void {
    if (records.length === 0) {
      to.done()
      return
    }
    const receivedUs = this.#context.clock.nowUs()
    const session = `${this.#epoch}-${this.#live?.connection ?? 0}`
    let left = records.length
    let failed: Error | undefined
    for (const { topic, payload } of records) {
      const record = {
        ...{ receivedUs, source: this.name, session, retained: false },
        topic: topic.slice(0, 4 * limits.topicBytes),
        payload: Buffer.from(payload as Uint8Array),
      }
      to.emit(record, (error) => {
        failed ??= error
        left -= 1
        if (left === 0) to.done(failed)
      })
    }
  }

  #note({ refused }: Outcome): void {
    const nowMs = this.#context.clock.monotonicMs()
    for (const { code, said } of refused) {
      if (nowMs - (this.#saidMs.get(code) ?? Number.NEGATIVE_INFINITY) < sayAgainMs) continue
      this.#saidMs.set(code, nowMs)
      this.#context.note(`${code}: ${said}`)
    }
  }

  #askBirth(node: NodeName): void {
    const timestampMs = this.#nowMs()
    const payload = encode({
      timestampMs,
      items: [
        {
          ...{ name: 'Node Control/Rebirth', timestampMs, datatype: 'Boolean' },
          ...{ withDatatype: true, value: true },
        },
      ],
    })
    this.#say({ topic: nodeTopic('NCMD', node), payload, qos: 0, retain: false })
  }

  #state(online: boolean, timestamp: number): LiveMessage {
    const topic = stateTopic(this.#settings.hostId)
    return { topic, payload: Buffer.from(encodeState({ online, timestamp })), qos: 1, retain: true }
  }

  #say(message: LiveMessage): void {
    // A connection that has gone meanwhile says it itself, and at the next all of it is said anew.
    this.#live?.publish(message).catch(() => {})
  }

  #nowMs(): number {
    return Math.floor(this.#context.clock.nowUs() / 1000)
  }
}

interface Handing {
  emit: Emit
  done(error?: Error): void
}
