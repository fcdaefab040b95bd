// The embedded MQTT broker as a source. Its one duty: a PUBACK leaves only after the message is in
// the log. aedes writes the PUBACK right after `authorizePublish` calls back, so that is the gate,
// and the group commit of the log is what it waits for. It delivers nothing to a database and
// decodes nothing.
import { createServer, type Server, type Socket } from 'node:net'
import {
  Aedes,
  type AuthErrorCode,
  type AuthenticateError,
  type Client,
  type PublishPacket,
} from 'aedes'
import { parseTopic, topicOf } from '../../../hardware-profiles/names.ts'
import type { Clock } from '../../core/clock.ts'
import { OperatingError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { Emit, Source, UnitCommand } from '../../core/source.ts'
import { FrameGuard } from './frame-guard.ts'

export interface BrokerOptions {
  host: string
  port: number
  clock: Clock
  /** Makes connection epochs unique over restarts: at least 8 characters, new at every start. */
  epoch: string
  /** Says whether a unit's password is right; undefined = no credentials, loopback only. */
  authenticate?: (user: string, password: string) => Promise<boolean>
  /** Longest payload that is taken, bytes; see `packetBytesMax`. */
  payloadBytes: number
  /** Most connections at once; one more is closed before it says anything. */
  connections: number
  /** Called for what an operator should see: refused publishers, storage failures. */
  note: (line: string) => void
}

/** What the gateway asks of its broker beside receiving. */
export interface MqttSource extends Source {
  /** Port that it listens on, after `start`. */
  readonly port: number
  readonly connections: number
  /** Sends a command to a unit, QoS 1, never retained. Lost where the unit is not connected. */
  command(command: UnitCommand): boolean
}

/**
 * A packet longer than this is cut off while it arrives. A payload over its limit but below this is
 * taken and quarantined: refused, it would be sent again for ever and block its unit.
 */
const packetBytesMax = ({ payloadBytes }: BrokerOptions): number =>
  4 * payloadBytes + limits.topicBytes + 16

interface Session {
  id: string
  /** Unit that logged in; undefined on a broker without credentials. */
  user: string | undefined
  /** Topic that was allowed last: most clients use one, and need not be judged again. */
  allowed: string | undefined
}

/** CONNACK return code 5 (MQTT 3.1.1, table 3.1). */
const notAuthorized = (): AuthenticateError =>
  Object.assign(new Error('wrong unit or password'), { returnCode: 5 as AuthErrorCode })

export class MqttBroker implements MqttSource {
  readonly name = 'mqtt'
  readonly #options: BrokerOptions
  readonly #sessions = new WeakMap<Client, Session>()
  #opened = 0
  #emit: Emit | undefined
  #broker: Aedes | undefined
  #server: Server | undefined

  constructor(options: BrokerOptions) {
    this.#options = options
  }

  get port(): number {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  get connections(): number {
    return this.#broker?.connectedClients ?? 0
  }

  async start(emit: Emit): Promise<void> {
    this.#emit = emit
    const broker = await Aedes.createBroker({
      drainTimeout: 15_000,
      maxTopicLevels: limits.topicLevels,
      maxClientsIdLength: 128,
      authorizePublish: (client, packet, done) => this.#receive(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => {
        const { user } = this.#sessionOf(client)
        const own = user === undefined || parseTopic(subscription.topic)?.unit === user
        done(null, own ? subscription : null)
      },
      authenticate: (...[client, user, password, done]) => {
        const accept = (accepted: boolean): void => {
          const secured = this.#options.authenticate !== undefined
          this.#sessionOf(client).user = secured && accepted ? user : undefined
          done(accepted ? null : notAuthorized(), accepted)
        }
        logIn(this.#options, { user, password }).then(accept, () => accept(false))
      },
    })
    broker.on('clientError', (client, error) => {
      this.#options.note(`mqtt: ${client.id}: ${error.message}`)
    })
    this.#broker = broker
    this.#server = createServer((socket) => accept(broker, socket, this.#options))
    this.#server.maxConnections = this.#options.connections
    this.#server.on('drop', (lost) => {
      const { connections, note } = this.#options
      note(`mqtt: ${lost?.remoteAddress} turned away: ${connections} connections are the limit`)
    })
    await listen(this.#server, this.#options)
  }

  command({ machine, unit, payload }: UnitCommand): boolean {
    const message = {
      topic: topicOf({ machine, unit, kind: 'command' }),
      payload: Buffer.from(payload),
      qos: 1,
      retain: false,
      dup: false,
    } as const
    this.#broker?.publish({ cmd: 'publish', ...message }, () => {})
    return this.#broker !== undefined
  }

  async stop(): Promise<void> {
    this.#emit = undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#server === undefined) resolve()
    else this.#server.close(() => resolve())
    await new Promise<void>((done) => {
      if (this.#broker === undefined) done()
      else this.#broker.close(() => done())
    })
    await promise
  }

  /** The gate: what comes back through `done` decides whether the PUBACK is written. */
  #receive(client: Client | null, packet: PublishPacket, done: Done): void {
    const session = this.#sessionOf(client)
    const { topic, payload } = packet
    const refusal = topic === session.allowed ? undefined : refuse(session, topic)
    session.allowed = topic
    if (refusal !== undefined) {
      session.allowed = undefined
      this.#options.note(`mqtt: ${client?.id ?? 'last will'} disconnected: ${refusal}`)
      done(new Error(refusal))
      return
    }
    if (this.#emit === undefined) {
      done(new Error('the gateway is stopping'))
      return
    }
    // A retained copy would come back at every subscription and grow the broker's memory for ever.
    packet.retain = false
    this.#emit(
      {
        receivedUs: this.#options.clock.nowUs(),
        source: this.name,
        session: session.id,
        topic,
        payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
        retained: false,
      },
      done,
    )
  }

  #sessionOf(client: Client | null): Session {
    const known = client === null ? undefined : this.#sessions.get(client)
    if (known !== undefined) return known
    const session = {
      id: `${this.#options.epoch}-${++this.#opened}`,
      user: undefined,
      allowed: undefined,
    }
    if (client !== null) this.#sessions.set(client, session)
    return session
  }
}

type Done = (error?: Error | null) => void

/** Why a publish is not allowed at all; undefined where it may go to the log. */
const refuse = (session: Session, topic: string): string | undefined => {
  if (Buffer.byteLength(topic) > limits.topicBytes) return 'the topic is longer than allowed'
  const parts = parseTopic(topic)
  if (parts?.kind === 'command') return `only the gateway publishes commands (${topic})`
  // A claim is signed by its author, who is not the unit: who brings it does not matter.
  const isOwn = parts?.unit === session.user || parts?.kind === 'claim'
  if (session.user !== undefined && !isOwn) {
    return `the unit "${session.user}" may publish only as itself, not on ${topic}`
  }
  return undefined
}

const logIn = async (
  { authenticate }: BrokerOptions,
  given: { user: string | undefined; password: Buffer | undefined },
): Promise<boolean> => {
  if (authenticate === undefined) return true
  if (given.user === undefined || given.password === undefined) return false
  return await authenticate(given.user, given.password.toString('utf8'))
}

const accept = (broker: Aedes, socket: Socket, options: BrokerOptions): void => {
  const bytesMax = packetBytesMax(options)
  const guard = new FrameGuard(bytesMax)
  const read = socket.read.bind(socket)
  // The broker pulls its bytes with read(); looking at them there costs no second stream.
  socket.read = (size?: number) => {
    const chunk = read(size) as Buffer | null
    if (chunk === null || guard.accepts(chunk)) return chunk
    options.note(`mqtt: ${socket.remoteAddress} disconnected: a packet of over ${bytesMax} bytes`)
    socket.destroy()
    return null
  }
  socket.setNoDelay(true)
  broker.handle(socket)
}

const listen = (server: Server, { host, port }: BrokerOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'EADDRINUSE'
          ? new OperatingError('port_busy', {
              message: `port ${port} on ${host}, for MQTT, is taken by another program`,
              remedy: 'Stop that program, or give the setting mqtt.port another number.',
              cause,
            })
          : new OperatingError('address_wrong', {
              message: `MQTT cannot be served at ${host}, port ${port}: ${cause.message}`,
              remedy: 'Check the settings mqtt.host and mqtt.port, and who may open that port.',
              cause,
            }),
      )
    })
    server.listen(port, host, () => resolve())
  })
