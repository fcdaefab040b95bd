// A unit's clock against the gateway's, and a gateway whose own clock jumps when it is set.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClockSteps } from '../../gateway/clock-steps.ts'
import type { Reading } from '../../gateway/core/delivery.ts'
import { decodeRecord } from '../../gateway/core/record.ts'
import { foldSkew, type SkewState } from '../../gateway/pipeline/skew.ts'
import { hello, pipelineInMemory, report, startUs, unitName } from './feed.ts'

const yearUs = 365 * 86_400e6

describe('the skew of a unit', () => {
  test('is off by no more than the quickest way of a while', () => {
    const delays = fc.array(fc.integer({ min: 1000, max: 5_000_000 }), { minLength: 1 })
    const skews = fc.integer({ min: -1e12, max: 1e12 })
    fc.assert(
      fc.property(delays, skews, (ways, skew) => {
        let state: SkewState | null = null
        ways.forEach((wayUs, i) => {
          const sentUs = startUs + i * 100_000
          state = foldSkew(state, { sourceUs: sentUs + skew, receivedUs: sentUs + wayUs })
        })
        expect(state).toMatchObject({ skewUs: skew - Math.min(...ways) })
      }),
    )
  })

  test('follows a clock that was set, after a while, in both directions', () => {
    for (const jumpUs of [yearUs, -yearUs]) {
      let state: SkewState | null = null
      for (let s = 0; s < 3000; s++) {
        const receivedUs = startUs + s * 1e6
        const sourceUs = receivedUs + (s < 600 ? 0 : jumpUs)
        state = foldSkew(state, { sourceUs, receivedUs })
      }
      expect(state?.skewUs).toBe(jumpUs)
    }
  })

  test('is kept with the unit, of the time that a report says or of its uptime', () => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello())
    const late = { receivedUs: startUs + 3e6 }
    pipeline.process(1, report({ boot: 1, seq: 1, t: 1e6, v: { torque: 1 } }, late))
    expect(pipeline.unit(unitName)?.skew?.skewUs).toBe(-2e6)
    const time = startUs + 9e6
    pipeline.process(2, report({ boot: 1, seq: 2, t: 3e6, time, v: { torque: 1 } }, late))
    expect(pipeline.unit(unitName)?.skew?.skewUs).toBe(6e6)
  })
})

describe('a gateway whose clock jumps when it is set', () => {
  const timesOf = (beforeUs: number): Pick<Reading, 'timeUs' | 'timeSource'>[] => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello({ boot: 1, t: 0 }, { receivedUs: beforeUs }))
    const wrong = { receivedUs: beforeUs + 1e6 }
    const right = { receivedUs: startUs }
    return [
      report({ boot: 1, seq: 1, t: 1e6, v: { torque: 1 } }, wrong),
      report({ boot: 1, seq: 2, t: 2e6, v: { torque: 1 } }, right),
      hello({ boot: 2, t: 0 }, { receivedUs: startUs + 5e6 }),
      report({ boot: 2, seq: 1, t: 1e6, v: { torque: 1 } }, { receivedUs: startUs + 9e6 }),
      report({ boot: 1, seq: 2, t: 2e6, v: { torque: 1 } }, { receivedUs: startUs + 9e6 }),
    ].flatMap((body, i) => {
      const outcome = pipeline.process(i + 1, body)
      return outcome.kind === 'reading' ? [outcome.reading] : []
    })
  }

  test.each([
    ['from 1970', 1e6],
    ['from years ahead', startUs + 3 * yearUs],
  ])('%s takes its own time for that boot, and maps the next one anew', (_, beforeUs) => {
    const [, second, third, ...rest] = timesOf(beforeUs)
    expect(second).toMatchObject({ timeUs: startUs, timeSource: 'gateway' })
    expect(third).toMatchObject({ timeUs: startUs + 6e6, timeSource: 'uptime' })
    // The resend is a duplicate: the first time stays.
    expect(rest).toEqual([])
  })

  test('by less than a day keeps the boot in step', () => {
    const [first, second] = timesOf(startUs + 3600e6)
    expect((second?.timeUs ?? 0) - (first?.timeUs ?? 0)).toBe(1e6)
  })

  const dayUs = 86_400e6
  /** Reports of one boot a second apart, of which the gateway hears the first before it is set. */
  const read = (later: { receivedUs: number; steppedUs?: number; t: number }[]) => {
    const pipeline = pipelineInMemory()
    pipeline.process(0, hello({ boot: 1, t: 0 }, { receivedUs: startUs }))
    return later.flatMap(({ receivedUs, steppedUs, t }, i) => {
      const record = { receivedUs, ...(steppedUs !== undefined && { steppedUs }) }
      const outcome = pipeline.process(
        1 + i,
        report({ boot: 1, seq: 1 + i, t, v: { torque: 1 } }, record),
      )
      if (outcome.kind !== 'reading') return []
      const { timeUs, timeSource, bootUs } = outcome.reading
      return [{ timeUs, timeSource, bootUs }]
    })
  }

  test.each([10 * dayUs, -10 * dayUs, 90e6])('by %d µs: the boot is moved by it', (steppedUs) => {
    const rest = [0, 1, 2].map((i) => ({
      ...{ receivedUs: startUs + steppedUs + (3 + i) * 1e6, steppedUs, t: (2 + i) * 1e6 },
    }))
    const found = read([{ receivedUs: startUs + 1e6, t: 1e6 }, ...rest])
    expect(found.map(({ timeUs }) => timeUs)).toEqual([
      startUs + 1e6,
      ...[2e6, 3e6, 4e6].map((t) => startUs + steppedUs + t),
    ])
    expect(found.at(-1)).toMatchObject({ timeSource: 'uptime', bootUs: startUs + steppedUs })
  })

  test('twice: by both, and a boot that began in between by the second only', () => {
    const [first, second] = [3 * dayUs, 5 * dayUs]
    const pipeline = pipelineInMemory()
    const say = (boot: number, t: number, of: { receivedUs: number; steppedUs?: number }) =>
      pipeline.process(t, report({ boot, seq: t / 1e6, t, v: { torque: 1 } }, of))
    pipeline.process(0, hello({ boot: 1, t: 0 }, { receivedUs: startUs }))
    say(1, 1e6, { receivedUs: startUs + first + 1e6, steppedUs: first })
    const between = { receivedUs: startUs + first + 60e6, steppedUs: first }
    pipeline.process(9, hello({ boot: 2, t: 0 }, between))
    const steppedUs = first + second
    say(2, 5e6, { receivedUs: startUs + steppedUs + 65e6, steppedUs })
    say(1, 2e6, { receivedUs: startUs + steppedUs + 66e6, steppedUs })
    expect(pipeline.unit(unitName)?.boots.map(({ epochUs }) => epochUs - startUs)).toEqual([
      steppedUs,
      steppedUs + 60e6,
    ])
  })

  test('not where the machine slept, nor by a report that waited', () => {
    const steppedUs = 3600e6
    const slept = { receivedUs: startUs + steppedUs + 2e6, steppedUs, t: steppedUs + 2e6 }
    expect(read([slept])).toMatchObject([{ timeUs: startUs + steppedUs + 2e6, bootUs: startUs }])
    // Four minutes old when it comes, and the clock was set by an hour.
    const waited = { receivedUs: startUs + 300e6, t: 60e6 }
    expect(read([{ ...waited, steppedUs }])).toMatchObject([{ timeUs: startUs + 60e6 }])
  })
})

test('a gateway says by how much its clock was set, and nothing of less than a minute', () => {
  const now = { us: startUs, ms: 5000 }
  const notes: string[] = []
  const clock = { nowUs: () => now.us, monotonicMs: () => now.ms }
  const steps = new ClockSteps({ clock, note: (line) => notes.push(line) })
  const record = decodeRecord(hello())
  const pass = (wallUs: number, ms: number) => {
    now.us += wallUs
    now.ms += ms
    return steps.stamp(record).steppedUs
  }
  expect(pass(10e6, 10_000)).toBeUndefined()
  expect(pass(30e6, 1000)).toBeUndefined()
  expect(notes).toEqual([])
  expect(pass(864_000e6, 1000)).toBe(864_000e6 + 28e6)
  expect(pass(1e6, 1000)).toBe(864_000e6 + 28e6)
  expect(notes).toHaveLength(1)
  expect(pass(-864_000e6, 1000)).toBe(27e6)
  expect(notes).toHaveLength(2)
})
