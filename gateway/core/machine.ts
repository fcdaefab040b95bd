// A profile made ready for the path of a reading: names turned into positions once, so that a
// message costs look-ups and no string work.
import { createHash } from 'node:crypto'
import { fieldOf } from '../../hardware-profiles/names.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { quality } from './quality.ts'

export interface Machine {
  readonly profile: Profile
  /** SHA-256 of the profile in canonical JSON, hex: what a board states at hello. */
  readonly digest: string
  /** Position of a signal in `Reading.values`, by name; the order is the profile's. */
  readonly signalIndex: ReadonlyMap<string, number>
  readonly counterIndex: ReadonlyMap<string, number>
  readonly signalNames: readonly string[]
  readonly counterNames: readonly string[]
  /** Field and column of each signal, with its unit: `motor_current_a`. */
  readonly signalFields: readonly string[]
  readonly counterFields: readonly string[]
  /** Where each counter begins anew at 0; undefined where it does not. */
  readonly counterWraps: readonly (number | undefined)[]
  /** Quality of each signal where the report says nothing: uncertain where it is estimated. */
  readonly defaultQuality: Uint8Array
}

export const prepareMachine = (profile: Profile): Machine => {
  const signals = Object.entries(profile.signals)
  const counters = Object.entries(profile.counters)
  return {
    profile,
    digest: profileDigest(profile),
    signalIndex: new Map(signals.map(([name], i) => [name, i])),
    counterIndex: new Map(counters.map(([name], i) => [name, i])),
    signalNames: signals.map(([name]) => name),
    counterNames: counters.map(([name]) => name),
    signalFields: signals.map(([name, { unit }]) => fieldOf(name, unit)),
    counterFields: counters.map(([name, { unit }]) => fieldOf(name, unit)),
    counterWraps: counters.map(([, { wrapsAt }]) => wrapsAt),
    defaultQuality: Uint8Array.from(signals, ([, { estimated }]) =>
      estimated === true ? quality.uncertain : quality.good,
    ),
  }
}

/** SHA-256, hex, of a profile as JSON with sorted names (RFC 8785 for what profiles contain). */
export const profileDigest = (profile: Profile): string =>
  createHash('sha256')
    .update(JSON.stringify(sorted(profile)))
    .digest('hex')

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]))
}
