// What a board's safety kernel tripped on, as its outbox delivers it (trip_tell in
// firmware/runtime/trip.h), and the event that it becomes: check, reading, limit, step, and when it
// was, as exactly as anyone can say. Pure.
import { causeName } from '../../firmware/kernel-constants.ts'
import type { EventRuleSpec, SafetySpec } from '../../hardware-profiles/profile.ts'
import type { UnitEvent } from '../core/delivery.ts'
import type { Machine } from '../core/machine.ts'
import type { UnitState } from './unit.ts'

export interface Trip {
  /** As causeName spells it. */
  cause: number
  /** Step in which it tripped, from power-up on; absent for what ended an earlier run. */
  step: number | undefined
  /** Uptime, microseconds. */
  t: number
  /** The reading that the check looks at, in the signal's unit; absent where none is known. */
  value: number | undefined
}

const tripBytes = 32
const form = 1 | (1 << 8)

/** Undefined for bytes of another form. */
export const readTrip = (bytes: Uint8Array): Trip | undefined => {
  if (bytes.length !== tripBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const word = (i: number): number => view.getUint32(4 * i, true)
  const t = word(3) + word(4) * 2 ** 32
  if (word(0) !== form || !Number.isSafeInteger(t)) return undefined
  const power = view.getInt32(28, true)
  const raw = view.getInt32(24, true)
  const value = power < 0 ? raw / 10 ** -power : raw * 10 ** power
  return {
    ...{ cause: word(1), step: word(2) || undefined, t },
    value: word(5) === 1 && Number.isFinite(value) ? value : undefined,
  }
}

/** The limit that the check has by the profile, in words; undefined where it has none. */
const limitOf = (kind: string, signal: string, safety: SafetySpec): string | undefined => {
  const { current } = safety
  const level = safety.levels.find((one) => one.signal === signal)
  const range = current?.signal === signal ? current.range : level?.range
  const limits: Readonly<Record<string, number | string | undefined>> = {
    over_current: current?.absolute,
    overload: current?.continuous,
    leak: current?.offCurrent,
    above: level?.above,
    below: level?.below,
    jump: level?.jump,
    out_of_range: range?.join(' to '),
  }
  return limits[kind]?.toString()
}

const wordsOf = (trip: Trip, { profile }: Machine): string => {
  const { safety, signals } = profile
  if (safety === undefined) return `cause ${trip.cause}`
  const name = causeName(trip.cause, safety)
  const [kind = '', signal = ''] = name.split(': ')
  const unit = signals[signal]?.unit ?? ''
  const limit = limitOf(kind, signal, safety)
  return [
    name,
    ...(trip.value === undefined ? [] : [`it read ${trip.value} ${unit}`]),
    ...(limit === undefined ? [] : [`the limit is ${limit} ${unit}`]),
    ...(trip.step === undefined ? [] : [`step ${trip.step}`]),
  ].join(', ')
}

/** Where an item stands, and what it is about. */
export interface ItemPlace {
  machine: Machine
  state: UnitState
  boot: number
  offset: number
  receivedUs: number
}

/** When it was: by the clock of its boot where a gateway heard that, else between two others. */
export const timeOfItem = (
  { boots }: UnitState,
  { boot, t, receivedUs }: { boot: number; t: number; receivedUs: number },
): { timeUs: number; bounds: string } => {
  const known = boots.find((one) => one.boot === boot)
  if (known !== undefined) return { timeUs: Math.min(known.epochUs + t, receivedUs), bounds: '' }
  const text = (us: number): string => new Date(us / 1000).toISOString()
  const before = boots.findLast((one) => one.boot < boot)
  const after = boots.find((one) => one.boot > boot)
  const timeUs = Math.min(after?.epochUs ?? receivedUs, receivedUs)
  const from = before === undefined ? '' : `after ${text(before.epochUs)} and `
  const seconds = (t / 1e6).toFixed(1)
  const bounds = `, ${from}before ${text(timeUs)}, ${seconds} s into boot ${boot}`
  return { timeUs, bounds }
}

/** Not before this, microseconds since 1970: undefined where the time itself is known. */
export const earliestOfItem = ({ boots }: UnitState, boot: number): number | undefined =>
  boots.some((one) => one.boot === boot)
    ? undefined
    : (boots.findLast((one) => one.boot < boot)?.epochUs ?? 0)

/** Of every machine; no profile need name it. A board with a key signs it by itself. */
const rule: EventRuleSpec = {
  ...{ type: 'kernel_tripped', severity: 'fault' },
  description: 'The safety kernel has switched the machine off',
  when: { signal: 'safety', becomes: 'tripped' },
}

export const tripEvent = (trip: Trip, place: ItemPlace): UnitEvent => {
  const { machine, state, offset } = place
  const { timeUs, bounds } = timeOfItem(state, { ...place, t: trip.t })
  return {
    ...{ machine, unit: state.unit, simulated: state.simulated, rule, timeUs, offset },
    ...{ type: rule.type, severity: 'fault', cause: wordsOf(trip, machine) + bounds },
    counters: state.totals.map((total) => total ?? undefined),
  }
}
