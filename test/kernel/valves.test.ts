// The press's image on an emulated Pico, joined to its plant: a whole block with every step
// compared with the twin; pressure, hand and emergency stop seen at the pins; and everything low
// from reset to arm, in fault, after the watchdog and after a trap. Pins are heard at every edge,
// so what is said of one holds for every cycle.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { causeName, opposedOutputs, safetyStates } from '../../firmware/kernel-constants.ts'
import { startGuarded } from '../../firmware/twin/guarded-board.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { createPlant } from '../../firmware/twin/plants/press/plant.ts'
import type { SafetySpec } from '../../hardware-profiles/profile.ts'
import { ms } from '../boards/pins.ts'
import {
  compilerInstalled,
  fixture,
  imageOf,
  kernelOf,
  longestStep,
  type Subject,
  subjectOf,
  wasmOf,
} from '../boards/stand.ts'
import { join, type SwitchBench } from '../boards/switch-pins.ts'

const build = compilerInstalled()
const safetyOf = ({ profile }: Subject): SafetySpec => {
  if (profile.safety === undefined) throw new Error('no safety')
  return profile.safety
}

describe.runIf(build)('the press', () => {
  const subject = subjectOf('earth_block_press')
  let image: Image
  beforeAll(async () => {
    image = await imageOf(subject, 'rp2040-pico', 'machine')
  })
  const plantOf = (kept: Record<string, number> = {}) =>
    createPlant({
      constants: { ...subject.profile.twin?.constants, jam_share: 0 },
      random: seeded(1),
      kept: { main: 0.19, drawer: 0.02, ...kept },
    })
  const stateOf = (bench: SwitchBench): string => safetyStates[bench.word('told')] ?? ''
  const causeOf = (bench: SwitchBench): string =>
    causeName(bench.word('told', 1), safetyOf(subject))
  const steps = (bench: SwitchBench, most: number, done: () => boolean = () => false): number => {
    for (let i = 1; i <= most; i += 1) {
      bench.step()
      if (done()) return i
    }
    return Number.POSITIVE_INFINITY
  }
  /** Armed, held, with a valve open. */
  const moving = (kept?: Record<string, number>): SwitchBench => {
    const bench = join(subject, image, plantOf(kept))
    bench.override.set('hold', 0)
    steps(bench, 800)
    expect([stateOf(bench), bench.isLow()]).toEqual(['armed', true])
    bench.override.set('hold', 1)
    const valves = ['main_up', 'main_down', 'drawer_push', 'drawer_pull'].map(bench.pin)
    const open = (): boolean => valves.some((one) => bench.pico.level(one))
    expect(steps(bench, 800, open)).toBeLessThan(800)
    expect(bench.pico.level(bench.pin('gate'))).toBe(true)
    return bench
  }
  const quiet = (bench: SwitchBench, since: number): void => {
    for (const one of bench.power) expect(bench.edges(one, since + 1)).toEqual([])
    expect(bench.isLow()).toBe(true)
  }

  test('everything is low from reset on under a hand that holds, and until it was released', () => {
    const bench = join(subject, image, plantOf())
    bench.override.set('hold', 1)
    steps(bench, 2000)
    quiet(bench, 0)
    bench.override.set('hold', 0)
    steps(bench, 600)
    quiet(bench, 0)
    expect(stateOf(bench)).toBe('armed')
  })

  test('a whole block: each step does to the pins what the twin does, valves never both on', async () => {
    const [{ wasm }, { wasm: kernel }] = [await wasmOf(subject), await kernelOf(subject)]
    const { loop, spec } = subject
    const opposed = opposedOutputs({ safety: safetyOf(subject), loop, spec })
    const twin = startGuarded({ wasm, kernel, loop, micros: () => 0, opposed })
    twin.setup()
    const bench = join(subject, image, plantOf())
    bench.override.set('hold', 0)
    const pins = loop.outputs.map(({ name }) => bench.pin(name))
    const blocks = loop.states.length + loop.counters.findIndex(({ name }) => name === 'blocks')
    const stages = new Set<number>()
    let compared = 0
    for (let i = 0; i < 45_000 && twin.reported[blocks] !== 1; i += 1) {
      if (i === 700) bench.override.set('hold', 1)
      if (!bench.step()) continue
      for (let k = 0; k < twin.inputs.length; k += 1) twin.inputs[k] = bench.word('inputs', k)
      twin.step()
      compared += 1
      stages.add(twin.reported[1] ?? 0)
      const expected = [...twin.outputs]
      const got = expected.map((_, k) => bench.word('passed', k))
      const levels = pins.map((one) => Number(bench.pico.level(one)))
      if (`${got}` !== `${expected}` || `${levels}` !== `${expected}`) {
        expect([i, got, levels]).toEqual([i, expected, expected])
      }
    }
    expect([twin.reported[blocks], bench.word('reported', blocks), stages.size]).toEqual([1, 1, 10])
    expect(compared).toBeGreaterThan(25_000)
    expect(bench.both).toEqual([])
    expect(bench.pico.resets).toBe(0)
    // The whole step, kernel and all, as its manifest says.
    expect(bench.longest()).toBeLessThanOrEqual(longestStep(image))
  }, 120_000)

  test('pressure while compressing is cut off at the pin within 2 ms', () => {
    // On its way down, and then the drawer to the middle: soil is in the chamber.
    const bench = moving()
    const up = bench.pin('main_up')
    const compress = subject.loop.states[1]?.values?.indexOf('compress')
    const pressing = (): boolean => bench.word('reported', 1) === compress && bench.pico.level(up)
    expect(steps(bench, 40_000, pressing)).toBeLessThan(40_000)
    steps(bench, 400)
    expect(bench.pico.level(up)).toBe(true)
    const since = bench.pico.cycles
    bench.override.set('pressure', 145)
    expect(steps(bench, 100, () => !bench.pico.level(up))).toBeLessThan(100)
    expect((bench.pico.cycles - since) / ms).toBeLessThan(2)
    expect(stateOf(bench)).toBe('armed')
  })

  test('the hand let go, or the emergency stop: all low within one period', () => {
    for (const input of ['hold', 'emergency_stop']) {
      const bench = moving()
      const since = bench.pico.cycles
      bench.override.set(input, 0)
      expect(steps(bench, 10, bench.isLow)).toBeLessThan(10)
      expect((bench.pico.cycles - since) / ms).toBeLessThan(0.56)
      steps(bench, 5)
      const off = bench.pico.cycles
      bench.override.set('emergency_stop', 1)
      if (input === 'emergency_stop') steps(bench, 1000)
      else steps(bench, 100)
      quiet(bench, off)
    }
  })

  test('too much pressure trips; low in fault, over the reset by the watchdog, and after it', () => {
    const bench = moving()
    const { pico } = bench
    // Beyond what the loop cuts off, and the kernel's own limit.
    bench.override.set('pressure', 195)
    expect(steps(bench, 20, bench.isLow)).toBeLessThanOrEqual(9)
    steps(bench, 20)
    expect([stateOf(bench), causeOf(bench)]).toEqual(['tripped', 'above: pressure'])
    const off = pico.cycles
    bench.override.delete('pressure')
    for (const held of [0, 1, 0, 1]) {
      bench.override.set('hold', held)
      steps(bench, 400)
    }
    pico.write(0x40058004, 4)
    expect(pico.run(20 * ms, () => pico.resets > 0)).toBe(true)
    for (const held of [0, 1, 0, 1]) {
      bench.override.set('hold', held)
      steps(bench, 400)
    }
    quiet(bench, off)
    expect([stateOf(bench), causeOf(bench)]).toEqual(['tripped', 'above: pressure'])
  })

  test('the watchdog bites at work: low at once, and latched', () => {
    const bench = moving()
    const { pico } = bench
    pico.write(0x40058004, 4)
    expect(pico.run(20 * ms, () => pico.resets > 0)).toBe(true)
    expect(bench.isLow()).toBe(true)
    const off = pico.cycles
    for (const held of [0, 1, 0, 1]) {
      bench.override.set('hold', held)
      steps(bench, 400)
    }
    quiet(bench, off)
    expect([stateOf(bench), causeOf(bench)]).toEqual(['tripped', 'hang'])
  })
})

describe.runIf(build)('a loop that goes wrong ends with both solenoids off', () => {
  const subject = fixture('faulty_valve')
  let image: Image
  beforeAll(async () => {
    try {
      image = await imageOf(subject, 'rp2040-pico', 'machine')
    } finally {
      subject.remove()
    }
  })

  test.each([
    { what: 'divides by zero', wish: 45, mostMs: 0.6, cause: 'loop_trap' },
    { what: 'gives up', wish: 55, mostMs: 0.6, cause: 'loop_trap' },
    { what: 'hangs', wish: 65, mostMs: 10.6, cause: 'hang' },
    { what: 'asks for both solenoids', wish: 75, mostMs: 1.1, cause: 'outputs: hold' },
    { what: 'takes too long', wish: 95, mostMs: 10.6, cause: 'overrun' },
    { what: 'goes on with the hand off', wish: 30, mostMs: 10.6, cause: 'dead_man: hold' },
  ])('$what: $cause', ({ wish, mostMs, cause }) => {
    const bench = join(subject, image)
    const { pico } = bench
    bench.override.set('wish', 30)
    for (let i = 0; i < 200; i += 1) bench.step()
    bench.override.set('hold', 1)
    for (let i = 0; i < 20; i += 1) bench.step()
    expect([pico.level(bench.pin('up')), pico.level(bench.pin('gate'))]).toEqual([true, true])
    const since = pico.cycles
    bench.override.set('wish', wish)
    if (wish === 30) bench.override.set('hold', 0)
    bench.step()
    expect(pico.run(20 * ms, bench.isLow)).toBe(true)
    const falls = bench.power.flatMap((one) => bench.edges(one, since).map(([at]) => at))
    const off = Math.max(...falls)
    expect((off - since) / ms).toBeLessThan(mostMs)
    bench.override.set('wish', 30)
    for (const held of [0, 1, 0, 1]) {
      bench.override.set('hold', held)
      bench.step()
      pico.run(40 * ms)
    }
    for (const one of bench.power) expect(bench.edges(one, off + 1)).toEqual([])
    expect(bench.both).toEqual([])
    expect(causeName(bench.word('told', 1), safetyOf(subject))).toBe(cause)
  })
})
