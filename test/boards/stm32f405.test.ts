// The STM32F405's drivers against register models (test/emu/stm32*.ts): the same C as in its image,
// with nothing replaced, seen from the pins. Instructions and bits of the real core are QEMU's:
// equality.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { startGuarded } from '../../firmware/twin/guarded-board.ts'
import { atRest, type Bench, cyclesPerUs, modelImage, ms, pin, put } from './chip-bench.ts'
import { compilerInstalled, drill, fixture, imageOf, kernelOf, wasmOf } from './stand.ts'

const build = compilerInstalled()
const faulty = fixture('faulty')
afterAll(() => faulty.remove())

describe.runIf(build)('the drill on an STM32F405', () => {
  let image: Image
  let bench: Bench
  beforeAll(async () => {
    image = await modelImage(drill())
    bench = put(image)
    bench.chip.run(2200 * ms)
  }, 300_000)

  const addressOf = (name: string): number => image.symbols.get(name) ?? Number.NaN

  test('runs at 168 MHz, speaks at 115200 and counts its first boot', () => {
    expect(bench.chip.hz).toBe(168e6)
    expect(Math.abs(bench.chip.baud / 115_200 - 1)).toBeLessThan(0.001)
    expect(bench.reasons()).toEqual([0])
    for (const one of pin.power) expect(bench.edges(one)).toEqual([])
  })

  test('PWM is 20 kHz to the cycle, its duty that of the twin, the sample in its middle', () => {
    const { chip, volts } = bench
    volts.trigger = 1.65
    chip.run(300 * ms)
    const since = chip.cycles
    chip.run(20 * ms)
    const edges = bench.edges(pin.duty, since)
    const rises = edges.flatMap(([cycle, high]) => (high ? [cycle] : []))
    expect(rises.length).toBeGreaterThan(390)
    for (const [i, cycle] of rises.entries()) {
      expect(cycle - (rises[0] ?? 0)).toBe(i * 8400)
    }
    const duty = chip.read(addressOf('outputs'))
    const falls = edges.flatMap(([cycle, high]) => (high ? [] : [cycle]))
    const on = rises.map((rise) => (falls.find((fall) => fall > rise) ?? 0) - rise).slice(0, -1)
    expect(duty).toBeGreaterThan(4000)
    for (const cycles of on) expect(Math.abs(cycles - (duty * 8400) / 10_000)).toBeLessThan(16)
    const times = bench.timed.filter((cycle) => cycle > (rises[1] ?? 0)).slice(1, -1)
    expect(times.length).toBeGreaterThan(150)
    for (const time of times) {
      const rise = rises.findLast((cycle) => cycle < time) ?? 0
      const fall = falls.find((cycle) => cycle > rise) ?? 0
      expect(Math.abs(time - (rise + fall) / 2)).toBeLessThan(1.2 * cyclesPerUs)
    }
    expect(chip.level(pin.gate)).toBe(true)
  })

  test('brakes when the hand lets go, drive and brake never together, and is off in the end', () => {
    const { chip, volts } = bench
    const since = chip.cycles
    volts.trigger = 0.3
    chip.run(300 * ms)
    expect(bench.edges(pin.brake, since).length).toBeGreaterThan(100)
    expect(bench.both).toEqual([])
    expect(pin.power.map((one) => chip.level(one))).toEqual([false, false, false])
    expect(chip.resets).toBe(0)
  })

  test('each step does to the pins what the twin does with the same readings', async () => {
    const subject = drill()
    const [{ wasm }, { wasm: kernel }] = [await wasmOf(subject), await kernelOf(subject)]
    const { chip, volts } = put(image)
    const twin = startGuarded({ wasm, kernel, loop: subject.loop, micros: () => 0 })
    twin.setup()
    const words = (name: string, count: number): number[] =>
      Array.from({ length: count }, (_, i) => chip.read(addressOf(name) + 4 * i) | 0)
    const stepsAt = addressOf('link_steps')
    let [steps, ran] = [0, 0]
    const wrong: unknown[] = []
    let inside = false
    chip.run(2600 * ms, () => {
      const now = chip.inInterrupt
      const left = inside && !now
      inside = now
      if (!left || chip.read(stepsAt) === steps) return false
      steps = chip.read(stepsAt)
      twin.inputs.set(words('inputs', twin.inputs.length))
      twin.step()
      const got = words('passed', twin.outputs.length)
      if (got.some((value, i) => value !== twin.outputs[i])) wrong.push([steps, got])
      if ((got[0] ?? 0) > 0) ran += 1
      volts.trigger = steps > 21_000 && steps < 24_000 ? 2.2 : 0.3
      volts.current = 1.65 + (volts.trigger > 0.3 ? 0.1 + (steps % 7) * 0.01 : 0)
      return wrong.length > 0
    })
    expect(wrong).toEqual([])
    expect(steps).toBeGreaterThan(25_900)
    expect(ran).toBeGreaterThan(2500)
  }, 60_000)
})

describe.runIf(build)('what goes wrong in a loop ends with the motor off', () => {
  let image: Image
  beforeAll(async () => {
    image = await modelImage(faulty)
  }, 300_000)
  const wish = (percent: number): number => 0.3 + 0.027 * percent
  const running = (): Bench => {
    const bench = put(image, { ...atRest(), current: wish(0) })
    bench.chip.run(60 * ms)
    bench.volts.current = wish(30)
    bench.chip.run(5 * ms)
    expect(bench.chip.level(pin.gate)).toBe(true)
    return bench
  }

  test.each([
    { what: 'a division by zero', percent: 45, reason: 3, mostUs: 300 },
    { what: 'a dead end', percent: 55, reason: 5, mostUs: 300 },
    { what: 'a step that takes too long', percent: 95, reason: 17, mostUs: 10_000 },
    { what: 'a loop without end', percent: 65, reason: 18, mostUs: 10_700 },
  ])('$what: off, reset, and latched over the reset', ({ percent, reason, mostUs }) => {
    const bench = running()
    const { chip, volts } = bench
    volts.current = wish(percent)
    const since = chip.cycles
    expect(chip.run(20 * ms, () => !chip.level(pin.gate))).toBe(true)
    expect((chip.cycles - since) / cyclesPerUs).toBeLessThan(mostUs)
    // Before the reset, too: what traps must not switch on again while it waits for the watchdog.
    const offSince = chip.cycles + cyclesPerUs
    volts.current = wish(0)
    expect(chip.run(20 * ms, () => chip.resets > 0)).toBe(true)
    for (const next of [0, 30, 0, 10, 30]) {
      volts.current = wish(next)
      chip.run(60 * ms)
    }
    expect(bench.reasons()).toEqual([0, reason])
    for (const one of pin.power) expect(bench.edges(one, offSince)).toEqual([])
    expect(chip.resets).toBe(1)
  })

  test('a trap takes the pins from the PWM: they fall at once, not at the end of its period', () => {
    const { chip, volts, edges } = running()
    volts.current = wish(45)
    chip.run(1 * ms, () => !chip.level(pin.gate))
    const off = chip.cycles
    chip.run(1 * cyclesPerUs)
    expect(chip.level(pin.duty)).toBe(false)
    chip.run(5 * ms)
    expect(edges(pin.duty, off + cyclesPerUs)).toEqual([])
  })

  test('asked for drive and brake at once, it does neither', () => {
    const { chip, volts, edges, both } = running()
    volts.current = wish(75)
    chip.run(1 * ms)
    const since = chip.cycles
    chip.run(10 * ms)
    expect(both).toEqual([])
    expect(edges(pin.brake, since)).toEqual([])
    expect(edges(pin.duty, since)).toEqual([])
  })

  test('a trip that was latched is gone with the power, as is the reason', () => {
    const first = running()
    first.volts.current = wish(45)
    first.chip.run(20 * ms, () => first.chip.resets > 0)
    first.volts.current = wish(0)
    first.chip.run(60 * ms)
    expect(first.reasons()).toEqual([0, 3])
    first.chip.cutPower()
    const second = put(image, { ...atRest(), current: wish(0) }, { cells: first.chip.cells })
    second.chip.run(60 * ms)
    second.volts.current = wish(30)
    second.chip.run(5 * ms)
    expect(second.reasons()).toEqual([0])
    expect(second.chip.level(pin.gate)).toBe(true)
  })
})

test.runIf(build)(
  'the image for the chip itself fits, and its manifest names what is unproven',
  async () => {
    const { manifest } = await imageOf(drill(), 'stm32f405', 'machine')
    expect(manifest.sizes.flash).toBeLessThan(128 * 1024)
    expect(manifest.stack.bound).toBeLessThanOrEqual(manifest.stack.reserved)
    expect(manifest.unproven.join('\n')).toMatch(/silicon/)
  },
)
