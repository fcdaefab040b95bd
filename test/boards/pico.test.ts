// The drill's image on an emulated Pico, seen from its pins: what the converter is given goes in,
// edges come out. Nothing of the image is replaced. Levels are heard at every change, so a claim
// about a pin holds for every cycle.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { startGuarded } from '../../firmware/twin/guarded-board.ts'
import { atRest, type Bench, cyclesPerUs, ms, pin, put } from './pins.ts'
import { compilerInstalled, drill, fixture, imageOf, kernelOf, wasmOf } from './stand.ts'

const build = compilerInstalled()

describe.runIf(build)('the drill', () => {
  let image: Image
  beforeAll(async () => {
    image = await imageOf(drill(), 'rp2040-pico', 'machine')
  })

  const addressOf = (name: string): number => {
    const found = image.symbols.get(name)
    if (found === undefined) throw new Error(`the image has no ${name}`)
    return found
  }

  /** Started, the longest coasting waited for: ready to run. */
  const ready = (): Bench => {
    const bench = put(image)
    bench.pico.run(2100 * ms)
    return bench
  }

  test('the gate is low from reset on, however long a pulled trigger is held', () => {
    const bench = put(image, { ...atRest(), trigger: 3 })
    bench.pico.run(2500 * ms)
    expect(bench.reasons()).toEqual([0])
    for (const one of [pin.gate, pin.duty, pin.brake]) expect(bench.edges(one)).toEqual([])
    bench.volts.trigger = 0.3
    bench.pico.run(50 * ms)
    expect(bench.edges(pin.gate)).toEqual([])
    bench.volts.trigger = 3
    bench.pico.run(5 * ms)
    expect(bench.pico.level(pin.gate)).toBe(true)
  })

  test('PWM is 20 kHz to the cycle, its duty that of the twin, brake and drive never together', () => {
    const bench = ready()
    const { pico, volts } = bench
    volts.trigger = 1.65
    pico.run(400 * ms)
    const since = pico.cycles
    pico.run(20 * ms)
    const edges = bench.edges(pin.duty, since)
    const rises = edges.filter(([, high]) => high).map(([cycle]) => cycle)
    expect(rises.length).toBeGreaterThan(390)
    for (const [i, cycle] of rises.slice(1).entries()) {
      // Time moves by whole instructions: an edge is heard up to a few cycles late.
      expect(Math.abs(cycle - (rises[0] ?? 0) - (i + 1) * 6250)).toBeLessThan(16)
    }
    const falls = edges.filter(([, high]) => !high).map(([cycle]) => cycle)
    const on = rises.map((rise) => (falls.find((fall) => fall > rise) ?? 0) - rise).slice(0, -1)
    const duty = pico.read(addressOf('outputs'))
    expect(duty).toBeGreaterThan(4000)
    for (const cycles of on) expect(Math.abs(cycles - (duty * 6250) / 10_000)).toBeLessThan(16)
    volts.trigger = 0.3
    pico.run(300 * ms)
    expect(bench.edges(pin.brake).length).toBeGreaterThan(100)
    expect(bench.both).toEqual([])
    expect(pico.level(pin.gate)).toBe(false)
    expect(pico.resets).toBe(0)
  })

  test('full trigger is full on: no edge at all', () => {
    const bench = ready()
    bench.volts.trigger = 3.05
    bench.pico.run(600 * ms)
    const since = bench.pico.cycles
    bench.pico.run(10 * ms)
    expect(bench.pico.level(pin.duty)).toBe(true)
    expect(bench.edges(pin.duty, since)).toEqual([])
  })

  test('the motor current is sampled within 2 us of the middle of the on-time', () => {
    const bench = ready()
    bench.volts.trigger = 1.65
    bench.pico.run(400 * ms)
    const since = bench.pico.cycles
    bench.pico.run(20 * ms)
    const edges = bench.edges(pin.duty, since)
    const times = bench.sampled.filter((cycle) => cycle > (edges[0]?.[0] ?? 0)).slice(1, -1)
    expect(times.length).toBeGreaterThan(150)
    for (const time of times) {
      const rise = edges.findLast(([cycle, high]) => high && cycle < time)?.[0] ?? 0
      const fall = edges.find(([cycle, high]) => !high && cycle > rise)?.[0] ?? 0
      expect(Math.abs(time - (rise + fall) / 2)).toBeLessThan(2 * cyclesPerUs)
    }
  })

  test('each step does to the pins what the twin does with the same readings', async () => {
    const subject = drill()
    const [{ wasm }, { wasm: kernel }] = [await wasmOf(subject), await kernelOf(subject)]
    const bench = put(image)
    const { pico, volts } = bench
    const twin = startGuarded({ wasm, kernel, loop: subject.loop, micros: () => 0 })
    twin.setup()
    const words = (name: string, count: number): number[] =>
      Array.from({ length: count }, (_, i) => pico.read(addressOf(name) + 4 * i) | 0)
    let inside = false
    let steps = 0
    let ran = 0
    const wrong: unknown[] = []
    // The rotor counts as turning for the first two seconds; then pull, let go, turn round, pull.
    const hand: [step: number, trigger: number, forward: boolean][] = [
      [20_000, 0.3, true],
      [21_000, 2.2, true],
      [24_000, 0.3, true],
      [29_000, 0.3, false],
      [29_100, 3, false],
    ]
    pico.run(3200 * ms, () => {
      const now = pico.inInterrupt
      if (inside && !now) {
        twin.inputs.set(words('inputs', twin.inputs.length))
        twin.step()
        const got = words('passed', twin.outputs.length)
        if (got.some((value, i) => value !== twin.outputs[i])) wrong.push([steps, got])
        steps += 1
        if ((got[0] ?? 0) > 0) ran += 1
        const [, trigger, forward] = hand.findLast(([step]) => step <= steps) ?? [0, 0.3, true]
        volts.trigger = trigger
        volts.current = 1.65 + (trigger > 0.3 ? 0.1 + (steps % 7) * 0.01 : 0)
        pico.drive(pin.direction, forward)
      }
      inside = now
      return wrong.length > 0
    })
    expect(wrong).toEqual([])
    expect(steps).toBeGreaterThan(31_900)
    expect(ran).toBeGreaterThan(4000)
    expect(pico.level(pin.bridge)).toBe(true)
  })
})

describe.runIf(build)('what goes wrong in a loop ends with the motor off', () => {
  let image: Image
  beforeAll(async () => {
    const subject = fixture('faulty')
    try {
      image = await imageOf(subject, 'rp2040-pico', 'machine')
    } finally {
      subject.remove()
    }
  })
  const wish = (percent: number): number => 0.3 + 0.027 * percent
  const running = (): Bench => {
    const bench = put(image, { ...atRest(), current: wish(0) })
    bench.pico.run(60 * ms)
    bench.volts.current = wish(30)
    bench.pico.run(5 * ms)
    expect(bench.pico.level(pin.gate)).toBe(true)
    return bench
  }

  test.each([
    { what: 'a division by zero', percent: 45, reason: 3, mostUs: 300 },
    { what: 'a dead end', percent: 55, reason: 5, mostUs: 300 },
    { what: 'a step that takes too long', percent: 98, reason: 17, mostUs: 700 },
    { what: 'a step of more than ten periods', percent: 95, reason: 18, mostUs: 1300 },
    { what: 'a loop without end', percent: 65, reason: 18, mostUs: 1300 },
  ])('$what: off, reset, and latched over the reset', ({ percent, reason, mostUs }) => {
    const bench = running()
    const { pico, volts } = bench
    volts.current = wish(percent)
    const since = pico.cycles
    expect(pico.run(20 * ms, () => !pico.level(pin.gate))).toBe(true)
    const offAfterUs = (pico.cycles - since) / cyclesPerUs
    expect(offAfterUs).toBeLessThan(mostUs)
    // Before the reset, too: what traps must not switch on again while it waits for the watchdog.
    const offSince = pico.cycles + cyclesPerUs
    volts.current = wish(0)
    expect(pico.run(20 * ms, () => pico.resets > 0)).toBe(true)
    // Whatever it is asked for now: from the moment it was off, over the reset, for good.
    for (const percent of [0, 30, 0, 10, 30]) {
      volts.current = wish(percent)
      pico.run(60 * ms)
    }
    expect(bench.reasons()).toEqual([0, reason])
    for (const one of [pin.gate, pin.duty, pin.brake]) {
      expect(bench.edges(one, offSince)).toEqual([])
      expect(pico.level(one)).toBe(false)
    }
    expect(pico.resets).toBe(1)
  })

  test.each([
    { rateHz: 1000, afterUs: 10_000 },
    { rateHz: 2000, afterUs: 5000 },
    { rateHz: 20_000, afterUs: 1000 },
  ])('a hang at $rateHz Hz ends after ten periods, bounded', async ({ rateHz, afterUs }) => {
    const subject = fixture('faulty')
    const spec = { ...subject.spec, rateHz }
    const profile = { ...subject.profile, loops: { drive: spec } }
    const image = await imageOf({ ...subject, spec, profile }, 'rp2040-pico', 'machine')
    subject.remove()
    const { pico, volts } = put(image, { ...atRest(), current: wish(0) })
    pico.run(60 * ms)
    volts.current = wish(30)
    pico.run(10 * ms)
    expect([pico.level(pin.gate), pico.resets]).toEqual([true, 0])
    // Half of a period on average until the hand is read, and the step that hangs is never fed.
    volts.current = wish(65)
    const since = pico.cycles
    expect(pico.run(30 * ms, () => pico.resets > 0)).toBe(true)
    const bittenUs = (pico.cycles - since) / cyclesPerUs
    expect(bittenUs).toBeGreaterThan(0.9 * afterUs)
    expect(bittenUs).toBeLessThan(afterUs + 3e6 / rateHz)
    expect(pico.level(pin.gate)).toBe(false)
  })

  test('a trap takes the pins from the PWM: they fall at once, not at the end of its period', () => {
    const bench = running()
    bench.volts.current = wish(45)
    bench.pico.run(1 * ms, () => !bench.pico.level(pin.gate))
    const off = bench.pico.cycles
    bench.pico.run(1 * cyclesPerUs)
    expect(bench.pico.level(pin.duty)).toBe(false)
    bench.pico.run(5 * ms)
    expect(bench.edges(pin.duty, off + cyclesPerUs)).toEqual([])
  })

  test('asked for drive and brake at once, it does neither', () => {
    const bench = running()
    bench.volts.current = wish(75)
    bench.pico.run(1 * ms)
    const since = bench.pico.cycles
    bench.pico.run(10 * ms)
    expect(bench.both).toEqual([])
    expect(bench.edges(pin.brake, since)).toEqual([])
    expect(bench.edges(pin.duty, since)).toEqual([])
    expect(bench.pico.resets).toBe(0)
  })
})
