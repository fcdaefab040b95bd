// A persistent session at a broker outside, for sources that read from one: every message is handed
// on and acknowledged only when whoever took it says so (`handleMessage` is the one place of the
// library that comes before the PUBACK). Comes back by itself, with back-off; keeps no queue.
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import type { LinkState } from '../core/link.ts'
import type { Properties } from '../core/record.ts'
import { connectMs, nextAttemptMs, watchPeer } from './peer.ts'
import { propertiesOf } from './properties.ts'
import { explain, strictTls, type TlsParts } from './tls.ts'

export interface Incoming {
  topic: string
  payload: Uint8Array
  retained: boolean
  /** User properties; MQTT 5. */
  properties: Properties | undefined
  /** Counts the connections: another one, another epoch. */
  connection: number
}

export interface ReaderOptions {
  /** Such as mqtts://broker.example:8883. */
  url: string
  version: 4 | 5
  clientId: string
  /** Filters, with `$share/<name>/` where the subscription is shared. */
  filters: readonly string[]
  username?: string | undefined
  password?: string | undefined
  /** PEM. */
  tls?: TlsParts
  /** How long the broker keeps the session of a gateway that is away, seconds; MQTT 5. */
  sessionExpiryS: number
  /** Messages that it may send before the first is acknowledged; MQTT 5. */
  receiveMaximum: number
  /** Longest packet that it may send, bytes; MQTT 5. */
  packetBytesMax: number
  /** 0 to 1, for the jitter of reconnects. */
  random(): number
  /** `done` acknowledges; with an error the connection is dropped, and the message comes again. */
  take(message: Incoming, done: (error?: Error) => void): void
  /** Told how the connection fares. */
  link: LinkState
}

export interface Reader {
  readonly connected: boolean
  /**
   * JSON for whoever hears it now: at QoS 0, which a broker does not keep for who is away, never
   * retained. `expiryS` bounds its life at one that does, user properties say what it is (both
   * MQTT 5). False while there is no connection: nothing waits for one.
   */
  publish(topic: string, payload: string, more: PublishMore): boolean
  /** At QoS 1, retained; an empty payload takes away what was. False without a connection. */
  keep(topic: string, payload: string): boolean
  /** Leaves the session at the broker, so that nothing is missed until the next start. */
  stop(): Promise<void>
}

export interface PublishMore {
  expiryS: number
  userProperties?: Properties
}

/** Begins to connect and never gives up; returns at once. */
export const startReader = (options: ReaderOptions): Reader => {
  const { url, random, link, take } = options
  const client = mqtt.connect(url, { ...connectOptions(options), manualConnect: true })
  let [connection, attempt, taking, why, stopped] = [0, 0, 0, '', false]
  let timer: NodeJS.Timeout | undefined
  client.handleMessage = (packet, done) => {
    const { topic, payload, retain, properties } = packet as IPublishPacket
    taking += 1
    const taken = (error?: Error): void => {
      taking -= 1
      done(error)
      if (error !== undefined) client.stream?.destroy()
    }
    link.heard()
    const more = { retained: retain, properties: propertiesOf(properties?.userProperties) }
    take({ topic, payload: Buffer.from(payload), ...more, connection }, taken)
  }
  client.on('error', (error) => {
    why = explain(error)
  })
  client.on('connect', () => {
    connection += 1
    attempt = 0
    watchPeer(client, {
      isBusy: () => taking > 0,
      deaf: (reason) => {
        why = reason
      },
    })
    subscribe(client, options).then(
      () => link.connected('connected'),
      (error: Error) => {
        if (client.connected) link.limited(`subscribe_refused: ${error.message}`)
      },
    )
  })
  client.on('close', () => {
    if (stopped) return
    link.lost(unreachable(why))
    why = ''
    clearTimeout(timer)
    timer = setTimeout(
      () => {
        client.options.connectTimeout = connectMs(attempt)
        client.reconnect()
      },
      nextAttemptMs(attempt++, random),
    )
  })
  client.connect()
  return {
    get connected() {
      return client.connected
    },
    publish: (topic, payload, { expiryS, userProperties }) => {
      if (!client.connected) return false
      const properties = {
        messageExpiryInterval: Math.max(1, Math.round(expiryS)),
        contentType: 'application/json',
        ...(userProperties && { userProperties: { ...userProperties } }),
      }
      const more = options.version === 5 ? { properties } : {}
      client.publish(topic, payload, { qos: 0, retain: false, ...more }, () => {})
      return true
    },
    keep: (topic, payload) => {
      if (!client.connected) return false
      client.publish(topic, payload, { qos: 1, retain: true }, () => {})
      return true
    },
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await client.endAsync(true)
    },
  }
}

/** Why there is no connection, as the broker or the system says it; '' where nobody says. */
export const unreachable = (why: string): string =>
  `no connection (broker_unreachable)${why === '' ? '' : `: ${why}`}; trying again`

const connectOptions = (options: ReaderOptions): IClientOptions => {
  const { version, clientId, username, password, tls } = options
  const { sessionExpiryS, receiveMaximum, packetBytesMax } = options
  return {
    clientId,
    clean: false,
    protocolVersion: version,
    // How long the broker waits for us; we look at it more often.
    keepalive: 15,
    connectTimeout: connectMs(0),
    reconnectPeriod: 0,
    // Subscribed by hand at each connect: a broker that has lost its sessions says so nowhere else.
    resubscribe: false,
    queueQoSZero: false,
    ...tls,
    ...strictTls,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(version === 5
      ? {
          properties: {
            sessionExpiryInterval: sessionExpiryS,
            receiveMaximum,
            maximumPacketSize: packetBytesMax,
          },
        }
      : {}),
  }
}

const subscribe = async (client: MqttClient, { filters, version }: ReaderOptions) => {
  // rh 1: retained messages come with a new subscription only, not at every reconnect.
  const how = version === 5 ? { qos: 1 as const, rh: 1 } : { qos: 1 as const }
  const granted = await client.subscribeAsync([...filters], how)
  const refused = granted.filter(({ qos }) => qos >= 0x80).map(({ topic }) => topic)
  if (refused.length > 0) throw new Error(`the broker refuses ${refused.join(', ')}`)
}
