// Numbers, times and shares as a person reads them.
// Pure: what time it is comes in as an argument.
import { unitOf } from '../../../hardware-profiles/units.ts'

export interface Quantity {
  text: string
  unit: string
}

/** Fixed decimals that suit the range of a signal, so that a live number does not jump about. */
export const decimalsFor = (range: readonly number[] | undefined): number => {
  const [low, high] = range ?? []
  if (low === undefined || high === undefined) return 1
  const span = high - low
  return span >= 2000 ? 0 : span >= 100 ? 1 : 2
}

export const number = (value: number, decimals: number): string => {
  const text = value.toLocaleString(undefined, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  })
  return /^-0([.,]0*)?$/.test(text) ? text.slice(1) : text
}

const prefixes: readonly [factor: number, prefix: string][] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
]
const prefixed: ReadonlySet<string> = new Set(['J', 'W', 'C', 'V', 'A', 'Ohm', 'Hz'])
const seconds: Readonly<Record<string, number>> = { us: 1e-6, ms: 1e-3, s: 1, h: 3600 }

/** A total: durations in hours and minutes, large amounts with a prefix, the rest as it is. */
export const quantity = (value: number, ucum: string): Quantity => {
  const second = seconds[ucum]
  if (second !== undefined) return duration(value * second)
  const { label } = unitOf(ucum)
  const [factor, prefix] = prefixes.find(([from]) => Math.abs(value) >= 10 * from) ?? [1, '']
  if (prefix !== '' && prefixed.has(ucum)) {
    return { text: number(value / factor, 1), unit: `${prefix}${label}` }
  }
  return { text: number(value, Number.isInteger(value) ? 0 : 2), unit: label }
}

const duration = (total: number): Quantity => {
  const whole = Math.floor(total)
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  if (hours >= 100) return { text: number(hours, 0), unit: 'h' }
  if (hours > 0 && minutes === 0) return { text: `${hours}`, unit: 'h' }
  if (hours > 0) return { text: `${hours} h ${String(minutes).padStart(2, '0')}`, unit: 'min' }
  if (minutes > 0)
    return { text: `${minutes} min ${String(whole % 60).padStart(2, '0')}`, unit: 's' }
  return { text: number(total, total < 10 ? 1 : 0), unit: 's' }
}

/** "just now", "12 s ago", "3 h ago", or a date. */
export const ago = (timeUs: number, nowUs: number): string => {
  const past = (nowUs - timeUs) / 1e6
  if (past < -5) return `${dateTime(timeUs)} (ahead of the gateway's clock)`
  if (past < 3) return 'just now'
  if (past < 60) return `${Math.floor(past)} s ago`
  if (past < 3600) return `${Math.floor(past / 60)} min ago`
  if (past < 48 * 3600) return `${Math.floor(past / 3600)} h ago`
  return dateTime(timeUs)
}

/** As the charts have it: one clock on all pages. */
const hourCycle = 'h23'

export const dateTime = (timeUs: number): string =>
  new Date(timeUs / 1000).toLocaleString(undefined, {
    ...{ dateStyle: 'medium', timeStyle: 'medium', hourCycle },
  })

/** For the `datetime` attribute of <time>. */
export const isoTime = (timeUs: number): string => new Date(timeUs / 1000).toISOString()

export const clockTime = (timeUs: number): string =>
  new Date(timeUs / 1000).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle,
  })

/** Whole shares of any size, in groups of three. */
export const shares = (text: string): string =>
  /^\d+$/.test(text) ? BigInt(text).toLocaleString() : text

/** Part of a whole in percent: the number, and as text with one decimal. */
export const percentOf = (part: string, whole: string): { value: number; text: string } => {
  if (!/^\d+$/.test(part) || !/^0*[1-9]\d*$/.test(whole)) return { value: 0, text: '–' }
  const value = Number((BigInt(part) * 100_000n) / BigInt(whole)) / 1000
  const small = value < 0.1 && !/^0+$/.test(part)
  return { value, text: small ? `below ${number(0.1, 1)} %` : `${number(value, 1)} %` }
}

/** `motor_current` as words. */
export const words = (name: string): string => {
  const text = name.replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export const short = (text: string, head = 10, tail = 6): string =>
  text.length <= head + tail + 1 ? text : `${text.slice(0, head)}…${text.slice(-tail)}`
