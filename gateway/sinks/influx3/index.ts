// Sink: InfluxDB 3 (Core, Enterprise). The official client writes; it neither batches nor
// retries, which is what the log is for. What is written is the same for every version
// (gateway/influx).
import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { InfluxDBClient, setLogger } from '@influxdata/influxdb3-client'
import type { Clock } from '../../core/clock.ts'
import type { Sink } from '../../core/delivery.ts'
import { OperatingError } from '../../core/errors.ts'
import { createInfluxSink, type Transport } from '../../influx/sink.ts'
import { createWaiting } from '../../influx/waiting.ts'
import { explained, refusalOrThrow } from './answers.ts'
import { defaultTimeoutMs, type Influx3Config } from './config.ts'
import { createDatabases, databaseOf } from './databases.ts'

export type { Influx3Config }

export interface SinkContext {
  readonly clock: Clock
}

/** @param config an Influx3Config; the gateway's config has checked it and filled in its token */
export const create = (config: unknown, { clock }: SinkContext): Sink => {
  const settings = config as Influx3Config
  // It would print each failed request; what failed is the runner's to say, once.
  setLogger({ error: () => {}, warn: () => {} })
  const secure = settings.url.startsWith('https:')
  const agent = secure ? new SecureAgent({ keepAlive: true }) : new Agent({ keepAlive: true })
  const client = new InfluxDBClient({
    host: settings.url,
    writeTimeout: settings.timeoutMs ?? defaultTimeoutMs,
    transportOptions: { agent },
    ...(settings.token !== undefined && { token: settings.token, authScheme: 'Bearer' }),
  })
  return createInfluxSink({
    name: 'influx3',
    transport: transportOf({ client, agent }, settings, clock),
    database: createDatabases(settings),
    withDaily: settings.setUp,
  })
}

/** Bodies above this are compressed, bytes. */
const gzipThreshold = 1024

interface Connection {
  readonly client: InfluxDBClient
  readonly agent: Agent
}

const transportOf = (
  { client, agent }: Connection,
  config: Influx3Config,
  clock: Clock,
): Transport => {
  const { url: base, timeoutMs: mostMs = defaultTimeoutMs } = config
  const waiting = createWaiting({ base, mostMs, clock })
  /** The client takes no signal: its connections are cut, those at rest too, which may be dead. */
  const cutBy = (signal: AbortSignal): void => {
    signal.addEventListener('abort', () => agent.destroy(), { once: true })
  }
  return {
    ping: () =>
      waiting.ask(async (signal) => {
        cutBy(signal)
        const version = await client.getServerVersion().catch((error) => {
          throw explained(error, base)
        })
        if (version === undefined || !/^v?[12]\./.test(version)) return
        throw new OperatingError('influx_unexpected', {
          message: `${base} is an InfluxDB ${version}`,
          remedy: 'Use the sink influx1 or influx2 for it.',
        })
      }),
    write(policy, lines) {
      const database = databaseOf(config, policy)
      // Without noSync the answer comes when the write-ahead log is durable.
      const options = { precision: 'ns', gzipThreshold, noSync: false } as const
      return waiting.write(async (signal) => {
        cutBy(signal)
        try {
          await client.write([...lines], database, undefined, options)
          return undefined
        } catch (error) {
          return refusalOrThrow(error, base)
        }
      })
    },
    serverNowUs: () => clock.nowUs(),
    stop() {
      waiting.stop()
      client.close().catch(() => {})
    },
  }
}
