// One value of a foreign payload to one of ours: map, number in text, scale and offset. What it
// cannot read it says; it never invents a value. Pure.
import type { SignalSpec } from '../../hardware-profiles/profile.ts'
import type { ForeignValue } from './settings.ts'

/** A counter, or the type of a signal. */
export type Sort = 'counter' | SignalSpec['type']

/**
 * `value` as a report carries it; `bad` where the source says that it does not know, in the words
 * of a report's "q"; `unfit` why it cannot be read.
 */
export type Meaning =
  | { readonly value: unknown }
  | { readonly bad: 'bad' | 'bad:not_a_number' }
  | { readonly unfit: string }

type Reading = Pick<ForeignValue, 'scale' | 'offset' | 'map'>

/** @param raw any JSON value, or a plain payload as text */
export const meaningOf = (raw: unknown, { scale, offset, map }: Reading, sort: Sort): Meaning => {
  if (raw === null) return { bad: 'bad' }
  if (map !== undefined) {
    const key = typeof raw === 'object' ? undefined : String(raw)
    if (key === undefined || !Object.hasOwn(map, key)) {
      return { unfit: `${JSON.stringify(raw)?.slice(0, 60)} is not in its map` }
    }
    return { value: map[key] }
  }
  const number = typeof raw === 'string' && isNumeric(sort) ? numberIn(raw) : raw
  // Without a unit's own word for it, ESPHome and others print what printf does.
  if (typeof number === 'number' && Number.isNaN(number)) return { bad: 'bad:not_a_number' }
  if (typeof number !== 'number') return { value: number }
  if (!Number.isFinite(number)) return { bad: 'bad:not_a_number' }
  if (scale === undefined && offset === undefined) return { value: number }
  return finite(whole(number * (scale ?? 1) + (offset ?? 0), sort))
}

const isNumeric = (sort: Sort): boolean =>
  sort === 'counter' || sort === 'number' || sort === 'integer'

const finite = (value: number): Meaning =>
  Number.isFinite(value) ? { value } : { bad: 'bad:not_a_number' }

/** Counts only what is complete; in doubles 1.001 kWh times 1000 is 1000.9999999999999. */
const whole = (value: number, sort: Sort): number => {
  if (sort === 'counter') return Math.floor(value + 4 * Number.EPSILON * Math.abs(value))
  return sort === 'integer' ? Math.round(value) : value
}

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/
const notANumber = /^[+-]?(nan|inf|infinity)$/i

/** The number that a text is, NaN where it says that it is none, else the text. */
const numberIn = (text: string): number | string => {
  const trimmed = text.trim()
  if (decimal.test(trimmed)) return Number(trimmed)
  return notANumber.test(trimmed) ? Number.NaN : text
}

const perUs = { s: 1e6, ms: 1e3, us: 1 } as const

/** Microseconds since 1970, or why it cannot be read. */
export const timeOf = (
  raw: unknown,
  { form, zone }: { form: 'iso' | 's' | 'ms' | 'us'; zone?: string },
): number | string => {
  if (form !== 'iso') {
    const us = typeof raw === 'number' ? Math.round(raw * perUs[form]) : Number.NaN
    return Number.isSafeInteger(us) && us >= 0 ? us : `time ${show(raw)} is no number of ${form}`
  }
  const parts = typeof raw === 'string' ? isoText.exec(raw) : null
  if (parts === null) return `time ${show(raw)} is not ISO 8601`
  const [, clock = '', own] = parts
  const at = own ?? zone
  if (at === undefined) return `time ${show(raw)} has no zone; set "zone", or leave the time out`
  const us = Date.parse(`${clock.replace(' ', 'T')}${at}`) * 1000
  return Number.isSafeInteger(us) && us >= 0 ? us : `time ${show(raw)} is none`
}

const isoText = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:\d\d)?$/

const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? 'missing'
