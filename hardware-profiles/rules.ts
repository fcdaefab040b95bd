// Events by rule: a machine file says what is worth an event, this turns observations into events.
// Pure: the same rules run on a board's twin and in the gateway, and give the same events for the
// same observations in the same order. It must not read a clock.
import type { EventRuleSpec, Profile } from './profile.ts'

/** What a rule looks at: one report of a unit. Absent values are undefined, never 0. */
export interface Observation {
  /** Wall clock of the observation, microseconds since 1970. */
  timeUs: number
  boot: number
  /** In the order of the profile's signals; an enum by its index, a boolean as 0 or 1. */
  values: readonly (number | undefined)[]
  /** In the order of the profile's counters, absolute. */
  counters: readonly (number | undefined)[]
}

/** What happened, in the past tense. */
export interface Detection {
  rule: EventRuleSpec
  timeUs: number
  /** The reading that caused it, such as "pack_temperature = 62". */
  cause: string
}

/**
 * Memory of the rules, one number each by event type: what a rule last saw, or whether it is
 * active. Plain data, so that it can be kept with a cursor.
 */
export type RuleState = Record<string, number>

export const dayUs = 86_400_000_000

/** A rule's number on a board: FNV-1a of its type, 32 bits. */
export const ruleNumber = (type: string): number => {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(type)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

type Step = (state: RuleState, seen: Observation) => string | undefined

/** Compiles a profile's rules once; the result folds observations in order. */
export const compileRules = (
  profile: Profile,
): ((state: RuleState, seen: Observation) => Detection[]) => {
  const steps = profile.events.map((rule) => ({ rule, step: compile(profile, rule) }))
  return (state, seen) => {
    let found: Detection[] = none
    for (const { rule, step } of steps) {
      const cause = step(state, seen)
      if (cause === undefined) continue
      if (found === none) found = []
      found.push({ rule, timeUs: seen.timeUs, cause })
    }
    return found
  }
}

const none: Detection[] = []

const compile = (profile: Profile, { type, when }: EventRuleSpec): Step => {
  if ('boot' in when) return onBoot(type, when.boot)
  if ('counter' in when) return onCounter(profile, type, when)
  const index = Object.keys(profile.signals).indexOf(when.signal)
  if ('becomes' in when) {
    const values = profile.signals[when.signal]?.values ?? ['false', 'true']
    return onChange(type, { ...when, index, wanted: values.indexOf(when.becomes) })
  }
  const sign = 'above' in when ? 1 : -1
  const threshold = 'above' in when ? when.above : when.below
  return (state, seen) => {
    const value = seen.values[index]
    if (value === undefined) return undefined
    const active = state[type] === 1
    if (!active && sign * value > sign * threshold) {
      state[type] = 1
      return `${when.signal} = ${value}`
    }
    if (active && sign * value <= sign * when.clears) state[type] = 0
    return undefined
  }
}

const onBoot =
  (type: string, which: 'first' | 'every'): Step =>
  (state, { boot }) => {
    const last = state[type]
    if (last === boot || (which === 'first' && last !== undefined)) return undefined
    state[type] = boot
    return `boot = ${boot}`
  }

const onChange =
  (type: string, to: { signal: string; becomes: string; index: number; wanted: number }): Step =>
  (state, { values }) => {
    const value = values[to.index]
    if (value === undefined || value === state[type]) return undefined
    state[type] = value
    return value === to.wanted ? `${to.signal} = ${to.becomes}` : undefined
  }

type CounterWhen = Extract<EventRuleSpec['when'], { counter: string }>

const onCounter = (profile: Profile, type: string, when: CounterWhen): Step => {
  const index = Object.keys(profile.counters).indexOf(when.counter)
  const cause = (value: number): string => `${when.counter} = ${value}`
  if ('passes' in when) {
    return (state, { counters }) => {
      const value = counters[index]
      if (value === undefined || value < when.passes || state[type] === 1) return undefined
      state[type] = 1
      return cause(value)
    }
  }
  if ('every' in when) {
    return (state, { counters }) => {
      const value = counters[index]
      if (value === undefined) return undefined
      const reached = Math.floor(value / when.every)
      if (reached <= (state[type] ?? 0)) return undefined
      state[type] = reached
      return cause(value)
    }
  }
  return daily({ type, index, cause })
}

/** At most once a UTC day, and only on a day on which the counter has grown. */
const daily = (rule: { type: string; index: number; cause: (value: number) => string }): Step => {
  const { type, index, cause } = rule
  const lastValue = `${type}/value`
  return (state, { counters, timeUs }) => {
    const value = counters[index]
    if (value === undefined) return undefined
    const day = Math.floor(timeUs / dayUs)
    const before = state[type]
    if (before === undefined) {
      state[type] = day
      state[lastValue] = value
      return undefined
    }
    if (day <= before || value <= (state[lastValue] ?? 0)) return undefined
    state[type] = day
    state[lastValue] = value
    return cause(value)
  }
}
