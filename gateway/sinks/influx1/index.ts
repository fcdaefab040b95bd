// Sink: InfluxDB 1.x. Reports, events and daily rollups, each into its own retention policy; a
// write resolves when InfluxDB has answered 204 for every line that was not refused by name.
// What is written is the same for every version (gateway/influx); queueing is the runner's.
import type { Clock } from '../../core/clock.ts'
import type { Sink } from '../../core/delivery.ts'
import { createInfluxSink } from '../../influx/sink.ts'
import type { Influx1Config } from './config.ts'
import { createDatabase } from './database.ts'
import { createTransport } from './transport.ts'

export type { Influx1Config }

export interface SinkContext {
  readonly clock: Clock
}

/**
 * @param config an Influx1Config; the gateway's config has checked it and filled in its password
 */
export const create = (config: unknown, { clock }: SinkContext): Sink => {
  const settings = config as Influx1Config
  return createInfluxSink({
    name: 'influx1',
    transport: createTransport(settings, clock),
    database: createDatabase(settings),
    withDaily: true,
  })
}
