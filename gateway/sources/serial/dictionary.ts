// The dictionary that a board carries: names, scales and words of what it reports by place. By it
// a report in whole numbers becomes a payload of ours, and a setpoint in SI units whole numbers for
// the board. Checked against the machine's profile before anything is read by it. Pure.
import { createHash } from 'node:crypto'
import { scaled } from '../../../firmware/board-rules.ts'
import type { Profile } from '../../../hardware-profiles/profile.ts'
import { type Cbor, decodeCbor } from '../../attestation/cbor.ts'

interface Signal {
  name: string
  power: number
  values: readonly string[] | undefined
  isBoolean: boolean
}

export interface Dictionary {
  /** Values and counters by the profile's names; undefined where their number is another. */
  report(
    v: readonly (number | null)[],
    c: readonly number[],
  ): { v: Record<string, number | string | boolean>; c: Record<string, number> } | undefined
  /** Whole numbers for the board, or what is wrong with the values given. */
  setpoint(values: Readonly<Record<string, unknown>>): readonly number[] | string
}

/** The digest that a hello states: the first eight bytes of the SHA-256, hex. */
export const schemaDigest = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex').slice(0, 16)

/** Reads a schema; gives what is wrong with it as text. */
export const readDictionary = (bytes: Uint8Array, profile: Profile): Dictionary | string => {
  let map: Cbor
  try {
    map = decodeCbor(bytes)
  } catch (error) {
    return (error as Error).message
  }
  if (!(map instanceof Map)) return 'it is not a map'
  const signals = listOf(map.get(0)).map((entry) => signalOf(entry, profile))
  const counters = listOf(map.get(1)).map((entry) => counterOf(entry, profile))
  const places = listOf(map.get(2)).map((place) => signals[Number(place)])
  for (const one of [...signals, ...counters, ...places]) {
    if (one === undefined) return 'a setpoint has no place'
    if (typeof one === 'string') return one
  }
  return dictionaryOf(signals as Signal[], counters as Signal[], places as Signal[])
}

const listOf = (value: Cbor | undefined): readonly Cbor[] => (Array.isArray(value) ? value : [])

const entryOf = (entry: Cbor): [name: string, power: number, values: Cbor | undefined] => {
  const [name, power, values] = listOf(entry)
  const isPower = typeof power === 'number' && Math.abs(power) <= 9
  return [typeof name === 'string' ? name : '', isPower ? power : Number.NaN, values]
}

const signalOf = (entry: Cbor, profile: Profile): Signal | string => {
  const [name, power, list] = entryOf(entry)
  const spec = profile.signals[name]
  if (spec === undefined || Number.isNaN(power)) return `"${name}" is no signal of the profile`
  const values = list === undefined ? undefined : listOf(list).map(String)
  if (values?.some((value) => spec.values?.includes(value) === false) === true) {
    return `"${name}" has values that the profile does not know`
  }
  return { name, power, values, isBoolean: spec.type === 'boolean' }
}

const counterOf = (entry: Cbor, profile: Profile): Signal | string => {
  const [name, power] = entryOf(entry)
  if (profile.counters[name] === undefined || Number.isNaN(power)) {
    return `"${name}" is no counter of the profile`
  }
  return { name, power, values: undefined, isBoolean: false }
}

const dictionaryOf = (
  signals: readonly Signal[],
  counters: readonly Signal[],
  setpoints: readonly Signal[],
): Dictionary => ({
  report: (v, c) => {
    if (v.length !== signals.length || c.length !== counters.length) return undefined
    const values: Record<string, number | string | boolean> = {}
    for (const [i, signal] of signals.entries()) {
      const raw = v[i]
      if (raw !== null && raw !== undefined) values[signal.name] = readingOf(signal, raw)
    }
    const totals = counters.map(({ name, power }, i) => [name, totalOf(c[i] ?? 0, power)] as const)
    return { v: values, c: Object.fromEntries(totals) }
  },
  setpoint: (values) => {
    const names = setpoints.map(({ name }) => name)
    const unknown = Object.keys(values).find((name) => !names.includes(name))
    if (unknown !== undefined || names.length === 0) {
      const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
      return `the unit has no setpoint "${unknown ?? ''}": ${known}`
    }
    const list: number[] = []
    for (const { name, power } of setpoints) {
      const value = values[name]
      if (typeof value !== 'number' || !Number.isFinite(value)) {
        return `"${name}" is missing or no number: all setpoints are given at once`
      }
      list.push(Math.round(value / 10 ** power))
    }
    return list
  },
})

const readingOf = (signal: Signal, raw: number): number | string | boolean => {
  if (signal.values !== undefined) return signal.values[raw] ?? raw
  if (signal.isBoolean) return raw !== 0
  return scaled(raw, signal.power)
}

/** Whole, rounded down, as the twin gives it. */
const totalOf = (raw: number, power: number): number =>
  power < 0 ? Math.floor(raw / 10 ** -power) : raw * 10 ** power
