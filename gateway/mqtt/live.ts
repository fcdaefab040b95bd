// A clean session at a broker outside whose will is made anew for every connect, for protocols
// whose state lives with the connection (Sparkplug). Subscribes before anything is published;
// comes back by itself, at the next of its servers; keeps no queue. A message is acknowledged when
// `take` says so.
import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt'
import type { LinkState } from '../core/link.ts'
import { connectMs, nextAttemptMs, watchPeer } from './peer.ts'
import { unreachable } from './reader.ts'
import { explain, strictTls, type TlsParts } from './tls.ts'

export interface LiveMessage {
  topic: string
  payload: Uint8Array
  qos: 0 | 1
  retain: boolean
}

export interface LiveOptions {
  /** Such as mqtts://broker.example:8883; one after the other is tried. */
  servers: readonly string[]
  version: 4 | 5
  clientId: string
  username?: string | undefined
  password?: string | undefined
  filters: readonly { topic: string; qos: 0 | 1 }[]
  /** Longest packet that it may send, bytes; MQTT 5. */
  packetBytesMax: number
  /** Before each connect, so that renewed files are used; what it throws is said. */
  tls?(): TlsParts
  /** Before each connect; what it throws is said, and it is tried again. */
  will(): LiveMessage
  /** Connected, and every filter granted. */
  ready(): void
  lost(): void
  /** `done` acknowledges; with an error the connection is dropped. */
  take(message: { topic: string; payload: Uint8Array }, done: (error?: Error) => void): void
  /** 0 to 1, for the jitter of reconnects. */
  random(): number
  /** Told how the connection fares. */
  link: LinkState
}

export interface Live {
  /** Counts the connections. */
  readonly connection: number
  readonly ready: boolean
  /** Resolves when it was written (QoS 0) or acknowledged (QoS 1); rejects where it was not. */
  publish(message: LiveMessage): Promise<void>
  /** Resolves when the broker has taken all that was published before, at whatever QoS. */
  barrier(): Promise<void>
  /** Ends this connection after `last`, and comes back at the next server. */
  leave(last?: LiveMessage): Promise<void>
  /** The same for good. */
  stop(last?: LiveMessage): Promise<void>
}

/** Longest wait for a farewell to be taken. */
const farewellMs = 2000

/** Begins to connect and never gives up; returns at once. */
export const startLive = (options: LiveOptions): Live => new LiveSession(options)

class LiveSession implements Live {
  readonly #options: LiveOptions
  #client: MqttClient | undefined
  #timer: NodeJS.Timeout | undefined
  #ready = false
  #stopped = false
  #attempt = 0
  #server = 0
  /** Why the last attempt failed. */
  #why = ''
  connection = 0

  constructor(options: LiveOptions) {
    this.#options = options
    this.#connect()
  }

  get ready(): boolean {
    return this.#ready
  }

  publish({ topic, payload, qos, retain }: LiveMessage): Promise<void> {
    const client = this.#client
    if (client === undefined || !this.#ready) return Promise.reject(new Error('no connection'))
    return new Promise((resolve, reject) => {
      client.publish(topic, Buffer.from(payload), { qos, retain }, (error) =>
        error ? reject(error) : resolve(),
      )
    })
  }

  async barrier(): Promise<void> {
    const [first] = this.#options.filters
    if (this.#client === undefined || !this.#ready || first === undefined) {
      throw new Error('no connection')
    }
    // A broker takes the packets of a connection in turn: its SUBACK stands behind them.
    await this.#client.subscribeAsync(first.topic, { qos: first.qos })
  }

  async leave(last?: LiveMessage): Promise<void> {
    const client = this.#client
    if (client === undefined) return
    const isReady = this.#ready
    this.#ready = false
    if (last !== undefined && isReady) await this.#farewell(client, last)
    // 4: also the will is sent (MQTT 5, table 3-10); a will that comes twice does no harm.
    const code = this.#options.version === 5 ? { reasonCode: 4 } : {}
    await new Promise<void>((resolve) => {
      client.end(!client.connected, code, () => resolve())
    })
  }

  async stop(last?: LiveMessage): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.leave(last)
  }

  async #farewell(client: MqttClient, { topic, payload, qos, retain }: LiveMessage) {
    const sent = client.publishAsync(topic, Buffer.from(payload), { qos, retain })
    const late = new Promise<void>((resolve) => setTimeout(resolve, farewellMs).unref())
    await Promise.race([sent.catch(() => {}), late])
  }

  #connect(): void {
    const { servers, take } = this.#options
    const url = servers[this.#server % servers.length] ?? ''
    let client: MqttClient
    try {
      const secured = { ...this.#options.tls?.(), ...strictTls }
      client = mqtt.connect(url, { ...this.#connectOptions(this.#options.will()), ...secured })
    } catch (error) {
      this.#lost(url, explain(error as Error))
      this.#again()
      return
    }
    this.#client = client
    let taking = 0
    client.handleMessage = (packet, done) => {
      const { topic, payload } = packet as IPublishPacket
      this.#options.link.heard()
      taking += 1
      take({ topic, payload: Buffer.from(payload) }, (error) => {
        taking -= 1
        done(error)
        if (error !== undefined) client.stream?.destroy()
      })
    }
    client.on('error', (error) => {
      this.#why = explain(error)
    })
    client.on('connect', () => {
      watchPeer(client, {
        isBusy: () => taking > 0,
        deaf: (reason) => {
          this.#why = reason
        },
      })
      void this.#subscribe(client, url)
    })
    client.once('close', () => {
      if (this.#client !== client) return
      this.#client = undefined
      this.#ready = false
      this.#options.lost()
      client.end(true)
      if (this.#stopped) return
      this.#lost(url, this.#why)
      this.#again()
    })
  }

  #again(): void {
    if (this.#stopped) return
    this.#server += 1
    const waitMs = nextAttemptMs(this.#attempt++, this.#options.random)
    this.#timer = setTimeout(() => this.#connect(), waitMs)
  }

  async #subscribe(client: MqttClient, url: string): Promise<void> {
    const { filters, ready } = this.#options
    try {
      const wanted = Object.fromEntries(filters.map(({ topic, qos }) => [topic, { qos }]))
      const granted = await client.subscribeAsync(wanted)
      const refused = granted.filter(({ qos }) => qos >= 0x80).map(({ topic }) => topic)
      if (refused.length > 0) throw new Error(`the broker refuses ${refused.join(', ')}`)
    } catch (error) {
      this.#why = `subscribe_refused: ${(error as Error).message}`
      client.end(true)
      return
    }
    this.connection += 1
    this.#attempt = 0
    this.#ready = true
    this.#options.link.connected(this.#at(url, 'connected'))
    ready()
  }

  #lost(url: string, why: string): void {
    this.#why = ''
    this.#options.link.lost(this.#at(url, unreachable(why)))
  }

  /** Which server it is, where there are several. */
  #at(url: string, line: string): string {
    return this.#options.servers.length > 1 ? `${url}: ${line}` : line
  }

  #connectOptions(will: LiveMessage) {
    const { version, clientId, username, password, packetBytesMax } = this.#options
    return {
      clientId,
      clean: true,
      protocolVersion: version,
      // How long the broker waits for us; we look at it more often.
      keepalive: 15,
      connectTimeout: connectMs(this.#attempt),
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      will: { ...will, payload: Buffer.from(will.payload) },
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(version === 5
        ? { properties: { sessionExpiryInterval: 0, maximumPacketSize: packetBytesMax } }
        : {}),
    }
  }
}
