// The black box of the drill's image on an emulated Pico: faults are made at the pins, what the
// board recorded is taken from its flash chip and run through the twin in V8, and the outputs must
// be those that were seen at the pins, bit for bit. Also over a reset, and with the power cut while
// it is written.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { causeKinds, causeName } from '../../firmware/kernel-constants.ts'
import { type Recording, recordingsIn } from '../../firmware/twin/black-box.ts'
import { seeded } from '../../firmware/twin/plant.ts'

import { quickTimes, W25q } from '../emu/w25q.ts'
import { atRest, type Bench, ms, pin, put } from './pins.ts'
import { compilerInstalled, drill, fixture, imageOf, replayOf, type Subject } from './stand.ts'

const build = compilerInstalled()
/** The compare register of the drill's PWM slice, and counts of it for each 0.01 %. */
const compare = 0x40050020
const pwmGain = 40_960

/** The drill, sooner ready. */
const quickDrill = (): Subject => {
  const subject = drill()
  const constants = { ...subject.spec.constants, coast_time: 0.05, soft_start: 0.05 }
  const spec = { ...subject.spec, constants }
  return { ...subject, spec, profile: { ...subject.profile, loops: { drive: spec } } }
}

/** What the bridge was told in each step: both sides in counts. */
const listen = ({ pico }: Bench): number[] => {
  const heard: number[] = []
  pico.onWrite((address, value) => {
    if (address === compare) heard.push(value)
  })
  return heard
}
const told = ([duty = 0, brake = 0]: readonly number[]): number =>
  (((brake * pwmGain) >>> 16) << 16) | ((duty * pwmGain) >>> 16)

const newest = (flash: W25q): Recording | undefined => recordingsIn(flash.cells).at(-1)

/** Runs until one more recording is whole in the flash. */
const written = (bench: Bench, mostMs: number): Recording => {
  const { pico } = bench
  const before = newest(pico.flash)?.number
  for (let left = mostMs; left > 0; left -= 20) {
    pico.run(20 * ms)
    const now = newest(pico.flash)
    if (now !== undefined && now.number !== before) return now
  }
  throw new Error('nothing was recorded')
}

describe.runIf(build)('the drill', () => {
  const subject = quickDrill()
  const { safety } = subject.profile
  if (safety === undefined) throw new Error('no safety')
  let image: Image
  beforeAll(async () => {
    image = await imageOf(subject, 'rp2040-pico', 'machine')
  })

  /** Armed, then running with a hand that moves, for longer than the black box looks back. */
  const atWork = (bench: Bench, forMs: number): void => {
    const { pico, volts } = bench
    pico.run(150 * ms)
    volts.trigger = 1.8
    for (let at = 0; at < forMs; at += 5) {
      volts.current = 1.75 + 0.05 * Math.sin(at / 20)
      volts.trigger = 1.8 + 0.2 * Math.sin(at / 31)
      pico.run(5 * ms)
    }
    expect(pico.level(pin.gate)).toBe(true)
  }
  const overCurrent = ({ pico, volts }: Bench): void => {
    volts.current = 1.65 + 1.2
    expect(pico.run(3 * ms, () => pico.read((image.symbols.get('told') ?? 0) + 4) !== 0)).toBe(true)
  }

  test('a trip: 250 ms before it and 50 ms after it, the same outputs in V8 as at the pins', async () => {
    const bench = put(image)
    atWork(bench, 330)
    const heard = listen(bench)
    atWork(bench, 20)
    overCurrent(bench)
    bench.pico.run(50 * ms)
    const atFreeze = heard.length
    bench.volts.current = 1.65
    bench.volts.trigger = 0.3
    const recording = written(bench, 1500)
    expect(causeName(recording.cause, safety)).toBe('over_current: motor_current')
    const replayed = await replayOf(subject, recording)
    expect(replayed.differs).toBeUndefined()
    expect(replayed.compared).toBe(recording.steps.length)
    expect(replayed.fault).toBeGreaterThanOrEqual(2500)
    expect(recording.steps.length - 1 - replayed.fault).toBe(500)
    // Backwards from the last drive, as far as the pins were heard.
    const pins = heard.slice(0, atFreeze)
    const last = pins.findLastIndex((value) => value !== 0)
    const lastPassed = replayed.passed.findLastIndex((outputs) => told(outputs) !== 0)
    expect(last).toBeGreaterThan(1500)
    for (let back = 0; back <= last; back += 1) {
      expect(told(replayed.passed[lastPassed - back] ?? [])).toBe(pins[last - back])
    }
    // Another reading in one step gives other outputs from there on.
    const changed = recording.steps.map((step, i) =>
      i === 1000 ? { ...step, raw: step.raw ^ 0x800 } : step,
    )
    const { differs = 0 } = await replayOf(subject, { ...recording, steps: changed })
    expect(differs).toBeGreaterThanOrEqual(1000)
    expect(differs).toBeLessThan(1100)
    expect(replayed.moments.map(({ what }) => what)).toContain(
      'kernel: armed -> tripped (over_current: motor_current)',
    )
  })

  test('it outlasts a reset by the watchdog, and is written after it', async () => {
    const bench = put(image)
    atWork(bench, 40)
    overCurrent(bench)
    bench.pico.run(70 * ms)
    bench.pico.write(0x40058004, 4)
    expect(bench.pico.run(20 * ms, () => bench.pico.resets > 0)).toBe(true)
    bench.volts.current = 1.65
    bench.volts.trigger = 0.3
    expect(newest(bench.pico.flash)).toBeUndefined()
    const recording = written(bench, 1500)
    expect([recording.boot, recording.unchecked]).toEqual([1, false])
    expect((await replayOf(subject, recording)).differs).toBeUndefined()
  })

  test('at 20 kHz, too, where to sum it up takes longer than the watchdog waits', async () => {
    const spec = { ...subject.spec, rateHz: 20_000 }
    const fast = { ...subject, spec, profile: { ...subject.profile, loops: { drive: spec } } }
    const built = await imageOf(fast, 'rp2040-pico', 'machine')
    const bench = put(built)
    const { pico, volts } = bench
    pico.run(150 * ms)
    volts.trigger = 1.8
    pico.run(40 * ms)
    volts.current = 1.65 + 1.2
    pico.run(70 * ms)
    expect(pico.read(built.symbols.get('box') ?? 0)).toBe(0x58424654)
    pico.write(0x40058004, 4)
    volts.current = 1.65
    volts.trigger = 0.3
    const recording = written(bench, 2000)
    expect(pico.resets).toBe(1)
    expect((await replayOf(fast, recording)).differs).toBeUndefined()
  })

  test('a reset in a self-test leaves what was recorded before it began', async () => {
    const bench = put(image)
    const { pico } = bench
    pico.run(400 * ms)
    pico.write(image.symbols.get('selftest_mail') ?? 0, 1)
    pico.run(5 * ms)
    expect(pico.read(image.symbols.get('selftest') ?? 0)).toBe(1)
    pico.write(0x40058004, 4)
    const recording = written(bench, 1500)
    expect((await replayOf(subject, recording)).differs).toBeUndefined()
  })

  test('RAM that did not outlast the reset whole is no recording', () => {
    const bench = put(image)
    atWork(bench, 40)
    overCurrent(bench)
    bench.pico.run(70 * ms)
    const box = image.symbols.get('box') ?? 0
    bench.pico.write(box + 3000, bench.pico.read(box + 3000) ^ 0x40)
    bench.pico.write(0x40058004, 4)
    bench.pico.run(1500 * ms)
    expect(bench.pico.resets).toBe(1)
    expect(newest(bench.pico.flash)).toBeUndefined()
  })

  test('a power cut while it is written leaves the older ones, and the new one whole or not at all', () => {
    const random = seeded(7)
    const flash = new W25q({ times: quickTimes, random })
    const first = put(image, atRest(), flash)
    const trip = (bench: Bench): void => {
      atWork(bench, 40)
      overCurrent(bench)
      bench.volts.current = 1.65
      bench.volts.trigger = 0.3
    }
    trip(first)
    expect(written(first, 1500).number).toBe(1)
    const { pico } = first
    pico.cutPower()
    const second = put(image, atRest(), flash)
    trip(second)
    // From its first erase on, at any moment of any erase or page, until it is whole.
    const [from, bytes] = [0x1c0000, 0x20000]
    const left: string[] = []
    for (let cuts = 0; cuts < 400 && left.at(-1) !== '1,2'; cuts += 1) {
      const moment = Math.floor(random() * 9)
      const begun = flash.operations
      second.pico.run(1500 * ms, () => flash.operations > begun + moment && random() < 0.001)
      const cut = flash.fork()
      cut.cut()
      const dump = Uint8Array.from({ length: bytes }, (_, at) => cut.read(from + at))
      left.push(
        recordingsIn(dump)
          .map(({ number }) => number)
          .join(),
      )
    }
    expect(new Set(left)).toEqual(new Set(['1', '1,2']))
    expect(left.filter((one) => one === '1').length).toBeGreaterThan(20)
  })
})

describe.runIf(build)('a loop that goes wrong', () => {
  const faulty = fixture('faulty')
  afterAll(() => faulty.remove())
  const wish = (percent: number): number => 0.3 + 0.027 * percent

  test.each([
    { what: 'divides by zero', percent: 45, cause: 'loop_trap', open: 'trapped' },
    { what: 'hangs', percent: 65, cause: 'hang', open: 'not run' },
    { what: 'takes too long', percent: 98, cause: 'overrun', open: undefined },
  ])('$what: its last step is in the recording', async ({ percent, cause, open }) => {
    const image = await imageOf(faulty, 'rp2040-pico', 'machine')
    const bench = put(image, { ...atRest(), current: wish(0) })
    const { pico, volts } = bench
    pico.run(60 * ms)
    volts.current = wish(30)
    pico.run(20 * ms)
    volts.current = wish(percent)
    pico.run(30 * ms, () => pico.resets > 0)
    volts.current = wish(0)
    const recording = written(bench, 1500)
    expect([recording.cause, recording.unchecked]).toEqual([causeKinds[cause], true])
    const replayed = await replayOf(faulty, recording)
    expect([replayed.differs, replayed.open]).toEqual([undefined, open])
    expect(replayed.compared).toBeGreaterThan(200)
  })
})
