// The resistance that a unit's calibration measured moves the loop's own estimates as it should:
// speed and winding of a motor that is not quite the profile's. A nonsense one moves nothing.
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { Build } from '../../firmware/build.ts'
import { measurableOf } from '../../firmware/loop-kind.ts'
import { startBoard } from '../../firmware/twin/sim-board.ts'
import { buildDrill, constant, createStand, loop, spec } from './stand.ts'

let build: Build
beforeAll(async () => {
  build = await buildDrill()
})
const [bounds] = measurableOf(loop, spec.constants)
if (bounds === undefined) throw new Error('nothing to measure')
const uohm = (ohm: number): number => Math.round(ohm / bounds.scale)
const reports = [...loop.states, ...loop.counters]
const at = (name: string): number => reports.findIndex((channel) => channel.name === name)

/** The drill under load on the stand: by how much its speed estimate is off, and its winding. */
const loaded = (measured: number[]): { off: number; winding: number } => {
  const stand = createStand(build, { ready: true, windingOhm: 0.18, measured })
  stand.hand.trigger = 100
  stand.hand.loadNm = 7
  stand.run(1.5)
  const rpm = (stand.motor.speed * 60) / (2 * Math.PI)
  expect(stand.named('state')).toBe('run')
  return {
    off: stand.get('motor_speed') / rpm - 1,
    winding: stand.get('winding_temperature') - stand.motor.winding,
  }
}

test("a motor with half as much more resistance is as well known as the profile's own", () => {
  const [profile, own] = [loaded([]), loaded([uohm(0.18)])]
  expect(profile.off).toBeGreaterThan(0.1)
  expect(Math.abs(own.off)).toBeLessThan(0.03)
  expect(own.winding).toBeGreaterThan(profile.winding)
})

/** Speed and winding after two seconds at these readings, at full trigger. */
const steady = (measured: number[], currentMa: number): Int32Array => {
  const board = startBoard(build.wasm, loop, { micros: () => 0, measured })
  const reading: Record<string, number> = {
    ...{ trigger: 0, motor_current: 0, pack_voltage: 18_000 },
    ...{ motor_temperature: 2500, pack_temperature: 2500 },
  }
  const steps = (seconds: number): void => {
    loop.inputs.forEach(({ name }, i) => {
      board.inputs[i] = reading[name] ?? 0
    })
    for (let i = 0; i < seconds * spec.rateHz; i += 1) board.step()
  }
  board.setup()
  steps(constant('coast_time') * 1.3 + 0.2)
  reading['trigger'] = 1000
  reading['motor_current'] = currentMa
  steps(0.5)
  return Int32Array.from(board.reported)
}

test('more resistance is a slower motor with a hotter winding, at the same readings', () => {
  const sound = fc.integer({ min: bounds.least, max: bounds.most - 20_000 })
  const more = fc.integer({ min: 10_000, max: 20_000 })
  fc.assert(
    fc.property(sound, more, fc.integer({ min: 8_000, max: 24_000 }), (least, by, currentMa) => {
      const [low, high] = [steady([least], currentMa), steady([least + by], currentMa)]
      const [speed, winding] = [at('motor_speed'), at('winding_temperature')]
      expect(high[speed]).toBeLessThan(low[speed] ?? 0)
      expect(high[winding]).toBeGreaterThanOrEqual(low[winding] ?? 0)
      // By the back-EMF's own sum: the warm winding's drop, over the constant, in 0.1 rev/min.
      const rpm = ((by * 1e-6 * (currentMa / 1000)) / constant('torque_constant')) * 9.5493
      const slower = ((low[speed] ?? 0) - (high[speed] ?? 0)) / 10
      expect(slower / rpm).toBeGreaterThan(0.95)
      expect(slower / rpm).toBeLessThan(1.25)
    }),
    { numRuns: 12 },
  )
}, 120_000)

test("a nonsense resistance is none: the profile's holds, bit by bit", () => {
  const profile = steady([], 15_000)
  const nonsense = fc.oneof(
    fc.integer({ max: bounds.least - 1 }),
    fc.integer({ min: bounds.most + 1, max: 2 ** 31 - 1 }),
  )
  fc.assert(
    fc.property(nonsense, (given) => {
      expect(steady([given], 15_000)).toEqual(profile)
    }),
    { numRuns: 12 },
  )
  expect(steady([uohm(constant('winding_resistance'))], 15_000)).toEqual(profile)
  expect(steady([bounds.least], 15_000)).not.toEqual(profile)
  expect(steady([bounds.most], 15_000)).not.toEqual(profile)
}, 120_000)
