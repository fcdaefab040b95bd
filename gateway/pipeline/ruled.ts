// What a board has found by the profile's rules, as its outbox delivers it (rule_tell in
// firmware/runtime/rules.h), and the event that it becomes. The board has decided: nothing is
// compared again. Pure.
import { scaled } from '../../firmware/board-rules.ts'
import type { EventRuleSpec } from '../../hardware-profiles/profile.ts'
import { ruleNumber } from '../../hardware-profiles/rules.ts'
import type { UnitEvent } from '../core/delivery.ts'
import { type ItemPlace, timeOfItem } from './trip.ts'

export interface Ruled {
  /** By which rule, as ruleNumber has it. */
  number: number
  /** The reading, in the signal's unit; of an enum its place in the loop. */
  value: number
  /** Uptime, microseconds. */
  t: number
  /** Events of rules that the board had no room for, since the one before this. */
  lost: number
}

const ruledBytes = 28
const form = 1 | (2 << 8)

/** Undefined for bytes of another form. */
export const readRuled = (bytes: Uint8Array): Ruled | undefined => {
  if (bytes.length !== ruledBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const word = (i: number): number => view.getUint32(4 * i, true)
  const t = word(4) + word(5) * 2 ** 32
  const power = view.getInt32(12, true)
  if (word(0) !== form || !Number.isSafeInteger(t) || Math.abs(power) > 9) return undefined
  return { number: word(1), value: scaled(view.getInt32(8, true), power), t, lost: word(6) }
}

/** Undefined where the profile has no such rule any more: the item is kept, and is no event. */
export const ruledEvent = (ruled: Ruled, place: ItemPlace): UnitEvent | undefined => {
  const { machine, state, offset } = place
  const rule = machine.profile.events.find(({ type }) => ruleNumber(type) === ruled.number)
  if (rule === undefined) return undefined
  const { timeUs, bounds } = timeOfItem(state, { ...place, t: ruled.t })
  const { type, severity = 'info' } = rule
  return {
    ...{ machine, unit: state.unit, simulated: state.simulated, rule, timeUs, offset },
    ...{ type, severity, cause: causeOf(rule, ruled) + bounds },
    counters: state.totals.map((total) => total ?? undefined),
  }
}

const causeOf = ({ when }: EventRuleSpec, { value, lost }: Ruled): string => {
  const signal = 'signal' in when ? when.signal : ''
  const reading = 'becomes' in when ? when.becomes : value
  const missing = lost === 0 ? '' : `, ${lost} more before it that the board had no room for`
  return `${signal} = ${reading}${missing}`
}
