// Battery health on NASA's cells: capacity within 2 %, end of life within 3 cycles, rejections.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  batteryHealth,
  type CellLimits,
  type Discharge,
  measureDischarge,
} from '../../gateway/durability/battery.ts'
import { sharedData } from '../data.ts'
import { expectAbsolute, expectRefusal, expectRelative } from './expect.ts'
import { numbers } from './textbook.ts'

const nasa = sharedData('nasa-battery')

const discharges = (cell: string): Discharge[] => {
  const by = new Map<number, number[][]>()
  for (const row of numbers(`${nasa}/${cell}.csv`)) {
    const cycle = row[6] as number
    const own = by.get(cycle)
    if (own) own.push(row)
    else by.set(cycle, [row])
  }
  return [...by.values()].map((rows) => {
    const column = (i: number) => rows.map((r) => r[i] as number)
    return { timeS: column(5), currentA: column(1), voltageV: column(0), temperatureC: column(2) }
  })
}

const limits = (cutoffV: number): CellLimits => ({
  ratedAh: 2,
  fullV: 4.1,
  cutoffV,
  endOfLife: 0.7,
})

describe.skipIf(!nasa)('NASA Ames cells', () => {
  it.each([
    ['B0005', 2.7, 125],
    ['B0006', 2.5, 109],
  ] as const)(
    '%s: every capacity within 2 %%, end of life within 3 cycles',
    (cell, cutoffV, end) => {
      const published = numbers(`${nasa}/${cell}_published_capacity.csv`)
      const health = batteryHealth(discharges(cell), limits(cutoffV))
      expect(health.points.length).toBe(published.length)
      expect(health.accepted).toBe(published.length)
      health.points.forEach((point, i) => {
        expectRelative(point.measure.capacityAh, published[i]?.[4] as number, 0.02)
      })
      expect(Math.abs((health.endOfLifeCycle ?? 0) - end)).toBeLessThanOrEqual(3)
    },
  )

  it.each(['B0005', 'B0006', 'B0033', 'B0038'])('%s: coulomb count of the whole record', (cell) => {
    const expected = JSON.parse(readFileSync(`${nasa}/expected.json`, 'utf8')).cells[cell]
    const totals = discharges(cell).map((d) => measureDischarge(d, 2).totalAh)
    expect(totals.length).toBe(expected.cycles)
    expected.capacity_Ah_by_cycle.forEach((q: number, i: number) => {
      expectAbsolute(totals[i] as number, q, 6e-6)
    })
  })

  it('finds the recoveries of B0005 after rests', () => {
    const { points } = batteryHealth(discharges('B0005'), limits(2.7))
    const recovered = points.filter((p) => p.recovered).map((p) => p.cycle)
    // The six that the data set's README names, and the rise of the last two records.
    expect(recovered).toEqual([20, 31, 48, 90, 120, 151, 167, 168])
  })

  it('rejects the truncated first discharges of B0033 and B0038', () => {
    const b33 = batteryHealth(discharges('B0033'), limits(2))
    expect(b33.points.slice(0, 7).every((p) => p.rejected)).toBe(true)
    expect(b33.points[0]?.rejected).toBe('not full at start')
    expect(b33.points[7]?.rejected).toBeUndefined()
    const low = b33.points.filter((p) => !p.rejected && p.health < 0.6)
    expect(low).toEqual([])
    const b38 = batteryHealth(discharges('B0038'), limits(2.2))
    expect(b38.points[0]?.rejected).toBe('not full at start')
    expect(b38.accepted).toBeGreaterThan(30)
  })

  it('measures a resistance that grows with age', () => {
    const measures = discharges('B0005').map((d) => measureDischarge(d, 2.7).resistanceOhm ?? 0)
    const mean = (v: number[]) => v.reduce((a, b) => a + b, 0) / v.length
    expect(mean(measures.slice(0, 10))).toBeGreaterThan(0.05)
    expect(mean(measures.slice(-10))).toBeGreaterThan(1.02 * mean(measures.slice(0, 10)))
  })
})

describe('a discharge', () => {
  const flat = (hours: number, amps: number, endV: number): Discharge => ({
    timeS: [0, 1, hours * 3600, hours * 3600 + 600],
    currentA: [0, -amps, -amps, 0],
    voltageV: [4.2, 4, endV, 3.5],
    temperatureC: [20, 20, 20, 20],
  })

  it('is counted to the cut-off and its resistance read at the load step', () => {
    const m = measureDischarge(flat(1, 2, 2.6), 2.7)
    expectRelative(m.capacityAh, 2, 1e-3)
    expect(m.totalAh).toBeGreaterThan(m.capacityAh)
    expectAbsolute(m.resistanceOhm ?? 0, 0.1, 1e-12)
  })

  it('is rejected when cut short, and accepted when the cell has faded', () => {
    const series = [2, 2, 0.5, 2, 1.95, 1.9, 1.85, 1.8].map((h) => flat(h, 1, 2.6))
    const { points } = batteryHealth(series, limits(2.7))
    expect(points.map((p) => p.rejected)).toEqual([
      undefined,
      undefined,
      'truncated',
      ...Array(5).fill(undefined),
    ])
    const fading = [2, 1.7, 1.3, 0.9].map((h) => flat(h, 1, 2.6))
    const faded = batteryHealth(fading, limits(2.7))
    expect(faded.accepted).toBe(4)
    expect(faded.endOfLifeCycle).toBe(3)
    const short = batteryHealth([flat(1, 1, 3.1)], limits(2.7))
    expect(short.points[0]?.rejected).toBe('cut-off not reached')
  })

  it('refuses records that are none', () => {
    const ok = flat(1, 1, 2.6)
    expectRefusal(() => measureDischarge({ ...ok, timeS: [0, 5, 4, 6] }, 2.7), 'unsorted_interval')
    expectRefusal(() => measureDischarge({ ...ok, currentA: [1] }, 2.7), 'bad_argument')
    expectRefusal(() => batteryHealth([], limits(2.7)), 'bad_argument')
  })
})
