// What Home Assistant is told of a unit of ours: one discovery message for each signal and counter,
// in the short names of its MQTT discovery (home-assistant.io/integrations/mqtt). Says a class of
// quantity only where our unit of measure can mean nothing else. Pure.
import { discoveryTopicOf, topicOf } from '../../hardware-profiles/names.ts'
import type { Profile, SignalSpec } from '../../hardware-profiles/profile.ts'
import { unitOf } from '../../hardware-profiles/units.ts'

export interface Entity {
  readonly topic: string
  readonly config: Readonly<Record<string, unknown>>
}

/** UCUM to class; each has that unit in its list there. Percent and turns can mean anything. */
const classes: Readonly<Record<string, string>> = {
  ...{ A: 'current', V: 'voltage', W: 'power', Cel: 'temperature', Hz: 'frequency' },
  ...{ bar: 'pressure', kg: 'weight', mm: 'distance', s: 'duration', ms: 'duration' },
  h: 'duration',
}
/** The same of what only grows: a current that grows for ever is none. */
const growing: Readonly<Record<string, string>> = {
  ...{ J: 'energy', s: 'duration', ms: 'duration', h: 'duration' },
}

/** A unit that is silent for ten reports is not available, but not before a minute. */
const expiryS = ({ reportHz }: Profile): number => Math.max(60, Math.ceil(10 / reportHz))

export const entitiesOf = (
  profile: Profile,
  { unit, simulated }: { unit: string; simulated: boolean },
): Entity[] => {
  const common = (name: string, description: string) => ({
    ...{ name: description, uniq_id: `tenfold-${unit}-${name}` },
    stat_t: topicOf({ machine: profile.machine, unit, kind: 'report' }),
    exp_aft: expiryS(profile),
    dev: {
      ids: [`tenfold-${unit}`],
      name: unit,
      mdl: simulated ? `${profile.title} (simulated)` : profile.title,
    },
    o: { name: 'Tenfold' },
  })
  const signals = Object.entries(profile.signals).map(([name, signal]): Entity => {
    const kind = signal.type === 'boolean' ? 'binary_sensor' : 'sensor'
    const config = { ...common(name, signal.description), ...signalConfig(name, signal) }
    return { topic: discoveryTopicOf(kind, { unit, name }), config }
  })
  const counters = Object.entries(profile.counters).map(([name, counter]): Entity => {
    const config = {
      ...common(name, counter.description),
      ...quantity(counter.unit, growing),
      stat_cla: 'total_increasing',
      val_tpl: `{{ ${inReport('c', name)} }}`,
    }
    return { topic: discoveryTopicOf('sensor', { unit, name }), config }
  })
  return [...signals, ...counters]
}

/** A report may leave a signal out: nothing is what Home Assistant leaves alone. */
const inReport = (part: 'v' | 'c', name: string): string =>
  `(value_json.${part} | default({})).${name} | default('')`

const signalConfig = (name: string, { type, unit, values }: SignalSpec): object => {
  const value = `{% set x = ${inReport('v', name)} %}`
  if (type === 'boolean') {
    return { val_tpl: `${value}{{ '' if x == '' else 'ON' if x else 'OFF' }}` }
  }
  if (type === 'enum') {
    const names = JSON.stringify(values ?? [])
    // A report carries the name or its index.
    const template = `${value}{{ ${names}[x] if x is number else x }}`
    return { dev_cla: 'enum', ops: values ?? [], val_tpl: template }
  }
  return {
    ...quantity(unit, classes),
    stat_cla: 'measurement',
    val_tpl: `{{ ${inReport('v', name)} }}`,
  }
}

const quantity = (ucum: string, table: Readonly<Record<string, string>>): object => {
  const { label } = unitOf(ucum)
  const found = table[ucum]
  return { ...(label !== '' && { unit_of_meas: label }), ...(found && { dev_cla: found }) }
}
