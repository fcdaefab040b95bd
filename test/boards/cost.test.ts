// What the way over AssemblyScript may cost, beside the same loop in C by hand: bit-equal, same
// flags. The emulator's cycles are the same in every run, so a bound here is exact. When a figure
// gets better, lower its bound: at most 2 % above what was measured.
import { afterAll, expect, test } from 'vitest'
import { type Drive, rangesOf, readRun, runLine, runTwin } from '../emu/exercise.ts'
import { Pico } from '../emu/pico.ts'
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
    ...{ steps: 40_000, ratioMost: 1.12 },
  },
  {
    ...{ what: 'a small f32 loop', subject: float, byHand: 'float.h' },
    ...{ steps: 10_000, ratioMost: 1.15 },
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
