// Press and heater give the same bits everywhere: loop and kernel in V8, on an RP2040, on a
// Cortex-M4F and on a Cortex-M0, on random readings with wild ones among them; and the press while
// it makes a block, step by step.
import { beforeAll, describe, expect, test } from 'vitest'
import { opposedOutputs } from '../../firmware/kernel-constants.ts'
import { startBoard } from '../../firmware/twin/sim-board.ts'
import {
  type Drive,
  guardedLine,
  type Ran,
  type RanOnBoard,
  rangesOf,
  readRun,
  runGuarded,
  runLine,
  runTwin,
  stepLine,
} from '../emu/exercise.ts'
import { Pico } from '../emu/pico.ts'
import { Qemu, qemuInstalled } from '../emu/qemu.ts'
import { kitOf } from '../firmware/machine-stand.ts'
import { compilerInstalled, imageOf, kernelOf, type Subject, subjectOf, wasmOf } from './stand.ts'
import { work } from './work.ts'

const build = compilerInstalled()
const qemu = build && qemuInstalled()
interface Runs {
  /** Loop and kernel, 100,000 steps. */
  guarded: { drive: Drive; ran: Ran }
  /** The loop alone, over everything that it may read. */
  wide: { drive: Drive; ran: Ran }
}

describe.each(Object.keys(work))('%s', (name) => {
  let subject: Subject
  let runs: Runs
  const seen = { states: new Set<number>(), causes: new Set<number>() }
  beforeAll(async () => {
    subject = subjectOf(name)
    const { loop, spec, profile } = subject
    const [{ wasm }, { wasm: kernel }] = [await wasmOf(subject), await kernelOf(subject)]
    if (profile.safety === undefined) throw new Error('no safety')
    const opposed = opposedOutputs({ safety: profile.safety, loop, spec })
    const guarded = { seed: 7, steps: 100_000, ranges: rangesOf(loop, work[name]) }
    const wide = { seed: 11, steps: 20_000, ranges: rangesOf(loop) }
    const each = ([state = 0, cause = 0]: Int32Array): void => {
      seen.states.add(state)
      seen.causes.add(cause & 31)
    }
    runs = {
      guarded: {
        drive: guarded,
        ran: runGuarded({ wasm, kernel, opposed }, loop, { ...guarded, each }),
      },
      wide: { drive: wide, ran: runTwin(wasm, loop, wide) },
    }
  })
  const same = (ran: RanOnBoard, expected: Ran): void => {
    expect({ hash: ran.hash, last: ran.last }).toEqual(expected)
  }

  test('the random readings arm it and trip it', () => {
    expect([...seen.states].sort()).toEqual([0, 1, 2])
    expect(seen.causes.size).toBeGreaterThanOrEqual(3)
  })

  test.runIf(build)(
    'rp2040js',
    async () => {
      const { bin, manifest } = await imageOf(subject, 'rp2040-pico', 'exercise')
      const fresh = (): Pico => {
        const pico = new Pico({ bin })
        pico.ask('', 10_000_000)
        return pico
      }
      const { guarded, wide } = runs
      const kernel = readRun(fresh().ask(guardedLine(guarded.drive), 100_000 * 20_000))
      same(kernel, guarded.ran)
      expect(kernel.worst).toBeLessThanOrEqual(manifest.worstStep?.kernel ?? 0)
      const loop = readRun(fresh().ask(runLine(wide.drive), 20_000 * 20_000))
      same(loop, wide.ran)
      expect(loop.worst).toBeLessThanOrEqual(manifest.worstStep?.loop ?? 0)
    },
    300_000,
  )

  test.runIf(qemu).each(['stm32f405', 'microbit'] as const)('QEMU %s', async (board) => {
    const { elf } = await imageOf(subject, board, 'exercise')
    for (const [line, { drive, ran }] of [
      [guardedLine, runs.guarded],
      [runLine, runs.wide],
    ] as const) {
      const machine = await Qemu.start(board, elf)
      try {
        same(readRun(await machine.ask(line(drive))), ran)
      } finally {
        await machine.stop()
      }
    }
  })
})

describe.runIf(qemu)('the press goes through all stages of a block, at 1 kHz', () => {
  const places = ['main_top', 'main_bottom', 'drawer_out', 'drawer_middle', 'drawer_in']
  /** Where each stage ends, by the loop's order of stages; the pressure ends compressing. */
  const ends: Record<string, string[]> = {
    ...{ home_drawer: ['drawer_in'], home_main: ['main_top'], push: ['drawer_out', 'main_top'] },
    ...{ fill: ['main_bottom', 'drawer_out'], close: ['drawer_middle', 'main_bottom'] },
    ...{ open: ['drawer_in'], lift: ['main_top', 'drawer_in'] },
  }

  // QEMU's F405 hears a byte at a time, and slowly.
  const boards = process.env['TENFOLD_LONG'] === '1' ? (['stm32f405'] as const) : []

  test.each([...boards, 'microbit'] as const)(
    'QEMU %s, step by step',
    async (board) => {
      const quick = { valve_pause: 0.03, release_time: 0.01, shake_time: 0, dwell_time: 0.02 }
      const kit = await kitOf('earth_block_press', { ...quick, relieve_time: 0.05 }, 1000)
      const { loop, spec } = kit
      const profile = { ...kit.profile, loops: { press: spec } }
      const { elf } = await imageOf(
        { ...subjectOf(profile.machine), profile, spec },
        board,
        'exercise',
      )
      const twin = startBoard(kit.build.wasm, loop, { micros: () => 0 })
      twin.setup()
      const at = (name: string): number => loop.inputs.findIndex((input) => input.name === name)
      const stageOf = (): string => loop.states[1]?.values?.[twin.reported[1] ?? 0] ?? ''
      const seen = new Set<string>()
      const lines: string[] = []
      const expected: number[][] = []
      let open = 0
      for (let i = 0; i < 900; i += 1) {
        open = twin.outputs.subarray(0, 4).some((on) => on === 1) ? open + 1 : 0
        twin.inputs[at('hold')] = Number(i > 40)
        twin.inputs[at('emergency_stop')] = 1
        twin.inputs[at('oil_temperature')] = 3000 + i
        twin.inputs[at('pressure')] = stageOf() === 'compress' ? 100 + 700 * open : 300
        const keeps = stageOf() === 'compress' || stageOf() === 'relieve'
        for (const name of open > 20 && !keeps ? places : []) {
          twin.inputs[at(name)] = Number(ends[stageOf()]?.includes(name) ?? false)
        }
        lines.push(stepLine([...twin.inputs]))
        twin.step()
        seen.add(stageOf())
        expected.push([...twin.outputs, ...twin.reported])
      }
      const blocks = loop.states.length + loop.counters.findIndex(({ name }) => name === 'blocks')
      expect([seen.size, twin.reported[blocks]]).toEqual([10, 1])
      const machine = await Qemu.start(board, elf)
      try {
        // All at once: QEMU takes long to hear of each line.
        let answer = await machine.ask(lines.join(''))
        for (const [i, words] of expected.entries()) {
          const got = answer.split(' ').slice(0, words.length)
          const read = got.map((word) => Number.parseInt(word, 16) | 0)
          if (read.some((word, k) => word !== words[k])) expect([i, read]).toEqual([i, words])
          if (i + 1 < expected.length) answer = await machine.ask('')
        }
      } finally {
        await machine.stop()
      }
    },
    120_000,
  )
})
