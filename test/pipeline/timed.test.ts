// Reports without boot and sequence: their order is that of the source's time, whatever order and
// however often they come. Measured against what the machine has truly done.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../gateway/core/limits.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import { totalsAt } from '../../gateway/pipeline/counters.ts'
import type { Outcome } from '../../gateway/pipeline/pipeline.ts'
import { fitToMachine, type UnitState } from '../../gateway/pipeline/unit.ts'
import { drill, hello, pipelineInMemory, report, startUs, unitName } from './feed.ts'
import { order, picks, shuffled } from './orders.ts'

const secondUs = 1_000_000
const starts = drill.counterIndex.get('starts') ?? -1
const torque = drill.signalIndex.get('torque') ?? -1

/** A value, how many seconds after the start; null: its source says no time. */
type Said = readonly [value: number, atS: number | null]

interface Life {
  readonly state: UnitState
  readonly totals: readonly number[]
  readonly outcomes: readonly Outcome[]
}

/** All is received an hour after the start, in the order given. */
const live = (said: readonly Said[], name: 'c' | 'v' = 'c'): Life => {
  const pipeline = pipelineInMemory()
  pipeline.process(0, hello())
  const totals: number[] = []
  const outcomes = said.map(([value, atS], i) => {
    const time = atS === null ? {} : { time: startUs + atS * secondUs }
    const body = name === 'c' ? { c: { starts: value } } : { v: { torque: value } }
    const receivedUs = startUs + 3600 * secondUs + i
    const outcome = pipeline.process(i + 1, report({ ...body, ...time }, { receivedUs }))
    totals.push(pipeline.unit(unitName)?.totals[starts] ?? 0)
    return outcome
  })
  return { state: pipeline.unit(unitName) as UnitState, totals, outcomes }
}

const totalOf = (said: readonly Said[]): number | null | undefined =>
  live(said).state.totals[starts]

/** Each run counts from 0; its first value is less than half of where the one before ended. */
const runs = fc
  .array(fc.array(fc.nat(60), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 })
  .map((lives) => {
    let [second, done] = [0, 0]
    const said: Said[] = []
    for (const grows of lives) {
      const ended = said.at(-1)?.[0] ?? Number.POSITIVE_INFINITY
      let value = Math.max(0, Math.min(grows[0] ?? 0, Math.ceil(ended / 2) - 1))
      // A run of nothing ends in no run that begins lower.
      if (value >= ended / 2) break
      for (const [i, grow] of grows.entries()) {
        if (i > 0) value += grow
        said.push([value, second++])
      }
      done += value
    }
    return { said, done }
  })

describe('totals of counters without a sequence', () => {
  test('are what was truly done, in any order and however often values come', () => {
    const few = runs.filter(({ said }) => said.length <= limits.trackedCounts)
    fc.assert(
      fc.property(few, order, picks, ({ said, done }, keys, again) => {
        const repeated = again.map((n) => said[n % said.length] as Said)
        const { state, totals } = live(shuffled([...said, ...repeated], keys))
        expect(state.totals[starts]).toBe(done)
        expect(totals).toEqual([...totals].sort((a, b) => a - b))
      }),
    )
  })

  test('with gaps, and beyond what is remembered, are never more than that, nor shrink', () => {
    fc.assert(
      fc.property(runs, order, fc.tuple(picks, picks), ({ said, done }, keys, [again, gone]) => {
        const missing = new Set(gone.map((n) => n % said.length))
        const came = said.filter((_, i) => !missing.has(i))
        const repeated = came.length === 0 ? [] : again.map((n) => came[n % came.length] as Said)
        const { state, totals } = live(shuffled([...came, ...repeated], keys))
        expect(state.totals[starts] ?? 0).toBeLessThanOrEqual(done)
        expect(totals).toEqual([...totals].sort((a, b) => a - b))
        expect(state.hand?.[starts]?.points.length ?? 0).toBeLessThanOrEqual(
          2 * limits.trackedCounts,
        )
      }),
    )
  })

  test('of a counter that only grows are its greatest value, whatever is missing', () => {
    const values = fc.uniqueArray(fc.nat(100_000), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(values, order, (found, keys) => {
        const said = found.sort((a, b) => a - b).map((value, i): Said => [value, i])
        expect(totalOf(shuffled([...said, ...said], keys))).toBe(found.at(-1))
      }),
    )
  })

  test('a value told again, and one of the past, add nothing', () => {
    const twice: Said[] = [
      ...[1000, 1001, 1000, 1001].map((value) => [value, value - 1000] as const),
      [1002, 2],
    ]
    expect(totalOf(twice)).toBe(1002)
    expect(
      totalOf([
        [1000, 10],
        [900, 1],
        [1001, 11],
      ]),
    ).toBe(1001)
    expect(
      totalOf([
        [1000, 10],
        [3, 1],
        [1001, 11],
      ]),
    ).toBe(1001)
  })

  test('an old value still tells what a run had come to', () => {
    expect(
      totalOf([
        [1000, 1],
        [7, 9],
      ]),
    ).toBe(1007)
    expect(
      totalOf([
        [1000, 1],
        [7, 9],
        [1500, 5],
      ]),
    ).toBe(1507)
  })

  test('of one time the greater value is right, whichever comes first', () => {
    const [low, high]: Said[] = [
      [400, 1],
      [1000, 1],
    ]
    expect(totalOf([low as Said, high as Said])).toBe(1000)
    expect(totalOf([high as Said, low as Said])).toBe(1000)
  })

  test('what is forgotten adds nothing when it is told again', () => {
    // Each controller begins at 10 and is swapped at 100: no value stands between two others.
    const said = Array.from({ length: 4 * limits.trackedCounts + 1 }, (_, i): Said => {
      return [i % 2 === 0 ? 10 : 100, i]
    })
    const done = (100 * (said.length - 1)) / 2 + 10
    expect(totalOf(said)).toBe(done)
    expect(totalOf([...said, ...said])).toBe(done)
    expect(totalOf([...said, ...said.toReversed()])).toBe(done)
  })

  test('without a time: a drop to no less than half is late, one below it a new life', () => {
    const untimed = (...values: number[]) => totalOf(values.map((value) => [value, null]))
    expect(untimed(1000, 1001, 1000, 1001, 1002)).toBe(1002)
    expect(untimed(1000, 499, 500)).toBe(1500)
    expect(untimed(1000, 500, 501)).toBe(1000)
  })

  test('with and without a time go on from each other', () => {
    expect(
      totalOf([
        [10, 1],
        [30, 2],
        [31, null],
        [2, 3],
        [5, null],
      ]),
    ).toBe(36)
    expect(
      totalOf([
        [10, null],
        [30, 5],
        [20, 4],
        [31, null],
        [31, 5],
        [33, 6],
      ]),
    ).toBe(33)
  })

  test('a clock that ran ahead holds back nothing, once it is right', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const aheadS = [20 * 3600, 20 * 3600, 0, 0]
    for (const [i, value] of [2, 3, 7, 9].entries()) {
      const receivedUs = startUs + i * 120 * secondUs
      const time = receivedUs + (aheadS[i] ?? 0) * secondUs
      const body = { time, c: { starts: value }, v: { torque: value } }
      pipeline.process(i + 1, report(body, { receivedUs }))
      const state = pipeline.unit(unitName)
      expect([state?.totals[starts], state?.values[torque]]).toEqual([value, value])
      expect(state?.lastUs).toBe(time)
    }
  })

  test('as of a late reading are those of its moment', () => {
    const { outcomes } = live([
      [100, 1],
      [5, 20],
      [40, 0],
      [300, 10],
    ])
    const at = outcomes.map((outcome) => {
      if (outcome.kind !== 'reading') throw new Error(outcome.kind)
      return totalsAt(outcome.state, outcome.reading)[starts]
    })
    // All asked of the end, when everything is known.
    expect(at).toEqual([100, 305, 40, 300])
  })

  test('go on from a state that an older gateway has kept, and follow a grown profile', () => {
    const { state } = live([
      [9, null],
      [12, null],
    ])
    const { hand: _, valueUs: __, ...old } = state
    const counters = Object.fromEntries(Object.entries(drill.profile.counters).reverse())
    const grown = prepareMachine({ ...drill.profile, counters })
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    Object.assign(pipeline.unit(unitName) as UnitState, structuredClone(old))
    for (const [i, value] of [11, 14].entries()) {
      pipeline.process(i + 1, report({ time: startUs - i, c: { starts: value } }))
    }
    const now = pipeline.unit(unitName) as UnitState
    expect(now.totals[starts]).toBe(14)
    const fitted = fitToMachine(structuredClone(now), grown)
    const place = grown.counterIndex.get('starts') ?? -1
    expect(fitted.hand?.[place]).toEqual(now.hand?.[starts])
    expect(fitted.hand?.filter((one) => one !== null)).toHaveLength(1)
  })
})

describe('the present of a unit', () => {
  test('is no value of the past, and neither is its time', () => {
    const { state, outcomes } = live(
      [
        [3, 3600],
        [77, 0],
      ],
      'v',
    )
    expect(state.values[torque]).toBe(3)
    expect(state.lastUs).toBe(startUs + 3600 * secondUs)
    expect(outcomes).toMatchObject([{ past: false }, { past: true, unsure: false }])
    expect(state.readings).toBe(2)
  })

  test('is the same in any order of what came, where times differ', () => {
    const times = fc.uniqueArray(fc.nat(3600), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(times, order, (found, keys) => {
        const said = found.map((atS): Said => [atS / 1000, atS])
        const { state } = live(shuffled(said, keys), 'v')
        const newest = Math.max(...found)
        expect(state.values[torque]).toBe(newest / 1000)
        expect(state.lastUs).toBe(startUs + newest * secondUs)
      }),
    )
  })

  test('is that of each signal by itself', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    pipeline.process(1, report({ time: startUs, v: { torque: 1 } }))
    // Changed last an hour ago: a server says it with that time, and it is what holds now.
    const rested = { time: startUs - 3600 * secondUs, v: { duty: 10 } }
    expect(pipeline.process(2, report(rested))).toMatchObject({ past: false })
    const state = pipeline.unit(unitName)
    expect(state?.values[drill.signalIndex.get('duty') ?? -1]).toBe(10)
    expect(state?.lastUs).toBe(startUs)
  })

  test('comes back after a mark without a value, whose time may be another clock', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const atS = (time: number) => ({ time: startUs + time * secondUs })
    pipeline.process(1, report({ ...atS(-9), v: { torque: 1 } }))
    pipeline.process(2, report({ ...atS(0), q: { torque: 'bad' } }))
    expect(pipeline.unit(unitName)?.values[torque]).toBeNull()
    pipeline.process(3, report({ ...atS(-10), v: { torque: 5 } }))
    expect(pipeline.unit(unitName)?.values[torque]).toBeNull()
    pipeline.process(4, report({ ...atS(-5), v: { torque: 2 } }))
    expect(pipeline.unit(unitName)?.values[torque]).toBe(2)
  })

  test('asks no rule of a value of the past', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    pipeline.process(1, report({ time: startUs, v: { fault: 'none', torque: 1 } }))
    const past = { time: startUs - secondUs, v: { fault: 'stall' } }
    expect(pipeline.process(2, report(past))).toMatchObject({ events: [] })
    const now = { time: startUs + secondUs, v: { fault: 'stall' } }
    expect(pipeline.process(3, report(now))).toMatchObject({ events: [{ type: 'stalled' }] })
  })
})
