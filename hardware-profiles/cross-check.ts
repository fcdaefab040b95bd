// What a schema cannot say of a machine file: that every name it uses exists, that ranges are in
// order, that a loop and a plant get just the constants they ask for, within their limits.
// It reads a file that already fits the schema, and reports every mistake, not the first.

import { checkLife } from './life-check.ts'
import { fieldOf } from './names.ts'
import type { ConstantSpec, Kinds, ProfileData } from './profile.ts'
import { checkSafety } from './safety-check.ts'
import { type Mistake, nearest } from './validate.ts'
import { checkWiring } from './wiring-check.ts'

type Report = (path: string, value: unknown, message: string) => void

/** Every inconsistency of a profile that fits the schema. */
export const crossCheck = (profile: ProfileData, kinds: Kinds): Mistake[] => {
  const mistakes: Mistake[] = []
  const report: Report = (path, value, message) => mistakes.push({ path, value, message })
  checkSignals(profile, report)
  checkFields(profile, report)
  checkLoops(profile, kinds, report)
  checkTwin(profile, kinds, report)
  checkWiring(profile, report)
  checkSafety(profile, report)
  checkEvents(profile, report)
  profile.interlocks.forEach((interlock, i) => {
    known(profile.signals, { name: interlock.signal, path: `/interlocks/${i}/signal`, report })
  })
  checkLife(profile, report)
  return mistakes
}

interface Reference {
  name: string
  path: string
  report: Report
}

const known = (table: object, { name, path, report }: Reference): boolean => {
  if (Object.hasOwn(table, name)) return true
  const names = Object.keys(table)
  const hint = nearest(name, names)
  report(path, name, `"${name}" is not known here${hint}; known: ${names.join(', ')}`)
  return false
}

const checkSignals = (profile: ProfileData, report: Report): void => {
  for (const [name, signal] of Object.entries(profile.signals)) {
    const path = `/signals/${name}`
    const { range, values, type, unit } = signal
    if (range !== undefined && range[0] >= range[1]) {
      report(
        `${path}/range`,
        range,
        `the low end ${range[0]} is not below the high end ${range[1]}`,
      )
    }
    if (signal.renewS !== undefined && signal.direction !== 'setpoint') {
      report(`${path}/renewS`, signal.renewS, 'only a setpoint is renewed')
    }
    if ((type === 'enum') !== (values !== undefined)) {
      report(`${path}/values`, values, 'an enum signal, and no other, lists its values')
    }
    if ((type === 'enum' || type === 'boolean') && unit !== '1') {
      report(`${path}/unit`, unit, `a signal of type ${type} has the unit "1"`)
    }
  }
}

/** Two names that become one column would silently overwrite each other. */
const checkFields = (profile: ProfileData, report: Report): void => {
  const seen = new Map<string, string>()
  const all = [
    ...Object.entries(profile.signals).map(([name, s]) => [`/signals/${name}`, name, s.unit]),
    ...Object.entries(profile.counters).map(([name, c]) => [`/counters/${name}`, name, c.unit]),
  ] as [path: string, name: string, unit: string][]
  for (const [path, name, unit] of all) {
    const field = fieldOf(name, unit)
    const other = seen.get(field)
    if (other !== undefined) report(path, name, `becomes the field "${field}", as ${other} does`)
    seen.set(field, path)
  }
}

const checkLoops = (profile: ProfileData, kinds: Kinds, report: Report): void => {
  for (const [name, loop] of Object.entries(profile.loops)) {
    const path = `/loops/${name}`
    if (!known(kinds.loops, { name: loop.kind, path: `${path}/kind`, report })) continue
    const kind = kinds.loops[loop.kind]
    if (kind === undefined) continue
    const targets = { ...profile.signals, ...profile.counters }
    for (const channel of kind.channels) {
      if (loop.channels[channel] === undefined) {
        report(`${path}/channels/${channel}`, undefined, 'is missing: the loop needs this channel')
      }
    }
    const channels = Object.fromEntries(kind.channels.map((channel) => [channel, true]))
    for (const [channel, target] of Object.entries(loop.channels)) {
      known(channels, { name: channel, path: `${path}/channels/${channel}`, report })
      known(targets, { name: target, path: `${path}/channels/${channel}`, report })
    }
    checkConstants(loop.constants, kind.constants, (at, value, message) =>
      report(`${path}/constants/${at}`, value, message),
    )
  }
}

const checkTwin = (profile: ProfileData, kinds: Kinds, report: Report): void => {
  const { twin } = profile
  if (twin === undefined || !known(kinds.plants, { name: twin.plant, path: '/twin/plant', report }))
    return
  const plant = kinds.plants[twin.plant]
  if (plant === undefined) return
  checkConstants(twin.constants, plant.constants, (at, value, message) =>
    report(`/twin/constants/${at}`, value, message),
  )
}

const checkConstants = (
  given: Readonly<Record<string, number>>,
  asked: Readonly<Record<string, ConstantSpec>>,
  report: Report,
): void => {
  const names = Object.keys(asked)
  for (const [name, spec] of Object.entries(asked)) {
    const value = given[name]
    const range = `at least ${spec.min} and at most ${spec.max} ${spec.unit}`
    if (value === undefined) report(name, value, `is missing (${spec.description}; ${range})`)
    else if (!(value >= spec.min && value <= spec.max)) {
      report(name, value, `${value} is outside the allowed range, ${range}`)
    }
  }
  for (const [name, value] of Object.entries(given)) {
    if (asked[name] === undefined) {
      report(name, value, `"${name}" is not a constant of this kind${nearest(name, names)}`)
    }
  }
}

const checkEvents = (profile: ProfileData, report: Report): void => {
  const types = new Set<string>()
  profile.events.forEach((rule, i) => {
    const path = `/events/${i}`
    if (types.has(rule.type)) report(`${path}/type`, rule.type, `"${rule.type}" is there twice`)
    types.add(rule.type)
    const { when } = rule
    if ('counter' in when)
      known(profile.counters, { name: when.counter, path: `${path}/when/counter`, report })
    if (!('signal' in when)) return
    if (!known(profile.signals, { name: when.signal, path: `${path}/when/signal`, report })) return
    if ('becomes' in when) {
      const values = profile.signals[when.signal]?.values ?? ['false', 'true']
      const table = Object.fromEntries(values.map((value) => [value, true]))
      known(table, { name: when.becomes, path: `${path}/when/becomes`, report })
    } else if ('above' in when ? when.clears > when.above : when.clears < when.below) {
      report(`${path}/when/clears`, when.clears, 'clears on the wrong side of its threshold')
    }
  })
}
