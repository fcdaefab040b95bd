// Decode, check, fold and detect, joined: one log record in, its outcome out. It owns the states of
// the units that it has met, as a cache over whatever keeps them; it writes nothing and knows no
// sink.

import { parseTopic } from '../../hardware-profiles/names.ts'
import type { Reading, UnitEvent } from '../core/delivery.ts'
import type { QuarantineReason } from '../core/errors.ts'
import type { Machine } from '../core/machine.ts'
import { quality } from '../core/quality.ts'
import type { LogRecord, Properties } from '../core/record.ts'
import { createLifeFold, type LifeFold } from '../lifecycle/fold.ts'
import type { ClosedSpan } from '../lifecycle/uptime.ts'
import { answered } from './answer.ts'
import { type Check, createCheck } from './check.ts'
import {
  createDecode,
  type Decode,
  type Fault,
  type Item,
  isFault,
  type Message,
} from './decode.ts'
import { createDetect, type Detect } from './detect.ts'
import { foldHello, foldReport, type Place } from './fold.ts'
import { keyEvents, proved } from './proof.ts'
import { recorded } from './recorded.ts'
import { type Origin, originOf } from './requeue.ts'
import { readRuled, ruledEvent } from './ruled.ts'
import type { Seen } from './sequence.ts'
import { identityOf, itemIdentity } from './stream-place.ts'
import { earliestOfItem, type ItemPlace, readTrip, tripEvent } from './trip.ts'
import { fitToMachine, newUnit, type UnitState } from './unit.ts'
import { foldUsage } from './usage.ts'

/** How one record ended in the pipeline. A sink's own verdict may still follow. */
export type Outcome =
  | {
      readonly kind: 'reading'
      readonly state: UnitState
      readonly reading: Reading
      readonly events: readonly UnitEvent[]
      /** Stretches of one state of uptime that it has closed. */
      readonly spans: readonly ClosedSpan[]
      /** The state cannot tell whether it is a duplicate; the store looks its row up. */
      readonly unsure: boolean
      /** A newer one of its unit was known before: it is not the present. */
      readonly past: boolean
    }
  | { readonly kind: 'hello'; machine: Machine; state: UnitState; events: readonly UnitEvent[] }
  | { readonly kind: 'answer'; machine: Machine; state: UnitState; events: readonly UnitEvent[] }
  | { readonly kind: 'signed'; state: UnitState; signed: 'entry' | 'claim'; record: LogRecord }
  | {
      readonly kind: 'item'
      readonly machine: Machine
      readonly state: UnitState
      readonly item: Item
      readonly record: LogRecord
      /** They happened only where the item is a new one. */
      readonly events: readonly UnitEvent[]
    }
  | { readonly kind: 'duplicate'; state: UnitState }
  | {
      readonly kind: 'quarantine'
      /** The unit of the topic, where it is one of ours. */
      readonly unit: string | undefined
      readonly record: LogRecord
      readonly reason: QuarantineReason
      readonly detail: string
    }
  /** No record of a form that this version knows. */
  | { readonly kind: 'foreign' }

export interface PipelineParts {
  /** Name of the sink that it works for: what that one refused it may be given again. */
  readonly sink?: string
  readonly machines: ReadonlyMap<string, Machine>
  /** `closed`: a unit that is not known yet is not taken in by its hello. */
  readonly enrol: 'hello' | 'closed'
  /** Whether uptime and wear are folded too: one sink keeps them, the others need not. */
  readonly lives?: boolean
  /** State of a unit as it was kept, or undefined; called once until `forget`. */
  load(unit: string): UnitState | undefined
}

interface Verbs {
  readonly check: Check
  readonly detect: Detect
  readonly life: LifeFold | undefined
}

const noSpans: readonly ClosedSpan[] = []

/** Most unit states held in memory; the others are read again when their unit speaks. */
const unitsMax = 4096

export class Pipeline {
  readonly #parts: PipelineParts
  readonly #decode: Decode
  readonly #checks = new Map<Machine, Verbs>()
  readonly #units = new Map<string, UnitState | undefined>()
  readonly #touched = new Set<UnitState>()

  constructor(parts: PipelineParts) {
    this.#parts = parts
    this.#decode = createDecode(parts.machines)
    for (const machine of parts.machines.values()) {
      const life = parts.lives === true ? createLifeFold(machine.profile) : undefined
      const verbs = { check: createCheck(machine), detect: createDetect(machine), life }
      this.#checks.set(machine, verbs)
    }
  }

  process(offset: number, body: Uint8Array): Outcome {
    const message = this.#decode(body)
    if (message.kind === 'foreign') return message
    if (message.kind === 'fault') return this.#quarantine(message, message.fault)
    const state = this.unit(message.route.unit)
    if (message.kind === 'hello') return this.#hello(offset, message, state)
    const refused = refuse(message, state)
    if (state === undefined || refused !== undefined) {
      return this.#quarantine(message, refused ?? unknownUnit(message))
    }
    const other = mismatch(state.mismatch ?? undefined, message.route.machine)
    if (other !== undefined && message.kind !== 'signed') return this.#quarantine(message, other)
    if (message.kind === 'report') return this.#report(offset, message, state)
    if (message.kind === 'answer') return answered(offset, message, state)
    if (message.kind === 'recording') return recorded(offset, message, state)
    if (message.kind === 'proof') {
      this.#touched.add(state)
      return proved(offset, message, state)
    }
    const { record, route } = message
    if (message.kind === 'item') return this.#item(offset, message, state)
    return { kind: 'signed', state, signed: route.kind === 'claim' ? 'claim' : 'entry', record }
  }

  /** The state of a unit, from memory or from where it is kept. */
  unit(unit: string): UnitState | undefined {
    const known = this.#units.get(unit)
    if (known !== undefined || this.#units.has(unit)) return known
    const kept = this.#parts.load(unit)
    const machine = kept && this.#parts.machines.get(kept.machine)
    // A unit whose profile was taken away keeps its state untouched.
    const state = kept && machine ? fitToMachine(kept, machine) : kept
    this.#units.set(unit, state)
    return state
  }

  /** States changed since the last `commit` or `rollBack`. */
  touched(): ReadonlySet<UnitState> {
    return this.#touched
  }

  touch(state: UnitState): void {
    this.#touched.add(state)
  }

  /** What is kept of the unit has changed: it is read again. */
  forget(unit: string): void {
    const known = this.#units.get(unit)
    if (known !== undefined) this.#touched.delete(known)
    this.#units.delete(unit)
  }

  /** The touched states are kept now. */
  commit(): void {
    this.#touched.clear()
    if (this.#units.size > unitsMax) this.#units.clear()
  }

  /** They could not be kept: memory forgets them, and what is kept is read again. */
  rollBack(): void {
    this.#touched.clear()
    this.#units.clear()
  }

  #hello(
    offset: number,
    message: Extract<Message, { kind: 'hello' }>,
    known: UnitState | undefined,
  ): Outcome {
    const { record, hello } = message
    const { machine, unit } = message.route
    const refused = (known && refuse(message, known)) ?? mismatch(hello.profile, machine)
    if (refused !== undefined) {
      // What it reports from now on means something else than here.
      if (known !== undefined && refused.reason === 'profile_mismatch') {
        known.mismatch = hello.profile ?? null
      }
      return this.#quarantine(message, refused)
    }
    if (known === undefined && this.#parts.enrol === 'closed') {
      return this.#quarantine(message, unknownUnit(message))
    }
    const state = known ?? newUnit(unit, machine)
    if (known === undefined) this.#units.set(unit, state)
    this.#touched.add(state)
    state.mismatch = null
    const otherBefore = state.otherKey
    const timeUs = foldHello(state, hello, record)
    const isNewest = state.boots.at(-1)?.boot === hello.boot
    const moment = { offset, timeUs, boot: hello.boot, values: [] }
    const found = isNewest ? this.#verbs(machine).detect(state, moment) : []
    const keys = keyEvents(state, machine, { otherBefore, timeUs, offset })
    return { kind: 'hello', machine, state, events: named([...found, ...keys], record) }
  }

  #report(
    offset: number,
    message: Extract<Message, { kind: 'report' }>,
    state: UnitState,
  ): Outcome {
    const { record, report, route } = message
    const { check, detect, life } = this.#verbs(route.machine)
    const checked = check(report)
    if (isFault(checked)) return this.#quarantine(message, checked)
    const origin = originOf(record)
    const place: Place = { offset, origin, machine: route.machine, record }
    const folded = foldReport(state, { report, checked }, place)
    if (isFault(folded)) return this.#quarantine(message, folded)
    this.#touched.add(state)
    const { reading } = folded
    const seen = origin === undefined ? folded.seen : this.#seenAgain(folded.seen, origin)
    if (seen === 'duplicate') {
      state.duplicates++
      return { kind: 'duplicate', state }
    }
    if (seen !== 'unsure') state.readings++
    // Rules see a unit in the order of its own time; a late report would make them flap.
    const boot = report.boot ?? state.boots.at(-1)?.boot ?? 0
    const moment = { offset, timeUs: reading.timeUs, boot, values: usable(reading, folded.usable) }
    const events = seen === 'fresh' ? named(detect(state, moment), record) : []
    const spans = seen === 'fresh' && life !== undefined ? life.reading(state, moment) : noSpans
    for (const { rule, timeUs } of events) {
      if (rule.failure !== undefined) life?.failed(state, rule.failure, { timeUs })
    }
    const how = { unsure: seen === 'unsure', past: seen !== 'fresh' }
    return { kind: 'reading', state, reading, events, spans, ...how }
  }

  /** Of what the sink itself had aside, it looks up whether it has the reading. */
  #seenAgain(seen: Seen, { sinks }: Origin): Seen {
    const { sink } = this.#parts
    return seen === 'duplicate' && sink !== undefined && sinks.includes(sink) ? 'unsure' : seen
  }

  /** Whether an item came before, the store knows; a count that came before changes nothing. */
  #item(offset: number, message: Extract<Message, { kind: 'item' }>, state: UnitState): Outcome {
    const { record, item } = message
    const { machine } = message.route
    const refused =
      item.kind === 'usage' ? foldUsage(state.life, item, machine.profile.wear) : undefined
    if (refused !== undefined) return this.#quarantine(message, refused)
    this.#touched.add(state)
    const place = { machine, state, boot: item.boot, offset, receivedUs: record.receivedUs }
    const event = item.kind === 'event' ? eventOfItem(item, place) : undefined
    // Said twice it changes nothing more: only the first failure of a part counts.
    if (event?.rule.failure !== undefined) {
      const sinceUs = earliestOfItem(state, item.boot) ?? event.timeUs
      const at = { timeUs: event.timeUs, sinceUs }
      this.#verbs(machine).life?.failed(state, event.rule.failure, at)
    }
    const events = event === undefined ? [] : [{ ...event, identity: itemIdentity(item.number) }]
    return { kind: 'item', machine, state, item, record, events }
  }

  #verbs(machine: Machine): Verbs {
    return this.#checks.get(machine) as Verbs
  }

  #quarantine(message: Exclude<Message, { kind: 'foreign' }>, { reason, detail }: Fault): Outcome {
    const { record } = message
    // A unit of a machine that nobody knows is a unit: whoever asks for it must find this.
    const unit = message.route?.unit ?? parseTopic(record.topic)?.unit
    const state = unit === undefined ? undefined : this.unit(unit)
    if (state !== undefined) {
      state.quarantined++
      this.#touched.add(state)
    }
    return { kind: 'quarantine', unit, record, reason, detail: detail + beside(record.properties) }
  }
}

/** Undefined for what is of a form that this version does not know: it is kept, and no event. */
const eventOfItem = ({ data }: Item, place: ItemPlace): UnitEvent | undefined => {
  const bytes = Buffer.from(data, 'base64')
  const trip = readTrip(bytes)
  if (trip !== undefined) return tripEvent(trip, place)
  const ruled = readRuled(bytes)
  return ruled && ruledEvent(ruled, place)
}

/** With the identity that an event has for every gateway, where its record has one. */
const named = (events: readonly UnitEvent[], record: LogRecord): readonly UnitEvent[] => {
  const identity = events.length === 0 ? undefined : identityOf(record)
  return identity === undefined ? events : events.map((event) => ({ ...event, identity }))
}

/** A bad value must cause no event: the rules see it as absent. */
const usable = (
  { values, quality: said }: Reading,
  codes: Uint8Array = said,
): readonly (number | undefined)[] => {
  for (let i = 0; i < codes.length; i++) {
    if ((codes[i] as number) > quality.absent) {
      return values.map((value, j) => ((codes[j] as number) > quality.absent ? undefined : value))
    }
  }
  return values
}

const unknownUnit = ({ route }: Exclude<Message, { kind: 'foreign' | 'fault' }>): Fault => ({
  reason: 'unit_unknown',
  detail: `unit ${route.unit}`,
})

/** A unit that was built for another profile: its names and values cannot be trusted to be ours. */
const mismatch = (stated: string | undefined, { digest }: Machine): Fault | undefined => {
  if (stated === undefined || stated === digest) return undefined
  const [theirs, ours] = [stated.slice(0, 12), digest.slice(0, 12)]
  return { reason: 'profile_mismatch', detail: `built for ${theirs}…, here it is ${ours}…` }
}

const refuse = (
  { route }: Exclude<Message, { kind: 'foreign' | 'fault' }>,
  state: UnitState | undefined,
): Fault | undefined => {
  const name = route.machine.profile.machine
  if (state === undefined || state.machine === name) return undefined
  return {
    reason: 'machine_changed',
    detail: `unit ${state.unit} is a ${state.machine}, not a ${name}`,
  }
}

/** What came beside the payload, for whoever looks for the publisher of what was put aside. */
const beside = (properties: Properties | undefined): string => {
  if (properties === undefined) return ''
  const told = Object.entries(properties).map(([name, text]) => `${name}=${text}`)
  return `; user properties ${told.join(', ').slice(0, 300)}`
}
