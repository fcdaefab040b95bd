// The window of samples behind the charts: history and live data join without a doubled or lost
// sample.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeriesBuffer } from '../../gateway/web/page/series-buffer.ts'

const signals = [
  { name: 'speed', index: 0 },
  { name: 'torque', index: 2 },
]
const at = (timeS: number, value: number | null = timeS) => ({
  machine: 'm',
  unit: 'u',
  timeUs: timeS * 1e6,
  values: [value, 0, value === null ? null : -value],
  quality: [0, 0, 0],
  counters: [],
})
const series = (times: number[]) => ({
  unit: 'u',
  timesUs: times.map((t) => t * 1e6),
  values: { speed: times, torque: times.map((t) => -t) },
})

describe('the buffer', () => {
  test('joins history and what came in live meanwhile', () => {
    const buffer = new SeriesBuffer(signals)
    for (const t of [3, 4, 5, 6]) buffer.append(at(t))
    buffer.load(series([1, 2, 3, 4]), 10)
    expect(buffer.data([0, 2])).toEqual([
      [1, 2, 3, 4, 5, 6],
      [1, 2, 3, 4, 5, 6],
      [-1, -2, -3, -4, -5, -6],
    ])
  })

  test('shows a pause as a gap and absence as absence', () => {
    const buffer = new SeriesBuffer(signals)
    buffer.load(series([1, 2]), 1.5)
    buffer.append(at(10))
    buffer.append(at(11, null))
    expect(buffer.data([0])).toEqual([
      [1, 2, 6, 10, 11],
      [1, 2, null, 10, null],
    ])
  })

  test('times only grow, columns stay as long as times, nothing newer than the window goes', () => {
    const times = fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 60 })
    fc.assert(
      fc.property(times, times, fc.integer({ min: 0, max: 2000 }), (stored, live, from) => {
        const buffer = new SeriesBuffer(signals)
        const history = [...new Set(stored)].sort((a, b) => a - b)
        buffer.load(series(history), 5)
        for (const t of live) buffer.append(at(t))
        const before = buffer.data([0])[0].filter((t) => t >= from)
        buffer.trim(from)
        const [kept, ...columns] = buffer.data([0, 2])
        expect(kept.filter((t) => t >= from)).toEqual(before)
        for (const column of columns) expect(column.length).toBe(kept.length)
        expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b))
      }),
    )
  })

  test('is bounded, whatever the rate', () => {
    const buffer = new SeriesBuffer(signals)
    for (let t = 0; t < 100_000; t++) {
      buffer.append(at(t / 1000))
      if (t % 1000 === 0) buffer.trim(0)
    }
    expect(buffer.length).toBeLessThan(42_000)
  })
})
