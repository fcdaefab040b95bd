// How long an answer is waited for: shortly where nobody is there, as long as a slow server needs.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Patience } from '../../gateway/influx/patience.ts'

test('grows for a slow server, and is short again where nobody is', () => {
  const patience = new Patience(10_000)
  expect(patience.waitMs).toBe(3000)
  patience.ranOut()
  patience.ranOut()
  expect(patience.waitMs).toBe(10_000)
  // It has shown what it needs: the next write is not given up in between.
  patience.answered(4500.25)
  expect(patience.waitMs).toBe(9001)
  patience.answered(20)
  expect(patience.waitMs).toBe(3000)
  patience.ranOut()
  patience.alone()
  expect(patience.waitMs).toBe(3000)
})

test('is a whole number of milliseconds, never beyond the setting', () => {
  const act = fc.oneof(fc.constant('out'), fc.constant('alone'), fc.double({ min: 0, max: 1e5 }))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60_000 }), fc.array(act), (mostMs, acts) => {
      const patience = new Patience(mostMs)
      for (const one of acts) {
        if (one === 'out') patience.ranOut()
        else if (one === 'alone') patience.alone()
        else patience.answered(Number(one) || 0)
        expect(Number.isInteger(patience.waitMs)).toBe(true)
        expect(patience.waitMs).toBeLessThanOrEqual(mostMs)
        expect(patience.waitMs).toBeGreaterThanOrEqual(Math.min(3000, mostMs))
      }
    }),
  )
})
