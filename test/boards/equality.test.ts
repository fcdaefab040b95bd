// The same loop gives the same bits everywhere: in V8, on an RP2040, on a Cortex-M4F with an FPU
// (QEMU's and our own) and on a Cortex-M0. Every output and every report of every step is hashed;
// readings are random, with wild ones among them. In fixed point (the drill) and in f32.
import { afterAll, describe, expect, test } from 'vitest'
import {
  type Drive,
  guardedLine,
  measuredLine,
  rangesOf,
  readRun,
  runGuarded,
  runLine,
  runTwin,
  stepLine,
} from '../emu/exercise.ts'
import { Pico } from '../emu/pico.ts'
import { Qemu, qemuInstalled } from '../emu/qemu.ts'
import { Stm32 } from '../emu/stm32f405.ts'
import { talkTo } from '../emu/talk.ts'
import {
  compilerInstalled,
  drill,
  fixture,
  imageOf,
  kernelOf,
  type Subject,
  wasmOf,
} from './stand.ts'
import { drillWork } from './work.ts'

const build = compilerInstalled()
const qemu = build && qemuInstalled()
const float = fixture('float')
afterAll(() => float.remove())

const drives = (name: string, subject: Subject): Drive[] => {
  const everywhere = { seed: 7, steps: 20_000, ranges: rangesOf(subject.loop) }
  if (name !== 'fixed point') return [{ ...everywhere, steps: 100_000 }]
  return [{ seed: 6, steps: 100_000, ranges: rangesOf(subject.loop, drillWork) }, everywhere]
}

/** Calm enough to be armed now and then, wild enough to trip on most of what there is. */
const guarded: Drive = {
  seed: 9,
  steps: 100_000,
  ranges: rangesOf(drill().loop, {
    trigger: [0, 11],
    motor_current: [-7.5, 9],
    pack_voltage: [8, 24],
    motor_temperature: [20, 60],
    pack_temperature: [20, 60],
    clutch_setting: [0, 40],
  }),
}
const guardedTwin = async (each?: (told: Int32Array) => void) => {
  const subject = drill()
  const [{ wasm }, { wasm: kernel }] = [await wasmOf(subject), await kernelOf(subject)]
  return runGuarded({ wasm, kernel }, subject.loop, { ...guarded, ...(each && { each }) })
}

const subjects: [string, Subject][] = [
  ['fixed point', drill()],
  ['f32', float],
]

describe.each(subjects)('%s', (name, subject) => {
  const expected = async (): Promise<{ drive: Drive; hash: number; last: string }[]> => {
    const { wasm } = await wasmOf(subject)
    return drives(name, subject).map((drive) => ({ drive, ...runTwin(wasm, subject.loop, drive) }))
  }
  const freshPico = async () => {
    const { bin, manifest } = await imageOf(subject, 'rp2040-pico', 'exercise')
    const pico = new Pico({ bin })
    expect(pico.ask('', 10_000_000)).toBe('ready')
    return { pico, most: manifest.worstStep?.loop ?? 0 }
  }

  test.runIf(build)(
    'rp2040js',
    async () => {
      for (const { drive, hash, last } of await expected()) {
        const { pico, most } = await freshPico()
        const ran = readRun(pico.ask(runLine(drive), drive.steps * 20_000))
        expect({ hash: ran.hash, last: ran.last }).toEqual({ hash, last })
        expect(ran.worst).toBeLessThanOrEqual(most)
      }
    },
    300_000,
  )

  test.runIf(build)(
    'the Cortex-M4F of our own',
    async () => {
      const { bin } = await imageOf(subject, 'stm32f405', 'exercise')
      const { wasm } = await wasmOf(subject)
      for (const given of drives(name, subject)) {
        const drive = { ...given, steps: 20_000 }
        const ask = talkTo((onUart) => new Stm32({ bin, onUart }))
        expect(ask('')).toBe('ready')
        const { hash, last } = readRun(ask(runLine(drive), drive.steps * 20_000))
        expect({ hash, last }).toEqual(runTwin(wasm, subject.loop, drive))
      }
    },
    300_000,
  )

  for (const board of ['stm32f405', 'microbit'] as const) {
    test.runIf(qemu)(`QEMU ${board}`, async () => {
      const { elf } = await imageOf(subject, board, 'exercise')
      for (const { drive, hash, last } of await expected()) {
        const machine = await Qemu.start(board, elf)
        try {
          const ran = readRun(await machine.ask(runLine(drive)))
          expect({ hash: ran.hash, last: ran.last }).toEqual({ hash, last })
        } finally {
          await machine.stop()
        }
      }
    })
  }
})

describe('with the winding that its calibration measured', () => {
  const subject = drill()
  const ranges = rangesOf(subject.loop, drillWork)
  /** In the bounds, and beyond them. */
  const drives = [200_000, 2_000_000_000].map((uohm) => ({
    ...{ seed: 6, steps: 30_000, ranges, measured: [uohm] },
  }))
  const expected = async () => {
    const { wasm } = await wasmOf(subject)
    const ran = drives.map((drive) => ({ drive, ...runTwin(wasm, subject.loop, drive) }))
    const { hash } = runTwin(wasm, subject.loop, { ...drives[0], measured: [] } as Drive)
    expect(ran.map((one) => one.hash === hash)).toEqual([false, true])
    return ran
  }

  test.runIf(build)(
    'rp2040js',
    async () => {
      const { bin } = await imageOf(subject, 'rp2040-pico', 'exercise')
      for (const { drive, hash, last } of (await expected()).slice(0, 1)) {
        const pico = new Pico({ bin })
        pico.ask('', 10_000_000)
        pico.ask(measuredLine(drive), 10_000_000)
        const ran = readRun(pico.ask(runLine(drive), drive.steps * 20_000))
        expect({ hash: ran.hash, last: ran.last }).toEqual({ hash, last })
      }
    },
    300_000,
  )

  test.runIf(qemu).each(['stm32f405', 'microbit'] as const)('QEMU %s', async (board) => {
    const { elf } = await imageOf(subject, board, 'exercise')
    for (const { drive, hash, last } of await expected()) {
      const machine = await Qemu.start(board, elf)
      try {
        await machine.ask(measuredLine(drive))
        const ran = readRun(await machine.ask(runLine(drive)))
        expect({ hash: ran.hash, last: ran.last }).toEqual({ hash, last })
      } finally {
        await machine.stop()
      }
    }
  })
})

describe('with the safety kernel', () => {
  test.runIf(build)(
    'rp2040js',
    async () => {
      const { bin, manifest } = await imageOf(drill(), 'rp2040-pico', 'exercise')
      const pico = new Pico({ bin })
      pico.ask('', 10_000_000)
      const ran = readRun(pico.ask(guardedLine(guarded), guarded.steps * 20_000))
      expect({ hash: ran.hash, last: ran.last }).toEqual(await guardedTwin())
      expect(ran.worst).toBeLessThanOrEqual(manifest.worstStep?.kernel ?? 0)
    },
    300_000,
  )

  test.runIf(build)(
    'the Cortex-M4F of our own',
    async () => {
      const subject = drill()
      const [{ wasm }, { wasm: kernel }] = [await wasmOf(subject), await kernelOf(subject)]
      const drive = { ...guarded, steps: 20_000 }
      const { bin } = await imageOf(subject, 'stm32f405', 'exercise')
      const ask = talkTo((onUart) => new Stm32({ bin, onUart }))
      ask('')
      const { hash, last } = readRun(ask(guardedLine(drive), drive.steps * 20_000))
      expect({ hash, last }).toEqual(runGuarded({ wasm, kernel }, subject.loop, drive))
    },
    300_000,
  )

  test.runIf(qemu).each(['stm32f405', 'microbit'] as const)('QEMU %s', async (board) => {
    const { elf } = await imageOf(drill(), board, 'exercise')
    const machine = await Qemu.start(board, elf)
    try {
      const ran = readRun(await machine.ask(guardedLine(guarded)))
      expect({ hash: ran.hash, last: ran.last }).toEqual(await guardedTwin())
    } finally {
      await machine.stop()
    }
  })

  test('random readings arm it and trip it on many things', async () => {
    const [states, causes] = [new Set<number>(), new Set<number>()]
    await guardedTwin(([state = 0, cause = 0]) => {
      states.add(state)
      causes.add(cause & 31)
    })
    expect([...states].sort()).toEqual([0, 1, 2])
    expect(causes.size).toBeGreaterThanOrEqual(6)
  })
})

test('random readings take the drill everywhere: it runs, brakes, trips, is released', async () => {
  const subject = drill()
  const { wasm } = await wasmOf(subject)
  const [drive] = drives('fixed point', subject)
  const seen = new Set<string>()
  const [states, faults] = ['state', 'fault'].map(
    (name) => subject.loop.states.find((state) => state.name === name)?.values ?? [],
  )
  if (drive === undefined) throw new Error('no drive')
  const each = ([state = 0, fault = 0]: Int32Array): void => {
    seen.add(states?.[state] ?? '').add(faults?.[fault] ?? '')
  }
  runTwin(wasm, subject.loop, { ...drive, each })
  const expectedAtLeast = ['wait_release', 'idle', 'run', 'brake', 'fault']
  expect([...seen]).toEqual(expect.arrayContaining(expectedAtLeast))
  const faultsSeen = [...seen].filter((name) => faults?.includes(name))
  expect(faultsSeen.length).toBeGreaterThanOrEqual(5)
})

test.runIf(build)('readings can be given one step at a time, over UART', async () => {
  const subject = float
  const { bin } = await imageOf(subject, 'rp2040-pico', 'exercise')
  const pico = new Pico({ bin })
  pico.ask('', 10_000_000)
  // 2 A and 4 A: the first step of the low-pass is 0.06, the product 8.06, the quotient 2.015.
  const words = pico.ask(stepLine([2000, 4000]), 10_000_000).split(' ')
  const [duty, slow, ratio] = words.map((word) => Number.parseInt(word, 16))
  const f32 = (bits: number): number =>
    new Float32Array(new Uint32Array([bits]).buffer)[0] ?? Number.NaN
  expect(f32(slow ?? 0)).toBeCloseTo(0.06, 6)
  expect(f32(ratio ?? 0)).toBeCloseTo(2.015, 5)
  expect(duty).toBe(201)
})
