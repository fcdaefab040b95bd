// The drill's stock image for an STM32F405, byte for byte the file that a maker flashes, lives on
// models of its chip: nothing is compiled, nothing of the image is replaced. What is done to it is
// done at its pins, but for one fault that is put into its code while it runs. The tests of one
// board follow each other.
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readImage } from '../../firmware/flash/images.ts'
import { causeName } from '../../firmware/kernel-constants.ts'
import { type Recording, recordingsIn } from '../../firmware/twin/black-box.ts'
import { replayFault } from '../../firmware/twin/replay-fault.ts'
import type { Stm32 } from '../emu/stm32f405.ts'
import { root } from '../tree.ts'
import { atRest, type Bench, ms, pin, put } from './chip-bench.ts'
import { kernelOf, subjectOf, wasmOf } from './stand.ts'

const stock = readImage(join(root, 'firmware', 'images', 'cordless-drill-stm32f405.json'))
const { digests } = stock.manifest
const bin = stock.files.get('bin') ?? new Uint8Array()

const [out, half] = [0.3, 1.65]
/** A recording's first word. */
const recordingMagic = 0x5842_4654
/** Volts for a current: 205 A are 1.65 V. */
const ampere = 1.65 / 205
const low = [false, false, false]
const levels = ({ chip }: Bench): boolean[] => pin.power.map((one) => chip.level(one))
const powerEdges = ({ edges }: Bench, since = 0): unknown[] =>
  pin.power.flatMap((one) => edges(one, since))
/** Lets go for that long, then pulls. */
const pull = ({ chip, volts }: Bench, restMs: number): void => {
  volts.trigger = out
  chip.run(restMs * ms)
  volts.trigger = half
  chip.run(150 * ms)
}
/** What it waits for at its start: whatever turned may turn for 1.5 s. The last test shows that
 * a board with nothing latched drives behind it. */
const coasted = 1800

/** The recording that its black box keeps in RAM, wherever that is. */
const keptIn = (chip: Stm32): Recording | undefined => {
  const words = Uint32Array.from({ length: 0x8000 }, (_, i) => chip.read(0x2000_0000 + 4 * i))
  // The code has that word, too; it begins no recording.
  return [...words.entries()]
    .filter(([, word]) => word === recordingMagic)
    .flatMap(([at]) => recordingsIn(new Uint8Array(words.buffer, 4 * at)).slice(0, 1))[0]
}

describe('a board that starts at rest', () => {
  const bench = put({ bin })
  const { chip, volts } = bench

  test('runs at 168 MHz, says what it is, and moves nothing until a hand asks', () => {
    chip.run(coasted * ms)
    expect(chip.hz).toBe(168e6)
    expect(bench.hellos()).toMatchObject([
      ...[{ firmware: digests.module, profile: digests.profile, board: 'stm32f405', reason: 0 }],
    ])
    expect(powerEdges(bench)).toEqual([])
    expect(chip.resets).toBe(0)
  }, 120_000)

  test('drives at 20 kHz to the cycle, brakes, never does both, and is off in the end', () => {
    volts.trigger = half
    chip.run(300 * ms)
    expect(chip.level(pin.gate)).toBe(true)
    const since = chip.cycles
    chip.run(20 * ms)
    const rises = bench.edges(pin.duty, since).flatMap(([cycle, high]) => (high ? [cycle] : []))
    expect(rises.length).toBeGreaterThan(390)
    for (const [i, cycle] of rises.entries()) expect(cycle - (rises[0] ?? 0)).toBe(i * 8400)
    volts.trigger = out
    chip.run(400 * ms)
    expect(bench.edges(pin.brake, since).length).toBeGreaterThan(100)
    expect(bench.both).toEqual([])
    expect(levels(bench)).toEqual(low)
    expect(chip.resets).toBe(0)
  }, 120_000)

  test('code that hangs is ended by the watchdog, with everything off from then on', () => {
    pull(bench, 100)
    expect(chip.level(pin.gate)).toBe(true)
    const [table, converter] = [chip.read(0xe000_ed08), 18]
    const handler = (chip.read(table + 4 * (16 + converter)) & ~3) >>> 0
    expect(handler).toBeGreaterThan(0x2000_0000)
    chip.write(handler, 0xe7fe_e7fe)
    const since = chip.cycles
    expect(chip.run(20 * ms, () => chip.resets > 0)).toBe(true)
    expect(chip.cycles - since).toBeLessThan(10.7 * ms)
    const then = chip.cycles + 1
    pull(bench, coasted)
    expect(bench.reasons()).toEqual([0, 18])
    expect(powerEdges(bench, then)).toEqual([])
  }, 120_000)
})

describe('a board whose trigger is held as it starts', () => {
  const bench = put({ bin }, { ...atRest(), trigger: half })
  const { chip, volts } = bench
  let off: number

  test('arms nothing until the hand lets go and pulls again', () => {
    chip.run(coasted * ms)
    expect(powerEdges(bench)).toEqual([])
    volts.trigger = out
    chip.run(300 * ms)
    expect(powerEdges(bench)).toEqual([])
    volts.trigger = half
    chip.run(100 * ms)
    expect(chip.level(pin.gate)).toBe(true)
  }, 120_000)

  test('a current above its limit ends it in a millisecond', () => {
    for (let i = 0; i < 60; i += 1) {
      volts.current = 1.65 + (12 + 6 * Math.sin(i / 4)) * ampere
      volts.trigger = half + 0.2 * Math.sin(i / 6)
      chip.run(5 * ms)
    }
    volts.current = 1.65 + 120 * ampere
    chip.run(1 * ms)
    expect(levels(bench)).toEqual(low)
    off = chip.cycles
    chip.run(100 * ms)
    volts.current = 1.65
    volts.trigger = out
    chip.run(1200 * ms)
  }, 120_000)

  test('each step of its last quarter of a second is what the twin does, as its black box has it', async () => {
    const subject = subjectOf(stock.manifest.machine)
    const { profile, loop, spec } = subject
    const recording = keptIn(chip)
    if (recording === undefined || profile.safety === undefined) throw new Error('no recording')
    expect(causeName(recording.cause, profile.safety)).toBe('over_current: motor_current')
    const [{ wasm }, { wasm: kernel }] = [await wasmOf(subject), await kernelOf(subject)]
    const { safety } = profile
    const replayed = replayFault({ recording, wasm, kernel, loop, spec, safety })
    expect([replayed.differs, replayed.compared]).toEqual([undefined, recording.steps.length])
    expect(replayed.passed.filter(([duty = 0]) => duty > 0).length).toBeGreaterThan(2400)
  }, 120_000)

  test('stays off over a reset', () => {
    pull(bench, 300)
    chip.pullReset()
    pull(bench, coasted)
    expect(bench.hellos().at(-1)).toMatchObject({ boot: 2, reason: 0 })
    expect(powerEdges(bench, off)).toEqual([])
  }, 120_000)

  test('until it has lost its power', () => {
    const next = put({ bin }, atRest(), { cells: chip.cells })
    pull(next, coasted)
    expect(next.chip.level(pin.gate)).toBe(true)
    expect(next.hellos().map(({ boot }) => boot)).toEqual([3])
  }, 120_000)
})
