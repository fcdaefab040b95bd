// A unit's side of MQTT: what the twin, the replay and the commands use to speak to a broker as any
// board would. Publishes at QoS 1 only and resolves on the PUBACK; nothing is queued without bound.
import { connectAsync, type MqttClient, UniqueMessageIdProvider } from 'mqtt'
import { OperatingError } from '../core/errors.ts'

export interface UnitConnection {
  /**
   * Resolves when the broker has acknowledged (PUBACK). While the link is down the message waits
   * for the reconnect; rejects when the connection is stopped first. Callers bound what is in
   * flight.
   */
  publish(topic: string, payload: Uint8Array | string): Promise<void>
  subscribe(topic: string, listener: (payload: Uint8Array) => void): Promise<void>
  /** Called at every connect after the first: the place to say hello again. */
  onReconnect(listener: () => void): void
  readonly connected: boolean
  stop(): Promise<void>
}

export interface UnitConnectionOptions {
  /** Such as mqtt://127.0.0.1:1883, or mqtts:// for TLS. */
  url: string
  /** PEM: who signs the broker's certificate, and the unit's own where it has one. */
  tls?: { ca?: string; cert?: string; key?: string }
  clientId: string
  username?: string
  password?: string
  /** Milliseconds between attempts to connect again. */
  reconnectMs?: number
  /** Milliseconds to wait for the first connect; default 5,000. */
  connectMs?: number
}

/** Connects to a broker. Throws an OperatingError where there is none. */
export const connectUnit = async (options: UnitConnectionOptions): Promise<UnitConnection> => {
  const client = await connect(options)
  const listeners = new Map<string, (payload: Uint8Array) => void>()
  client.on('message', (topic, payload) => listeners.get(topic)?.(payload))
  // Reported by the publish that fails; without a listener it would end the process.
  client.on('error', () => {})
  return {
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        const body = typeof payload === 'string' ? payload : Buffer.from(payload)
        client.publish(topic, body, { qos: 1 }, (error) => (error ? reject(error) : resolve()))
      }),
    async subscribe(topic, listener) {
      listeners.set(topic, listener)
      await client.subscribeAsync(topic, { qos: 1 })
    },
    onReconnect: (listener) => {
      client.on('connect', listener)
    },
    get connected() {
      return client.connected
    },
    stop: () => client.endAsync(true),
  }
}

const connect = async (options: UnitConnectionOptions): Promise<MqttClient> => {
  const { url, clientId, username, password, tls, reconnectMs = 500, connectMs = 5000 } = options
  try {
    return await connectAsync(
      url,
      {
        clientId,
        clean: true,
        queueQoSZero: false,
        reconnectPeriod: reconnectMs,
        connectTimeout: connectMs,
        // The default provider wraps without looking whether an id is still in flight.
        messageIdProvider: new UniqueMessageIdProvider(),
        ...tls,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
      },
      false,
    )
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatingError('broker_unreachable', {
      message: `cannot connect to the MQTT broker at ${url}: ${reason}`,
      remedy: 'Is the gateway running there? Compare host and port with its first lines of output.',
      cause,
    })
  }
}
