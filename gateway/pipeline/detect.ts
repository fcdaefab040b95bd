// Third verb of the pipeline: events from what a report adds to a unit, by the rules of its
// profile, and the lifecycle change that an event brings. Pure; it changes only the unit's state
// that it is given.
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

export const createDetect = (machine: Machine): Detect => {
  const rules = compileRules(machine.profile)
  return (state, { offset, timeUs, boot, values }) => {
    // Totals, not the report's own counters: a rule speaks of the unit's life, not the
    // controller's.
    const counters = state.totals.map((total) => total ?? undefined)
    const found = rules(state.rules, { timeUs, boot, values, counters })
    if (found.length === 0) return none
    return found.map(({ rule, cause }) => {
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
    })
  }
}

/** Makes the change, or says why not; what happened has happened, whatever the state. */
const enter = (state: UnitState, to: LifecycleState): NonNullable<UnitEvent['transition']> => {
  const from = state.lifecycle
  const outcome = change(from, to)
  state.lifecycle = outcome.state
  return outcome.ok ? { from, to } : { from, to, refused: outcome.reason }
}
