// Sink: InfluxDB 2.x. The official client carries requests, sets up buckets and asks; its write
// buffer is not used, because it gives up after minutes and the log never does. What is written is
// the same for every version (gateway/influx).
import { InfluxDB, type ResponseStartedFn } from '@influxdata/influxdb-client'
import type { Clock } from '../../core/clock.ts'
import type { Sink } from '../../core/delivery.ts'
import { createInfluxSink, type Transport } from '../../influx/sink.ts'
import { createWaiting } from '../../influx/waiting.ts'
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
  const { url: base, timeoutMs: mostMs = defaultTimeoutMs } = config
  const waiting = createWaiting({ base, mostMs, clock })
  let server = { dateMs: clock.nowUs() / 1000, atMs: clock.monotonicMs() }
  const started: ResponseStartedFn = (headers) => {
    const dateMs = Date.parse(String(headers['date']))
    if (Number.isFinite(dateMs)) server = { dateMs, atMs: clock.monotonicMs() }
  }
  return {
    ping: () =>
      waiting.ask(async (signal) => {
        try {
          await client.transport.request('/ping', '', { method: 'GET', signal }, started)
        } catch (error) {
          throw explained(error, base)
        }
      }),
    write(policy, lines) {
      const bucket = bucketOf(config, policy)
      const target = new URLSearchParams({ org: config.org, bucket, precision: 'ns' })
      const path = `/api/v2/write?${target}`
      const headers = { 'content-type': 'text/plain; charset=utf-8' }
      return waiting.write(async (signal) => {
        const options = { method: 'POST', headers, gzipThreshold, signal }
        let status: number | undefined
        const answered: ResponseStartedFn = (answer, statusCode) => {
          status = statusCode
          started(answer)
        }
        try {
          await client.transport.request(path, lines.join('\n'), options, answered)
          // Only this says that it is durable: a proxy may say 200 to anything.
          if (status !== 204) throw unexpected(status ?? 0, base)
          return undefined
        } catch (error) {
          return refusalOrThrow(error, base)
        }
      })
    },
    serverNowUs: () => 1000 * (server.dateMs + clock.monotonicMs() - server.atMs),
    stop: () => waiting.stop(),
  }
}
