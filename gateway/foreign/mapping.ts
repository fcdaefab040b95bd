// Settings and profiles to what can be done with a message at once; a topic and a payload of others
// to reports of ours. Knows no source and no broker; what does not fit keeps its words. Pure.
import { parseTopic, unitIdPattern } from '../../hardware-profiles/names.ts'
import { OperatingError } from '../core/errors.ts'
import type { Machine } from '../core/machine.ts'
import { follow, type Pointer, parsePointer } from './pointer.ts'
import type { ForeignMapping, ForeignSettings, ForeignTopic, ForeignValue } from './settings.ts'
import { parsePattern, type TopicPattern } from './topics.ts'
import { meaningOf, type Sort, timeOf } from './values.ts'

interface Place {
  readonly name: string
  readonly sort: Sort
  /** undefined: the payload is the text. */
  readonly pointer: Pointer | undefined
  readonly how: ForeignValue
}

/** What one topic of a mapping says. */
export interface Topic {
  readonly pattern: TopicPattern
  readonly places: readonly Place[]
  readonly time: { pointer: Pointer; how: NonNullable<ForeignTopic['time']> } | undefined
  readonly availability:
    | { pointer: Pointer | undefined; online: string; offline: string }
    | undefined
}

export interface Mapping {
  readonly machine: string
  readonly login: string | undefined
  readonly topics: readonly Topic[]
  readonly ignored: readonly TopicPattern[]
  /** Signals that any of its topics carries: what is unknown while the unit is away. */
  readonly signals: readonly string[]
  /** Id of the unit that a name in a topic stands for; undefined where it is none. */
  unitOf(name: string): string | undefined
  /** Whether this mapping is about that name at all. */
  knows(name: string): boolean
}

/** A report of ours, without a unit. */
export interface Report {
  time?: number
  v?: Record<string, unknown>
  c?: Record<string, unknown>
  q?: Record<string, string>
}

/** What a message says. */
export type Said =
  | { readonly kind: 'report'; report: Report }
  | { readonly kind: 'online' }
  | { readonly kind: 'offline' }
  | { readonly kind: 'unfit'; why: string }

/** Throws an OperatingError where settings and profiles contradict each other. */
export const compile = (
  settings: ForeignSettings,
  machines: ReadonlyMap<string, Machine>,
): Mapping[] => {
  const open = new Set<string>()
  return settings.map((one) => {
    for (const topic of one.units === undefined ? Object.keys(one.topics) : []) {
      if (open.has(topic)) throw wrong(`${topic} is given twice; tell the units apart by "units"`)
      open.add(topic)
    }
    return mappingOf(one, machines)
  })
}

const mappingOf = (one: ForeignMapping, machines: ReadonlyMap<string, Machine>): Mapping => {
  const { unit = '{unit}', units, ignore = [] } = one
  const machine = machines.get(one.machine)
  if (machine === undefined) throw wrong(`there is no machine "${one.machine}"`)
  const topics = Object.entries(one.topics).map(([text, topic]) => topicOf(text, topic, machine))
  const isOne = !unit.includes('{unit}')
  const nameless = topics.find(
    ({ pattern, places }) => !isOne && !pattern.namesUnit && places.length > 0,
  )
  if (nameless !== undefined) throw wrong(`${nameless.pattern.filter} does not say which unit`)
  const idOf = (put: string): string => unit.replace('{unit}', () => put)
  const unitOf = (name: string): string | undefined => {
    const put = units === undefined ? name : own(units, name)
    const id = put === undefined || name === '' ? undefined : idOf(put)
    return id !== undefined && unitId.test(id) ? id : undefined
  }
  const ids = Object.values(units ?? {}).map(idOf)
  for (const id of isOne ? [unit] : ids) {
    if (!unitId.test(id)) throw wrong(`"${id}" is no unit id`)
  }
  if (new Set(ids).size < ids.length) throw wrong('two names under "units" are one unit')
  const places = topics.flatMap((topic) => topic.places)
  return {
    machine: one.machine,
    login: one.login,
    topics,
    ignored: ignore.map(patternOf),
    signals: [...new Set(places.filter(({ sort }) => sort !== 'counter').map(({ name }) => name))],
    unitOf: isOne ? () => unit : unitOf,
    knows: (name) => isOne || units === undefined || Object.hasOwn(units, name),
  }
}

const unitId = new RegExp(unitIdPattern)

const own = (table: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

const topicOf = (text: string, topic: ForeignTopic, machine: Machine): Topic => {
  const { values, time, availability } = topic
  if (values === undefined && availability === undefined) throw wrong(`${text} says nothing`)
  if (values !== undefined && availability !== undefined) {
    throw wrong(`${text} carries either values or availability`)
  }
  const places = Object.entries(values ?? {}).map(([name, how]) => {
    const sort = machine.profile.signals[name]?.type ?? counter(name, machine)
    return { name, sort, pointer: pointerOf(how.at), how }
  })
  return {
    pattern: patternOf(text),
    places,
    time: time && { pointer: pointerOf(time.at) ?? [], how: time },
    availability: availability && { ...availability, pointer: pointerOf(availability.at) },
  }
}

const counter = (name: string, { counterIndex, profile }: Machine): 'counter' => {
  if (counterIndex.has(name)) return 'counter'
  throw wrong(`"${name}" is no signal or counter of ${profile.machine}`)
}

const pointerOf = (text: string | undefined): Pointer | undefined => {
  const pointer = text === undefined ? undefined : parsePointer(text)
  if (text === undefined || pointer !== undefined) return pointer
  throw wrong(`"${text}" is no JSON pointer, such as /ENERGY/Power`)
}

const patternOf = (text: string): TopicPattern => {
  const pattern = parsePattern(text)
  const isOurs = parseTopic(text.replace('{unit}', 'a')) !== undefined
  if (pattern !== undefined && !isOurs) return pattern
  throw wrong(`"${text}" is no topic of others with {unit} as a level of its own`)
}

const wrong = (what: string): OperatingError =>
  new OperatingError('foreign_settings', {
    message: `foreign: ${what}`,
    remedy: 'Compare what stands under "foreign" with the profile and with gateway/foreign.',
  })

/** What a payload says on a topic. Never throws. */
export const read = (topic: Topic, payload: Uint8Array): Said => {
  const text = Buffer.from(payload).toString('utf8')
  const { places, time, availability } = topic
  const pointers = [...places, ...(time ? [time] : []), ...(availability ? [availability] : [])]
  let json: unknown
  if (pointers.some(({ pointer }) => pointer !== undefined)) {
    try {
      json = JSON.parse(text)
    } catch {
      return unfit('the payload is not JSON')
    }
  }
  const at = (pointer: Pointer | undefined): unknown =>
    pointer === undefined ? text : follow(json, pointer)
  if (availability === undefined) return report(topic, at)
  const word = at(availability.pointer)
  if (word === availability.online) return { kind: 'online' }
  if (word === availability.offline) return { kind: 'offline' }
  const { online, offline } = availability
  return unfit(`${JSON.stringify(word)?.slice(0, 60)} is neither "${online}" nor "${offline}"`)
}

const unfit = (why: string): Said => ({ kind: 'unfit', why })

const report = ({ places, time }: Topic, at: (pointer: Pointer | undefined) => unknown): Said => {
  const out = { v: {}, c: {}, q: {} } as { [K in 'v' | 'c' | 'q']: Record<string, unknown> }
  for (const { name, sort, pointer, how } of places) {
    const raw = at(pointer)
    // Many send only what has changed: what is not there is absent, not wrong.
    if (raw === undefined) continue
    const meaning = meaningOf(raw, how, sort)
    if ('unfit' in meaning) return unfit(`${name}: ${meaning.unfit}`)
    if ('value' in meaning) out[sort === 'counter' ? 'c' : 'v'][name] = meaning.value
    else if (sort !== 'counter') out.q[name] = meaning.bad
  }
  const filled = Object.entries(out).filter(([, names]) => Object.keys(names).length > 0)
  if (filled.length === 0) return unfit('none of its values is in the payload')
  const us = time && timeOf(at(time.pointer), time.how)
  if (typeof us === 'string') return unfit(us)
  return {
    kind: 'report',
    report: { ...(us !== undefined && { time: us }), ...Object.fromEntries(filled) },
  }
}
