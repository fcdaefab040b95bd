// The hot end's image on an emulated Pico, joined to its plant and to a gateway's setpoints: low
// from reset on, heated only with the switch on and a target that is renewed, low in the same
// step where either goes, and in a trip for good. Pins are heard at every edge.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { causeName, safetyStates } from '../../firmware/kernel-constants.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { createPlant } from '../../firmware/twin/plants/heater/plant.ts'
import { encodeFrame } from '../../gateway/sources/serial/frame.ts'
import { encodeMessage, type ToBoard } from '../../gateway/sources/serial/messages.ts'
import { cyclesPerUs, ms } from '../boards/pins.ts'
import { compilerInstalled, imageOf, longestStep, subjectOf } from '../boards/stand.ts'
import { join } from '../boards/switch-pins.ts'
import { messagesIn } from '../emu/hello.ts'

describe.runIf(compilerInstalled())('the hot end', () => {
  const subject = subjectOf('hot_end')
  let image: Image
  beforeAll(async () => {
    image = await imageOf(subject, 'rp2040-pico', 'machine')
  })

  /** Warm already, so that it does not take minutes. */
  const start = () => {
    const plant = createPlant({
      constants: { ...subject.profile.twin?.constants },
      random: seeded(1),
      kept: { block: 204, heater: 204 },
    })
    const bench = join(subject, image, plant)
    const { pico } = bench
    const said: number[] = []
    pico.options.onUart = (byte) => {
      said.push(byte)
    }
    const send = (kind: ToBoard, fields: readonly (number | readonly number[])[]): void => {
      const bytes = encodeFrame(encodeMessage(kind, fields, 1))
      let at = 0
      pico.run(bytes.length * 90 * cyclesPerUs + ms, () => {
        if (at < bytes.length && pico.feed(bytes[at] as number)) at += 1
        return false
      })
    }
    const steps = (most: number, done: () => boolean = () => false): number => {
      for (let i = 1; i <= most; i += 1) {
        bench.step()
        if (done()) return i
      }
      return Number.POSITIVE_INFINITY
    }
    let number = 0
    /** What the board makes of it: 0 done, 4 beyond, 5 disarmed. */
    const ask = (target: number, holdsMs = 5000): number => {
      number += 1
      send('setpoint', [number, 1, holdsMs, [Math.round(target * 100)]])
      pico.run(30 * ms)
      const results = messagesIn(said).flatMap((one) => (one.is === 'result' ? [one.code] : []))
      return results.at(-1) ?? -1
    }
    const greet = (): void => {
      send('greet', [9])
      pico.run(20 * ms)
      send('accept', [9])
    }
    const state = (): string => safetyStates[bench.word('told')] ?? ''
    return { bench, pico, steps, ask, greet, state }
  }
  /** Switched on, with a target, and heating. */
  const heating = () => {
    const one = start()
    one.bench.override.set('enable', 0)
    one.steps(400)
    expect(one.state()).toBe('armed')
    one.greet()
    one.bench.override.set('enable', 1)
    expect(one.ask(210)).toBe(0)
    const heater = one.bench.pin('heater')
    expect(one.steps(300, () => one.pico.level(heater))).toBeLessThan(300)
    expect(one.pico.level(one.bench.pin('gate'))).toBe(true)
    return one
  }

  test('low from reset on with the switch on, and after it was off as long as nobody asks', () => {
    const { bench, steps, ask, greet } = start()
    bench.override.set('enable', 1)
    steps(1000)
    greet()
    expect(ask(210)).toBe(5)
    bench.override.set('enable', 0)
    steps(400)
    bench.override.set('enable', 1)
    steps(1500)
    for (const one of bench.power) expect(bench.edges(one)).toEqual([])
  })

  test('holds its target while it is renewed; a longer hold is refused; expired it is low', () => {
    const { bench, pico, steps, ask, state } = heating()
    expect(ask(210, 5001)).toBe(4)
    const temperature = (): number => bench.word('reported', 3) / 100
    for (let i = 0; i < 14; i += 1) {
      expect(ask(210)).toBe(0)
      steps(1000)
    }
    // Within the hysteresis of its target, and on its way.
    expect(temperature()).toBeGreaterThan(205.5)
    expect(temperature()).toBeLessThan(212)
    steps(5500)
    const since = pico.cycles
    steps(2000)
    for (const one of bench.power) expect(bench.edges(one, since)).toEqual([])
    expect([bench.isLow(), state()]).toEqual([true, 'armed'])
    expect(bench.longest()).toBeLessThanOrEqual(longestStep(image))
  }, 60_000)

  test('the switch off: low within one period', () => {
    const { bench, pico, steps } = heating()
    const since = pico.cycles
    bench.override.set('enable', 0)
    expect(steps(5, bench.isLow)).toBeLessThan(5)
    expect((pico.cycles - since) / ms).toBeLessThan(1.1)
    steps(2)
    const off = pico.cycles
    steps(500)
    for (const one of bench.power) expect(bench.edges(one, off)).toEqual([])
  })

  test.each([
    { what: 'open', temperature: 420, cause: 'out_of_range: temperature' },
    // The loop is sooner; the kernel follows, by the lower limit of a unit that is not calibrated.
    { what: 'far too hot at once', temperature: 300, cause: 'above: temperature' },
  ])('a sensor $what: low within 55 ms, and for good', ({ temperature, cause }) => {
    const { bench, pico, steps, state } = heating()
    const since = pico.cycles
    bench.override.set('temperature', temperature)
    expect(steps(300, () => state() !== 'armed' || bench.word('reported', 0) === 4)).toBeLessThan(
      55,
    )
    steps(300)
    expect(bench.isLow()).toBe(true)
    const { safety } = subject.profile
    expect(safety && causeName(bench.word('told', 1), safety)).toBe(cause)
    const falls = bench.power.flatMap((one) => bench.edges(one, since).map(([at]) => at))
    const off = Math.max(since, ...falls)
    steps(1000)
    for (const one of bench.power) expect(bench.edges(one, off + 1)).toEqual([])
  })

  test('the watchdog bites while it is on: low at once, and latched', () => {
    const { bench, pico, steps, state } = heating()
    pico.write(0x40058004, 4)
    expect(pico.run(20 * ms, () => pico.resets > 0)).toBe(true)
    const off = pico.cycles
    for (const enable of [0, 1, 0, 1]) {
      bench.override.set('enable', enable)
      steps(400)
    }
    for (const one of bench.power) expect(bench.edges(one, off + 1)).toEqual([])
    expect([state(), bench.isLow()]).toEqual(['tripped', true])
  })
})
