// What every InfluxDB sink does with a batch: reports, events and daily points, each kind into its
// own place, until each line is durable or refused by name. How a line gets there and what an
// answer means is the version's own: a Transport and a Database. Holds nothing that the database
// does not.
import type { DeliveryResult, OutgoingBatch, Reading, Sink, UnitEvent } from '../core/delivery.ts'
import { OperatingError } from '../core/errors.ts'
import type { Machine } from '../core/machine.ts'
import { days, sessions } from './daily.ts'
import { createDelivery, createOutcome, type Outcome } from './delivery.ts'
import { lifePoint } from './life.ts'
import { eventPoint, type Layout, layoutOf, type Point, reportPoint } from './points.ts'
import { createRollup } from './rollup.ts'

/** A place of its own for each kind of point: retention policy, bucket or database. */
export type Policy = 'reports' | 'daily' | 'events'

/** How long each kind is kept, microseconds; Infinity = for ever. */
export type Retention = Readonly<Record<Policy, number>>

/** Some or all lines were refused; of the rest nothing is known. */
export interface Refused {
  /** The server's words, cut to a line. */
  readonly reason: string
  /** How many lines it says it has dropped; 0 where it does not know. */
  readonly dropped: number
  /** Places of the lines that it names, from 0, where it names any. */
  readonly lines?: readonly number[]
}

export interface Transport {
  /** Checks that the right kind of server answers. Throws an OperatingError. */
  ping(): Promise<void>
  /**
   * Writes lines; undefined = all of them are durable. Throws an OperatingError where the same may
   * work later.
   */
  write(policy: Policy, lines: readonly string[]): Promise<Refused | undefined>
  /** The server's wall clock, microseconds since 1970, as of its last answer; off by up to 1 s. */
  serverNowUs(): number
  /** Breaks off what is on its way. */
  stop(): void
}

/** A day, or the beginning of a session; whole milliseconds, in microseconds since 1970. */
export interface Moment {
  measurement: string
  startUs: number
}

export interface Database {
  /** Makes what is missing, alters what differs, and says what is now in force. */
  prepare(): Promise<Retention>
  /** Points of these units at one moment; fields by name, `unit` as a column. */
  days(at: Moment, units: readonly string[]): Promise<Record<string, unknown>[]>
}

/** The code with which a transport says that database, policy or bucket have gone. */
export const databaseMissing = 'influx_database_missing'

/**
 * How much earlier than the server a point is called too old, so that none is lost on its way
 * there.
 */
const guardUs = 60_000_000

export interface InfluxParts {
  name: string
  transport: Transport
  database: Database
  /** Without them no daily points are kept: the server may only be written to. */
  withDaily: boolean
}

export const createInfluxSink = ({ name, transport, database, withDaily }: InfluxParts): Sink => {
  const deliver = createDelivery(transport)
  const layouts = new WeakMap<Machine, Layout>()
  const layout = (machine: Machine): Layout => {
    const known = layouts.get(machine) ?? layoutOf(machine)
    layouts.set(machine, known)
    return known
  }
  const rollups = [days, sessions].map((span) =>
    createRollup({ database, layout, span, deliver: (points) => deliver('daily', points) }),
  )
  let retention: Retention | undefined

  const open = async (): Promise<Retention> => {
    await transport.ping()
    retention = await database.prepare()
    return retention
  }

  const write = async (batch: OutgoingBatch): Promise<DeliveryResult> => {
    const kept = retention ?? (await open())
    const outcome = createOutcome()
    const oldestUs = (policy: Policy): number => transport.serverNowUs() - kept[policy] + guardUs
    const reports = encode(batch.readings, outcome, {
      oldestUs: oldestUs('reports'),
      point: (reading) => reportPoint(reading, layout(reading.machine)),
    })
    const events = encode(batch.events, outcome, {
      oldestUs: oldestUs('events'),
      point: (event) => eventPoint(event, layout(event.machine)),
    })
    outcome.failed(await deliver('reports', reports))
    outcome.failed(await deliver('events', events))
    if (!withDaily) return outcome.result()
    // A reading too old for its own policy still belongs to its day.
    const counted = batch.readings.filter(({ offset }) => !outcome.isRefused(offset))
    for (const rollup of rollups) {
      outcome.failed(await rollup.write(counted, oldestUs('daily')))
    }
    return outcome.result()
  }

  return {
    name,
    async open() {
      await open()
    },
    async write(batch) {
      try {
        return await write(batch)
      } catch (error) {
        if (error instanceof OperatingError && error.code === databaseMissing) {
          retention = undefined
          for (const rollup of rollups) rollup.forget()
        }
        throw error
      }
    },
    async figures(figures) {
      if (retention === undefined) await open()
      const [first] = await deliver('daily', figures.map(lifePoint))
      if (first === undefined) return
      throw new OperatingError('influx_figures_refused', {
        message: `${name} refused figures of lives: ${first.reason}`,
        remedy: 'Compare the types of the fields of unit_life and cohort_life there: floats.',
      })
    },
    forget() {
      for (const rollup of rollups) rollup.forget()
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
