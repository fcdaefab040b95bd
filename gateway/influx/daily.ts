// The daily rollup, one point a unit and UTC day, and the same of a session, from power-on to
// power-off, one point a unit and boot. Every part of it is a minimum or a maximum, so
// that joining is idempotent, commutative and associative: late reports, resends and any order give
// the same point, and the point in the database is all the state there is. Sums have no place here.
import {
  beganOf,
  dailyHighOf,
  dailyLowOf,
  dailyMeasurement,
  firstSeenField,
  lastSeenField,
  machineColumn,
  sessionBootField,
  sessionMeasurement,
  simulatedField,
  unitColumn,
} from '../../hardware-profiles/names.ts'
import type { Reading } from '../core/delivery.ts'
import type { Machine } from '../core/machine.ts'
import { booleanField, escapeKey, escapeMeasurement, integerField } from './line-protocol.ts'
import { type Layout, usable } from './points.ts'

const dayLengthUs = 86_400_000_000

/** First microsecond of the UTC day that `timeUs` falls into. */
export const dayStartUs = (timeUs: number): number => Math.floor(timeUs / dayLengthUs) * dayLengthUs

/** A unit's day, or its session. Positions are the machine's; undefined = nothing came. */
export interface Daily {
  readonly machine: Machine
  readonly unit: string
  /** Its first microsecond since 1970, UTC; of a session, whole milliseconds. */
  readonly dayUs: number
  /** Of a session; undefined = it is a day. */
  readonly boot?: number | undefined
  readonly simulated: boolean
  readonly firstUs: number
  readonly lastUs: number
  /** Counters over the unit's life, end of the day: they only grow, so it is their greatest. */
  readonly counters: readonly (number | undefined)[]
  /** The same when a session began: their least. */
  readonly began?: readonly (number | undefined)[]
  readonly low: readonly (number | undefined)[]
  readonly high: readonly (number | undefined)[]
}

/** What a rollup gathers by: days, or sessions. */
export interface Span {
  /** First microsecond of the one that a reading falls into; undefined = into none. */
  startUs(reading: Reading): number | undefined
  /** It, as that reading alone tells it. */
  of(reading: Reading, layout: Layout): Daily | undefined
}

/** The day that a reading falls into, as that reading alone tells it. */
export const dailyOf = (reading: Reading, layout: Layout): Daily => {
  const { machine, unit, simulated, timeUs, counters, totals } = reading
  const values = layout.signals.map(({ isQuantity }, i) =>
    isQuantity ? usable(reading, i) : undefined,
  )
  return {
    machine,
    unit,
    dayUs: dayStartUs(timeUs),
    simulated,
    firstUs: timeUs,
    lastUs: timeUs,
    // A swapped controller begins anew, a unit's life does not.
    counters: totals ?? counters,
    low: values,
    high: values,
  }
}

/** The session that a reading falls into; undefined where its boot is not known. */
export const sessionOf = (reading: Reading, layout: Layout): Daily | undefined => {
  const dayUs = sessionStartUs(reading)
  if (dayUs === undefined) return undefined
  const day = dailyOf(reading, layout)
  return { ...day, dayUs, boot: reading.boot, began: day.counters }
}

const sessionStartUs = ({ boot, bootUs }: Reading): number | undefined =>
  boot < 0 || bootUs === undefined || bootUs < 0 ? undefined : Math.floor(bootUs / 1000) * 1000

export const days: Span = { startUs: ({ timeUs }) => dayStartUs(timeUs), of: dailyOf }
export const sessions: Span = { startUs: sessionStartUs, of: sessionOf }

export const keyOf = ({ unit, dayUs }: { unit: string; dayUs: number }): string =>
  `${unit} ${dayUs}`

/** Both together. Idempotent, commutative, associative. */
export const join = (a: Daily, b: Daily): Daily => ({
  ...a,
  simulated: a.simulated || b.simulated,
  firstUs: Math.min(a.firstUs, b.firstUs),
  lastUs: Math.max(a.lastUs, b.lastUs),
  counters: each(a.counters, b.counters, Math.max),
  ...(a.began && { began: each(a.began, b.began ?? [], Math.min) }),
  low: each(a.low, b.low, Math.min),
  high: each(a.high, b.high, Math.max),
})

/** A day that readings are gathered into. */
export interface Gathered {
  readonly day: Daily
  /** Joins a reading of the same unit and span, as `join` would, without a new day for each. */
  add(reading: Reading): void
}

/** @param first as its first reading alone tells it */
export const gather = (first: Daily, layout: Layout): Gathered => {
  const began = first.began && [...first.began]
  const day = {
    ...first,
    counters: [...first.counters],
    ...(began && { began }),
    low: [...first.low],
    high: [...first.high],
  }
  return {
    day,
    add(reading) {
      const counters = reading.totals ?? reading.counters
      day.simulated ||= reading.simulated
      day.firstUs = Math.min(day.firstUs, reading.timeUs)
      day.lastUs = Math.max(day.lastUs, reading.timeUs)
      for (let i = 0; i < counters.length; i++) {
        raise(day.counters, i, counters[i])
        if (began !== undefined) lower(began, i, counters[i])
      }
      for (let i = 0; i < layout.signals.length; i++) {
        if (layout.signals[i]?.isQuantity !== true) continue
        const value = usable(reading, i)
        lower(day.low, i, value)
        raise(day.high, i, value)
      }
    },
  }
}

type Values = (number | undefined)[]

const lower = (values: Values, i: number, value: number | undefined): void => {
  if (value !== undefined) values[i] = Math.min(values[i] ?? value, value)
}

const raise = (values: Values, i: number, value: number | undefined): void => {
  if (value !== undefined) values[i] = Math.max(values[i] ?? value, value)
}

const each = (
  a: readonly (number | undefined)[],
  b: readonly (number | undefined)[],
  choose: (x: number, y: number) => number,
): (number | undefined)[] => {
  const longest = a.length >= b.length ? a : b
  return longest.map((_, i) => {
    const [x, y] = [a[i], b[i]]
    return x === undefined || y === undefined ? (x ?? y) : choose(x, y)
  })
}

/** The line of a day; equal days give equal lines. */
export const dailyLine = (day: Daily, layout: Layout): string => {
  const fields = [
    `${firstSeenField}=${integerField(day.firstUs)}`,
    `${lastSeenField}=${integerField(day.lastUs)}`,
    `${simulatedField}=${booleanField(day.simulated)}`,
  ]
  if (day.boot !== undefined) fields.push(`${sessionBootField}=${integerField(day.boot)}`)
  layout.counters.forEach((key, i) => {
    const [count, began] = [day.counters[i], day.began?.[i]]
    if (count !== undefined) fields.push(`${key}=${integerField(count)}`)
    if (began !== undefined) fields.push(`${beganOf(key)}=${integerField(began)}`)
  })
  layout.signals.forEach(({ key, write }, i) => {
    const [low, high] = [day.low[i], day.high[i]]
    if (low !== undefined) fields.push(`${dailyLowOf(key)}=${write(low)}`)
    if (high !== undefined) fields.push(`${dailyHighOf(key)}=${write(high)}`)
  })
  const head = [
    escapeMeasurement(measurementOf(day)),
    `${machineColumn}=${escapeKey(day.machine.profile.machine)}`,
    `${unitColumn}=${escapeKey(day.unit)}`,
  ].join(',')
  return `${head} ${fields.join(',')} ${BigInt(day.dayUs) * 1000n}`
}

/** Where it stands in the database. */
export const measurementOf = ({ boot }: Pick<Daily, 'boot'>): string =>
  boot === undefined ? dailyMeasurement : sessionMeasurement

/** A day as a row of the database tells it: fields by name. */
export const dailyOfRow = (
  row: Readonly<Record<string, unknown>>,
  { machine, unit, dayUs, boot }: Pick<Daily, 'machine' | 'unit' | 'dayUs' | 'boot'>,
): Daily => {
  const number = (field: string): number | undefined => {
    const value = row[field]
    return typeof value === 'number' ? value : undefined
  }
  return {
    machine,
    unit,
    dayUs,
    simulated: row[simulatedField] === true,
    firstUs: number(firstSeenField) ?? Number.POSITIVE_INFINITY,
    lastUs: number(lastSeenField) ?? Number.NEGATIVE_INFINITY,
    counters: machine.counterFields.map(number),
    ...(boot !== undefined && {
      boot,
      began: machine.counterFields.map((field) => number(beganOf(field))),
    }),
    low: machine.signalFields.map((field) => number(dailyLowOf(field))),
    high: machine.signalFields.map((field) => number(dailyHighOf(field))),
  }
}
