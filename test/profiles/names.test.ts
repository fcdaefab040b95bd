// Names: what is spelled from a profile can be read back, and nothing else passes for it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldOf, parseTopic, topicKinds, topicOf } from '../../hardware-profiles/names.ts'
import { unitOf, units } from '../../hardware-profiles/units.ts'

describe('a topic', () => {
  test('of ours is read back', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/),
        fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/),
        fc.constantFrom(...topicKinds),
        (machine, unit, kind) => {
          expect(parseTopic(topicOf({ machine, unit, kind }))).toEqual({ machine, unit, kind })
        },
      ),
    )
  })

  test.each([
    '',
    'a',
    'tenfold/v2/drill/u1/report',
    'tenfold/v1/drill/U1/report',
    'tenfold/v1/drill/u1/reports',
    'tenfold/v1/drill/u1',
    'tenfold/v1/drill/u1/report/x',
    'tenfold/v1/drill//report',
  ])('%j is not one of ours', (topic) => {
    expect(parseTopic(topic)).toBeUndefined()
  })
})

describe('a field', () => {
  test('carries its unit', () => {
    expect(fieldOf('motor_current', 'A')).toBe('motor_current_a')
    expect(fieldOf('starts', '1')).toBe('starts')
  })

  test('has a suffix that is a legal name for every unit but the pure number', () => {
    for (const { suffix, ucum } of units.values()) {
      expect(suffix).toMatch(ucum === '1' ? /^$/ : /^[a-z0-9]+$/)
    }
    expect(() => unitOf('furlong')).toThrow(/furlong/)
  })
})
