// Keeps daily points and sessions up to date: joins what a batch tells of a day with what the
// database already has of it, and writes the days that changed. What it remembers is only a copy of
// the database, so that losing it costs a query and nothing else.
import { unitColumn } from '../../hardware-profiles/names.ts'
import type { Reading } from '../core/delivery.ts'
import { limits } from '../core/limits.ts'
import type { Machine } from '../core/machine.ts'
import {
  type Daily,
  dailyLine,
  dailyOfRow,
  type Gathered,
  gather,
  join,
  keyOf,
  measurementOf,
  type Span,
} from './daily.ts'
import type { Deliver, Failed } from './delivery.ts'
import type { Layout } from './points.ts'
import type { Database } from './sink.ts'

export interface Rollup {
  /**
   * Takes readings into their days, but for days that began before `oldestUs`. The list names the
   * readings whose day was refused.
   */
  write(readings: readonly Reading[], oldestUs?: number): Promise<Failed[]>
  /** Forgets what the database had: it was dropped, or is another one. */
  forget(): void
}

export interface RollupParts {
  readonly database: Pick<Database, 'days'>
  /** Writes daily points. */
  readonly deliver: (points: Parameters<Deliver>[1]) => Promise<Failed[]>
  readonly layout: (machine: Machine) => Layout
  readonly span: Span
}

/** What a batch tells of one day. */
interface Touched extends Gathered {
  readonly offsets: number[]
}

interface Known {
  readonly day: Daily
  readonly line: string
}

export const createRollup = ({ database, deliver, layout, span }: RollupParts): Rollup => {
  /** As in the database, by unit and day; the least recently changed first. */
  const known = new Map<string, Known>()

  const remember = (key: string, one: Known): void => {
    known.delete(key)
    known.set(key, one)
    for (const oldest of known.keys()) {
      if (known.size <= limits.dailyPoints) break
      known.delete(oldest)
    }
  }

  const write: Rollup['write'] = async (readings, oldestUs = Number.NEGATIVE_INFINITY) => {
    const touched = daysOf(readings, { span, layout, oldestUs })
    const present = await load(touched)
    const changed: (Known & { key: string; offsets: readonly number[] })[] = []
    for (const [key, { day, offsets }] of touched) {
      const before = present.get(key)
      const after = before === undefined ? day : join(before.day, day)
      const line = dailyLine(after, layout(after.machine))
      if (line !== before?.line) changed.push({ key, day: after, line, offsets })
    }
    // Until the answer is here it is not known which of both the database has.
    for (const { key } of changed) known.delete(key)
    const failed = await deliver(changed)
    const refused = new Set(failed.map(({ offsets }) => offsets))
    for (const { key, day, line, offsets } of changed) {
      if (!refused.has(offsets)) remember(key, { day, line })
    }
    return failed
  }

  const load = async (touched: ReadonlyMap<string, Touched>): Promise<Map<string, Known>> => {
    const present = new Map<string, Known>()
    const missing = new Map<number, Daily[]>()
    for (const [key, { day }] of touched) {
      const one = known.get(key)
      if (one !== undefined) present.set(key, one)
      else missing.set(day.dayUs, [...(missing.get(day.dayUs) ?? []), day])
    }
    for (const [dayUs, days] of missing) {
      const units = new Map(days.map((day) => [day.unit, day]))
      const measurement = measurementOf(days[0] as Daily)
      for (const row of await database.days({ measurement, startUs: dayUs }, [...units.keys()])) {
        const known = units.get(String(row[unitColumn]))
        if (known === undefined) continue
        const { machine } = known
        const day = dailyOfRow(row, known)
        const one = { day, line: dailyLine(day, layout(machine)) }
        present.set(keyOf(day), one)
        remember(keyOf(day), one)
      }
    }
    return present
  }

  return { write, forget: () => known.clear() }
}

interface Gathering extends Pick<RollupParts, 'span' | 'layout'> {
  readonly oldestUs: number
}

const daysOf = (
  readings: readonly Reading[],
  { span, layout, oldestUs }: Gathering,
): Map<string, Touched> => {
  const touched = new Map<string, Touched>()
  for (const reading of readings) {
    const { unit, offset } = reading
    const dayUs = span.startUs(reading)
    if (dayUs === undefined || dayUs < oldestUs) continue
    const key = keyOf({ unit, dayUs })
    const one = touched.get(key)
    if (one !== undefined) {
      one.add(reading)
      one.offsets.push(offset)
      continue
    }
    const places = layout(reading.machine)
    const first = span.of(reading, places)
    if (first !== undefined) touched.set(key, { ...gather(first, places), offsets: [offset] })
  }
  return touched
}
