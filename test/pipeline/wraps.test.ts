// Counters that begin anew at 0 after their greatest value: with their width in the profile totals
// are what was truly done, in any order. And what is lost of boots that nobody remembers.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../gateway/core/limits.ts'
import { type Machine, prepareMachine } from '../../gateway/core/machine.ts'
import { totalsAt } from '../../gateway/pipeline/counters.ts'
import { type Outcome, Pipeline } from '../../gateway/pipeline/pipeline.ts'
import { fitToMachine, type UnitState } from '../../gateway/pipeline/unit.ts'
import { drill, hello, report, startUs, unitName } from './feed.ts'
import { order, picks, shuffled } from './orders.ts'

const starts = drill.counterIndex.get('starts') ?? -1

/** The drill with a counter of this width; undefined: as it is. */
const drillOf = (wrapsAt: number | undefined): Machine => {
  const { counters } = drill.profile
  const spec = { ...counters['starts'], ...(wrapsAt && { wrapsAt }) } as (typeof counters)[string]
  return prepareMachine({ ...drill.profile, counters: { ...counters, starts: spec } })
}

interface Step {
  readonly boot: number
  readonly seq: number
  readonly value: number
  /** What was done in the whole life by then. */
  readonly done: number
}

interface Run {
  readonly state: UnitState
  readonly totals: readonly number[]
  readonly outcomes: readonly Outcome[]
}

/** `timed`: without boot and sequence, by source time. */
const run = (
  steps: readonly Omit<Step, 'done'>[],
  { wrapsAt, timed = false }: { wrapsAt?: number; timed?: boolean },
): Run => {
  const machine = drillOf(wrapsAt)
  const machines = new Map([['cordless_drill', machine]])
  const pipeline = new Pipeline({ machines, enrol: 'hello', load: () => undefined })
  pipeline.process(0, hello({ boot: steps[0]?.boot ?? 0, t: 0 }))
  const totals: number[] = []
  const outcomes = steps.map(({ boot, seq, value }, i) => {
    const c = { starts: value }
    const place = timed ? { time: startUs + boot * 1000 + seq } : { boot, seq, t: seq }
    const outcome = pipeline.process(i + 1, report({ ...place, c }))
    expect(['reading', 'duplicate']).toContain(outcome.kind)
    totals.push(pipeline.unit(unitName)?.totals[starts] ?? 0)
    return outcome
  })
  return { state: pipeline.unit(unitName) as UnitState, totals, outcomes }
}

const width = 1000

/** A counter that goes on over boots; at each of its reports it has grown by less than half. */
const lives = fc
  .record({
    begin: fc.nat(width - 1),
    boots: fc.array(fc.array(fc.nat(width / 2 - 1), { minLength: 1, maxLength: 10 }), {
      ...{ minLength: 1, maxLength: 4 },
    }),
  })
  .map(({ begin, boots }) => {
    let done = begin
    return boots.flatMap((grows, boot) =>
      grows.map((grow, seq): Step => {
        // A boot begins where the one before has ended.
        if (seq > 0) done += grow
        return { boot, seq, value: done % width, done }
      }),
    )
  })

describe('a counter that wraps while the board is on', () => {
  test('gives what was truly done, in any order and however often reports come', () => {
    fc.assert(
      fc.property(lives, order, picks, (steps, keys, again) => {
        const repeated = again.map((n) => steps[n % steps.length] as Step)
        const { state, totals } = run(shuffled([...steps, ...repeated], keys), { wrapsAt: width })
        expect(state.totals[starts]).toBe(steps.at(-1)?.done)
        // What is still to come may be missing on the way there; nothing is counted twice.
        expect(Math.max(...totals)).toBe(state.totals[starts])
      }),
    )
  })

  test('gives every reading the total of its own moment', () => {
    fc.assert(
      fc.property(lives, order, (steps, keys) => {
        const arrived = shuffled(steps, keys)
        const { state, outcomes } = run(arrived, { wrapsAt: width })
        const at = outcomes.map((outcome) => {
          if (outcome.kind !== 'reading') throw new Error(outcome.kind)
          return totalsAt(state, outcome.reading)[starts]
        })
        expect(at).toEqual(arrived.map(({ done }) => done))
      }),
    )
  })

  test('with gaps, and more reports than are held, gives no more than was done', () => {
    const long = fc.array(fc.nat(width / 2 - 1), { minLength: 20, maxLength: 60 }).map((grows) => {
      let done = 0
      return grows.map((grow, seq): Step => {
        done += grow
        return { boot: 0, seq, value: done % width, done }
      })
    })
    fc.assert(
      fc.property(fc.oneof(lives, long), order, picks, (steps, keys, gone) => {
        const missing = new Set(gone.map((n) => n % steps.length))
        const came = steps.filter((_, i) => !missing.has(i))
        const { state } = run(shuffled(came, keys), { wrapsAt: width })
        expect(state.totals[starts] ?? 0).toBeLessThanOrEqual(steps.at(-1)?.done ?? 0)
      }),
    )
  })

  test('in the order of its reports is exact however many there are', () => {
    const steps = Array.from({ length: 200 }, (_, seq) => ({
      ...{ boot: 0, seq, value: (seq * 400) % width },
    }))
    expect(run(steps, { wrapsAt: width }).state.totals[starts]).toBe(199 * 400)
  })

  test('of 32 bits, and without its width in the profile stands still', () => {
    const values = [2 ** 32 - 6, 2 ** 32 - 1, 5, 100]
    const steps = values.map((value, seq) => ({ boot: 0, seq, value }))
    const known = { wrapsAt: 2 ** 32 }
    expect(run(steps, known).state.totals[starts]).toBe(2 ** 32 + 100)
    expect(run(steps.reverse(), known).state.totals[starts]).toBe(2 ** 32 + 100)
    expect(run(steps, known).state.boots[0]).toMatchObject({ boot: 0 })
    expect(run(steps, {}).state.totals[starts]).toBe(2 ** 32 - 1)
  })

  test('goes on over boots that are forgotten, swapped controllers among them', () => {
    const boots = 2 * limits.bootsPerUnit
    const steps = Array.from({ length: boots }, (_, boot) => [
      ...[0, 450, 900, 300].map((value, seq) => ({ boot, seq, value })),
    ]).flat()
    expect(run(steps, { wrapsAt: width }).state.totals[starts]).toBe(boots * (width + 300))
  })

  test('without a sequence, by source time: from the top quarter to the lowest it has wrapped', () => {
    const steps = [700, 900, 100, 600, 200].map((value, seq) => ({ boot: 0, seq, value }))
    const how = { wrapsAt: width, timed: true }
    // 600 to 200 is a swap: 600 were done.
    expect(run(steps, how).state.totals[starts]).toBe(width + 600 + 200)
    expect(run(steps.reverse(), how).state.totals[starts]).toBe(width + 600 + 200)
  })

  test('that reports more than its width is set aside', () => {
    const machines = new Map([['cordless_drill', drillOf(width)]])
    const pipeline = new Pipeline({ machines, enrol: 'hello', load: () => undefined })
    pipeline.process(0, hello())
    const outcome = pipeline.process(1, report({ boot: 1, seq: 0, t: 0, c: { starts: width } }))
    expect(outcome).toMatchObject({ kind: 'quarantine', reason: 'type_wrong' })
  })

  test('follows a profile that names the width later, or changes its order', () => {
    const machines = new Map([['cordless_drill', drillOf(width)]])
    const pipeline = new Pipeline({ machines, enrol: 'hello', load: () => undefined })
    const before = run(
      [
        { boot: 0, seq: 0, value: 500 },
        { boot: 0, seq: 3, value: 950 },
      ],
      {},
    )
    pipeline.process(0, hello())
    Object.assign(pipeline.unit(unitName) as UnitState, structuredClone(before.state))
    const more: [seq: number, value: number][] = [
      [4, 20],
      [2, 800],
      [5, 400],
    ]
    for (const [i, [seq, value]] of more.entries()) {
      pipeline.process(i + 1, report({ boot: 0, seq, t: seq, c: { starts: value } }))
    }
    const state = pipeline.unit(unitName) as UnitState
    expect(state.totals[starts]).toBe(width + 400)
    const counters = Object.fromEntries(Object.entries(drill.profile.counters).reverse())
    const grown = prepareMachine({ ...drill.profile, counters })
    const place = grown.counterIndex.get('starts') ?? -1
    const fitted = fitToMachine(structuredClone(state), grown).boots[0]
    expect(fitted?.turned?.[place]).toBe(width)
    expect(fitted?.tracks?.[place]).toEqual(state.boots[0]?.tracks?.[starts])
  })
})

describe('more boots than are remembered', () => {
  /** Each boot a swapped controller that does 100. */
  const boots = Array.from({ length: limits.bootsPerUnit + 2 }, (_, boot) =>
    [0, 100].map((value, seq) => ({ boot, seq, value })),
  )
  const all = 100 * boots.length

  test('in order count all; one that comes after eight later ones is missing, and said', () => {
    expect(run(boots.flat(), {}).state).toMatchObject({ late: 0 })
    expect(run(boots.flat(), {}).state.totals[starts]).toBe(all)
    const [oldest = [], ...later] = boots
    const { state } = run([...later.flat(), ...oldest], {})
    expect(state.totals[starts]).toBe(all - 100)
    expect(state.late).toBe(oldest.length)
  })

  test('in any order count no boot twice, and miss what the late ones did, no more', () => {
    fc.assert(
      fc.property(order, (keys) => {
        const arrived = shuffled(boots, keys).flat()
        const { state } = run([...arrived, ...arrived], {})
        const missing = new Set(boots.keys())
        const kept = run(arrived, {}).outcomes
        for (const [i, outcome] of kept.entries()) {
          const isKept = outcome.kind === 'reading' && !outcome.unsure
          if (isKept) missing.delete(arrived[i]?.boot ?? -1)
        }
        expect(state.totals[starts]).toBe(all - 100 * missing.size)
      }),
    )
  })
})
