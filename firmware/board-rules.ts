// What of a profile's event rules a board finds by itself: those about a signal that its loop
// reports. As comparisons of the loop's whole numbers that come out exactly as the rule does on the
// reading that a gateway makes of them. Counters wait in the flash until a gateway looks at them; a
// day is a matter of clocks; a lifecycle is the gateway's. Pure.
import type { LoopSpec, Profile } from '../hardware-profiles/profile.ts'
import { ruleNumber } from '../hardware-profiles/rules.ts'
import type { LoopKind } from './loop-kind.ts'

/** As in runtime/rules.h. */
export const ruleKinds = { becomes: 0, above: 1, below: 2 } as const

export interface BoardRule {
  type: string
  /** Place among the profile's events: its bit in the hello. */
  event: number
  /** Place of the signal in a report. */
  place: number
  kind: keyof typeof ruleKinds
  /** Power of ten of the signal's integers. */
  power: number
  /** A reading outside is bad and looked at by no rule. */
  low: number
  high: number
  /** becomes: the value. above, below: the first integer that starts it, the first that ends it. */
  on: number
  off: number
}

/** Bits of the hello. */
const eventsMost = 32
/** Bytes of one event in the outbox, as rule_tell in runtime/rules.h makes it. */
export const ruleItemBytes = 28
/** As RULES_EVERY_US in runtime/rules.h: how many in an hour at the most, but for the first. */
export const ruleItemsPerHour = 120

/** A loop's integer in the signal's unit, with the decimals of its scale: 23.45, not 23.450001. */
export const scaled = (raw: number, power: number): number =>
  power < 0 ? Number((raw / 10 ** -power).toFixed(-power)) : raw * 10 ** power

export const boardRules = (profile: Profile, loop: LoopKind, spec: LoopSpec): BoardRule[] => {
  const channels = [...loop.inputs, ...loop.outputs, ...loop.states]
  return profile.events.slice(0, eventsMost).flatMap((rule, event) => {
    const { when, type, lifecycle } = rule
    if (!('signal' in when) || lifecycle !== undefined) return []
    const place = channels.findIndex(({ name }) => (spec.channels[name] ?? name) === when.signal)
    const [channel, signal] = [channels[place], profile.signals[when.signal]]
    if (channel === undefined || signal === undefined) return []
    const power = Math.round(Math.log10(channel.scale))
    const { values: words = signal.values ?? ['false', 'true'] } = channel
    const found = { type, event, place, power }
    if ('becomes' in when) {
      if (signal.type !== 'enum' && signal.type !== 'boolean') return []
      const on = words.indexOf(when.becomes)
      if (on < 0) return []
      return [{ ...found, kind: 'becomes', low: 0, high: words.length - 1, on, off: 0 } as const]
    }
    const [low = -Infinity, high = Infinity] = signal.range ?? []
    const least = (holds: (value: number) => boolean, near: number): number =>
      leastInteger((raw) => holds(scaled(raw, power)), Math.round(near / 10 ** power))
    const ends = {
      low: least((value) => value >= low, low),
      high: least((value) => value > high, high) - 1,
    }
    if ('above' in when) {
      const on = least((value) => value > when.above, when.above)
      const off = least((value) => value > when.clears, when.clears) - 1
      return fits({ ...found, ...ends, kind: 'above', on, off })
    }
    const on = least((value) => value >= when.below, when.below) - 1
    const off = least((value) => value >= when.clears, when.clears)
    return fits({ ...found, ...ends, kind: 'below', on, off })
  })
}

const [int32Least, int32Most] = [-(2 ** 31), 2 ** 31 - 1]

/** The least integer for which it holds; it holds for all above, and the edge is near. */
const leastInteger = (holds: (raw: number) => boolean, near: number): number => {
  if (near <= int32Least) return int32Least
  if (near > int32Most) return int32Most + 1
  let raw = near
  while (holds(raw - 1)) raw -= 1
  while (!holds(raw)) raw += 1
  return raw
}

/** Ends beyond 32 bits are those of 32 bits; a threshold there is never reached: no rule. */
const fits = (rule: BoardRule): BoardRule[] => {
  const { low, high, on, off } = rule
  if (on < int32Least || on > int32Most || off < int32Least || off > int32Most) return []
  return [{ ...rule, low: Math.max(low, int32Least), high: Math.min(high, int32Most) }]
}

/** For config.h; none where the board finds none. */
export const ruleDefines = (rules: readonly BoardRule[]): string[] => {
  if (rules.length === 0) return []
  const rows = rules.map(({ type, low, high, on, off, place, kind, power }) => {
    const ends = [low, high, on, off].map(int32).join(', ')
    return `{${ruleNumber(type)}u, ${ends}, ${place}, ${ruleKinds[kind]}, ${power}}`
  })
  const bits = rules.reduce((sum, { event }) => sum + 2 ** event, 0)
  return [`RULES ${rules.length}`, `RULE_TABLE {${rows.join(', ')}}`, `RULE_BITS ${bits}u`]
}

/** C has no literal for the least one. */
const int32 = (value: number): string => (value === int32Least ? `(-${int32Most} - 1)` : `${value}`)
