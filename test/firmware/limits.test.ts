// No input sequence, however absurd, drives the outputs beyond their limits: random sequences
// against the real wasm, every single write looked at. These hold for the loop alone, without a
// plant.
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Build, buildLoop } from '../../firmware/build.ts'
import { type SimBoard, startBoard } from '../../firmware/twin/sim-board.ts'
import { buildDrill, constant, loop, spec } from './stand.ts'

const int32 = { min: -(2 ** 31), max: 2 ** 31 - 1 }
const [duty, brake, bridge] = [0, 1, 2]
const triggerAt = loop.inputs.findIndex((input) => input.name === 'trigger')
const maxDuty = Math.round(constant('max_duty') / 0.01)

/** A channel's reading: mostly plausible, sometimes at an end of the range, sometimes anything. */
const reading = (index: number): fc.Arbitrary<number> => {
  const { min = 0, max = 0, scale = 1 } = loop.inputs[index] ?? {}
  const [low, high] = [Math.round(min / scale), Math.round(max / scale)]
  return fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: low, max: high }) },
    { weight: 2, arbitrary: fc.constantFrom(low, high, 0, low - 1, high + 1) },
    { weight: 1, arbitrary: fc.constantFrom(int32.min, int32.max, -1) },
    { weight: 1, arbitrary: fc.integer(int32) },
  )
}
const all = fc.tuple(...loop.inputs.map((_, index) => reading(index)))
const healthy = [0, 0, 0, 18_000, 2500, 2500, 0]
/** Keeps the sensors healthy half of the time: otherwise the motor would hardly ever run. */
const inputs = fc.oneof(
  all,
  fc
    .tuple(
      fc.integer({ min: 0, max: 1000 }),
      fc.boolean(),
      fc.integer({ min: -60_000, max: 90_000 }),
    )
    .map(([trigger, reverse, current]) => {
      const values = [...healthy]
      values[triggerAt] = trigger
      values[1] = Number(reverse)
      values[2] = current
      return values
    }),
  fc.constant(healthy),
)
const phase = fc.record({
  inputs,
  steps: fc.integer({ min: 1, max: 600 }),
  after: fc.constantFrom('go on', 'go on', 'go on', 'stop', 'setup'),
})
const phases = fc.array(phase, { minLength: 1, maxLength: 40 })

interface Watched {
  board: SimBoard
  written: { drove: boolean; braked: boolean }
}

/** A board that fails the test at the first write that no bridge may see. */
const watch = (build: Build, limit = maxDuty): Watched => {
  const now = [0, 0, 0]
  const written = { drove: false, braked: false }
  const board = startBoard(build.wasm, loop, {
    micros: () => 0,
    onWrite: (index, value) => {
      const before = [...now]
      now[index] = value
      if (now[duty] === undefined || now[brake] === undefined) throw new Error('no such output')
      if ((now[duty] ?? 0) < 0 || (now[duty] ?? 0) > limit) throw new Error(`duty ${now[duty]}`)
      if ((now[brake] ?? 0) < 0 || (now[brake] ?? 0) > 10_000)
        throw new Error(`brake ${now[brake]}`)
      if (now[duty] !== 0 && now[brake] !== 0) throw new Error('drive and brake overlap')
      if (now[bridge] !== 0 && now[bridge] !== 1) throw new Error(`bridge ${now[bridge]}`)
      if (index === bridge && value !== before[bridge] && (now[duty] !== 0 || now[brake] !== 0)) {
        throw new Error('the bridge is turned under power')
      }
      written.drove ||= (now[duty] ?? 0) > 0
      written.braked ||= (now[brake] ?? 0) > 0
    },
  })
  board.setup()
  return { board, written }
}

const isOff = (board: SimBoard): boolean => board.outputs[duty] === 0 && board.outputs[brake] === 0

describe('any input sequence', () => {
  let build: Build
  beforeAll(async () => {
    // Shorter times, so that random sequences get further; the logic is the same.
    build = await buildDrill({ coast_time: 0.05, release_time: 0.005, soft_start: 0.02 })
  })

  test('keeps duty and brake in limits and apart, and stop leaves the motor off', () => {
    const reached = { drove: false, braked: false }
    fc.assert(
      fc.property(phases, (sequence) => {
        const { board, written } = watch(build)
        for (const { inputs: values, steps, after } of sequence) {
          board.inputs.set(values)
          for (let i = 0; i < steps; i += 1) {
            const [oldDuty = 0, oldBrake = 0] = board.outputs
            board.step()
            const [newDuty = 0, newBrake = 0] = board.outputs
            // A whole step with both off lies between drive and brake.
            const touch = (oldDuty > 0 && newBrake > 0) || (oldBrake > 0 && newDuty > 0)
            if (touch) throw new Error('drive and brake without a step between them')
          }
          if (after === 'stop') board.stop()
          if (after === 'setup') board.setup()
          if (after !== 'go on') expect(isOff(board)).toBe(true)
        }
        board.stop()
        expect(isOff(board)).toBe(true)
        reached.drove ||= written.drove
        reached.braked ||= written.braked
      }),
      { numRuns: 2000 },
    )
    // The property would be empty if the motor never ran.
    expect(reached).toEqual({ drove: true, braked: true })
  }, 120_000)

  // Constants at the ends of what loop.json allows, so that no product of theirs overflows unseen.
  test.each(['min', 'max'] as const)('the same with every constant at its %s', async (end) => {
    const ends = Object.entries(loop.constants).map(([name, one]) => [name, one[end]] as const)
    const constants = Object.fromEntries(ends)
    for (const [low, high] of loop.order) {
      const scale = loop.constants[low]?.scale ?? 1
      if (end === 'min')
        constants[high] = Math.max(constants[high] ?? 0, (constants[low] ?? 0) + scale)
      else constants[low] = Math.min(constants[low] ?? 0, (constants[high] ?? 0) - scale)
    }
    // These only delay: at their longest nothing would ever run.
    Object.assign(constants, { coast_time: 0.05, release_time: 0.005 })
    const rateHz = loop.rateHz[end]
    const extreme = await buildLoop({ loop, spec: { rateHz, constants } })
    const limit = Math.round((constants['max_duty'] ?? 0) / 0.01)
    fc.assert(
      fc.property(phases, (sequence) => {
        const { board } = watch(extreme, limit)
        for (const { inputs: values, steps } of sequence) {
          board.inputs.set(values)
          for (let i = 0; i < steps; i += 1) board.step()
        }
        board.stop()
        expect(isOff(board)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test('never starts the motor while the trigger has not been seen released', () => {
    const pulled = fc.array(fc.record({ inputs: all, steps: fc.integer({ min: 1, max: 400 }) }), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(pulled, fc.boolean(), (sequence, stopFirst) => {
        const { board, written } = watch(build)
        if (stopFirst) {
          arm(board)
          board.inputs[triggerAt] = 1000
          for (let i = 0; i < 50; i += 1) board.step()
          expect(written.drove).toBe(true)
          written.drove = false
          board.stop()
        }
        for (const { inputs: values, steps } of sequence) {
          board.inputs.set(values)
          // Pulled, or so low that the sensor must be broken: neither is released.
          const trigger = board.inputs[triggerAt] ?? 0
          const releaseAt = Math.round(constant('trigger_release') / 0.1)
          if (trigger >= -50) board.inputs[triggerAt] = Math.max(trigger, releaseAt)
          for (let i = 0; i < steps; i += 1) board.step()
        }
        expect(written).toEqual({ drove: false, braked: false })
      }),
      { numRuns: 200 },
    )
  })

  test('a trigger sensor that drops out for a moment has not been released', async () => {
    const changed = { sensor_time: 0.1, release_time: 0.005, coast_time: 0.05 }
    const { board, written } = watch(await buildDrill(changed))
    board.inputs.set(healthy)
    for (const trigger of [1000, int32.min, 1000]) {
      board.inputs[triggerAt] = trigger
      // Longer than a release, shorter than what makes a fault.
      for (let i = 0; i < (trigger < 0 ? 200 : 3000); i += 1) board.step()
    }
    expect(written).toEqual({ drove: false, braked: false })
  })

  test('a trigger held between release and start drives with no less than nothing', async () => {
    const changed = { trigger_release: 1, trigger_start: 50, min_duty: 0, coast_time: 0.05 }
    const { board } = watch(await buildDrill(changed))
    arm(board)
    for (const trigger of [900, 490, 250, 20, 700]) {
      board.inputs[triggerAt] = trigger
      for (let i = 0; i < 3000; i += 1) board.step()
      expect(board.outputs[duty]).toBe(trigger > 500 ? board.outputs[duty] : 0)
    }
    expect(board.outputs[duty]).toBeGreaterThan(1000)
  })

  test('after a fault the motor stays off until the trigger has been seen released', () => {
    fc.assert(
      fc.property(fc.integer({ min: 80, max: 1000 }), phases, (trigger, sequence) => {
        const { board } = watch(build)
        arm(board)
        board.inputs[triggerAt] = trigger
        for (let i = 0; i < 50; i += 1) board.step()
        board.inputs[4] = int32.min
        for (let i = 0; i < 50; i += 1) board.step()
        expect(isOff(board)).toBe(true)
        for (const { inputs: values, steps } of sequence) {
          board.inputs.set(values)
          board.inputs[triggerAt] = Math.max(board.inputs[triggerAt] ?? 0, 40)
          for (let i = 0; i < steps; i += 1) {
            board.step()
            if (!isOff(board)) throw new Error(`on again after ${i} steps`)
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})

/** Healthy readings and a released trigger until the loop is ready. */
const arm = (board: SimBoard): void => {
  board.inputs.set(healthy)
  for (let i = 0; i < spec.rateHz / 4; i += 1) board.step()
}
