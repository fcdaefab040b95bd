// The maintenance plan of a profile against a unit's life: what is due, what is overdue, how much
// is left. Pure. Work counts as done where the unit's chain includes a claim that names the task.
import type { Profile, TaskSpec } from '../../hardware-profiles/profile.ts'
import type { Due } from '../core/queries.ts'
import { figureOf } from './figures.ts'
import type { LifeState } from './life.ts'

const dayUs = 86_400_000_000
const soon = 0.1

export interface PlanQuestion {
  readonly profile: Profile
  readonly life: LifeState
  /** Totals in the order of the profile's counters. */
  readonly totals: readonly (number | null)[]
  readonly nowUs: number
}

/** Every task of the plan, the most urgent first. */
export const dueList = (question: PlanQuestion): Due[] =>
  question.profile.maintenance
    .map((task) => dueOf(task, question))
    .sort((a, b) => urgency(b) - urgency(a))

/** 0 fresh, 1 at its interval, more beyond. */
const urgency = ({ every, left, state, by }: Due): number => {
  if (by === 'condition') return state === 'due' ? 1 : 0
  return left === undefined ? 0.5 : 1 - left / every
}

const dueOf = (task: TaskSpec, { profile, life, totals, nowUs }: PlanQuestion): Due => {
  const done = life.done[task.task]
  const part = life.parts[task.part ?? '']
  // A part that came in after the work starts its intervals anew.
  const isNewer = part !== undefined && (part.sinceUs ?? -1) > (done?.timeUs ?? -1)
  const from = isNewer ? { timeUs: part.sinceUs, counters: part.counters } : done
  const common = {
    ...{ task: task.task, description: task.description, part: task.part },
    ...{ doneUs: done?.timeUs, sinceUs: undefined },
    partUs: isNewer ? (part.sinceUs ?? undefined) : undefined,
  }
  if ('counter' in task) {
    const { counter, every } = task
    const total = totals[Object.keys(profile.counters).indexOf(counter)] ?? null
    const left = total === null ? undefined : every - (total - (from?.counters[counter] ?? 0))
    const unit = profile.counters[counter]?.unit ?? '1'
    return { ...common, by: 'counter', of: counter, unit, every, left, state: stateOf(left, every) }
  }
  if ('days' in task) {
    const fromUs = from?.timeUs ?? life.bornUs
    const left = fromUs === null ? undefined : task.days - (nowUs - fromUs) / dayUs
    const state = stateOf(left, task.days)
    return { ...common, by: 'calendar', of: '', unit: 'd', every: task.days, left, state }
  }
  const every = 'above' in task ? task.above : task.below
  if ('figure' in task) {
    const value = figureOf(profile, life, task.figure)
    const holds = 'above' in task ? (value ?? 0) > every : (value ?? 1) < every
    const state = value === undefined ? 'unknown' : holds ? 'due' : 'ok'
    return { ...common, by: 'condition', of: task.figure, unit: '1', every, left: undefined, state }
  }
  const sinceUs = life.reached[task.task]
  return {
    ...common,
    ...{ by: 'condition', of: task.signal, unit: profile.signals[task.signal]?.unit ?? '1' },
    ...{ every, left: undefined, sinceUs },
    state: sinceUs === undefined ? 'ok' : 'due',
  }
}

const stateOf = (left: number | undefined, every: number): Due['state'] => {
  if (left === undefined) return 'unknown'
  if (left < 0) return 'overdue'
  return left <= soon * every ? 'due' : 'ok'
}
