// Third verb of the pipeline: events from what a report adds to a unit, by the rules of its
// profile, and the lifecycle change that an event brings. Pure; it changes only the unit's state
// that it is given.
import type { EventRuleSpec, Profile } from '../../hardware-profiles/profile.ts'
import { compileRules } from '../../hardware-profiles/rules.ts'
import type { UnitEvent } from '../core/delivery.ts'
import type { Machine } from '../core/machine.ts'
import { change, type LifecycleState } from '../lifecycle/states.ts'
import type { UnitState } from './unit.ts'

/** One moment of a unit, in the order of its own time. */
export interface Moment {
  readonly offset: number
  readonly timeUs: number
  readonly boot: number
  readonly values: readonly (number | undefined)[]
}

export type Detect = (state: UnitState, moment: Moment) => readonly UnitEvent[]

const none: readonly UnitEvent[] = []

/** Which states use is believed against: what is in repair may be tried out, retired stays so. */
const usable: ReadonlySet<LifecycleState | null> = new Set([
  'accepted',
  'stored',
  'refurbished',
  'transferred',
])

/** What the machine file's rules cannot know: that a unit which was put aside works again. */
const usedAgain = ({ uptime, signals }: Profile) => {
  if (uptime === undefined) return undefined
  const { signal, inUse } = uptime
  const index = Object.keys(signals).indexOf(signal)
  const words = signals[signal]?.values ?? ['false', 'true']
  const wanted = words.map((word) => inUse.includes(word))
  const rule: EventRuleSpec = {
    ...{ type: 'used_again', description: 'It works again', attest: true, lifecycle: 'in_use' },
    when: { signal, becomes: inUse[0] ?? '' },
  }
  return {
    ...{ rule, cause: `${signal} says so` },
    works: (values: Moment['values']): boolean => wanted[values[index] ?? -1] === true,
  }
}

export const createDetect = (machine: Machine): Detect => {
  const rules = compileRules(machine.profile)
  const again = usedAgain(machine.profile)
  return (state, moment) => {
    // Totals, not the report's own counters: a rule speaks of the unit's life, not the
    // controller's.
    const counters = state.totals.map((total) => total ?? undefined)
    const { timeUs, boot, values } = moment
    // What the board finds by itself comes as an item; the rules' memory is kept all the same, for
    // the day on which it does so no more.
    const found = rules(state.rules, { timeUs, boot, values, counters }).filter(
      ({ rule }) => state.finds?.includes(rule.type) !== true,
    )
    const isAgain = usable.has(state.lifecycle) && again?.works(values) === true
    if (found.length === 0 && !isAgain) return none
    const events = found.map((word) => eventOf({ machine, state, moment, counters }, word))
    if (isAgain && usable.has(state.lifecycle)) {
      events.push(eventOf({ machine, state, moment, counters }, again))
    }
    return events
  }
}

interface Found {
  readonly machine: Machine
  readonly state: UnitState
  readonly moment: Moment
  readonly counters: readonly (number | undefined)[]
}

const eventOf = (
  { machine, state, moment: { timeUs, offset }, counters }: Found,
  { rule, cause }: { rule: EventRuleSpec; cause: string },
): UnitEvent => {
  const transition = rule.lifecycle && enter(state, rule.lifecycle)
  const refused = transition?.refused
  return {
    machine,
    unit: state.unit,
    simulated: state.simulated,
    type: rule.type,
    severity: rule.severity ?? 'info',
    timeUs,
    cause: refused === undefined ? cause : `${cause} (refused: ${refused})`,
    offset,
    counters,
    rule,
    ...(transition && { transition }),
  }
}

/** Makes the change, or says why not; what happened has happened, whatever the state. */
const enter = (state: UnitState, to: LifecycleState): NonNullable<UnitEvent['transition']> => {
  const from = state.lifecycle
  const outcome = change(from, to)
  state.lifecycle = outcome.state
  return outcome.ok ? { from, to } : { from, to, refused: outcome.reason }
}
