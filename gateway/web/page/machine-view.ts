// What a profile says about showing its machine: which signals share a chart, which are badges,
// how a value reads. Everything a page shows of a machine comes from here, and from nowhere else.
import type { Profile, SignalSpec } from '../../../hardware-profiles/profile.ts'
import { unitOf } from '../../../hardware-profiles/units.ts'
import { decimalsFor, number, words } from './format.ts'

export interface ShownSignal {
  name: string
  /** Position in a reading's values. */
  index: number
  label: string
  description: string
  unit: string
  /** Computed without a sensor: marked wherever it is shown. */
  estimated: boolean
  decimals: number
  values: readonly string[] | undefined
  spec: SignalSpec
}

export interface ChartGroup {
  id: string
  title: string
  signals: readonly ShownSignal[]
}

export type Severity = 'quiet' | 'info' | 'warning' | 'fault'

export interface MachineView {
  profile: Profile
  signals: readonly ShownSignal[]
  charts: readonly ChartGroup[]
  /** States to show as badges: what the machine itself says it is doing. */
  states: readonly ShownSignal[]
  /** Signals that are in no chart and are no badge. */
  others: readonly ShownSignal[]
}

export const viewOf = (profile: Profile): MachineView => {
  const signals = Object.entries(profile.signals).map(([name, spec], index) =>
    show(name, spec, index),
  )
  const numbers = [...new Set(signals.flatMap(({ spec }) => spec.chart ?? []))].sort(
    (a, b) => a - b,
  )
  const charts = numbers.map((chart) => group(signals.filter(({ spec }) => spec.chart === chart)))
  const states = signals.filter(({ spec }) => spec.direction === 'state' && spec.type === 'enum')
  const rest = signals.filter((s) => s.spec.chart === undefined && !states.includes(s))
  return { profile, signals, charts, states, others: rest }
}

const show = (name: string, spec: SignalSpec, index: number): ShownSignal => ({
  name,
  index,
  label: words(name),
  description: spec.description,
  unit: unitOf(spec.unit).label,
  estimated: spec.estimated === true,
  decimals: spec.type === 'integer' ? 0 : decimalsFor(spec.range),
  values: spec.values ?? (spec.type === 'boolean' ? ['no', 'yes'] : undefined),
  spec,
})

const group = (signals: readonly ShownSignal[]): ChartGroup => ({
  id: signals.map(({ name }) => name).join('-'),
  title: sharedTitle(signals.map(({ label }) => label)),
  signals,
})

/** "Winding temperature" and "Pack temperature" share the title "Temperature". */
const sharedTitle = (labels: readonly string[]): string => {
  const [first = '', ...rest] = labels.map((label) => label.toLowerCase().split(' '))
  if (rest.length === 0) return labels.join('')
  const shared = [...first].filter((word) => rest.every((label) => label.includes(word)))
  return shared.length > 0 ? words(shared.join(' ')) : labels.join(', ')
}

/** A value as text, with its unit; an enum by its name; a dash where there is none. */
export const valueText = (signal: ShownSignal, value: number | null | undefined): string => {
  if (value === null || value === undefined) return '–'
  if (signal.values !== undefined) return words(signal.values[value] ?? `${value}?`)
  const text = number(value, signal.decimals)
  return signal.unit === '' ? text : `${text} ${signal.unit}`
}

/** How bad a state is: what the profile's own event rules say of it. */
export const severityOf = (
  profile: Profile,
  signal: ShownSignal,
  value: number | null | undefined,
): Severity => {
  const name = signal.values?.[value ?? -1]
  if (name === undefined) return 'quiet'
  for (const { when, severity } of profile.events) {
    if ('becomes' in when && when.signal === signal.name && when.becomes === name) {
      return severity ?? 'info'
    }
  }
  return 'quiet'
}
