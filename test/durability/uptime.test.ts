// Uptime with silent machines, hidden means, OEE by shift; reconciliation on the Azure sample.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PartEvent, reconcile } from '../../gateway/durability/reconcile.ts'
import {
  availability,
  meanTimes,
  oee,
  type StateSpan,
  spansOf,
  timePerState,
  type UptimeState,
} from '../../gateway/durability/uptime.ts'
import { sharedData } from '../data.ts'
import { expectAbsolute, expectRefusal } from './expect.ts'

const H = 3600
const spans = (...parts: [number, UptimeState][]): StateSpan[] => {
  let at = 0
  return parts.map(([hours, state]) => {
    const span = { fromS: at * H, toS: (at + hours) * H, state }
    at += hours
    return span
  })
}

describe('availability', () => {
  it('counts a silent machine as neither, and shows both bounds', () => {
    const machine = spans([60, 'up'], [10, 'repair'], [20, 'unknown'], [10, 'up'], [50, 'stored'])
    expect(timePerState(machine)).toEqual({
      up: 70 * H,
      repair: 10 * H,
      planned: 0,
      stored: 50 * H,
      unknown: 20 * H,
    })
    expect(availability([machine])).toEqual({ lower: 0.7, upper: 0.9 })
    expect(availability([spans([5, 'stored'])])).toBeUndefined()
  })

  it('contains the truth, whatever the silent time was', () => {
    const state = fc.constantFrom<UptimeState>('up', 'repair', 'unknown', 'planned')
    const parts = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), state), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(parts, fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }), (p, truth) => {
        const bounds = availability([spans(...p)])
        const known = p.map(([h, s], i): [number, UptimeState] => [
          h,
          s === 'unknown' ? (truth[i] ? 'up' : 'repair') : s,
        ])
        const exact = availability([spans(...known)])
        if (!bounds || !exact) return
        expect(exact.lower).toBe(exact.upper)
        expect(exact.lower).toBeGreaterThanOrEqual(bounds.lower - 1e-12)
        expect(exact.lower).toBeLessThanOrEqual(bounds.upper + 1e-12)
      }),
    )
  })

  it('becomes unknown from the last contact on when it goes silent', () => {
    const made = spansOf({
      changes: [
        { atS: 0, state: 'up' },
        { atS: 500, state: 'repair' },
      ],
      contactsS: [100, 200, 510, 2000],
      silenceS: 400,
      endS: 2100,
    })
    expect(made).toEqual([
      { fromS: 0, toS: 500, state: 'up' },
      { fromS: 500, toS: 510, state: 'repair' },
      { fromS: 510, toS: 2000, state: 'unknown' },
      { fromS: 2000, toS: 2100, state: 'repair' },
    ])
  })

  it('lets a stored machine be silent', () => {
    const made = spansOf({
      changes: [{ atS: 0, state: 'stored' }],
      contactsS: [],
      silenceS: 10,
      endS: 1000,
    })
    expect(made).toEqual([{ fromS: 0, toS: 1000, state: 'stored' }])
  })

  it('refuses spans that overlap', () => {
    const wrong: StateSpan[] = [
      { fromS: 0, toS: 10, state: 'up' },
      { fromS: 5, toS: 20, state: 'up' },
    ]
    expectRefusal(() => timePerState(wrong), 'unsorted_interval')
  })
})

describe('mean times', () => {
  it('gives MTBF with bounds and MTTR at a constant rate', () => {
    const machine = spans(
      [100, 'up'],
      [2, 'repair'],
      [110, 'up'],
      [4, 'repair'],
      [40, 'unknown'],
      [90, 'up'],
    )
    const times = meanTimes([machine])
    expect(times.failures).toBe(2)
    expect(times.mttrH).toBe(3)
    expect(times.mtbfH).toEqual({ lower: 150, upper: 170 })
    expect(times.hidden).toBeUndefined()
  })

  it('counts planned work before a repair goes on as one repair', () => {
    const machine = spans([10, 'up'], [1, 'repair'], [1, 'planned'], [2, 'repair'], [10, 'up'])
    expect(meanTimes([machine])).toMatchObject({ failures: 1, mttrH: 3 })
  })

  it('hides MTBF and shows the trend when the rate is not constant', () => {
    const worse: [number, UptimeState][] = []
    for (let gap = 400; gap > 5; gap *= 0.75) worse.push([gap, 'up'], [1, 'repair'])
    const times = meanTimes([spans(...worse)])
    expect(times.mtbfH).toBeUndefined()
    expect(times.trend?.trend).toBe('worsening')
    expect(times.hidden).toContain('more and more often')
    expect(times.mttrH).toBe(1)
  })

  it('says so when nothing has failed', () => {
    expect(meanTimes([spans([10, 'up'])])).toMatchObject({ failures: 0 })
    expect(meanTimes([spans([10, 'up'])]).hidden).toContain('no failure yet')
  })
})

describe('OEE', () => {
  it('exists only where a shift is booked', () => {
    expect(oee(undefined)).toBeUndefined()
    const shift = { plannedBusyS: 8 * H, producedS: 6 * H, plannedS: 60, made: 300, good: 285 }
    const value = oee(shift)
    expectAbsolute(value?.availability ?? 0, 0.75, 1e-12)
    expectAbsolute(value?.effectiveness ?? 0, 300 / 360, 1e-12)
    expectAbsolute(value?.quality ?? 0, 0.95, 1e-12)
    expectAbsolute(value?.oee ?? 0, 0.75 * (300 / 360) * 0.95, 1e-12)
    expectRefusal(() => oee({ ...shift, good: 301 }), 'bad_argument')
  })
})

const azure = sharedData('azure-pdm')

describe('reconciliation', () => {
  const read = (file: string, part: number): PartEvent[] =>
    readFileSync(`${azure}/${file}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.replaceAll('"', '').split(','))
      .map((cells) => ({
        at: Date.parse(`${cells[0]}Z`) / 1000,
        unit: cells[1] as string,
        part: cells[part] as string,
      }))

  it.skipIf(!azure)('finds the 10 of 421 failures without a maintenance record', () => {
    const failures = read('PdM_failures.csv', 2)
    const records = read('PdM_maint.csv', 2)
    const { matched, unreconciled, planned } = reconcile(failures, records)
    expect(failures.length).toBe(421)
    expect(matched.length).toBe(411)
    expect(unreconciled.length).toBe(10)
    const first = Date.parse('2015-01-02 03:00:00Z') / 1000
    for (const row of unreconciled) expect(failures[row]?.at).toBe(first)
    expect(planned.length).toBe(records.length - 411)
  })

  it('uses a record once and looks ahead, never back', () => {
    const event = (at: number) => ({ unit: 'a', part: 'gear', at })
    const { matched, unreconciled, planned } = reconcile(
      [event(10), event(11)],
      [event(9), event(12)],
      5,
    )
    expect(matched).toEqual([{ failure: 0, record: 1 }])
    expect(unreconciled).toEqual([1])
    expect(planned).toEqual([0])
    expectRefusal(() => reconcile([event(Number.NaN)], []), 'bad_time')
  })

  it('matches as many as can be matched', () => {
    const times = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 7 })
    const most = (f: number[], r: number[]): number => {
      const [first, ...rest] = f
      if (first === undefined) return 0
      let best = most(rest, r)
      r.forEach((t, i) => {
        if (t >= first && t <= first + 4) best = Math.max(best, 1 + most(rest, r.toSpliced(i, 1)))
      })
      return best
    }
    const event = (at: number) => ({ unit: 'u', part: 'p', at })
    fc.assert(
      fc.property(times, times, (f, r) => {
        expect(reconcile(f.map(event), r.map(event), 4).matched.length).toBe(most(f, r))
      }),
    )
  })
})
