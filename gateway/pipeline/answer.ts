// What a unit says of a command that it was given, as an event: accepted or refused, why, and which
// setpoints. It changes nothing of the unit's state. Pure.
import type { UnitEvent } from '../core/delivery.ts'
import type { Message } from './decode.ts'
import type { Outcome } from './pipeline.ts'
import type { UnitState } from './unit.ts'

export const answered = (
  offset: number,
  { record, route, answer }: Extract<Message, { kind: 'answer' }>,
  state: UnitState,
): Extract<Outcome, { kind: 'answer' }> => {
  const { accepted, kind, reason, values } = answer
  const known = state.boots.find(({ boot }) => boot === answer.boot)
  const type = accepted ? 'command_accepted' : 'command_refused'
  const description = accepted ? 'It obeyed a command' : 'It refused a command'
  const named = Object.entries(values ?? {}).map(([name, value]) => `${name} = ${String(value)}`)
  const what = named.length === 0 ? kind : `${kind} ${named.join(', ')}`
  const severity = accepted ? 'info' : 'warning'
  const event: UnitEvent = {
    machine: route.machine,
    unit: state.unit,
    simulated: state.simulated,
    type,
    severity,
    timeUs: known === undefined ? record.receivedUs : known.epochUs + answer.t,
    cause: `${what.slice(0, 150)}${reason === undefined ? '' : `: ${reason}`}`,
    offset,
    counters: state.totals.map((total) => total ?? undefined),
    rule: { type, description, severity, when: { boot: 'first' } },
  }
  return { kind: 'answer', machine: route.machine, state, events: [event] }
}
