// The embedded MQTT broker as a source. Its one duty: a PUBACK leaves only after the message is in
// the log. aedes writes the PUBACK right after `authorizePublish` calls back, so that is the gate,
// and the group commit of the log is what it waits for. It delivers nothing to a database and
// decodes nothing.
import type { Socket } from 'node:net'
import {
  Aedes,
  type AuthErrorCode,
  type AuthenticateError,
  type Client,
  type PublishPacket,
} from 'aedes'
import { parseTopic, topicOf } from '../../../hardware-profiles/names.ts'
import { limits } from '../../core/limits.ts'
import type { Emit, KnownUnit, UnitCommand } from '../../core/source.ts'
import { Announcer } from '../../discovery/announcer.ts'
import type { DurableMap } from '../../log/durable-map.ts'
import { logIn, maySubscribe, Rate, type Refusal, refusePublish } from './access.ts'
import { Audience } from './audience.ts'
import type { TakeRun } from './frames.ts'
import { certifiedName, Listeners, type TlsDoor } from './listeners.ts'
import {
  type BrokerLimits,
  type BrokerOptions,
  type MqttSource,
  packetBytesMax,
} from './options.ts'
import { isText, malformed, tellEnds, wrongConnect } from './protocol.ts'
import { Reports } from './reports.ts'
import { type Memory, Sessions } from './sessions.ts'
import {
  certificateOf,
  hideFromWildcards,
  isSparkplug,
  mayHear,
  refuseSparkplug,
} from './sparkplug.ts'

interface Session {
  id: string
  /** Address that it speaks from. */
  from: string | undefined
  /** It must say who it is, whatever the broker's credentials. */
  named: boolean
  /** Unit that logged in; undefined on a broker without credentials. */
  unit: string | undefined
  rate: Rate
  /** Topic that was allowed last: most clients use one, and need not be judged again. */
  allowed: string | undefined
  /** That topic is one of ours: what is sent there is no state to be retained. */
  ours: boolean
  /** Takes runs of its reports past the broker. */
  reports: Reports | undefined
}

/** Units that are announced at most. */
const unitsMax = 10_000

/** CONNACK return code 5 (MQTT 3.1.1, table 3.1). */
const notAuthorized = (): AuthenticateError =>
  Object.assign(new Error('wrong unit or password'), { returnCode: 5 as AuthErrorCode })

/** What of aedes its types leave out. */
interface Inside {
  opts: { drainTimeout: number }
  persistence: Memory | Sessions
  clients: Readonly<Record<string, Hearing>>
}

type Hearing = Client & { subscriptions: Readonly<Record<string, unknown>> }

export class MqttBroker implements MqttSource {
  readonly name = 'mqtt'
  readonly #options: BrokerOptions
  readonly #sessionOfClient = new WeakMap<Client, Session>()
  readonly #announcer: Announcer | undefined
  /** Units heard in this run, by topic; only where they are announced. */
  readonly #heard = new Set<string>()
  readonly #audience = new Audience()
  readonly #pace: { perSecond: number }
  #opened = 0
  #emit: Emit | undefined
  #broker: (Aedes & Inside) | undefined
  #listeners: Listeners | undefined
  #map: DurableMap | undefined
  #sessions: Sessions | undefined

  constructor(options: BrokerOptions) {
    this.#options = options
    this.#pace = { perSecond: options.messagesPerSecond ?? Number.POSITIVE_INFINITY }
    const keep = (topic: string, payload: string) => this.#keep(topic, payload)
    if (options.announce) this.#announcer = new Announcer(options.announce, keep)
  }

  get port(): number {
    return this.#listeners?.port ?? 0
  }

  get tlsPort(): number {
    return this.#listeners?.tlsPort ?? 0
  }

  get connections(): number {
    return this.#broker?.connectedClients ?? 0
  }

  async start(emit: Emit): Promise<void> {
    this.#emit = this.#options.foreign?.through(emit) ?? emit
    const { clock, note, connections, host, port, tls } = this.#options
    const { slowMs = 15_000, connectMs = limits.connectMs } = this.#options
    const broker = (await Aedes.createBroker({
      drainTimeout: slowMs,
      connectTimeout: connectMs,
      maxTopicLevels: limits.topicLevels,
      maxClientsIdLength: 128,
      preConnect: (_, packet, done) => {
        const wrong = wrongConnect(packet)
        done(wrong ?? null, wrong === undefined)
      },
      authorizePublish: (client, packet, done) => this.#receive(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => {
        const { topic } = subscription
        if (!isText(topic)) return done(malformed('a filter is not UTF-8, or has U+0000 in it'))
        // null is SUBACK 0x80: refused, and the client stays.
        const may = this.#mayHear(client, topic) && this.#hasRoom(client as Hearing, topic)
        if (may) this.#audience.joins(client, topic)
        done(null, may ? subscription : null)
      },
      // What waited for a session was asked for when it might have been allowed.
      authorizeForward: (client, packet) => (this.#mayHear(client, packet.topic) ? packet : null),
      authenticate: (...[client, user, password, done]) => {
        const given = { user, password: password?.toString('utf8') }
        this.#logIn(client, given).then(
          (accepted) => done(accepted ? null : notAuthorized(), accepted),
          () => done(notAuthorized(), false),
        )
      },
    })) as Aedes & Inside
    tellEnds(broker, { note, from: (client) => this.#sessionOf(client).from })
    broker.on('client', (client) => this.#audience.arrives(client))
    broker.on('clientDisconnect', (client) => this.#audience.leaves(client))
    this.#broker = broker
    await this.#remember(broker)
    if (this.#options.sparkplug !== undefined) hideFromWildcards(broker.persistence)
    this.#listeners = new Listeners({
      plain: { host, port },
      tls,
      packetBytesMax: packetBytesMax(this.#options),
      connections,
      connectMs,
      nowMs: () => clock.nowUs() / 1000,
      note,
      accept: (socket, named) => this.#accept(broker, socket, named),
    })
    await this.#listeners.start()
  }

  command({ machine, unit, payload }: UnitCommand): boolean {
    const topic = topicOf({ machine, unit, kind: 'command' })
    const clients = Object.values(this.#broker?.clients ?? {})
    if (!clients.some(({ subscriptions }) => subscriptions[topic] !== undefined)) return false
    const message = { topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false }
    this.#broker?.publish({ cmd: 'publish', ...message } as PublishPacket, () => {})
    return true
  }

  know(units: readonly KnownUnit[]): void {
    this.#announcer?.look(units, ({ machine, unit }) => this.#heard.has(`${machine}/${unit}`))
  }

  #keep(topic: string, payload: string): boolean {
    const message = { topic, payload: Buffer.from(payload), qos: 1, retain: true, dup: false }
    this.#broker?.publish({ cmd: 'publish', ...message } as PublishPacket, () => {})
    return this.#broker !== undefined
  }

  /**
   * Looks for renewed certificates now; it does so by itself every ten seconds. Throws where they
   * cannot be used. @param material where they come from from now on
   */
  async renew(material?: TlsDoor['material']): Promise<void> {
    await this.#listeners?.renew(material)
  }

  /** Other limits, for what comes from now on; nobody is disconnected. */
  limit({ connections, messagesPerSecond, slowMs }: BrokerLimits): void {
    this.#listeners?.bound(connections)
    this.#pace.perSecond = messagesPerSecond
    if (this.#broker !== undefined) this.#broker.opts.drainTimeout = slowMs
  }

  async stop(): Promise<void> {
    this.#emit = undefined
    this.#sessions?.wills.hold()
    const closed = this.#listeners?.stop()
    await new Promise<void>((done) => {
      if (this.#broker === undefined) done()
      else this.#broker.close(() => done())
    })
    await closed
    await this.#map?.close()
  }

  async #remember(broker: Aedes & Inside): Promise<void> {
    this.#map = await this.#options.sessions?.()
    if (this.#map === undefined) return
    const memory = broker.persistence as Memory
    const { note } = this.#options
    this.#sessions = await Sessions.open({
      ...{ map: this.#map, memory, note, own: this.#options.own },
      mayHear: (client, topic) => this.#mayHear(client as Client, topic),
      allows: (client, { topic = '' }) =>
        this.#refuse(topic, this.#sessionOf(client as Client).unit) === undefined,
    })
    broker.persistence = this.#sessions
    for (const [id, topic] of this.#sessions.subscriptions()) this.#audience.remembered(id, topic)
    await this.#sessions.wills.sayLeft(
      (will, done) => this.#receive(null, will as PublishPacket, done),
      (will, done) => broker.publish(will as PublishPacket, done),
    )
  }

  #accept(broker: Aedes, socket: Socket, named: boolean): TakeRun {
    const session = this.#sessionOf(broker.handle(socket))
    session.named = named
    // Asked now: of a socket that is closed nobody knows.
    session.from = socket.remoteAddress
    session.reports = new Reports({
      ...{ socket, rate: session.rate, clock: this.#options.clock },
      ...{ source: this.name, session: session.id },
      emit: () => (this.#audience.isEmpty ? this.#emit : undefined),
    })
    return session.reports.take
  }

  async #logIn(
    client: Client,
    given: { user: string | undefined; password: string | undefined },
  ): Promise<boolean> {
    const session = this.#sessionOf(client)
    const certified = certifiedName(client.conn)
    const check = this.#options.authenticate
    const found = await logIn({ ...given, certified, named: session.named, check })
    session.unit = found?.unit
    return found !== undefined && this.#isOwnId(client, session.unit)
  }

  /** Disconnects who is logged in under these names: their passwords are no longer theirs. */
  dismiss(units: ReadonlySet<string>): void {
    for (const client of Object.values(this.#broker?.clients ?? {})) {
      const { unit } = this.#sessionOf(client)
      if (unit === undefined || !units.has(unit)) continue
      this.#options.note(`mqtt: ${unit} disconnected (credentials_changed)`)
      client.close()
    }
  }

  /** A client id is the key to a session: with another's, a unit could end or inherit it. */
  #isOwnId({ id, clean }: Client, unit: string | undefined): boolean {
    if (unit === undefined) return true
    const present = this.#broker?.clients[id]
    const taken = present !== undefined && this.#sessionOf(present).unit !== unit
    const own = clean || id === unit || id.startsWith(`${unit}:`)
    if (own && !taken) return true
    this.#options.note(`mqtt: ${unit} refused (client_id_foreign): its client id is "${id}"`)
    return false
  }

  #mayHear(client: Client, topic: string): boolean {
    const { unit } = this.#sessionOf(client)
    if (maySubscribe(topic, { unit, machines: this.#options.machines })) return true
    const role = unit === undefined ? undefined : this.#options.sparkplug?.get(unit)
    return role !== undefined && mayHear(topic, role)
  }

  /** One subscription more than a client, or one session more than all, may have. */
  #hasRoom({ id, clean, subscriptions }: Hearing, topic: string): boolean {
    if (subscriptions[topic] !== undefined) return true
    const most = limits.subscriptionsPerClient
    const refused: Refusal | undefined =
      Object.keys(subscriptions).length >= most
        ? { code: 'subscriptions_many', said: `it has ${most} subscriptions` }
        : clean
          ? undefined
          : this.#sessions?.refuse({ id }, topic)
    if (refused === undefined) return true
    this.#options.note(`mqtt: ${id} refused a subscription (${refused.code}): ${refused.said}`)
    return false
  }

  #refuse(topic: string, unit: string | undefined): Refusal | undefined {
    const roles = this.#options.sparkplug
    const refused = refusePublish(topic, unit)
    const isForeign = unit !== undefined && this.#options.foreign?.mayPublish(topic, unit) === true
    // Only what would be another's: no mapping makes a reserved topic anybody's.
    const refusal = refused?.code === 'unit_other' && isForeign ? undefined : refused
    if (roles === undefined || !isSparkplug(topic)) return refusal
    return refusal?.code === 'topic_long' ? refusal : refuseSparkplug(topic, { unit, roles })
  }

  /** To those who hear it, and a birth also to where an aware server keeps it. */
  #relay({ topic, payload }: PublishPacket, done: Done): void {
    // At once: what waited here would be overtaken, and a node's messages have an order.
    done()
    const certificate = certificateOf(topic)
    if (certificate === undefined || this.#broker === undefined) return
    const message = { topic: certificate, payload, qos: 0, retain: true, dup: false }
    this.#broker.publish({ cmd: 'publish', ...message } as PublishPacket, () => {})
  }

  /** The gate: what comes back through `done` decides whether the PUBACK is written. */
  #receive(client: Client | null, packet: PublishPacket, done: Done): void {
    const session = this.#sessionOf(client)
    const { topic } = packet
    if (topic !== session.allowed) {
      const refusal = this.#refuse(topic, session.unit)
      if (refusal !== undefined) {
        const { code, said } = refusal
        session.allowed = undefined
        session.reports?.allow(undefined)
        this.#options.note(`mqtt: ${client?.id ?? 'last will'} disconnected (${code}): ${said}`)
        done(new Error(said))
        return
      }
      session.allowed = topic
      const parts = parseTopic(topic)
      session.ours = parts !== undefined
      session.reports?.allow(parts?.kind === 'report' ? topic : undefined)
      if (parts !== undefined && this.#announcer !== undefined && this.#heard.size < unitsMax) {
        this.#heard.add(`${parts.machine}/${parts.unit}`)
      }
    }
    const id = (packet as { messageId?: number }).messageId
    if (packet.qos > 0 && id === 0) {
      done(malformed('a message of QoS 1 or 2 has the packet id 0'))
      return
    }
    // Sent again because its PUBREC was lost: it is in the log already.
    const taken = packet.qos === 2 && client !== null && this.#sessions?.hasIncoming(client.id, id)
    if (taken === true) {
      done()
      return
    }
    const waitMs = session.rate.take(this.#options.clock.monotonicMs())
    if (waitMs === 0) this.#append(client, packet, done)
    else setTimeout(() => this.#append(client, packet, done), waitMs)
  }

  #append(client: Client | null, packet: PublishPacket, done: Done): void {
    const session = this.#sessionOf(client)
    const emit = this.#emit
    if (emit === undefined) {
      done(new Error('the gateway is stopping'))
      return
    }
    if (this.#options.sparkplug !== undefined && isSparkplug(packet.topic)) {
      this.#relay(packet, done)
      return
    }
    // A report that came back at every subscription would be taken for one sent just now.
    if (session.ours) packet.retain = false
    const { topic, payload } = packet
    const record = {
      receivedUs: this.#options.clock.nowUs(),
      ...{ source: this.name, session: session.id, topic, retained: false },
      payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
    }
    if (packet.qos < 2 || client === null || this.#sessions === undefined) emit(record, done)
    else this.#sessions.log(client, packet, { record, emit, done })
  }

  #sessionOf(client: Client | null): Session {
    const known = client === null ? undefined : this.#sessionOfClient.get(client)
    if (known !== undefined) return known
    const session = {
      id: `${this.#options.epoch}-${++this.#opened}`,
      from: undefined,
      named: false,
      unit: undefined,
      rate: new Rate(this.#pace),
      allowed: undefined,
      ours: false,
      reports: undefined,
    }
    if (client !== null) this.#sessionOfClient.set(client, session)
    return session
  }
}

type Done = (error?: Error | null) => void
