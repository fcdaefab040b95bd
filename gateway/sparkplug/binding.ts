// Which items of a node are which signals and counters of which unit of ours, by settings; and
// items to reports of ours: those of one time share a report, and two values of one name never do.
import { OperatingError } from '../core/errors.ts'
import type { Machine } from '../core/machine.ts'
import { datatypes, type Item, meaningOf, qualityCodes } from './payload.ts'
import { parseTopic } from './topics.ts'

/** One unit as the settings give it. */
export interface BoundUnit {
  /** group/node, or group/node/unit as Sparkplug has it. */
  from: string
  unit: string
  machine: string
  /** Our signal or counter -> name of its item. */
  items: Readonly<Record<string, string | { item: string; scale?: number; offset?: number }>>
}

export interface Target {
  name: string
  kind: 'v' | 'c'
  isBoolean: boolean
  scale: number
  offset: number
}

export interface Binding {
  unit: string
  machine: string
  /** By name of the item. */
  targets: ReadonlyMap<string, Target>
}

export type Bindings = ReadonlyMap<string, Binding>

/** Throws an OperatingError where settings and profiles contradict each other. */
export const bindingsOf = (
  units: readonly BoundUnit[],
  machines: ReadonlyMap<string, Machine>,
): Bindings => {
  const bindings = new Map<string, Binding>()
  for (const bound of units) {
    const { from, unit, machine: name } = bound
    const machine = machines.get(name)
    if (machine === undefined) throw wrong(`${unit}: there is no machine "${name}"`)
    const [group, node, below, ...rest] = from.split('/')
    const topic = `spBv1.0/${group}/${below === undefined ? 'NDATA' : 'DDATA'}/${node}`
    if (
      rest.length > 0 ||
      parseTopic(below === undefined ? topic : `${topic}/${below}`) === undefined
    ) {
      throw wrong(`${unit}: "${from}" is not group/node or group/node/unit`)
    }
    if (bindings.has(from)) throw wrong(`${from} is given twice`)
    const targets = new Map<string, Target>()
    for (const [ours, where] of Object.entries(bound.items)) {
      const { item, scale = 1, offset = 0 } = typeof where === 'string' ? { item: where } : where
      if (targets.has(item)) throw wrong(`${unit}: "${item}" is given twice`)
      targets.set(item, { ...kindOf(ours, machine), scale, offset })
    }
    bindings.set(from, { unit, machine: name, targets })
  }
  return bindings
}

const kindOf = (name: string, machine: Machine): Pick<Target, 'name' | 'kind' | 'isBoolean'> => {
  const type = machine.profile.signals[name]?.type
  if (type !== undefined) return { name, kind: 'v', isBoolean: type === 'boolean' }
  if (machine.counterIndex.has(name)) return { name, kind: 'c', isBoolean: false }
  throw wrong(`"${name}" is no signal or counter of ${machine.profile.machine}`)
}

const wrong = (what: string): OperatingError =>
  new OperatingError('sparkplug_settings', {
    message: `sources.sparkplug: ${what}`,
    remedy: 'Compare the units there with the profiles in hardware-profiles/.',
  })

export interface Report {
  /** Microseconds since 1970. */
  time: number
  v?: Record<string, number | boolean | string>
  c?: Record<string, number | boolean | string>
  q?: Record<string, string>
}

/** An item with the name and the datatype that its birth gave it. */
export interface Resolved {
  item: Item
  name: string
  datatype: number | undefined
  timeMs: number
}

/** Reports in order of time; of items that are not bound, none. */
export const reportsOf = (resolved: readonly Resolved[], { targets }: Binding): Report[] => {
  const open = new Map<number, { report: Report; names: Set<string> }>()
  const done: Report[] = []
  for (const one of resolved) {
    const target = targets.get(one.name)
    if (target === undefined) continue
    const time = one.timeMs * 1000
    let entry = open.get(time)
    if (entry?.names.has(target.name) === true) {
      done.push(entry.report)
      entry = undefined
    }
    entry ??= { report: { time }, names: new Set() }
    open.set(time, entry)
    entry.names.add(target.name)
    put(entry.report, { ...one, target })
  }
  for (const { report } of open.values()) done.push(report)
  return done.sort((a, b) => a.time - b.time)
}

const put = (report: Report, { item, datatype, target }: Resolved & { target: Target }): void => {
  const meaning = item.template ? undefined : meaningOf(item.raw, datatype)
  const value = meaning === undefined || meaning === null ? undefined : scaled(meaning, target)
  const isBad =
    value === undefined ||
    item.quality === qualityCodes.bad ||
    item.quality === qualityCodes.stale ||
    (typeof value === 'number' && !Number.isFinite(value))
  if (target.kind === 'c') {
    // A counter has no quality: one that is bad is left out.
    if (!isBad) report.c = { ...report.c, [target.name]: value }
    return
  }
  if (isBad) report.q = { ...report.q, [target.name]: 'bad' }
  else report.v = { ...report.v, [target.name]: value }
}

const scaled = (value: number | boolean | string, { scale, offset, isBoolean }: Target) => {
  if (typeof value !== 'number' || (scale === 1 && offset === 0)) {
    return isBoolean && typeof value === 'number' ? value !== 0 : value
  }
  return value * scale + offset
}

/** All signals of a unit as bad: its node has died, or it has. */
export const staleReport = ({ targets }: Binding, timeMs: number): Report | undefined => {
  const names = [...targets.values()].filter(({ kind }) => kind === 'v').map(({ name }) => name)
  if (names.length === 0) return undefined
  return { time: timeMs * 1000, q: Object.fromEntries(names.map((name) => [name, 'bad'])) }
}

/** Structures that have no place in a reading. */
export const isStructure = ({ template }: Item, datatype: number | undefined): boolean =>
  template || (datatype !== undefined && datatype >= datatypes.DataSet)
