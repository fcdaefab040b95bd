// What every InfluxDB sink does with a batch: reports, events and daily points, each kind into its
// own place, until each line is durable or refused by name. How a line gets there and what an
// answer means is the version's own: a Transport and a Database. Holds nothing that the database
// does not.
import { setImmediate } from 'node:timers/promises'
import type { DeliveryResult, OutgoingBatch, Reading, Sink, UnitEvent } from '../core/delivery.ts'
import { OperatingError } from '../core/errors.ts'
import type { Machine } from '../core/machine.ts'
import { days, sessions } from './daily.ts'
import { createDelivery, createOutcome, type Failed, type Outcome } from './delivery.ts'
import { lifePoint } from './life.ts'
import { eventPoint, type Layout, layoutOf, type Point, reportPoint } from './points.ts'
import { createRollup, type Rollup, type Touched } from './rollup.ts'

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

/** Lines of one request. Several are on their way at once, so that the server is never idle. */
const linesAtOnce = 2048

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
  const layout = rememberLayouts()
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
    const onTheirWay = new Requests()
    for (let from = 0; from < batch.readings.length; from += linesAtOnce) {
      const reports = encode(batch.readings.slice(from, from + linesAtOnce), outcome, {
        oldestUs: oldestUs('reports'),
        point: (reading) => reportPoint(reading, layout(reading.machine)),
      })
      onTheirWay.add(deliver('reports', reports))
      // The server works on these lines while the next ones are made.
      await setImmediate()
    }
    const events = encode(batch.events, outcome, {
      oldestUs: oldestUs('events'),
      point: (event) => eventPoint(event, layout(event.machine)),
    })
    onTheirWay.add(deliver('events', events))
    const told = withDaily ? new Days(rollups, oldestUs('daily')) : undefined
    told?.gather(batch.readings)
    outcome.failed(await onTheirWay.end())
    // A reading too old for its own policy still belongs to its day, one that was refused does not.
    const counted = batch.readings.filter(({ offset }) => !outcome.isRefused(offset))
    if (counted.length < batch.readings.length) told?.gather(counted)
    outcome.failed((await told?.write()) ?? [])
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
      if (first !== undefined) throw figuresRefused(name, first)
    },
    forget() {
      for (const rollup of rollups) rollup.forget()
    },
    async stop() {
      transport.stop()
    },
  }
}

const rememberLayouts = (): ((machine: Machine) => Layout) => {
  const layouts = new WeakMap<Machine, Layout>()
  return (machine) => {
    const known = layouts.get(machine) ?? layoutOf(machine)
    layouts.set(machine, known)
    return known
  }
}

const figuresRefused = (name: string, { reason }: Failed): OperatingError =>
  new OperatingError('influx_figures_refused', {
    message: `${name} refused figures of lives: ${reason}`,
    remedy: 'Compare the types of the fields of unit_life and cohort_life there: floats.',
  })

/** What one batch tells of days and of sessions. */
class Days {
  readonly #rollups: readonly Rollup[]
  readonly #oldestUs: number
  #touched: readonly Touched[] = []

  constructor(rollups: readonly Rollup[], oldestUs: number) {
    this.#rollups = rollups
    this.#oldestUs = oldestUs
  }

  /** In place of what was gathered before. */
  gather(readings: readonly Reading[]): void {
    this.#touched = this.#rollups.map((rollup) => rollup.gather(readings, this.#oldestUs))
  }

  write(): Promise<Failed[]> {
    const requests = new Requests()
    for (const [i, touched] of this.#touched.entries()) {
      const rollup = this.#rollups[i]
      if (rollup !== undefined) requests.add(rollup.write(touched))
    }
    return requests.end()
  }
}

/** Requests that do not wait for each other. */
class Requests {
  readonly #ends: Promise<PromiseSettledResult<Failed[]>>[] = []

  add(request: Promise<Failed[]>): void {
    this.#ends.push(Promise.allSettled([request]).then(([end]) => end))
  }

  /** Throws the first error once the last has ended: none is on its way at the next attempt. */
  async end(): Promise<Failed[]> {
    const ends = await Promise.all(this.#ends)
    return ends.flatMap((end) => {
      if (end.status === 'rejected') throw end.reason
      return end.value
    })
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
