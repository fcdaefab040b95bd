// Comparisons in the terms of the acceptance figures: relative error, and a named refusal.
import { expect } from 'vitest'
import { Refusal, type RefusalCode } from '../../gateway/durability/refusal.ts'

/** |actual - expected| <= tolerance |expected|. */
export const expectRelative = (actual: number, expected: number, tolerance: number): void => {
  const error = Math.abs(actual - expected) / Math.abs(expected)
  expect(error, `${actual} against ${expected}: relative error ${error}`).toBeLessThanOrEqual(
    tolerance,
  )
}

/** |actual - expected| <= tolerance. */
export const expectAbsolute = (actual: number, expected: number, tolerance: number): void => {
  const error = Math.abs(actual - expected)
  expect(error, `${actual} against ${expected}`).toBeLessThanOrEqual(tolerance)
}

/** The call is refused with this code and says what to do. */
export const expectRefusal = (call: () => unknown, code: RefusalCode): Refusal => {
  let caught: unknown
  try {
    call()
  } catch (error) {
    caught = error
  }
  expect(caught).toBeInstanceOf(Refusal)
  const refusal = caught as Refusal
  expect(refusal.code).toBe(code)
  expect(refusal.remedy.length).toBeGreaterThan(10)
  expect(refusal.message).toContain(refusal.remedy)
  return refusal
}
