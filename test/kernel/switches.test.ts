// The kernel of machines without a bridge: the press and the hot end of the project. Opposed
// valves, the emergency stop, a hand on a button, a setpoint that must be renewed, a switch that
// stays put, and what hardware must be declared. The same kernel source as the drill's; other
// limits.
import { beforeAll, describe, expect, test } from 'vitest'
import { buildKernel } from '../../firmware/build.ts'
import { causeKinds } from '../../firmware/kernel-constants.ts'
import { type Given, injectedFaults } from '../../firmware/selftest-faults.ts'
import { SwitchBench as Bench, machineOf, sound, turned } from './switch-bench.ts'

const press = machineOf('earth_block_press')
const heater = machineOf('hot_end')
describe.each([
  ['earth_block_press', press],
  ['hot_end', heater],
] as const)('each fault that the self-test injects into %s', (_, machine) => {
  test('ends as what it is, within its stated time', async () => {
    const { wasm } = await buildKernel(machine)
    const faults = injectedFaults(machine)
    expect(faults.length).toBeGreaterThanOrEqual(7)
    for (const fault of faults) {
      const bench = new Bench(machine, wasm)
      const give = ({ readings, asks }: Given): void => {
        bench.inputs.set(readings)
        bench.asked.set(asks)
      }
      let turn = 0
      const run = (given: Given, most: number, done: () => boolean): number => {
        for (let i = 1; i <= most; i += 1) {
          give(given)
          // As runtime/selftest.h: noise with a rhythm of its own.
          turn += 1
          for (let k = 0; k < given.readings.length; k += 1) {
            const noisy = ((given.still >> k) & 1) === 0 && ((turn >> 2) & 1) === 1
            bench.inputs[k] = (given.readings[k] ?? 0) + Number(noisy)
          }
          bench.kernel.step()
          if (done()) return i
        }
        return Number.POSITIVE_INFINITY
      }
      const armed = run(fault.rest, 1000, () => bench.state === 'armed')
      expect([fault.what, armed < 1000]).toEqual([fault.what, true])
      run(fault.work, 40, () => false)
      expect([fault.what, bench.state]).toEqual([fault.what, 'armed'])
      const most = Math.ceil(fault.withinS * machine.spec.rateHz)
      const took = run(fault.fault, most + 10, () => bench.state !== 'armed')
      // An emergency stop is no trip: it is said as what is in the way, a few steps later.
      if (bench.cause === 'none') run(fault.fault, 40, () => bench.hindrance !== 'none')
      const found = bench.cause === 'none' ? bench.hindrance : bench.cause
      expect([fault.what, found]).toEqual([fault.what, fault.cause])
      expect(took).toBeLessThanOrEqual(most)
    }
  })
})

describe('the press', () => {
  let wasm: Uint8Array<ArrayBuffer>
  beforeAll(async () => {
    ;({ wasm } = await buildKernel(press))
  })
  const working = (): Bench => {
    const bench = new Bench(press, wasm)
    bench.give(sound.press)
    expect(bench.passes(400)).toBeGreaterThan(0)
    bench.give({ hold: 1 })
    bench.ask('main_up', 'pump')
    expect(bench.runMs(50)).toBe(Number.POSITIVE_INFINITY)
    return bench
  }

  test('a pressure between both limits ends it only until it is calibrated', () => {
    const trips = (isReduced: boolean, pressure: number): boolean => {
      const bench = new Bench(press, wasm)
      if (isReduced) bench.kernel.reduce()
      bench.give(sound.press)
      expect(bench.passes(400)).toBeGreaterThan(0)
      bench.give({ hold: 1 })
      bench.ask('main_up', 'pump')
      bench.give({ pressure })
      return bench.runMs(50) < 5 && bench.cause === 'above: pressure'
    }
    expect([155, 165, 195].map((bar) => trips(true, bar))).toEqual([false, true, true])
    expect([155, 165, 195].map((bar) => trips(false, bar))).toEqual([false, false, true])
  })

  test.each([
    ['main_up', 'main_down'],
    ['drawer_push', 'drawer_pull'],
  ])('%s and %s at once: the next step passes nothing, for good', (a, b) => {
    const bench = working()
    bench.ask(a, b, 'pump')
    expect(bench.runMs(10)).toBe(0.5)
    expect([bench.state, bench.cause]).toEqual(['tripped', 'outputs: hold'])
    bench.ask()
    bench.give({ hold: 0 })
    expect(bench.passes(10_000)).toBe(0)
  })

  test.each(['main_up', 'main_down', 'drawer_push', 'drawer_pull', 'shaker', 'pump'])(
    '%s on with the hand off: dead_man within 20.5 ms',
    (output) => {
      const bench = working()
      bench.ask(output)
      bench.give({ hold: 0 })
      const tookMs = bench.runMs(100)
      expect(tookMs).toBeGreaterThan(19)
      expect(tookMs).toBeLessThanOrEqual(20.5)
      expect(bench.cause).toBe('dead_man: hold')
    },
  )

  test('the emergency stop: nothing passes in that step; no trip, but a release is needed', () => {
    const bench = working()
    bench.give({ emergency_stop: 0 })
    expect(bench.runMs(10)).toBe(0.5)
    expect([bench.state, bench.cause]).toEqual(['wait_release', 'none'])
    bench.passes(100)
    expect(bench.hindrance).toBe('emergency_stop')
    // Stopped and released, and then closed under a hand that holds: nothing.
    bench.give({ hold: 0 })
    expect(bench.passes(2000)).toBe(0)
    bench.give({ hold: 1, emergency_stop: 1 })
    expect(bench.passes(2000)).toBe(0)
    bench.give({ hold: 0 })
    expect(bench.passes(400)).toBeGreaterThan(0)
  })

  test('pressure above the limit trips within 4 ms, a hand that never lets go after its time', () => {
    const bench = working()
    bench.give({ pressure: 191 })
    expect(bench.runMs(100)).toBeLessThanOrEqual(4)
    expect(bench.cause).toBe('above: pressure')
    const held = working()
    const tookMs = held.runMs(130_000)
    expect(held.cause).toBe('held: hold')
    expect(Math.abs(tookMs / 1000 - (press.safety.hold?.longest ?? 0))).toBeLessThan(0.1)
  })

  test('a stuck, open or shorted pressure sensor trips', () => {
    for (const [pressure, cause] of [
      [-30, 'out_of_range'],
      [280, 'out_of_range'],
    ] as const) {
      const bench = working()
      bench.give({ pressure })
      expect(bench.runMs(100)).toBeLessThanOrEqual(6)
      expect(bench.cause).toBe(`${cause}: pressure`)
    }
    const bench = working()
    const { pressure = 0 } = { pressure: bench.inputs[7] }
    for (let i = 0; i < 25_000 && bench.state === 'armed'; i += 1) {
      bench.inputs[7] = pressure
      bench.kernel.step()
    }
    expect(bench.cause).toBe('stuck: pressure')
  })

  test.each(['gatePullDown', 'hardwareCut'] as const)(
    'without %s it never arms',
    async (missing) => {
      const { [missing]: _, ...safety } = press.safety
      const { wasm: bare } = await buildKernel({ ...press, safety })
      const bench = new Bench({ ...press, safety }, bare)
      bench.give(sound.press)
      expect(bench.passes(5000)).toBe(0)
      expect(bench.hindrance).toBe('no_hardware')
    },
  )
})

describe('the hot end', () => {
  let wasm: Uint8Array<ArrayBuffer>
  beforeAll(async () => {
    ;({ wasm } = await buildKernel(heater))
  })
  const working = (): Bench => {
    const bench = new Bench(heater, wasm)
    bench.give(sound.heater)
    expect(bench.passes(400)).toBeGreaterThan(0)
    bench.give({ enable: 1, target: 210 })
    bench.ask('heater')
    expect(bench.runMs(200)).toBe(Number.POSITIVE_INFINITY)
    return bench
  }

  test.each([
    { what: 'a target that nobody renews', off: { target: 0 } },
    { what: 'the switch off', off: { enable: 0 } },
  ])('heated with $what: dead_man within 21 ms', ({ off }) => {
    const bench = working()
    bench.give(off)
    const tookMs = bench.runMs(100)
    expect([bench.state, bench.cause]).toEqual(['tripped', 'dead_man: enable'])
    expect(tookMs).toBeLessThanOrEqual(21)
    expect(tookMs).toBeGreaterThan(19)
  })

  test('too hot trips within 0.2 s, a jump within 0.11 s; a switch that stays on does not', () => {
    const bench = working()
    expect(bench.runMs(700_000)).toBe(Number.POSITIVE_INFINITY)
    bench.give({ temperature: 288 })
    const jumped = bench.runMs(1000)
    expect([bench.cause, jumped <= 110]).toEqual(['jump: temperature', true])
    const hot = working()
    for (let at = 200; at <= 306; at += 1) {
      hot.give({ temperature: at })
      hot.runMs(50)
    }
    expect(hot.runMs(1000)).toBeLessThanOrEqual(205)
    expect(hot.cause).toBe('above: temperature')
  })

  test('a hard trip is cleared by five turns of the switch after power-up, by nothing less', () => {
    const hard = causeKinds['loop_trap'] ?? 0
    expect(turned(wasm, hard, { times: 5, everyMs: 300 })).toBe('wait_release')
    expect(turned(wasm, hard, { times: 4, everyMs: 300 })).toBe('tripped')
    expect(turned(wasm, hard, { times: 5, everyMs: 1200 })).toBe('tripped')
    // A switch that was left on, and is put off after long, says nothing.
    expect(turned(wasm, hard, { times: 0, everyMs: 15_000 })).toBe('tripped')
  })

  test('what ends with the power is not cleared by turning the switch', () => {
    const soft = causeKinds['above'] ?? 0
    expect(turned(wasm, soft, { times: 5, everyMs: 300 })).toBe('tripped')
  })
})
