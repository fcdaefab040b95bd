// Events by rule: each form of rule, and that the same observations always give the same events.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { compileRules, dayUs, type Observation } from '../../hardware-profiles/rules.ts'

const profileWith = (...rules: [type: string, when: unknown][]): Profile =>
  ({
    signals: {
      heat: { type: 'number' },
      fault: { type: 'enum', values: ['none', 'stall'] },
    },
    counters: { starts: {} },
    events: rules.map(([type, when]) => ({ type, when, description: type })),
  }) as unknown as Profile

const seen = (over: Partial<Observation>): Observation => ({
  timeUs: 0,
  boot: 1,
  values: [],
  counters: [],
  ...over,
})

const run = (when: unknown, list: Partial<Observation>[]): string[] => {
  const rules = compileRules(profileWith(['it_happened', when]))
  const state = {}
  return list.map((one) =>
    rules(state, seen(one))
      .map(({ cause }) => cause)
      .join(),
  )
}

describe('a rule', () => {
  test('on the first boot fires once in a life', () => {
    expect(run({ boot: 'first' }, [{ boot: 3 }, { boot: 3 }, { boot: 4 }])).toEqual([
      'boot = 3',
      '',
      '',
    ])
  })

  test('on every boot fires once a boot', () => {
    expect(run({ boot: 'every' }, [{ boot: 3 }, { boot: 3 }, { boot: 4 }])).toEqual([
      'boot = 3',
      '',
      'boot = 4',
    ])
  })

  test('on an enum fires at the change into the value, not while it stays', () => {
    const faults = [0, 1, 1, undefined, 1, 0, 1].map((fault) => ({ values: [undefined, fault] }))
    expect(run({ signal: 'fault', becomes: 'stall' }, faults)).toEqual([
      '',
      'fault = stall',
      '',
      '',
      '',
      '',
      'fault = stall',
    ])
  })

  test('above a threshold fires once until it has cleared', () => {
    const heats = [50, 61, 70, 58, 61, 55, 61].map((heat) => ({ values: [heat] }))
    expect(run({ signal: 'heat', above: 60, clears: 55 }, heats)).toEqual([
      '',
      'heat = 61',
      '',
      '',
      '',
      '',
      'heat = 61',
    ])
  })

  test('below a threshold is the mirror of it', () => {
    const heats = [5, -1, -2, 3, -1, 4, -1].map((heat) => ({ values: [heat] }))
    expect(run({ signal: 'heat', below: 0, clears: 4 }, heats)).toEqual([
      '',
      'heat = -1',
      '',
      '',
      '',
      '',
      'heat = -1',
    ])
  })

  test('on a counter fires when it passes, also by a jump, and once', () => {
    const counts = [0, 0, 7, 8].map((starts) => ({ counters: [starts] }))
    expect(run({ counter: 'starts', passes: 5 }, counts)).toEqual(['', '', 'starts = 7', ''])
  })

  test('on every so many counts fires at most once a report', () => {
    const counts = [1, 9, 10, 35, 36].map((starts) => ({ counters: [starts] }))
    expect(run({ counter: 'starts', every: 10 }, counts)).toEqual([
      '',
      '',
      'starts = 10',
      'starts = 35',
      '',
    ])
  })

  test('of a day fires once a UTC day, and only when the counter has grown', () => {
    const days: [day: number, starts: number][] = [
      [0, 1],
      [0.9, 2],
      [1.1, 3],
      [1.5, 4],
      [2.2, 3],
      [3.1, 9],
    ]
    const list = days.map(([day, starts]) => ({ timeUs: day * dayUs, counters: [starts] }))
    expect(run({ counter: 'starts', daily: true }, list)).toEqual([
      '',
      '',
      'starts = 3',
      '',
      '',
      'starts = 9',
    ])
  })

  test('never fires on an absent value', () => {
    for (const when of [
      { signal: 'heat', above: -1, clears: -2 },
      { signal: 'heat', below: 1, clears: 2 },
      { signal: 'fault', becomes: 'none' },
      { counter: 'starts', passes: 1 },
      { counter: 'starts', every: 1 },
      { counter: 'starts', daily: true },
    ]) {
      expect(run(when, [{}, {}])).toEqual(['', ''])
    }
  })
})

test('state kept as JSON between any two observations changes nothing', () => {
  const profile = profileWith(
    ['a', { signal: 'heat', above: 10, clears: 5 }],
    ['b', { signal: 'fault', becomes: 'stall' }],
    ['c', { counter: 'starts', every: 3 }],
    ['d', { counter: 'starts', daily: true }],
    ['e', { boot: 'every' }],
  )
  const observation = fc.record({
    timeUs: fc.integer({ min: 0, max: 5 * dayUs }),
    boot: fc.integer({ min: 1, max: 4 }),
    values: fc.tuple(
      fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
      fc.constantFrom(0, 1, undefined),
    ),
    counters: fc.tuple(fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined })),
  })
  fc.assert(
    fc.property(fc.array(observation, { maxLength: 40 }), (list) => {
      const whole = compileRules(profile)
      const kept = {}
      let text = '{}'
      for (const one of list) {
        const state = JSON.parse(text) as Record<string, number>
        const resumed = compileRules(profile)(state, one).map(({ rule }) => rule.type)
        text = JSON.stringify(state)
        expect(resumed).toEqual(whole(kept, one).map(({ rule }) => rule.type))
      }
    }),
  )
})
