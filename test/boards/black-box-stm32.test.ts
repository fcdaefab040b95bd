// The black box of an STM32F405, which has no room for it in its flash: it records into the coupled
// memory and keeps one recording in RAM, over resets but not without power. On the models of the
// chip, asked for over the link, and run through the twin.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { causeKinds, causeName } from '../../firmware/kernel-constants.ts'
import { recordingsIn } from '../../firmware/twin/black-box.ts'
import { atRest, type Bench, modelImage, ms, pin, put } from './chip-bench.ts'
import { GatewayEnd } from './gateway-end.ts'
import { compilerInstalled, drill, fixture, replayOf } from './stand.ts'

const build = compilerInstalled()

/** What is kept in RAM now: a head, whose word 8 is the length of the body, then that at 512. */
const keptBy = (image: Image, { chip }: Bench): Uint8Array => {
  const at = image.symbols.get('box_kept') ?? Number.NaN
  const length = 512 + Math.min(chip.read(at + 32), 0x10000)
  const words = Uint32Array.from({ length: length / 4 }, (_, i) => chip.read(at + 4 * i))
  return new Uint8Array(words.buffer)
}

describe.runIf(build)('the drill', () => {
  const subject = drill()
  const { safety } = subject.profile
  if (safety === undefined) throw new Error('no safety')
  let image: Image
  beforeAll(async () => {
    image = await modelImage(subject)
  }, 120_000)

  test('a trip is recorded, given over the link, and comes out of the twin as out of the pins', async () => {
    const end = new GatewayEnd(() => bench.chip, { ms, byteCycles: 3600 }, 1)
    const bench: Bench = put(image, atRest(), { onUart: (byte) => end.heard(byte) })
    const { chip, volts } = bench
    const at = (name: string): number => image.symbols.get(name) ?? Number.NaN
    const passed: number[][] = []
    let inside = false
    const listen = (): boolean => {
      const left = inside && !chip.inInterrupt
      inside = chip.inInterrupt
      if (!left || chip.read(at('link_steps')) === passed.length) return false
      passed.push([chip.read(at('passed')) | 0, chip.read(at('passed') + 4) | 0])
      return false
    }
    chip.run(2200 * ms)
    volts.trigger = 1.8
    const first = chip.read(at('link_steps'))
    passed.length = first
    for (let i = 0; i < 70; i += 1) {
      volts.current = 1.75 + 0.05 * Math.sin(i / 4)
      volts.trigger = 1.8 + 0.2 * Math.sin(i / 6)
      chip.run(5 * ms, listen)
    }
    expect(chip.level(pin.gate)).toBe(true)
    volts.current = 1.65 + 1.2
    chip.run(60 * ms, listen)
    expect(chip.level(pin.gate)).toBe(false)
    volts.current = 1.65
    volts.trigger = 0.3
    chip.run(1200 * ms)

    end.meet()
    const bytes = keptBy(image, bench)
    const shown = end.askBox(0, 0, 0)
    expect([shown.recording, shown.at]).toEqual([1, bytes.length])
    expect(createHash('sha256').update(bytes).digest()).toEqual(Buffer.from(shown.bytes))
    for (const from of [0, 17_408, bytes.length - (bytes.length % 256)]) {
      const part = end.askBox(1, 1, from)
      expect([part.at, part.bytes]).toEqual([from, bytes.slice(from, from + 256)])
    }
    const [recording] = recordingsIn(bytes)
    if (recording === undefined) throw new Error('it is no recording')
    expect(causeName(recording.cause, safety)).toBe('over_current: motor_current')
    const replayed = await replayOf(subject, recording)
    expect([replayed.differs, replayed.compared]).toEqual([undefined, recording.steps.length])
    expect(replayed.fault).toBeGreaterThanOrEqual(2500)
    expect(recording.steps.length - 1 - replayed.fault).toBe(500)
    // Backwards from the last step that drove, through all that was recorded.
    const driven = (outputs: readonly number[]): boolean => outputs[0] !== 0 || outputs[1] !== 0
    const seen = passed.slice(first)
    const [last, same] = [seen.findLastIndex(driven), replayed.passed.findLastIndex(driven)]
    expect(same).toBeGreaterThanOrEqual(2499)
    for (let back = 0; back <= same; back += 1) {
      expect(replayed.passed[same - back]?.slice(0, 2)).toEqual(seen[last - back])
    }
    // Nothing newer, and nothing of it without power.
    expect(end.askBox(0, recording.number, 0).recording).toBe(0)
    chip.cutPower()
    const next = put(image, atRest(), { cells: chip.cells })
    next.chip.run(60 * ms)
    expect(recordingsIn(keptBy(image, next))).toEqual([])
  }, 240_000)
})

test.runIf(build)('at a rate whose tenth of a second has no room, blocks are shorter', async () => {
  const subject = drill()
  const spec = { ...subject.spec, rateHz: 20_000 }
  const { sizes } = (
    await modelImage({ ...subject, spec, profile: { ...subject.profile, loops: { drive: spec } } })
  ).manifest
  expect(sizes.blackBox).toBeGreaterThan(120 * 1024)
  expect(sizes.blackBox).toBeLessThanOrEqual(128 * 1024)
})

describe.runIf(build)('a loop that goes wrong', () => {
  const faulty = fixture('faulty')
  afterAll(() => faulty.remove())
  const wish = (percent: number): number => 0.3 + 0.027 * percent

  test.each([
    { what: 'divides by zero', percent: 45, cause: 'loop_trap', open: 'trapped' },
    { what: 'hangs', percent: 65, cause: 'hang', open: 'not run' },
  ])(
    '$what: kept over the reset, its last step in it',
    async ({ percent, cause, open }) => {
      const image = await modelImage(faulty)
      const bench = put(image, { ...atRest(), current: wish(0) })
      const { chip, volts } = bench
      chip.run(60 * ms)
      volts.current = wish(30)
      chip.run(20 * ms)
      volts.current = wish(percent)
      expect(chip.run(30 * ms, () => chip.resets > 0)).toBe(true)
      volts.current = wish(0)
      chip.run(1500 * ms)
      const [recording] = recordingsIn(keptBy(image, bench))
      if (recording === undefined) throw new Error('nothing was kept')
      expect([recording.cause, recording.unchecked]).toEqual([causeKinds[cause], true])
      const replayed = await replayOf(faulty, recording)
      expect([replayed.differs, replayed.open]).toEqual([undefined, open])
      expect(replayed.compared).toBeGreaterThan(200)
    },
    120_000,
  )
})
