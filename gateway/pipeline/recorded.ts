// A recording of a unit's black box that the gateway keeps, as an event: what froze it, which one
// it is, and how it is replayed. It changes nothing of the unit's state. Pure.
import { causeName } from '../../firmware/kernel-constants.ts'
import type { UnitEvent } from '../core/delivery.ts'
import type { Message } from './decode.ts'
import type { Outcome } from './pipeline.ts'
import type { UnitState } from './unit.ts'

export const recorded = (
  offset: number,
  { record, route, recorded: what }: Extract<Message, { kind: 'recording' }>,
  state: UnitState,
): Extract<Outcome, { kind: 'answer' }> => {
  const { safety } = route.machine.profile
  const { number, of, digest } = what
  const known = state.boots.find(({ boot }) => boot === what.boot)
  const cause = safety === undefined ? `cause ${what.cause}` : causeName(what.cause, safety)
  const type = 'fault_recorded'
  const description = 'A recording of its black box is kept'
  const event: UnitEvent = {
    machine: route.machine,
    unit: state.unit,
    simulated: state.simulated,
    ...{ type, severity: 'info', offset },
    timeUs: known === undefined ? record.receivedUs : known.epochUs + what.t,
    cause: `${cause}, recording ${number}, of boot ${of}, SHA-256 ${digest}`,
    counters: state.totals.map((total) => total ?? undefined),
    rule: { type, description, severity: 'info', when: { boot: 'first' } },
  }
  return { kind: 'answer', machine: route.machine, state, events: [event] }
}
