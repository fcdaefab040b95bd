// Second verb of the pipeline: the names and values of a report against its machine's profile. A
// value whose meaning is unclear (unknown name, wrong type) condemns the report; one that is clear
// but not plausible stays, with quality bad. Pure.
import type { SignalSpec } from '../../hardware-profiles/profile.ts'
import type { Machine } from '../core/machine.ts'
import { type QualityCode, quality, qualityNames, qualityOf } from '../core/quality.ts'
import { type Fault, fault, near, quote, type RawReport, show } from './decode.ts'

/** A report in its machine's positions. */
export interface Checked {
  readonly values: (number | undefined)[]
  readonly quality: Uint8Array
  readonly counters: (number | undefined)[]
}

export type Check = (report: RawReport) => Checked | Fault

/** A value to a number, or what is wrong with it, in words. */
type ToNumber = (value: unknown) => number | string

/** Plausible range of a signal, as numbers to compare with. */
interface Bounds {
  readonly low: number
  readonly high: number
}

/** Compiles a machine's profile once. */
export const createCheck = (machine: Machine): Check => {
  const signals = Object.values(machine.profile.signals)
  const toNumber = signals.map(numberOf)
  const bounds = signals.map(boundsOf)
  const counterCount = machine.counterFields.length
  const blank = machine.defaultQuality.map(() => quality.absent)

  const readValues = (v: Readonly<Record<string, unknown>>, out: Checked): Fault | undefined => {
    for (const name in v) {
      const index = machine.signalIndex.get(name)
      if (index === undefined) return unknownSignal(name, machine)
      let value = v[name] as number
      if (typeof value !== 'number' || toNumber[index] !== plainNumber) {
        const number = toNumber[index]?.(value)
        if (typeof number !== 'number') {
          return fault('type_wrong', `${name} = ${show(value)}: ${number}`)
        }
        value = number
      }
      // Not NaN: JSON has none; 1e999 parses to Infinity.
      if (!Number.isFinite(value)) return fault('number_not_finite', `${name} = ${value}`)
      const { low, high } = bounds[index] as Bounds
      out.values[index] = value
      out.quality[index] =
        value < low || value > high
          ? quality.bad_out_of_range
          : (machine.defaultQuality[index] as number)
    }
    return undefined
  }

  return (report) => {
    const { v, c, q } = report
    const out: Checked = {
      values: new Array(signals.length).fill(undefined),
      quality: blank.slice(),
      counters: new Array(counterCount).fill(undefined),
    }
    const wrong =
      (v !== undefined && readValues(v, out)) ||
      (c !== undefined && readCounters(c, { machine, out })) ||
      (q !== undefined && readQuality(q, { machine, out }))
    if (wrong) return wrong
    if (isEmpty(v) && isEmpty(c) && isEmpty(q)) {
      return fault('nothing_inside', 'neither a value nor a counter')
    }
    return out
  }
}

const isEmpty = (names: object | undefined): boolean => {
  for (const _ in names) return false
  return true
}

const plainNumber: ToNumber = (value) => (typeof value === 'number' ? value : 'a JSON number')

const numberOf = (signal: SignalSpec): ToNumber => {
  if (signal.type === 'integer') {
    return (value) =>
      typeof value === 'number' && (Number.isInteger(value) || !Number.isFinite(value))
        ? value
        : 'a whole number'
  }
  if (signal.type === 'boolean') {
    return (value) => {
      if (typeof value === 'boolean') return Number(value)
      return value === 0 || value === 1 ? value : 'true, false, 1 or 0'
    }
  }
  if (signal.type === 'enum') return enumOf(signal.values ?? [])
  return plainNumber
}

const enumOf = (names: readonly string[]): ToNumber => {
  const indexes = new Map(names.map((name, i) => [name, i]))
  return (value) => {
    if (typeof value === 'string') {
      return indexes.get(value) ?? `one of ${names.join(', ')}${near(value, names)}`
    }
    const isIndex = typeof value === 'number' && (Number.isInteger(value) || value === Infinity)
    return isIndex ? value : `one of ${names.join(', ')}, or its index from 0`
  }
}

const boundsOf = (signal: SignalSpec): Bounds => {
  if (signal.type === 'enum') return { low: 0, high: (signal.values?.length ?? 0) - 1 }
  const [low = -Infinity, high = Infinity] = signal.range ?? [-Infinity, Infinity]
  return { low, high }
}

type Target = { machine: Machine; out: Checked }

const readCounters = (
  c: Readonly<Record<string, unknown>>,
  { machine, out }: Target,
): Fault | undefined => {
  for (const name in c) {
    const index = machine.counterIndex.get(name)
    if (index === undefined) return unknownSignal(name, machine)
    const value = c[name]
    if (value === Infinity || value === -Infinity) {
      return fault('number_not_finite', `${name} = ${value}`)
    }
    if (!Number.isSafeInteger(value) || (value as number) < 0) {
      return fault('type_wrong', `${name} = ${show(value)}: a whole number from 0 to 2^53 - 1`)
    }
    const wrapsAt = machine.counterWraps[index]
    if (wrapsAt !== undefined && (value as number) >= wrapsAt) {
      return fault(
        'type_wrong',
        `${name} = ${show(value)}: its profile says that it wraps at ${wrapsAt}`,
      )
    }
    out.counters[index] = value as number
  }
  return undefined
}

/** What the unit itself says of a signal; it can make a quality worse, never better. */
const readQuality = (
  q: Readonly<Record<string, unknown>>,
  { machine, out }: Target,
): Fault | undefined => {
  for (const name in q) {
    const index = machine.signalIndex.get(name)
    if (index === undefined) return unknownSignal(name, machine)
    const text = q[name]
    const code = typeof text === 'string' ? qualityOf(text) : undefined
    if (code === undefined) {
      return fault('type_wrong', `quality of ${name} = ${show(text)}: ${qualityWords.join(', ')}`)
    }
    const present = out.quality[index] as QualityCode
    if (code > quality.absent || (code === quality.uncertain && present === quality.good)) {
      out.quality[index] = code
    }
  }
  return undefined
}

const qualityWords = ['good', 'uncertain', 'bad'].concat(
  qualityNames
    .filter((name) => name.startsWith('bad_'))
    .map((name) => name.replace('bad_', 'bad:')),
)

const unknownSignal = (name: string, { signalIndex, counterIndex }: Machine): Fault => {
  const known = [...signalIndex.keys(), ...counterIndex.keys()]
  return fault('signal_unknown', `${quote(name)}${near(name, known)}`)
}
