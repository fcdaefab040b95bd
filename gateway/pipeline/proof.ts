// What a gateway knows of a unit's key: whether the newest challenge was answered with it, and the
// events where that changes, or where a unit states another key than its first. Pure.
import type { UnitEvent } from '../core/delivery.ts'
import type { Machine } from '../core/machine.ts'
import type { Message } from './decode.ts'
import type { Outcome } from './pipeline.ts'
import type { UnitState } from './unit.ts'

interface What {
  type: 'key_proven' | 'key_unproven' | 'key_changed'
  description: string
  timeUs: number
  cause: string
  offset: number
}

const eventOf = (state: UnitState, machine: Machine, what: What): UnitEvent => {
  const { type, description } = what
  const severity = type === 'key_proven' ? 'info' : 'warning'
  return {
    ...{ machine, unit: state.unit, simulated: state.simulated, severity, ...what },
    counters: state.totals.map((total) => total ?? undefined),
    rule: { type, description, severity, when: { boot: 'first' } },
  }
}

export const proved = (
  offset: number,
  { record, route, proof }: Extract<Message, { kind: 'proof' }>,
  state: UnitState,
): Extract<Outcome, { kind: 'answer' }> => {
  const { machine } = route
  const known = state.boots.find(({ boot }) => boot === proof.boot)
  const timeUs = known === undefined ? record.receivedUs : known.epochUs + proof.t
  // Another key's proof says nothing of the unit that was met under this one.
  const isOwn = state.key === proof.key
  const proven = proof.proven && isOwn
  const why = proven ? null : isOwn ? (proof.why ?? 'signature') : 'other_key'
  const before = state.proof
  state.proof = { proven, key: proof.key, timeUs, why }
  const isNews =
    before === undefined || before === null || before.proven !== proven || before.why !== why
  const what: What = proven
    ? {
        ...{ type: 'key_proven', description: 'It has shown that it has its key' },
        ...{ timeUs, offset, cause: proof.key },
      }
    : {
        ...{ type: 'key_unproven', description: 'It could not show that it has its key' },
        ...{ timeUs, offset, cause: `${why}: ${proof.key}` },
      }
  const events = isNews ? [eventOf(state, machine, what)] : []
  return { kind: 'answer', machine, state, events }
}

/** After a hello: an event where it states a key that is neither the first nor known as another. */
export const keyEvents = (
  state: UnitState,
  machine: Machine,
  { otherBefore, timeUs, offset }: { otherBefore: string | null; timeUs: number; offset: number },
): readonly UnitEvent[] =>
  state.otherKey === otherBefore || state.otherKey === null
    ? []
    : [
        eventOf(state, machine, {
          ...{ type: 'key_changed', timeUs, offset, cause: state.otherKey },
          description: 'It states another key than the one it was met with: the first one counts',
        }),
      ]
