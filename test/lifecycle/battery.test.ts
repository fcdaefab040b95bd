// Discharges as they stream: which ones count, what ends one, and what was not seen.
import { expect, test } from 'vitest'
import {
  columns,
  foldPack,
  mostDischarges,
  newPack,
  type PackFold,
  packHealth,
} from '../../gateway/lifecycle/battery.ts'

const spec = { ratedAh: 2, fullV: 4.1, cutoffV: 2.7, endOfLife: 0.7, restA: 0.1 }

/** Readings every 10 s: [volts, amps] of each, with seconds to the next where it is not 10. */
class Bench {
  readonly fold: PackFold = newPack()
  #timeUs = 0

  read(volts: number, amps: number, seconds = 10): void {
    const { fold } = this
    foldPack(fold, { timeUs: this.#timeUs, volts, amps, celsius: 20, hours: 1 }, spec)
    this.#timeUs += seconds * 1e6
  }

  /** From rest at `startV` at 2 A down to `endV`, giving `ah`. */
  discharge(ah: number, startV = 4.15, endV = 2.69): void {
    this.read(startV, 0)
    const steps = Math.round((ah / 2) * 360)
    for (let i = 0; i < steps; i++) this.read(startV - ((startV - endV) * (i + 1)) / steps, 2)
  }
}

test('charge is counted from full to the cut-off, over rests, and known when it is full again', () => {
  const bench = new Bench()
  bench.discharge(1, 4.15, 3.5)
  for (let i = 0; i < 5; i++) bench.read(3.6, 0, 3600)
  bench.discharge(0.9, 3.6)
  bench.read(3.2, 0)
  expect(bench.fold).toMatchObject({ count: 0, ended: [] })
  bench.discharge(0.1)
  expect(bench.fold).toMatchObject({ count: 1, partial: 0, unseen: 0 })
  expect(bench.fold.ended[2]).toBeCloseTo(1.9, 1)
})

test('a discharge that began or ended early, or was not seen, says nothing', () => {
  const bench = new Bench()
  bench.discharge(1.5, 3.9)
  bench.discharge(1, 4.15, 3.2)
  expect(bench.fold).toMatchObject({ count: 1, partial: 1 })
  bench.discharge(1.9)
  expect(bench.fold).toMatchObject({ count: 2, partial: 2 })
  bench.read(4.15, 0)
  bench.read(3.9, 2, 900)
  bench.read(3.5, 2)
  bench.read(2.6, 2)
  bench.read(4.15, 0)
  bench.read(4, 2)
  expect(bench.fold).toMatchObject({ count: 4, partial: 2, unseen: 1 })
  expect(bench.fold.ended).toHaveLength(columns)
})

test('another pack, not full, ends the discharge of the one before', () => {
  const bench = new Bench()
  bench.discharge(1, 4.15, 3.2)
  // Rested, 3.3 V; the other one rests at 3.8 V.
  bench.read(3.3, 0)
  bench.read(3.2, 2)
  bench.discharge(0.8, 3.8)
  expect(bench.fold).toMatchObject({ count: 1, partial: 1 })
})

test('charging in the machine ends a discharge too', () => {
  const bench = new Bench()
  bench.discharge(1.9)
  bench.read(3.4, -1)
  bench.read(3.6, -1)
  expect(bench.fold).toMatchObject({ count: 1, partial: 0, open: null })
})

test('what is kept stays bounded, and survives being kept as JSON', () => {
  const bench = new Bench()
  for (let i = 0; i < 100; i++) {
    bench.discharge(2 - i * 0.01)
    Object.assign(bench.fold, JSON.parse(JSON.stringify(bench.fold)))
  }
  bench.read(4.15, 0)
  bench.read(4.1, 2)
  expect(bench.fold.count).toBe(100)
  expect(bench.fold.ended.length).toBeLessThanOrEqual(columns * mostDischarges)
  expect(packHealth(bench.fold, spec)?.now).toBeCloseTo(0.512, 2)
  // 1.4 Ah: the 61st.
  expect(Math.abs((bench.fold.endCycle ?? 0) - 61)).toBeLessThanOrEqual(1)
})
