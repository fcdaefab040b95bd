// Reads from an MQTT broker outside, as a client of it: a message is acknowledged there only when
// it is in our log, so that what the broker has given away is never lost. Only our own topics and
// those of foreign units have a meaning; every other one goes to quarantine.
import { parseTopic, topicOf } from '../../../hardware-profiles/names.ts'
import { limits } from '../../core/limits.ts'
import { type LinkHealth, LinkState } from '../../core/link.ts'
import type { Properties } from '../../core/record.ts'
import type { Emit, KnownUnit, Source, SourceContext, UnitCommand } from '../../core/source.ts'
import { Announcer } from '../../discovery/announcer.ts'
import { createForeign, type Foreign } from '../../foreign/translate.ts'
import { type Incoming, type Reader, startReader } from '../../mqtt/reader.ts'
import { readTls } from '../../mqtt/tls.ts'
import type { MqttClientSettings } from './settings.ts'

/** A unit that said nothing for so long is not taken for one that hears. */
const heardWithinMs = 60_000
/** Its life, as commands/desk.ts has it: what a broker keeps for longer it drops (MQTT 5). */
const commandExpiryS = 3
/** Units whose last word is remembered. */
const unitsMax = 10_000

export const create = (settings: MqttClientSettings, context: SourceContext): Source =>
  new MqttClientSource(settings, context)

class MqttClientSource implements Source {
  readonly name = 'mqtt-client'
  readonly #settings: MqttClientSettings
  readonly #context: SourceContext
  readonly #epoch: string
  readonly #heardMs = new Map<string, number>()
  readonly #foreign: Foreign
  readonly #announcer: Announcer | undefined
  #readers: Reader[] = []
  #links: LinkState[] = []

  constructor(settings: MqttClientSettings, context: SourceContext) {
    this.#settings = settings
    this.#context = context
    this.#foreign = createForeign(settings.foreign, context.profiles)
    const keep = (topic: string, payload: string) => this.#readers[0]?.keep(topic, payload) ?? false
    if (settings.homeAssistant) this.#announcer = new Announcer(context.profiles, keep)
    this.#epoch = Buffer.from(context.random(6)).toString('hex')
  }

  async start(toLog: Emit): Promise<void> {
    const { url, version, clientId, filters, share, sessions, username, password } = this.#settings
    const { sessionHours, receiveMaximum } = this.#settings
    const { clock, secret, note, random } = this.#context
    const count = share === undefined ? 1 : sessions
    const emit = this.#foreign.through(toLog)
    const all = [...new Set([...filters, ...this.#foreign.filters])]
    const shared = all.map((one) => (share === undefined ? one : `$share/${share}/${one}`))
    const tls = readTls(this.#settings, { section: 'sources.mqtt-client', servers: [url] })
    this.#links = Array.from({ length: count }, (_, i) => {
      const peer = count === 1 ? url : `${url} (session ${i + 1})`
      return new LinkState({ peer, nowUs: () => clock.nowUs(), note })
    })
    this.#readers = this.#links.map((link, i) =>
      startReader({
        ...{ url, link },
        version: version === '5' ? 5 : 4,
        clientId: i === 0 ? clientId : `${clientId}-${i + 1}`,
        filters: shared,
        username,
        password: password === undefined ? undefined : secret(password),
        tls,
        sessionExpiryS: Math.round(sessionHours * 3600),
        receiveMaximum,
        packetBytesMax: 4 * limits.payloadBytes,
        random: () => (random(1)[0] ?? 0) / 256,
        take: (message, done) => this.#take(message, { emit, done, reader: i }),
      }),
    )
  }

  command(command: UnitCommand): boolean {
    const { machine, unit, payload } = command
    const nowMs = this.#context.clock.monotonicMs()
    const heardMs = this.#heardMs.get(`${machine}/${unit}`) ?? Number.NEGATIVE_INFINITY
    if (nowMs - heardMs > heardWithinMs) return false
    const topic = topicOf({ machine, unit, kind: 'command' })
    const more = { expiryS: commandExpiryS, userProperties: aboutOf(command) }
    return this.#readers[0]?.publish(topic, payload, more) ?? false
  }

  know(units: readonly KnownUnit[]): void {
    this.#announcer?.look(units, ({ machine, unit }) => this.#heardMs.has(`${machine}/${unit}`))
  }

  links(): LinkHealth[] {
    return this.#links.map((link) => link.health())
  }

  async stop(): Promise<void> {
    await Promise.all(this.#readers.splice(0).map((reader) => reader.stop()))
  }

  #take(message: Incoming, { emit, done, reader }: Taking): void {
    const { topic, payload, retained, properties, connection } = message
    const { clock } = this.#context
    const parts = parseTopic(topic)
    if (parts !== undefined && !retained) {
      if (this.#heardMs.size >= unitsMax) this.#heardMs.clear()
      this.#heardMs.set(`${parts.machine}/${parts.unit}`, clock.monotonicMs())
    }
    emit(
      {
        receivedUs: clock.nowUs(),
        source: this.name,
        session: `${this.#epoch}-${reader}-${connection}`,
        // Cut where a record could not hold it: refused, the broker would send it for ever.
        topic: topic.slice(0, 4 * limits.topicBytes),
        payload: payload.subarray(0, limits.payloadBytes + 1),
        retained,
        properties,
      },
      done,
    )
  }
}

/** For whoever routes or traces commands without reading them; `id` is also its answer's. */
const aboutOf = ({ machine, unit, payload }: UnitCommand): Properties => {
  const told = JSON.parse(payload) as Readonly<Record<string, unknown>>
  const named = ['kind', 'id', 'boot', 'number'].filter((name) => told[name] !== undefined)
  return { machine, unit, ...Object.fromEntries(named.map((name) => [name, `${told[name]}`])) }
}

interface Taking {
  emit: Emit
  done(error?: Error): void
  reader: number
}
