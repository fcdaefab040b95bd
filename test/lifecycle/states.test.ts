import fc from 'fast-check'
import { expect, test } from 'vitest'
import { change, lifecycleStates } from '../../gateway/lifecycle/states.ts'

const anyState = fc.constantFrom(...lifecycleStates)

test('a unit that nobody has heard of may begin in any state', () => {
  for (const state of lifecycleStates) expect(change(null, state)).toEqual({ ok: true, state })
})

test('what was retired stays retired, and the reason names what is allowed', () => {
  expect(change('retired', 'in_use')).toEqual({
    ok: false,
    state: 'retired',
    reason: 'in_use cannot follow retired; it may become nothing',
  })
  expect(change('accepted', 'refurbished')).toMatchObject({ ok: false, state: 'accepted' })
  expect(change('in_repair', 'refurbished')).toEqual({ ok: true, state: 'refurbished' })
})

test('staying is allowed, nothing becomes "made" again, and a refusal changes nothing', () => {
  fc.assert(
    fc.property(anyState, anyState, (from, to) => {
      const outcome = change(from, to)
      expect(outcome.state).toBe(outcome.ok ? to : from)
      if (from === to) expect(outcome.ok).toBe(true)
      else if (to === 'made') expect(outcome.ok).toBe(false)
    }),
  )
})
