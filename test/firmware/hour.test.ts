// One hour of work at the full loop rate, 36 million steps of the real wasm, against the f64
// reference: what fixed point loses in an hour, in numbers. The inputs are a tape of the drill at
// work, played over and over; both see the same readings and the same outputs.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Build } from '../../firmware/build.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { createPlant } from '../../firmware/twin/plants/drill/plant.ts'
import { createRig } from '../../firmware/twin/rig.ts'
import { startBoard } from '../../firmware/twin/sim-board.ts'
import { createReference, type ReferenceConstants } from './reference.ts'
import { buildDrill, drill, loop, spec } from './stand.ts'

const tapeS = 90
const hourS = 3600
const { rateHz } = spec
const width = loop.inputs.length

/** Raw inputs of every step of a spell of work that starts and ends hot: jams included. */
const record = (build: Build): Int32Array => {
  const constants = { ...drill.twin?.constants, jam_share: 20, ambient_temperature: 45 }
  const plant = createPlant({ constants, random: seeded(11), kept: { charge: 0.7, can: 70 } })
  const rig = createRig({ wasm: build.wasm, loop, plant, rateHz })
  const tape = new Int32Array(tapeS * rateHz * width)
  for (let i = 0; i < tapeS * rateHz; i += 1) {
    rig.step()
    tape.set(rig.board.inputs, i * width)
  }
  return tape
}

interface Outcome {
  counters: Record<string, { loop: number; reference: number }>
  /** Largest difference at any tenth of a second of the hour, in the state's unit. */
  apart: Record<'winding_temperature' | 'overload' | 'motor_speed', number>
}

const play = (build: Build, tape: Int32Array): Outcome => {
  const board = startBoard(build.wasm, loop, { micros: () => 0 })
  const reference = createReference({
    ...(spec.constants as unknown as ReferenceConstants),
    rateHz,
  })
  const at = (name: string): number =>
    [...loop.states, ...loop.counters].findIndex((channel) => channel.name === name)
  const [winding, overload, speed] = ['winding_temperature', 'overload', 'motor_speed'].map(at)
  const seen = { current: 0, voltage: 0, can: 0, duty: 0, brake: 0 }
  const apart = { winding_temperature: 0, overload: 0, motor_speed: 0 }
  const { inputs, outputs, reported } = board
  board.setup()
  for (let i = 0; i < hourS * rateHz; i += 1) {
    const from = (i * width) % tape.length
    for (let k = 0; k < width; k += 1) inputs[k] = tape[from + k] ?? 0
    // The last second is rest, so that the 100 Hz report has caught up.
    if (i >= (hourS - 1) * rateHz) inputs[0] = inputs[2] = 0
    seen.duty = (outputs[0] ?? 0) / 10_000
    seen.brake = (outputs[1] ?? 0) / 10_000
    seen.current = (inputs[2] ?? 0) / 1000
    seen.voltage = (inputs[3] ?? 0) / 1000
    seen.can = (inputs[4] ?? 0) / 100
    board.step()
    reference.step(seen)
    if (i < 2 * rateHz) continue
    const off = (name: keyof typeof apart, index: number | undefined, value: number): void => {
      const scale = loop.states.find((state) => state.name === name)?.scale ?? 1
      apart[name] = Math.max(apart[name], Math.abs((reported[index ?? 0] ?? 0) * scale - value))
    }
    // In the very step of the 100 Hz part that reports it, so that both speak of one moment.
    if (i % 1000 === 3) off('winding_temperature', winding, reference.winding)
    if (i % 1000 === 0) {
      off('overload', overload, reference.overload * 100)
      off('motor_speed', speed, reference.speed)
    }
  }
  const counted = (name: string): number => reported[at(name)] ?? 0
  return {
    apart,
    counters: {
      run_time: { loop: counted('run_time'), reference: reference.runTime * 1000 },
      charge: { loop: counted('charge'), reference: reference.charge },
      energy: { loop: counted('energy'), reference: reference.energy },
      revolutions: { loop: counted('revolutions'), reference: reference.revolutions },
    },
  }
}

describe('an hour of work', () => {
  let outcome: Outcome
  beforeAll(async () => {
    const build = await buildDrill()
    outcome = play(build, record(build))
    console.log(JSON.stringify(outcome))
  }, 120_000)

  const difference = (name: string): number => {
    const { loop: counted = 0, reference = 0 } = outcome.counters[name] ?? {}
    return Math.abs(counted - reference)
  }
  const reference = (name: string): number => outcome.counters[name]?.reference ?? 0

  test('the hour is one of work, not of standing still', () => {
    expect(reference('run_time')).toBeGreaterThan(1_000_000)
    expect(reference('charge')).toBeGreaterThan(5000)
    expect(reference('revolutions')).toBeGreaterThan(100_000)
  })

  test('run time is exact to its unit, 1 ms', () => {
    expect(difference('run_time')).toBeLessThan(1)
  })

  test.each(['charge', 'energy'])('%s is exact to its unit and 1 in 100,000', (name) => {
    expect(difference(name)).toBeLessThan(1 + reference(name) * 1e-5)
  })

  test('revolutions are those of the f64 estimate to 1 turn and 2 in 100,000', () => {
    expect(difference('revolutions')).toBeLessThan(1 + reference('revolutions') * 2e-5)
  })

  test('the winding is never more than 0.01 K from the f64 model', () => {
    expect(outcome.apart.winding_temperature).toBeLessThan(0.01)
  })

  test('I2t is within its resolution, 0.1 % of the reserve', () => {
    expect(outcome.apart.overload).toBeLessThan(0.11)
  })

  test('the speed estimate is within 10 rev/min of the f64 one', () => {
    expect(outcome.apart.motor_speed).toBeLessThan(10)
  })
})
