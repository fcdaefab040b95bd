// A unit's clock against the gateway's, and a gateway whose own clock jumps when it is set.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Reading } from '../../gateway/core/delivery.ts'
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
})
