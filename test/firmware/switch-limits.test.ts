// No input sequence, however absurd, does to the press's valves or to the heater what must not be:
// random sequences against the real wasm, every single write looked at, also with every constant at
// an end of what loop.json allows. The loops alone, without kernel and plant.
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildLoop } from '../../firmware/build.ts'
import type { LoopKind } from '../../firmware/loop-kind.ts'
import { type SimBoard, startBoard } from '../../firmware/twin/sim-board.ts'
import { type Kit, kitOf } from './machine-stand.ts'

const int32 = { min: -(2 ** 31), max: 2 ** 31 - 1 }
type Wasm = Uint8Array<ArrayBuffer>

const reading = ({ min, max, scale, values }: LoopKind['inputs'][number]): fc.Arbitrary<number> =>
  values !== undefined
    ? fc.oneof(
        { weight: 30, arbitrary: fc.constantFrom(0, 1) },
        { weight: 1, arbitrary: fc.integer(int32) },
      )
    : fc.oneof(
        { weight: 20, arbitrary: fc.integer({ min: min / scale, max: max / scale }) },
        { weight: 1, arbitrary: fc.integer(int32) },
      )

interface Phase {
  inputs: number[]
  steps: number
  after: string
}
/** Mostly sound readings, so that it works; some inputs are held as a machine at work has them. */
const phasesOf = (loop: LoopKind, sound: Record<string, fc.Arbitrary<number>>) => {
  const at = (i: number, mostly: boolean): fc.Arbitrary<number> => {
    const input = loop.inputs[i]
    if (input === undefined) throw new Error('no such input')
    const calm = sound[input.name]
    return mostly && calm !== undefined ? calm : reading(input)
  }
  const all = (mostly: boolean) => fc.tuple(...loop.inputs.map((_, i) => at(i, mostly)))
  const inputs = fc.oneof({ weight: 6, arbitrary: all(true) }, { weight: 1, arbitrary: all(false) })
  const steps = fc.integer({ min: 1, max: 400 })
  const after = fc.constantFrom('go on', 'go on', 'go on', 'go on', 'stop', 'setup')
  return fc.array(fc.record({ inputs, steps, after }), { minLength: 1, maxLength: 40 })
}

/** Runs a sequence; `look` is called after each write and each step. */
const play = (wasm: Wasm, loop: LoopKind, parts: { phases: Phase[]; look: Look }): void => {
  const { phases, look } = parts
  const board: SimBoard = startBoard(wasm, loop, {
    micros: () => 0,
    onWrite: (index, value) => look.write(index, value),
  })
  const isOff = (): boolean => board.outputs.every((one) => one === 0)
  board.setup()
  for (const { inputs, steps, after } of phases) {
    board.inputs.set(inputs)
    for (let i = 0; i < steps; i += 1) {
      board.step()
      look.step(board.inputs, board.outputs)
    }
    if (after === 'stop') board.stop()
    if (after === 'setup') board.setup()
    if (after !== 'go on') expect(isOff()).toBe(true)
    if (after !== 'go on') look.stopped()
  }
  board.stop()
  expect(isOff()).toBe(true)
}
interface Look {
  write: (index: number, value: number) => void
  step: (inputs: Int32Array, outputs: Int32Array) => void
  stopped: () => void
}

/** Constants at one end, in the order that loop.json asks for. */
const atEnd = (loop: LoopKind, end: 'min' | 'max', kept: Record<string, number>) => {
  const constants = Object.fromEntries(
    Object.entries(loop.constants).map(([name, one]) => [name, one[end]]),
  )
  const ordered = end === 'min' ? loop.order : [...loop.order].reverse()
  for (const [low, high] of ordered) {
    const scale = loop.constants[low]?.scale ?? 1
    if (end === 'min')
      constants[high] = Math.max(constants[high] ?? 0, (constants[low] ?? 0) + scale)
    else constants[low] = Math.min(constants[low] ?? 0, (constants[high] ?? 0) - scale)
  }
  return { ...constants, ...kept }
}

describe('the press', () => {
  let kit: Kit
  const places = ['main_top', 'main_bottom', 'drawer_out', 'drawer_middle', 'drawer_in']
  const quick = { valve_pause: 0.03, release_time: 0.01, leave_time: 0.1, move_timeout: 0.5 }
  const sound = {
    emergency_stop: fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 0),
    hold: fc.constantFrom(0, 1, 1),
    pressure: fc.integer({ min: 0, max: 15_000 }),
    oil_temperature: fc.integer({ min: 1000, max: 6000 }),
    ...Object.fromEntries(places.map((name) => [name, fc.constantFrom(0, 0, 1)])),
  }
  beforeAll(async () => {
    kit = await kitOf('earth_block_press', { ...quick, shake_time: 0, dwell_time: 0 })
  })

  /** Fails at the first write that no press may see. */
  const watcher = (rateHz: number, reached: Set<number>): Look => {
    const now = new Int32Array(6)
    let [closedSteps, last, releasedSteps, armed] = [1_000_000, -1, 0, false]
    return {
      write: (index, value) => {
        if (value !== 0 && value !== 1) throw new Error(`wrote ${value}`)
        now[index] = value
        const open = now.subarray(0, 4).reduce((sum, one) => sum + one, 0)
        if (open > 1) throw new Error('two valves at once')
        if (index > 3 || value === 0 || index === last) return
        if (closedSteps < Math.floor(0.03 * rateHz)) throw new Error(`no pause: ${closedSteps}`)
        last = index
        reached.add(index)
      },
      step: ([hold = 0, stop = 0], outputs) => {
        const isOpen = outputs.subarray(0, 4).some((one) => one !== 0)
        closedSteps = isOpen ? 0 : closedSteps + 1
        if (isOpen === false && closedSteps === 1) last = -1
        releasedSteps = hold === 1 || stop !== 1 ? 0 : releasedSteps + 1
        if (releasedSteps >= Math.floor(0.01 * rateHz)) armed = true
        if (stop !== 1) armed = false
        const on = outputs.some((one) => one !== 0)
        if (on && (hold !== 1 || stop !== 1)) throw new Error('on without a hand, or stopped')
        if (on && !armed) throw new Error('on before it was seen released')
      },
      stopped: () => {
        armed = false
        releasedSteps = 0
      },
    }
  }

  test('one valve at a time, a pause between, nothing without a hand that was seen released', () => {
    const reached = new Set<number>()
    fc.assert(
      fc.property(phasesOf(kit.loop, sound), (phases) => {
        play(kit.build.wasm, kit.loop, { phases, look: watcher(kit.spec.rateHz, reached) })
      }),
      { numRuns: 400 },
    )
    // The property would be empty if nothing ever moved.
    expect(reached.size).toBeGreaterThanOrEqual(2)
  }, 120_000)

  test.each([
    ['min', undefined],
    ['max', undefined],
    // A stop between two steps counted the rest of its step as a step of the pause.
    ['max', 1468240442],
  ] as const)('the same with every constant at its %s (seed %s)', async (end, seed) => {
    const { loop } = kit
    const constants = atEnd(loop, end, { valve_pause: 0.03, release_time: 0.01 })
    const rateHz = loop.rateHz[end]
    const { wasm } = await buildLoop({ loop, spec: { rateHz, constants } })
    fc.assert(
      fc.property(phasesOf(loop, sound), (phases) => {
        play(wasm, loop, { phases, look: watcher(rateHz, new Set()) })
      }),
      { numRuns: 60, ...(seed !== undefined && { seed }) },
    )
  })
})

describe('the heater', () => {
  let kit: Kit
  const sound = {
    enable: fc.constantFrom(0, 1, 1),
    temperature: fc.integer({ min: 1500, max: 28_000 }),
    target: fc.constantFrom(0, 20_000, 25_000),
  }
  beforeAll(async () => {
    kit = await kitOf('hot_end', { release_time: 0.01 })
  })
  const watcher = (restCcel: number, reached: Set<string>): Look => {
    let [armed, releasedSteps] = [false, 0]
    return {
      write: (index, value) => {
        if (index !== 0 || (value !== 0 && value !== 1)) throw new Error(`wrote ${index} ${value}`)
      },
      step: ([enable = 0, , target = 0], [heater = 0]) => {
        releasedSteps = enable === 1 ? 0 : releasedSteps + 1
        if (releasedSteps >= 10) armed = true
        if (heater === 0) return
        if (enable !== 1 || target <= restCcel) throw new Error('on without switch or target')
        if (!armed) throw new Error('on before the switch was seen off')
        reached.add('on')
      },
      stopped: () => {
        armed = false
        releasedSteps = 0
      },
    }
  }

  test('never on without switch and target, nor before the switch was seen off', () => {
    const reached = new Set<string>()
    fc.assert(
      fc.property(phasesOf(kit.loop, sound), (phases) => {
        play(kit.build.wasm, kit.loop, { phases, look: watcher(100, reached) })
      }),
      { numRuns: 400 },
    )
    expect(reached.has('on')).toBe(true)
  }, 120_000)

  test.each(['min', 'max'] as const)('the same with every constant at its %s', async (end) => {
    const { loop } = kit
    const constants = atEnd(loop, end, { release_time: 0.01, rest: 1 })
    // At its shortest rate 10 ms are ten steps; more steps at a higher one change nothing here.
    const { wasm } = await buildLoop({ loop, spec: { rateHz: loop.rateHz.min, constants } })
    fc.assert(
      fc.property(phasesOf(loop, sound), (phases) => {
        play(wasm, loop, { phases, look: watcher(100, new Set()) })
      }),
      { numRuns: 60 },
    )
  })
})
