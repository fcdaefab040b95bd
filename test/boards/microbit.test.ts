// The micro:bit's image on a model of its chip (test/emu/nrf51*.ts): the very bytes that are
// flashed, on the core that the chip has, seen from the pins.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildImage, type Image } from '../../firmware/image.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { hellosIn } from '../emu/hello.ts'
import { Nrf51, type Nrf51Options } from '../emu/nrf51.ts'
import { compilerInstalled, fixture, loadBoard, subjectOf } from './stand.ts'

const build = compilerInstalled()
const faulty = fixture('faulty')
afterAll(() => faulty.remove())

const cyclesPerUs = 16
const ms = 1000 * cyclesPerUs
/** A blank chip erases five times four pages first. */
const startMs = 520
const pin = { duty: 18, brake: 20, gate: 16 } as const
const power = Object.values(pin)

interface Bench {
  chip: Nrf51
  /** What the machine is to do, percent. */
  wish: number
  reasons: () => number[]
  edges: (pin: number, since?: number) => [cycle: number, high: boolean][]
  both: number[]
}

const put = (image: Image, wish = 0, more: Partial<Nrf51Options> = {}): Bench => {
  const heard: [pin: number, cycle: number, high: boolean][] = []
  const said: number[] = []
  const both: number[] = []
  let turn = 0
  const chip: Nrf51 = new Nrf51({
    bin: image.bin,
    analogue: () => Math.round(((0.3 + 0.027 * bench.wish) / 3.6) * 1024) + (turn++ & 1),
    onUart: (byte) => void said.push(byte),
    onEdge: (which, high, cycle) => {
      heard.push([which, cycle, high])
      if (chip.level(pin.duty) && chip.level(pin.brake)) both.push(cycle)
    },
    ...more,
  })
  const bench: Bench = {
    ...{ chip, wish, both },
    reasons: () => hellosIn(said).map(({ reason }) => reason),
    edges: (which, since = 0) =>
      heard.flatMap(([one, cycle, high]) =>
        one === which && cycle >= since ? [[cycle, high]] : [],
      ),
  }
  return bench
}

describe.runIf(build)('a machine on a micro:bit', () => {
  let image: Image
  beforeAll(async () => {
    const { machines, profile, spec, loopsFolder } = faulty
    // Its own rate is for faster cores.
    const slow = { ...profile, loops: { main: { ...spec, rateHz: 1000 } } }
    image = await buildImage({
      ...{ profile: slow, loopsFolder, loops: machines.loops, purpose: 'machine' },
      profileDigest: profileDigest(slow),
      uncheckedRate: true,
      ...{ board: loadBoard('microbit'), path: process.env['PATH'] },
    })
  }, 300_000)

  const running = (more: Partial<Nrf51Options> = {}): Bench => {
    const bench = put(image, 0, more)
    bench.chip.run((startMs + 60) * ms)
    bench.wish = 30
    bench.chip.run(5 * ms)
    expect(bench.chip.level(pin.gate)).toBe(true)
    return bench
  }

  test('everything that drives is low from reset on, however long the hand pulls', () => {
    const bench = put(image, 30)
    bench.chip.run((startMs + 400) * ms)
    expect(bench.reasons()).toEqual([0])
    for (const one of power) expect(bench.edges(one)).toEqual([])
    expect(bench.chip.resets).toBe(0)
  })

  test('PWM is 20 kHz to the clock, half of it on, and stays so over thousands of changes', () => {
    const bench = running()
    const { chip } = bench
    const since = chip.cycles
    chip.run(10 * ms)
    const edges = bench.edges(pin.duty, since)
    expect(edges.length).toBeGreaterThan(390)
    for (const [i, [cycle]] of edges.entries()) expect(cycle - (edges[0]?.[0] ?? 0)).toBe(i * 400)
    // On and off again and again, at any place of the period.
    for (let i = 0; i < 200; i += 1) {
      bench.wish = i % 2 === 0 ? 0 : 30
      chip.run(1 * ms + i * 7)
    }
    bench.wish = 30
    chip.run(4 * ms)
    const last = bench.edges(pin.duty, chip.cycles - 1 * ms)
    const rise = last.findIndex(([, high]) => high)
    expect((last[rise + 1]?.[0] ?? 0) - (last[rise]?.[0] ?? 0)).toBe(400)
    bench.wish = 0
    chip.run(4 * ms)
    expect(power.map((one) => chip.level(one))).toEqual([false, false, false])
    expect(bench.both).toEqual([])
  })

  test('drive and brake are never on together, whichever follows the other', () => {
    const bench = running()
    for (const wish of [30, 82, 30, 82, 0, 82, 0, 30]) {
      bench.wish = wish
      bench.chip.run(3 * ms)
    }
    expect(bench.edges(pin.brake).length).toBeGreaterThan(100)
    bench.wish = 75
    bench.chip.run(2 * ms)
    const since = bench.chip.cycles
    bench.chip.run(5 * ms)
    for (const one of [pin.duty, pin.brake]) expect(bench.edges(one, since)).toEqual([])
    expect(bench.both).toEqual([])
  })

  test.each([
    { what: 'a division by zero', percent: 45, reason: 3, mostUs: 1500 },
    { what: 'a dead end', percent: 55, reason: 5, mostUs: 1500 },
    { what: 'a step that takes too long', percent: 95, reason: 17, mostUs: 51_000 },
    { what: 'a loop without end', percent: 65, reason: 18, mostUs: 52_000 },
  ])('$what: off, reset, and latched over the reset', ({ percent, reason, mostUs }) => {
    const bench = running()
    const { chip } = bench
    bench.wish = percent
    const since = chip.cycles
    expect(chip.run(60 * ms, () => !chip.level(pin.gate))).toBe(true)
    expect((chip.cycles - since) / cyclesPerUs).toBeLessThan(mostUs)
    // Before the reset, too: what traps must not switch on again while it waits for the watchdog.
    const offSince = chip.cycles + cyclesPerUs
    bench.wish = 0
    expect(chip.run(60 * ms, () => chip.resets > 0)).toBe(true)
    chip.run(200 * ms)
    for (const next of [30, 0, 10, 30]) {
      bench.wish = next
      chip.run(60 * ms)
    }
    expect(bench.reasons()).toEqual([0, reason])
    for (const one of power) expect(bench.edges(one, offSince)).toEqual([])
    expect(chip.resets).toBe(1)
  })

  test('a reset that corrupts RAM is taken for a hang, and latches all the same', () => {
    const bench = running({ losesRam: true })
    bench.wish = 45
    bench.chip.run(60 * ms, () => !bench.chip.level(pin.gate))
    const offSince = bench.chip.cycles + cyclesPerUs
    bench.chip.run(60 * ms, () => bench.chip.resets > 0)
    bench.wish = 0
    bench.chip.run(200 * ms)
    bench.wish = 30
    bench.chip.run(60 * ms)
    expect(bench.reasons()).toEqual([0, 18])
    expect(bench.edges(pin.gate, offSince)).toEqual([])
  })

  test('an erase holds steps up with everything off, and is no overrun', () => {
    const bench = running()
    bench.wish = 0
    const before = bench.chip.flash.erases.reduce((a, b) => a + b)
    bench.chip.run(1600 * ms)
    expect(bench.chip.flash.erases.reduce((a, b) => a + b)).toBeGreaterThan(before)
    expect(bench.chip.resets).toBe(0)
    bench.wish = 30
    bench.chip.run(60 * ms)
    expect(bench.chip.level(pin.gate)).toBe(true)
    // At work nothing is erased.
    const atWork = bench.chip.flash.erases.reduce((a, b) => a + b)
    bench.chip.run(200 * ms)
    expect(bench.chip.flash.erases.reduce((a, b) => a + b)).toBe(atWork)
  })

  test('its boots are counted over the loss of power', () => {
    let earlier = put(image).chip.flash
    for (const boot of [1, 2, 3]) {
      const said: number[] = []
      const { chip } = put(image, 0, { earlier, onUart: (byte) => void said.push(byte) })
      chip.run((startMs + 60) * ms)
      expect(hellosIn(said).map((hello) => hello.boot)).toEqual([boot])
      chip.cutPower()
      earlier = chip.flash
    }
  })
})

test.runIf(build)('the hot end at twice its rate is refused: it needs a faster core', async () => {
  const { machines, profile, spec } = subjectOf('hot_end')
  const fast = { ...profile, loops: { heat: { ...spec, rateHz: 2000 } } }
  const error: unknown = await buildImage({
    ...{ loops: machines.loops, board: loadBoard('microbit'), purpose: 'machine' },
    ...{ profile: fast, profileDigest: '0'.repeat(64), path: process.env['PATH'] },
  }).catch((caught: unknown) => caught)
  expect((error as Error).message).toMatch(/2000 Hz is too fast for BBC micro:bit/)
})
