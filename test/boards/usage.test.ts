// Usage counted on the board: the C on the emulated Pico, the twin, and the durability library give
// the same numbers; they survive a power cut and arrive as the outbox's items.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { createUsage, type UsageCounts } from '../../firmware/twin/usage.ts'
import { type UsagePlan, type UsageSource, usagePlan } from '../../firmware/usage-plan.ts'
import { emptyHistogram, withValues } from '../../gateway/durability/histogram.ts'
import { RainflowRecord } from '../../gateway/durability/rainflow.ts'
import { readUsageItem, type UsageBody } from '../../hardware-profiles/usage.ts'
import { Pico } from '../emu/pico.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'
import { compilerInstalled, drill } from './stand.ts'
import { smallStore } from './store-rig.ts'

const build = compilerInstalled()
const subject = drill()
const plan = usagePlan(subject.profile, subject.loop, subject.spec).plan as UsagePlan

/** xorshift32 as in runtime/exercise.h. */
const words = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** The values that `exercise_usage` gives, step by step. */
const play = (seed: number, steps: number, each: (a: Int32Array, b: Int32Array) => void): void => {
  const word = words(seed)
  const inputs = new Int32Array(64)
  const reported = new Int32Array(64)
  for (let n = 0; n < steps; n += 1) {
    for (const { from, index, low, span } of [...plan.bands, ...plan.cycles]) {
      const wide = span + Math.floor(span / 8)
      const value = low - Math.floor(span / 16) + Number((BigInt(wide) * BigInt(word())) >> 32n)
      ;(from === 'inputs' ? inputs : reported)[index] = value
    }
    reported[0] = word() >>> 29
    each(inputs, reported)
  }
}

const twin = (seed: number, steps: number): UsageCounts => {
  const usage = createUsage(plan, subject.spec.rateHz)
  play(seed, steps, usage.tick)
  return usage.counts
}

/** By the durability library, from the raw values of the same steps. */
const library = (seed: number, steps: number): Pick<UsageCounts, 'bands' | 'cycles'> => {
  const period = subject.spec.rateHz / 100
  const histograms = plan.bands.map(({ low, span }) => emptyHistogram(low, low + span))
  const records = plan.cycles.map(({ low, span }) => new RainflowRecord(low, low + span))
  const windows: number[][] = plan.cycles.map(() => [])
  let n = 0
  play(seed, steps, (inputs, reported) => {
    const read = ({ from, index }: UsageSource) => (from === 'inputs' ? inputs : reported)[index]
    for (const [i, source] of plan.cycles.entries()) windows[i]?.push(read(source) ?? 0)
    n += 1
    if (n % period !== 0) return
    const taken = windows.map((window) => window.splice(0))
    if ((((plan.inUse?.bits ?? 0) >>> (reported[0] ?? 0)) & 1) === 0) return
    for (const [i, source] of plan.bands.entries()) {
      histograms[i] = withValues(histograms[i] ?? emptyHistogram(0, 1), [read(source) ?? 0])
    }
    for (const [i, window] of taken.entries()) {
      const low = Math.min(...window)
      const high = Math.max(...window)
      const lowFirst = window.indexOf(low) < window.indexOf(high)
      records[i]?.push(lowFirst ? [low, high] : [high, low])
    }
  })
  return {
    bands: histograms.map(({ weight }) => Uint32Array.from(weight)),
    cycles: records.map(({ halves }) => halves),
  }
}

test('the twin counts what the durability library counts', () => {
  const counts = twin(77, 300_000)
  const { bands, cycles } = library(77, 300_000)
  expect(counts.bands).toEqual(bands)
  expect(counts.cycles).toEqual(cycles)
  expect(counts.ticks).toBeGreaterThan(500)
})

test('a record of cycles takes no more than 2 KB', () => {
  expect(RainflowRecord.bytes).toBeLessThanOrEqual(2048)
})

describe.runIf(build)('a Pico', () => {
  let image: Image
  beforeAll(async () => {
    image = await smallStore()
  })

  const start = (flash: W25q): Pico => {
    const pico = new Pico({ bin: image.bin, flash })
    pico.ask('', 10_000_000)
    pico.ask('B\n', 100_000_000)
    pico.ask('L\n', 10_000_000)
    return pico
  }

  /** Every item of usage in the outbox. */
  const items = (pico: Pico): UsageBody[] => {
    const found: UsageBody[] = []
    for (let after = 0; ; ) {
      const [number = 0, boot = 0, kind, ...data] = pico
        .ask(`N ${after.toString(16)}\n`, 20_000_000)
        .split(' ')
        .map((word) => Number.parseInt(word, 16))
      if (number === 0) return found
      after = number
      const body = readUsageItem({ boot, number }, new Uint8Array(Uint32Array.from(data).buffer))
      if (kind === 2 && body !== undefined) found.push(body)
    }
  }

  const countsOf = (bodies: readonly UsageBody[]): UsageCounts => {
    const counts: UsageCounts = {
      ticks: (bodies.at(-1)?.usedMs ?? 0) / 10,
      bands: plan.bands.map(() => new Uint32Array(32)),
      cycles: plan.cycles.map(() => new Uint32Array(480)),
    }
    for (const { what, index, first, values } of bodies) counts[what][index]?.set(values, first)
    return counts
  }

  test('counts what the twin counts, keeps it over a power cut, and goes on', () => {
    const flash = new W25q({ times: quickTimes })
    const first = start(flash)
    first.ask(`U 4d ${(40_000).toString(16)}\n`, 400_000_000)
    first.ask('V\n', 50_000_000)
    const told = items(first)
    expect(told.every(({ layout, boot }) => layout === plan.layout && boot === 1)).toBe(true)
    expect(countsOf(told)).toEqual(twin(0x4d, 40_000))
    first.cutPower()
    const second = start(flash)
    second.ask('V\n', 50_000_000)
    const again = items(second)
    expect(countsOf(again.filter(({ boot }) => boot === 2))).toEqual(countsOf(told))
    expect(again.length).toBe(2 * told.length)
  })
})
