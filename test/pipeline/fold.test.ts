import { describe, expect, test } from 'vitest'
import { limits } from '../../gateway/core/limits.ts'
import { prepareMachine } from '../../gateway/core/machine.ts'
import type { Outcome, Pipeline } from '../../gateway/pipeline/pipeline.ts'
import { fitToMachine } from '../../gateway/pipeline/unit.ts'
import { drill, hello, pipelineInMemory, report, startUs, unitName } from './feed.ts'

type ReadingOutcome = Extract<Outcome, { kind: 'reading' }>

const take = (pipeline: Pipeline, offset: number, body: Buffer): ReadingOutcome => {
  const outcome = pipeline.process(offset, body)
  if (outcome.kind !== 'reading') throw new Error(JSON.stringify(outcome))
  return outcome
}

const v = { torque: 1 }
const secondUs = 1_000_000

describe('time of a reading', () => {
  test('is the uptime on the mapping that the first record of the boot has fixed', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello({ boot: 1, t: 5 * secondUs }))
    // Received ten seconds later, yet measured one second after the hello.
    const late = { receivedUs: startUs + 10 * secondUs }
    const { reading } = take(pipeline, 1, report({ boot: 1, seq: 0, t: 6 * secondUs, v }, late))
    expect(reading).toMatchObject({ timeUs: startUs + secondUs, timeSource: 'uptime' })
    // A later hello of the same boot does not move it.
    pipeline.process(
      2,
      hello({ boot: 1, t: 7 * secondUs }, { receivedUs: startUs + 99 * secondUs }),
    )
    const next = take(pipeline, 3, report({ boot: 1, seq: 1, t: 8 * secondUs, v }, late))
    expect(next.reading.timeUs).toBe(startUs + 3 * secondUs)
  })

  test("is the source's own where that is plausible, years ago included", () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const time = startUs - 5 * 365 * 86_400 * secondUs
    const body = { boot: 1, seq: 0, t: 0, time, v }
    expect(take(pipeline, 1, report(body)).reading).toMatchObject({
      timeUs: time,
      timeSource: 'source',
    })
  })

  test('falls back to uptime where the source clock is wrong by years', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    for (const [seq, time] of [0, 2 * startUs].entries()) {
      const { reading } = take(pipeline, seq + 1, report({ boot: 1, seq, t: secondUs, time, v }))
      expect(reading).toMatchObject({ timeUs: startUs + secondUs, timeSource: 'uptime' })
    }
  })

  test("is the gateway's where an uptime runs far ahead", () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const t = limits.clockSkewUs + 1
    const { reading } = take(pipeline, 1, report({ boot: 1, seq: 0, t, v }))
    expect(reading).toMatchObject({ timeUs: startUs, timeSource: 'gateway' })
  })
})

describe('identity', () => {
  test('a resend is a duplicate, in whatever session', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const body = { boot: 1, seq: 3, t: 9, v }
    take(pipeline, 1, report(body))
    expect(pipeline.process(2, report(body, { session: 'other' })).kind).toBe('duplicate')
    expect(pipeline.unit(unitName)).toMatchObject({ readings: 1, duplicates: 1 })
  })

  test('without a sequence equal values stay two readings, named by their place in the log', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const readings = [7, 8].map((offset) => take(pipeline, offset, report({ v })).reading)
    expect(readings).toMatchObject([
      { boot: -1, sequence: 7, timeSource: 'gateway' },
      { boot: -1, sequence: 8 },
    ])
  })

  test('a retained delivery without a sequence is a state, not a new sample', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const retained = report({ v, c: { starts: 5 } }, { retained: true })
    expect(pipeline.process(1, retained).kind).toBe('duplicate')
    const state = pipeline.unit(unitName)
    const torque = drill.signalIndex.get('torque') ?? -1
    expect(state?.values[torque]).toBe(1)
    expect(state?.readings).toBe(0)
    expect(state?.totals.every((total) => total === null)).toBe(true)
  })

  test('a unit that was simulated once stays simulated, and keeps its first key', () => {
    const pipeline = pipelineInMemory()
    const key = (c: string): string => `did:key:z6Mk${c.repeat(40)}`
    pipeline.process(0, hello({ boot: 1, t: 0, simulated: true, key: key('a') }))
    pipeline.process(1, hello({ boot: 2, t: 0, key: key('b'), custody: 'secure_element' }))
    expect(pipeline.unit(unitName)).toMatchObject({
      ...{ simulated: true, key: key('a'), otherKey: key('b'), custody: 'controller_flash' },
    })
  })
})

describe('newest values', () => {
  test('are merged over reports, and a late report does not bring old ones back', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    take(pipeline, 1, report({ boot: 1, seq: 0, t: 0, v: { torque: 1, duty: 10 } }))
    take(pipeline, 2, report({ boot: 1, seq: 2, t: 2, v: { torque: 3 } }))
    take(pipeline, 3, report({ boot: 1, seq: 1, t: 1, v: { torque: 2, duty: 20 } }))
    const at = (name: string): unknown =>
      pipeline.unit(unitName)?.values[drill.signalIndex.get(name) ?? -1]
    expect([at('torque'), at('duty')]).toEqual([3, 10])
  })
})

describe('events', () => {
  const stall = { fault: 'stall' }

  test('come from the rules of the profile, once, with totals and lifecycle', () => {
    const pipeline = pipelineInMemory()
    const first = pipeline.process(0, hello())
    expect(first).toMatchObject({ events: [{ type: 'made', timeUs: startUs, offset: 0 }] })
    expect(pipeline.unit(unitName)?.lifecycle).toBe('made')
    take(pipeline, 1, report({ boot: 1, seq: 0, t: 0, v: { fault: 'none' }, c: { starts: 0 } }))
    const used = take(pipeline, 2, report({ boot: 1, seq: 1, t: 1, v: stall, c: { starts: 1 } }))
    expect(used.events.map(({ type }) => type)).toEqual(['first_used', 'stalled'])
    expect(used.events[0]?.counters[drill.counterIndex.get('starts') ?? -1]).toBe(1)
    expect(pipeline.unit(unitName)?.lifecycle).toBe('in_use')
    expect(take(pipeline, 3, report({ boot: 1, seq: 2, t: 2, v: stall })).events).toEqual([])
  })

  test('a late report and a bad value cause none', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    take(pipeline, 1, report({ boot: 1, seq: 5, t: 5, v: { fault: 'none' } }))
    expect(take(pipeline, 2, report({ boot: 1, seq: 4, t: 4, v: stall })).events).toEqual([])
    const hot = { winding_temperature: 120 }
    const q = { winding_temperature: 'bad:shorted' }
    expect(take(pipeline, 3, report({ boot: 1, seq: 6, t: 6, v: hot, q })).events).toEqual([])
    const good = take(pipeline, 4, report({ boot: 1, seq: 7, t: 7, v: hot }))
    expect(good.events.map(({ type }) => type)).toEqual(['winding_hot'])
  })

  test('an illegal change is refused with the reason, and the event stays', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const state = pipeline.unit(unitName)
    if (state === undefined) throw new Error('no state')
    state.lifecycle = 'retired'
    const { events } = take(pipeline, 1, report({ boot: 1, seq: 0, t: 0, c: { starts: 2 } }))
    expect(events[0]?.cause).toMatch(/refused: in_use cannot follow retired/)
    expect(state.lifecycle).toBe('retired')
  })
})

test('a kept state follows a profile that has grown or changed its order', () => {
  const pipeline = pipelineInMemory()
  pipeline.process(0, hello())
  const body = { boot: 1, seq: 0, t: 0, v: { torque: 5, duty: 7 }, c: { starts: 3, charge: 9 } }
  take(pipeline, 1, report(body))
  const kept = structuredClone(pipeline.unit(unitName))
  if (kept === undefined) throw new Error('no state')
  const { signals, counters } = drill.profile
  const grown = prepareMachine({
    ...drill.profile,
    signals: {
      humidity: { description: 'Humidity', unit: '%', type: 'number', direction: 'input' },
      ...Object.fromEntries(Object.entries(signals).reverse()),
    },
    counters: Object.fromEntries(Object.entries(counters).reverse()),
  })
  const state = fitToMachine(kept, grown)
  expect(state.values[grown.signalIndex.get('duty') ?? -1]).toBe(7)
  expect(state.values[grown.signalIndex.get('humidity') ?? -1]).toBeNull()
  expect(state.totals[grown.counterIndex.get('charge') ?? -1]).toBe(9)
  expect(state.boots[0]?.last[grown.counterIndex.get('starts') ?? -1]).toBe(3)
  expect(fitToMachine(state, grown)).toEqual(state)
})
