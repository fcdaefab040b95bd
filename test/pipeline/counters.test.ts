// Totals must not depend on the order in which reports arrive, nor on how often.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../gateway/core/limits.ts'
import type { UnitState } from '../../gateway/pipeline/unit.ts'
import { drill, hello, pipelineInMemory, report, unitName } from './feed.ts'

interface Step {
  boot: number
  seq: number
  starts: number
}

const starts = drill.counterIndex.get('starts') ?? -1

/**
 * Runs of a board: where each begins (null: goes on), and by how much the counter grows a report.
 */
const boots = fc.array(
  fc.record({
    begin: fc.option(fc.nat(200), { nil: null }),
    grows: fc.array(fc.nat(50), { minLength: 1, maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 6 },
)

const stepsOf = (runs: { begin: number | null; grows: number[] }[]): Step[] => {
  let value = 0
  return runs.flatMap(({ begin, grows }, boot) => {
    value = begin ?? value
    return grows.map((grow, seq) => {
      value += grow
      return { boot, seq, starts: value }
    })
  })
}

/** The rule in one pass over the ordered feed, with nothing to be clever about. */
const expected = (steps: readonly Step[]): number => {
  let add = 0
  let last: Step | undefined
  for (const step of steps) {
    const drop = last !== undefined && last.boot !== step.boot && step.starts < last.starts
    if (drop && last !== undefined) {
      add += step.starts < last.starts / 2 ? last.starts : last.starts - step.starts
    }
    last = step
  }
  return add + (last?.starts ?? 0)
}

const run = (steps: readonly Step[]): UnitState => {
  const pipeline = pipelineInMemory()
  pipeline.process(0, hello({ boot: 0, t: 0 }))
  steps.forEach(({ boot, seq, starts: value }, i) => {
    const outcome = pipeline.process(i + 1, report({ boot, seq, t: seq, c: { starts: value } }))
    expect(['reading', 'duplicate']).toContain(outcome.kind)
  })
  return pipeline.unit(unitName) as UnitState
}

const shuffled = <T>(items: readonly T[], keys: readonly number[]): T[] =>
  items
    .map((item, i) => ({ item, key: keys[i % keys.length] ?? 0 }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)

describe('totals of counters', () => {
  test('are those of the ordered feed, whatever the order and however often', () => {
    const keys = fc.array(fc.double({ noNaN: true }), { minLength: 120, maxLength: 120 })
    fc.assert(
      fc.property(boots, keys, fc.array(fc.nat(), { maxLength: 20 }), (runs, order, again) => {
        const steps = stepsOf(runs)
        const repeated = again.map((n) => steps[n % steps.length] as Step)
        const state = run(shuffled([...steps, ...repeated], order))
        expect(state.totals[starts]).toBe(expected(steps))
        expect(state.readings).toBe(steps.length)
        expect(state.duplicates).toBe(repeated.length)
        expect(state.totals[starts]).toBe(run(steps).totals[starts])
      }),
    )
  })

  test('are the same in any order of what came, with gaps, jumps, swaps and resets', () => {
    const value = fc.oneof(
      fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
      fc.nat(1000),
      fc.integer({ min: 2 ** 32 - 1000, max: 2 ** 32 - 1 }),
    )
    const cell = fc.record({ boot: fc.nat(limits.bootsPerUnit - 1), seq: fc.nat(30), value })
    const keys = fc.array(fc.double({ noNaN: true }), { minLength: 60, maxLength: 60 })
    const cells = fc.uniqueArray(cell, {
      ...{ minLength: 1, maxLength: 40 },
      selector: ({ boot, seq }) => `${boot}/${seq}`,
    })
    fc.assert(
      fc.property(cells, keys, fc.array(fc.nat(), { maxLength: 20 }), (found, order, again) => {
        const steps = found.map(({ boot, seq, value: at }) => ({ boot, seq, starts: at }))
        const repeated = again.map((n) => steps[n % steps.length] as Step)
        const inOrder = [...steps].sort((a, b) => a.boot - b.boot || a.seq - b.seq)
        const reference = run(inOrder)
        const state = run(shuffled([...steps, ...repeated], order))
        expect(state.totals).toEqual(reference.totals)
        expect(state.readings).toBe(steps.length)
        expect(state.boots.map(({ first, last }) => [first, last])).toEqual(
          reference.boots.map(({ first, last }) => [first, last]),
        )
      }),
    )
  })

  test('go on where a counter wraps or is reset while the board is off', () => {
    const wrapped = run([
      { boot: 1, seq: 0, starts: 2 ** 32 - 10 },
      { boot: 2, seq: 0, starts: 5 },
    ])
    expect(wrapped.totals[starts]).toBe(2 ** 32 - 5)
    const reset = run([
      { boot: 1, seq: 0, starts: 100 },
      { boot: 2, seq: 0, starts: 0 },
      { boot: 2, seq: 3, starts: 4 },
    ])
    expect(reset.totals[starts]).toBe(104)
  })

  test('go on over many boots, forgotten ones included', () => {
    const steps = stepsOf(
      Array.from({ length: 3 * limits.bootsPerUnit }, (_, i) => ({
        begin: i % 5 === 4 ? 0 : null,
        grows: [3, 4],
      })),
    )
    const state = run(steps)
    expect(state.boots).toHaveLength(limits.bootsPerUnit)
    expect(state.totals[starts]).toBe(expected(steps))
    expect(state.totals[starts]).toBe(steps.length * 3.5)
  })

  test('keep what a power cut took, and the life before a swapped controller', () => {
    const cut = run([
      { boot: 1, seq: 0, starts: 1000 },
      { boot: 2, seq: 0, starts: 998 },
      { boot: 2, seq: 1, starts: 1003 },
    ])
    expect(cut.totals[starts]).toBe(1005)
    const swapped = run([
      { boot: 1, seq: 0, starts: 1000 },
      { boot: 2, seq: 0, starts: 7 },
    ])
    expect(swapped.totals[starts]).toBe(1007)
  })

  test('without a sequence follow the log, and a drop begins a new life', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    for (const [i, value] of [5, 9, 2, 2, 4].entries()) {
      pipeline.process(i + 1, report({ c: { starts: value } }))
    }
    expect(pipeline.unit(unitName)?.totals[starts]).toBe(13)
    expect(pipeline.unit(unitName)?.readings).toBe(5)
  })

  test('a report of a forgotten boot is kept, counted as late, and moves no total', () => {
    const pipeline = pipelineInMemory()
    for (let boot = 1; boot <= limits.bootsPerUnit + 1; boot++) {
      pipeline.process(boot, hello({ boot, t: 0 }))
    }
    const outcome = pipeline.process(99, report({ boot: 0, seq: 0, t: 0, c: { starts: 9 } }))
    expect(outcome).toMatchObject({ kind: 'reading', unsure: true })
    expect(pipeline.unit(unitName)).toMatchObject({ late: 1 })
    expect(pipeline.unit(unitName)?.totals[starts]).toBeNull()
  })
})
