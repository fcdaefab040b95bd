// What a board compares in whole numbers comes out as the profile's rule does on the reading that a
// gateway makes of them, for every integer; and which rules are the board's at all.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { boardRules, ruleDefines, ruleKinds, scaled } from '../../firmware/board-rules.ts'
import type { EventRuleSpec, Profile } from '../../hardware-profiles/profile.ts'
import { compileRules, ruleNumber } from '../../hardware-profiles/rules.ts'
import { kitOf } from './machine-stand.ts'

const kit = await kitOf('cordless_drill')
const withEvents = (events: readonly EventRuleSpec[]): Profile => ({
  ...kit.profile,
  events: [...events],
})
const rulesOf = (events: readonly EventRuleSpec[]) =>
  boardRules(withEvents(events), kit.loop, kit.spec)
const eventOf = (when: EventRuleSpec['when']): EventRuleSpec => ({
  ...{ type: 'it_happened', description: 'It happened', when },
})

/** Signals of the drill with scales of a thousandth, a tenth, and so on. */
const numbers = ['motor_current', 'trigger', 'motor_speed', 'winding_temperature', 'overload']

describe('a threshold', () => {
  const parts = {
    signal: fc.constantFrom(...numbers),
    at: fc.double({ min: -300, max: 300, noNaN: true }),
    apart: fc.double({ min: 0, max: 50, noNaN: true }),
    isAbove: fc.boolean(),
    near: fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 0, max: 3 })), {
      maxLength: 40,
    }),
  }
  test('begins and ends at the same readings as the rule, in any order of them', () => {
    fc.assert(
      fc.property(fc.record(parts), ({ signal, at, apart, isAbove, near }) => {
        const when = isAbove
          ? { signal, above: at, clears: at - apart }
          : { signal, below: at, clears: at + apart }
        const event = eventOf(when)
        const [rule] = rulesOf([event])
        if (rule === undefined) throw new Error('no rule')
        const { on, off, low, high, power } = rule
        const index = Object.keys(kit.profile.signals).indexOf(signal)
        const detect = compileRules(withEvents([event]))
        const state = {}
        let isActive = false
        for (const [d, which] of near) {
          const raw = ([on, off, low, high][which] ?? 0) + d
          const value = scaled(raw, power)
          const [least = -Infinity, most = Infinity] = kit.profile.signals[signal]?.range ?? []
          expect(raw >= low && raw <= high).toBe(value >= least && value <= most)
          if (raw < low || raw > high) continue
          const values: (number | undefined)[] = []
          values[index] = value
          const found = detect(state, { timeUs: 0, boot: 1, values, counters: [] })
          const before = isActive
          if (isActive) isActive = isAbove ? raw > off : raw < off
          else isActive = isAbove ? raw >= on : raw <= on
          expect(found.length === 1).toBe(!before && isActive)
        }
      }),
    )
  })
})

test('of a profile it takes the rules about signals, and leaves what is not a matter of the board', () => {
  const found = boardRules(kit.profile, kit.loop, kit.spec)
  const about = kit.profile.events.filter(({ when }) => 'signal' in when)
  expect(found.map(({ type }) => type)).toEqual(about.map(({ type }) => type))
  expect(found.map(({ event }) => kit.profile.events[event])).toEqual(about)
  const elsewhere: EventRuleSpec[] = [
    eventOf({ boot: 'every' }),
    eventOf({ counter: 'starts', passes: 3 }),
    eventOf({ counter: 'run_time', daily: true }),
    { ...eventOf({ signal: 'fault', becomes: 'sensor' }), lifecycle: 'in_repair' },
    eventOf({ signal: 'motor_current', above: 1e9, clears: 0 }),
  ]
  expect(rulesOf(elsewhere)).toEqual([])
  expect(ruleDefines([])).toEqual([])
})

test('a value is the place of its word in the loop', () => {
  const [rule] = rulesOf([eventOf({ signal: 'fault', becomes: 'under_voltage' })])
  const state = kit.loop.states.findIndex(({ name }) => name === 'fault')
  const place = kit.loop.inputs.length + kit.loop.outputs.length + state
  expect(rule).toMatchObject({ kind: 'becomes', on: 4, low: 0, high: 7, place })
  const [, table] = ruleDefines(rule === undefined ? [] : [rule])
  const { becomes } = ruleKinds
  const row = [`${ruleNumber('it_happened')}u`, 0, 7, 4, 0, place, becomes, 0].join(', ')
  expect(table).toBe(`RULE_TABLE {{${row}}}`)
})
