// What the way over AssemblyScript may cost, beside the same loop in C by hand: bit-equal, same
// flags. The emulator's cycles are the same in every run, so a bound here is exact. When a figure
// gets better, lower its bound: at most 2 % above what was measured.
import { afterAll, expect, test } from 'vitest'
import { type Drive, rangesOf, readRun, runLine, runTwin } from '../emu/exercise.ts'
import { Pico } from '../emu/pico.ts'
import { arrayKernel } from './array-kernel.ts'
import { compilerInstalled, drill, exerciseOf, fixture, type Subject, wasmOf } from './stand.ts'

const build = compilerInstalled()
const float = fixture('float')
afterAll(() => float.remove())

interface Case {
  what: string
  subject: Subject
  byHand: string
  /** The drill waits for 20,000 steps until its rotor must have stopped. */
  steps: number
  ratioMost: number
}
const cases: Case[] = [
  {
    ...{ what: 'the drill, fixed point', subject: drill(), byHand: 'brushed-motor.h' },
    ...{ steps: 40_000, ratioMost: 0.697 },
  },
  {
    ...{ what: 'a small f32 loop', subject: float, byHand: 'float.h' },
    ...{ steps: 10_000, ratioMost: 0.973 },
  },
]

test.runIf(build).each(cases)(
  '$what on an RP2040',
  async (one) => {
    const { subject, byHand, steps, ratioMost } = one
    const work = {
      motor_current: [-5, 60],
      pack_voltage: [13, 21],
      pack_temperature: [0, 55],
    } as const
    const drive: Drive = { seed: 6, steps, ranges: rangesOf(subject.loop, work) }
    const { wasm } = await wasmOf(subject)
    const run = async (file?: string): Promise<{ total: number; hash: number }> => {
      const { bin } = await exerciseOf(subject, 'rp2040-pico', file)
      const pico = new Pico({ bin })
      pico.ask('', 10_000_000)
      return readRun(pico.ask(runLine(drive), drive.steps * 20_000))
    }
    const [ours, hand] = [await run(), await run(byHand)]
    const { hash } = runTwin(wasm, subject.loop, drive)
    expect([ours.hash, hand.hash]).toEqual([hash, hash])
    expect(ours.total / hand.total).toBeLessThan(ratioMost)
  },
  300_000,
)

test.runIf(build)(
  'a filter over arrays, with the bounds checks of wasm, on an RP2040',
  async () => {
    const kernel = arrayKernel()
    try {
      const drive: Drive = { seed: 6, steps: 2000, ranges: rangesOf(float.loop, {}) }
      const run = async (file: string): Promise<{ total: number; hash: number }> => {
        const { bin } = await exerciseOf(float, 'rp2040-pico', file)
        const pico = new Pico({ bin })
        pico.ask('', 10_000_000)
        return readRun(pico.ask(runLine(drive), drive.steps * 20_000))
      }
      const [ours, hand] = [await run(kernel.file), await run('fir.h')]
      expect(ours.hash).toBe(hand.hash)
      expect(ours.total / hand.total).toBeLessThan(1.25)
      const filter = kernel.inNode()
      // An impulse of 2^15 comes out as the weights.
      const answer = Array.from({ length: 33 }, (_, i) => filter(i === 0 ? 32767 << 6 : 0))
      expect(answer.slice(0, 3)).toEqual([-3, -9, -14])
      expect(answer[20]).toBe(5582)
      expect(answer[32]).toBe(0)
    } finally {
      kernel.remove()
    }
  },
  120_000,
)
