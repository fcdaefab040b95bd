// Sink: InfluxDB 3 (Core, Enterprise). The official client writes; it neither batches nor
// retries, which is what the log is for. What is written is the same for every version
// (gateway/influx).
import { InfluxDBClient, setLogger } from '@influxdata/influxdb3-client'
import type { Clock } from '../../core/clock.ts'
import type { Sink } from '../../core/delivery.ts'
import { OperatingError } from '../../core/errors.ts'
import { createInfluxSink, type Transport } from '../../influx/sink.ts'
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
  const timeout = settings.timeoutMs ?? defaultTimeoutMs
  const client = new InfluxDBClient({
    host: settings.url,
    writeTimeout: timeout,
    ...(settings.token !== undefined && { token: settings.token, authScheme: 'Bearer' }),
  })
  return createInfluxSink({
    name: 'influx3',
    transport: transportOf(client, settings, clock),
    database: createDatabases(settings),
    withDaily: settings.setUp,
  })
}

/** Bodies above this are compressed, bytes. */
const gzipThreshold = 1024

const transportOf = (client: InfluxDBClient, config: Influx3Config, clock: Clock): Transport => ({
  async ping() {
    let version: string | undefined
    try {
      version = await client.getServerVersion()
    } catch (error) {
      throw explained(error, config.url)
    }
    if (version !== undefined && /^v?[12]\./.test(version)) {
      throw new OperatingError('influx_unexpected', {
        message: `${config.url} is an InfluxDB ${version}`,
        remedy: 'Use the sink influx1 or influx2 for it.',
      })
    }
  },
  async write(policy, lines) {
    const database = databaseOf(config, policy)
    try {
      // Without noSync the answer comes when the write-ahead log is durable.
      const options = { precision: 'ns', gzipThreshold, noSync: false } as const
      await client.write([...lines], database, undefined, options)
      return undefined
    } catch (error) {
      return refusalOrThrow(error, config.url)
    }
  },
  serverNowUs: () => clock.nowUs(),
  stop: () => {
    client.close().catch(() => {})
  },
})
