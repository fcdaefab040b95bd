// Sink: InfluxDB 2.x. The official client carries requests, sets up buckets and asks; its write
// buffer is not used, because it gives up after minutes and the log never does. What is written is
// the same for every version (gateway/influx).
import { InfluxDB, type ResponseStartedFn } from '@influxdata/influxdb-client'
import type { Clock } from '../../core/clock.ts'
import type { Sink } from '../../core/delivery.ts'
import { createInfluxSink, type Transport } from '../../influx/sink.ts'
import { explained, refusalOrThrow, unexpected } from './answers.ts'
import { bucketOf, createBuckets } from './buckets.ts'
import { defaultTimeoutMs, type Influx2Config } from './config.ts'

export type { Influx2Config }

export interface SinkContext {
  readonly clock: Clock
}

/** @param config an Influx2Config; the gateway's config has checked it and filled in its token */
export const create = (config: unknown, { clock }: SinkContext): Sink => {
  const settings = config as Influx2Config
  const client = new InfluxDB({
    url: settings.url,
    timeout: settings.timeoutMs ?? defaultTimeoutMs,
    ...(settings.token !== undefined && { token: settings.token }),
  })
  return createInfluxSink({
    name: 'influx2',
    transport: transportOf(client, settings, clock),
    database: createBuckets(client, settings),
    withDaily: settings.setUp,
  })
}

/** Bodies above this are compressed, bytes. */
const gzipThreshold = 1024

const transportOf = (client: InfluxDB, config: Influx2Config, clock: Clock): Transport => {
  const stopping = new AbortController()
  let server = { dateMs: clock.nowUs() / 1000, atMs: clock.monotonicMs() }
  let status = 0
  const started: ResponseStartedFn = (headers, statusCode) => {
    status = statusCode ?? 0
    const dateMs = Date.parse(String(headers['date']))
    if (Number.isFinite(dateMs)) server = { dateMs, atMs: clock.monotonicMs() }
  }
  return {
    async ping() {
      try {
        await client.transport.request(
          '/ping',
          '',
          { method: 'GET', signal: stopping.signal },
          started,
        )
      } catch (error) {
        throw explained(error, config.url)
      }
    },
    async write(policy, lines) {
      const bucket = bucketOf(config, policy)
      const target = new URLSearchParams({ org: config.org, bucket, precision: 'ns' })
      const headers = { 'content-type': 'text/plain; charset=utf-8' }
      const options = { method: 'POST', headers, gzipThreshold, signal: stopping.signal }
      try {
        await client.transport.request(
          `/api/v2/write?${target}`,
          lines.join('\n'),
          options,
          started,
        )
        // Only this says that it is durable: a proxy may say 200 to anything.
        if (status !== 204) throw unexpected(status, config.url)
        return undefined
      } catch (error) {
        return refusalOrThrow(error, config.url)
      }
    },
    serverNowUs: () => 1000 * (server.dateMs + clock.monotonicMs() - server.atMs),
    stop: () => stopping.abort(),
  }
}
