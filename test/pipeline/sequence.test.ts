// Nothing that is new may ever be called a duplicate: the bounded memory may only be unsure.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../gateway/core/limits.ts'
import { mark, missingIn } from '../../gateway/pipeline/sequence.ts'
import type { BootState } from '../../gateway/pipeline/unit.ts'

const boot = (): BootState => ({
  ...{ boot: 1, epochUs: 0, high: -1, floor: 0, gaps: [], lost: 0 },
  ...{ first: [], last: [] },
})

describe('sequences', () => {
  test('agree with a set of all that was seen, as long as gaps are remembered', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { maxLength: 200 }), (sequences) => {
        const state = boot()
        const seen = new Set<number>()
        for (const sequence of sequences) {
          const verdict = mark(state, sequence)
          expect(verdict === 'duplicate').toBe(seen.has(sequence))
          seen.add(sequence)
        }
        const high = Math.max(-1, ...seen)
        const missing = Array.from({ length: high }, (_, i) => i + 1).filter((n) => !seen.has(n))
        expect(missingIn(state)).toBe(missing.length)
      }),
    )
  })

  test('in bounded room are unsure, never wrong', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2000), { minLength: 300, maxLength: 600 }), (sequences) => {
        const state = boot()
        const seen = new Set<number>()
        for (const sequence of sequences) {
          const verdict = mark(state, sequence)
          if (verdict === 'duplicate') expect(seen.has(sequence)).toBe(true)
          if (verdict === 'fresh' || verdict === 'late') expect(seen.has(sequence)).toBe(false)
          seen.add(sequence)
          expect(state.gaps.length).toBeLessThanOrEqual(2 * limits.gapRanges)
        }
      }),
    )
  })

  test('bear a sequence that is wrong by far', () => {
    const state = boot()
    expect([0, Number.MAX_SAFE_INTEGER, 1, 2, 2].map((n) => mark(state, n))).toEqual([
      'fresh',
      'fresh',
      'late',
      'late',
      'duplicate',
    ])
  })

  test('a board that counts from 1 misses nothing', () => {
    const state = boot()
    mark(state, 1)
    expect(missingIn(state)).toBe(0)
    mark(state, 4)
    expect(missingIn(state)).toBe(2)
  })
})
