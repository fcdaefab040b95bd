// Sink: InfluxDB 1.x. Reports, events and daily rollups, each into its own retention policy; a
// write resolves when InfluxDB has answered 204 for every line that was not refused by name. It
// holds nothing that the database does not: sending a batch again changes nothing. Queueing and
// retry are the runner's.
import { retentionPolicies } from '../../../hardware-profiles/names.ts'
import type { Clock } from '../../core/clock.ts'
import type {
  DeliveryResult,
  OutgoingBatch,
  Reading,
  Sink,
  UnitEvent,
} from '../../core/delivery.ts'
import { OperatingError } from '../../core/errors.ts'
import type { Machine } from '../../core/machine.ts'
import type { Influx1Config } from './config.ts'
import { dayStartUs } from './daily.ts'
import { createDatabase, type Retention } from './database.ts'
import { createDelivery, createOutcome, type Outcome } from './delivery.ts'
import { eventPoint, type Layout, layoutOf, type Point, reportPoint } from './points.ts'
import { createRollup } from './rollup.ts'
import { createTransport } from './transport.ts'

export type { Influx1Config }

export interface SinkContext {
  readonly clock: Clock
}

/**
 * How much earlier than the server a point is called too old, so that none is lost on its way
 * there.
 */
const guardUs = 60_000_000

/**
 * @param config an Influx1Config; the gateway's config has checked it and filled in its password
 */
export const create = (config: unknown, { clock }: SinkContext): Sink => {
  const settings = config as Influx1Config
  const transport = createTransport(settings, clock)
  const database = createDatabase(settings)
  const deliver = createDelivery(transport)
  const layouts = new WeakMap<Machine, Layout>()
  const layout = (machine: Machine): Layout => {
    const known = layouts.get(machine) ?? layoutOf(machine)
    layouts.set(machine, known)
    return known
  }
  const rollup = createRollup({
    database,
    deliver: (points) => deliver(retentionPolicies.daily, points),
    layout,
  })
  let retention: Retention | undefined

  const open = async (): Promise<Retention> => {
    await transport.ping()
    retention = await database.prepare()
    return retention
  }

  const write = async (batch: OutgoingBatch): Promise<DeliveryResult> => {
    const kept = retention ?? (await open())
    const outcome = createOutcome()
    const oldestUs = (kind: keyof Retention): number =>
      transport.serverNowUs() - kept[kind] + guardUs
    const reports = encode(batch.readings, outcome, {
      oldestUs: oldestUs('reports'),
      point: (reading) => reportPoint(reading, layout(reading.machine)),
    })
    const events = encode(batch.events, outcome, {
      oldestUs: oldestUs('events'),
      point: (event) => eventPoint(event, layout(event.machine)),
    })
    outcome.failed(await deliver(retentionPolicies.reports, reports))
    outcome.failed(await deliver(retentionPolicies.events, events))
    // A reading too old for its own policy still belongs to its day.
    const oldestDayUs = oldestUs('daily')
    const counted = batch.readings.filter(
      ({ offset, timeUs }) => !outcome.isRefused(offset) && dayStartUs(timeUs) >= oldestDayUs,
    )
    outcome.failed(await rollup.write(counted))
    return outcome.result()
  }

  return {
    name: 'influx1',
    async open() {
      await open()
    },
    async write(batch) {
      try {
        return await write(batch)
      } catch (error) {
        if (error instanceof OperatingError && error.code === 'influx_database_missing') {
          retention = undefined
          rollup.forget()
        }
        throw error
      }
    },
    async stop() {
      transport.stop()
    },
  }
}

interface Encoding<T> {
  oldestUs: number
  point: (item: T) => Point
}

/** Lines of what can be written; the rest is named in `outcome`. */
const encode = <T extends Reading | UnitEvent>(
  items: readonly T[],
  outcome: Outcome,
  { oldestUs, point }: Encoding<T>,
): Point[] => {
  const points: Point[] = []
  for (const item of items) {
    if (item.timeUs < oldestUs) {
      outcome.drop(item.offset)
      continue
    }
    try {
      points.push(point(item))
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      outcome.refuse(item.offset, error.message)
    }
  }
  return points
}
