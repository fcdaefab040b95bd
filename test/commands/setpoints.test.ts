// What a unit does with a setpoint, by property: within limits, only while a hand holds the
// machine, only for the moment that it was meant for, and never anything else.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { type CommandAnswer, Setpoints } from '../../firmware/twin/setpoints.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'

const machines = loadProfiles()
const drill = machines.profiles.get('cordless_drill') as Profile
const spec = Object.values(drill.loops)[0] as Profile['loops'][string]
const loop = machines.loops.get(spec.kind)
if (loop === undefined) throw new Error('no loop')

/** The drill as one whose clutch is set from afar, and, wrongly, its trigger, too. */
const asked = (name: string) =>
  ({
    ...drill.signals[name],
    ...({ direction: 'setpoint' } as const),
  }) as Profile['signals'][string]
const profile: Profile = {
  ...drill,
  signals: { ...drill.signals, clutch_setting: asked('clutch_setting'), trigger: asked('trigger') },
}

const at = (name: string): number => loop.inputs.findIndex((input) => input.name === name)
const inputsWith = (trigger: number): Int32Array => {
  const inputs = new Int32Array(loop.inputs.length)
  inputs[at('trigger')] = trigger / (loop.inputs[at('trigger')]?.scale ?? 1)
  return inputs
}
const held = 50
const now = { boot: 3, uptimeUs: 1_000_000 }
const usual = {
  ...{ kind: 'setpoint', id: 'a1', boot: 3, number: 1, before_t: 2_000_000, holds_ms: 1000 },
  values: { clutch_setting: 12 },
}
const fresh = (): Setpoints => new Setpoints({ profile, loop, spec })
const send = (setpoints: Setpoints, command: object, trigger = held): CommandAnswer | undefined =>
  setpoints.take(new TextEncoder().encode(JSON.stringify(command)), inputsWith(trigger), now)

describe('a setpoint', () => {
  test('is put over the input while it holds, and then no more', () => {
    const setpoints = fresh()
    setpoints.apply(inputsWith(held), 500_000)
    expect(send(setpoints, usual)).toMatchObject({ accepted: true, boot: 3, id: 'a1' })
    const scale = loop.inputs[at('clutch_setting')]?.scale ?? 1
    for (const [us, want] of [
      [600_000, 12],
      [1_400_000, 12],
      [1_500_000, 0],
      [1_600_000, 0],
    ] as const) {
      const inputs = inputsWith(held)
      setpoints.apply(inputs, us)
      expect(inputs[at('clutch_setting')]).toBe(Math.round(want / scale))
    }
  })

  test('ends when the hand lets go, and does not come back', () => {
    const setpoints = fresh()
    send(setpoints, usual)
    for (const trigger of [0, held]) {
      const inputs = inputsWith(trigger)
      setpoints.apply(inputs, 10)
      expect(inputs[at('clutch_setting')]).toBe(0)
    }
  })

  test.each([
    ['disarmed', usual, 0],
    ['stale', { ...usual, boot: 2 }, held],
    ['stale', { ...usual, before_t: 999_999 }, held],
    ['beyond', { ...usual, values: { clutch_setting: 61 } }, held],
    ['beyond', { ...usual, holds_ms: 60_001 }, held],
    ['malformed', { ...usual, values: {} }, held],
    ['malformed', { ...usual, values: { motor_current: 1 } }, held],
    ['malformed', { ...usual, values: { clutch_setting: 'x' } }, held],
    ['malformed', { ...usual, number: undefined }, held],
    ['malformed', { ...usual, values: { trigger: 100 } }, held],
    ['unknown', { ...usual, kind: 'start' }, held],
  ])('is refused as %s', (reason, command, trigger) => {
    expect(send(fresh(), command, trigger)).toMatchObject({ accepted: false, reason })
  })

  test('is obeyed once: its number counts', () => {
    const setpoints = fresh()
    expect(send(setpoints, usual)?.accepted).toBe(true)
    expect(send(setpoints, usual)).toMatchObject({ accepted: false, reason: 'stale' })
    expect(send(setpoints, { ...usual, number: 2 })?.accepted).toBe(true)
  })
})

test('whatever comes, the trigger is a hand and every input is within its limits', () => {
  const [low = 0, high = 0] = drill.signals['clutch_setting']?.range ?? []
  const scale = loop.inputs[at('clutch_setting')]?.scale ?? 1
  const command = fc.oneof(
    fc.json().map((text) => JSON.parse(text) as object),
    fc.record({
      kind: fc.constant('setpoint'),
      id: fc.constant('x'),
      boot: fc.constantFrom(3, 4),
      number: fc.integer({ min: 1, max: 50 }),
      before_t: fc.integer({ min: 0, max: 3_000_000 }),
      holds_ms: fc.integer({ min: -1, max: 70_000 }),
      values: fc.dictionary(
        fc.constantFrom('clutch_setting', 'trigger', 'motor_current', '__proto__'),
        fc.oneof(fc.double(), fc.integer({ min: -100, max: 100 })),
      ),
    }),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(command, fc.constantFrom(0, held))), (steps) => {
      const setpoints = fresh()
      for (const [i, [given, trigger]] of steps.entries()) {
        send(setpoints, given, trigger)
        const inputs = inputsWith(trigger)
        const before = inputs.slice()
        setpoints.apply(inputs, i * 1000)
        const clutch = (inputs[at('clutch_setting')] ?? 0) * scale
        expect(clutch >= low && clutch <= high).toBe(true)
        inputs[at('clutch_setting')] = before[at('clutch_setting')] ?? 0
        expect(inputs).toEqual(before)
        if (trigger === 0) expect(clutch).toBe(0)
      }
    }),
  )
})
