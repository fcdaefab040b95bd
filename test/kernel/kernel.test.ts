// The drill's safety kernel in V8: each fault ends within its stated time and not on a disturbance,
// a trip is latched until it is cleared as stated, and nothing passes before the hand has let go.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildKernel } from '../../firmware/build.ts'
import { causeKinds, gestureS, isHard } from '../../firmware/kernel-constants.ts'
import { drill, KernelBench, kernelOf, loop, safety, spec, stepMs } from './bench.ts'
import { type Fault, faultsOf } from './faults.ts'

const wasm = await kernelOf()
const faults = faultsOf(safety)

const working = (fault?: Fault): KernelBench => {
  const bench = new KernelBench(wasm)
  bench.work(fault?.before)
  return bench
}
const inject = (bench: KernelBench, fault: Fault): void => {
  Object.assign(bench.readings, fault.readings)
  for (const name of fault.frozen ?? []) bench.frozen.add(name)
  bench.ask(fault.asks ?? {})
}

describe.each(faults)('$what', (fault) => {
  test(`ends within ${fault.withinMs.toFixed(1)} ms as "${fault.cause}"`, () => {
    const bench = working(fault)
    inject(bench, fault)
    const tookMs = bench.runMs(fault.withinMs + 100)
    expect(bench.cause).toBe(fault.cause)
    expect(bench.state).toBe('tripped')
    expect(tookMs).toBeLessThanOrEqual(fault.withinMs + 1e-6)
    expect(tookMs).toBeGreaterThan(fault.notBeforeMs)
  })

  test('stays latched whatever the hand does, until it is cleared with the hand off', () => {
    const bench = working(fault)
    inject(bench, fault)
    bench.runMs(fault.withinMs + 100)
    bench.frozen.clear()
    bench.ask({ duty: 0, brake: 0, bridge: 0 })
    let passed = 0
    for (const trigger of [0, 100, 0, 50]) {
      bench.readings['trigger'] = trigger
      passed += bench.stepsPassed(3000)
    }
    expect(passed).toBe(0)
    expect(bench.cause).toBe(fault.cause)
    expect(bench.kernel.clear()).toBe(0)
    Object.assign(bench.readings, { trigger: 0, motor_current: 0, pack_voltage: 18 })
    Object.assign(bench.readings, { motor_temperature: 40, pack_temperature: 30 })
    bench.step()
    expect(bench.kernel.clear()).toBe(1)
    bench.arm()
    expect(bench.state).toBe('armed')
  })
})

test('what is only a disturbance, or just within the limits, does not trip', () => {
  const { current, levels } = safety
  for (const fault of faults.filter(({ notBeforeMs, slow }) => notBeforeMs > 0.2 && !slow)) {
    const bench = working(fault)
    const calm = { ...bench.readings }
    inject(bench, fault)
    expect([fault.what, bench.runMs(fault.notBeforeMs - 0.1)]).toEqual([fault.what, Infinity])
    Object.assign(bench.readings, calm)
    bench.frozen.clear()
    bench.ask({ duty: 50, brake: 0 })
    expect(bench.runMs(100)).toBe(Infinity)
  }
  const bench = working()
  bench.readings['motor_current'] = (current?.absolute ?? 0) - 0.1
  expect(bench.runMs(20)).toBe(Infinity)
  bench.readings['motor_current'] = 20
  for (const { signal, above, below } of levels) {
    for (const limit of [above === undefined ? above : above - 0.2, below && below + 0.2]) {
      if (limit === undefined) continue
      // As slowly as in life: a jump is another matter.
      const from = bench.readings[signal] ?? 0
      for (let i = 0; i <= 1000; i += 1) {
        bench.readings[signal] = from + ((limit - from) * i) / 1000
        bench.runMs(10)
      }
      expect([signal, bench.state]).toEqual([signal, 'armed'])
    }
  }
})

describe('before it is armed', () => {
  test('nothing passes while the trigger is pulled, however long', () => {
    const bench = new KernelBench(wasm)
    bench.readings['trigger'] = 50
    expect(bench.stepsPassed(50_000)).toBe(0)
    expect(bench.hindrance).toBe('not_released')
    bench.readings['trigger'] = 0
    bench.arm()
  })

  test('a released hand is never called a hand that pulls, also while readings settle', () => {
    const hold = loop.inputs.findIndex(({ name }) => name === safety.hold?.signal)
    const released = (safety.hold?.released ?? 0) / (loop.inputs[hold]?.scale ?? 1)
    fc.assert(
      fc.property(episodes, (list) => {
        const bench = new KernelBench(wasm)
        for (const [steps, readings] of list) {
          for (let i = 0; i < steps; i += 1) {
            bench.inputs.set(readings)
            bench.kernel.step()
            const pulls = (bench.inputs[hold] ?? 0) >= released
            if (bench.hindrance === 'not_released') expect(pulls).toBe(true)
          }
        }
      }),
      { numRuns: 60, examples: [[[[60, lowPack, [0, 0, 0]]]]] },
    )
  })

  test('a broken sensor is the hindrance, and no trip: there was nothing to end', () => {
    for (const [name, value] of [
      ['trigger', -11],
      ['motor_current', 215],
      ['pack_voltage', 32],
      ['pack_temperature', 70],
    ] as const) {
      const bench = new KernelBench(wasm)
      bench.readings[name] = value
      expect(bench.stepsPassed(5000)).toBe(0)
      expect(bench.state).toBe('wait_release')
      expect(bench.hindrance).toMatch(new RegExp(`: ${name}$`))
    }
  })

  test('armed but idle, a bad reading disarms without a trip, and heals by itself', () => {
    const bench = new KernelBench(wasm)
    bench.arm()
    bench.readings['pack_voltage'] = 0
    expect(bench.runMs(50)).toBeLessThan(25)
    expect(bench.state).toBe('wait_release')
    bench.readings['pack_voltage'] = 18
    bench.arm()
  })

  test('without gate pull-down or hardware cut it never arms above the stated current', async () => {
    for (const missing of ['gatePullDown', 'overCurrentCut'] as const) {
      const { [missing]: _, ...rest } = safety
      const { wasm: bare } = await buildKernel({ safety: rest, loop, spec })
      const bench = new KernelBench(bare)
      expect(() => bench.arm()).toThrow(/no_hardware/)
      const small = { ...rest, current: { ...rest.current, absolute: 9, continuous: 3 } }
      const fits = { ...small, current: { ...safety.current, ...small.current, offCurrent: 1 } }
      const weak = await buildKernel({ safety: fits as typeof safety, loop, spec })
      new KernelBench(weak.wasm).arm()
    }
  })
})

describe('a trip that was kept over a reset', () => {
  const soft = (causeKinds['over_current'] ?? 0) + 32
  const hard = causeKinds['loop_trap'] ?? 0

  test('is there again, and a release alone does not clear it', () => {
    for (const code of [soft, hard]) {
      const bench = new KernelBench(wasm, code, false)
      for (const trigger of [0, 100, 0]) {
        bench.readings['trigger'] = trigger
        for (let i = 0; i < 120_000; i += 1) bench.step()
      }
      expect([bench.state, bench.told[1]]).toEqual(['tripped', code])
    }
  })

  const gesture = (bench: KernelBench, seconds: number): string => {
    bench.readings['trigger'] = 100
    for (let i = 0; i < seconds * spec.rateHz; i += 1) bench.step()
    bench.readings['trigger'] = 0
    bench.step()
    return bench.state
  }

  test('a hard one is cleared by ten seconds of pulling from power-up on, then letting go', () => {
    expect(isHard(hard)).toBe(true)
    expect(gesture(new KernelBench(wasm, hard, true), gestureS + 0.1)).toBe('wait_release')
    expect(gesture(new KernelBench(wasm, hard, true), gestureS - 0.1)).toBe('tripped')
    expect(gesture(new KernelBench(wasm, hard, false), gestureS + 0.1)).toBe('tripped')
    const late = new KernelBench(wasm, hard, true)
    late.step()
    expect(gesture(late, gestureS + 0.1)).toBe('tripped')
  })

  test('what trips from outside is latched, too, and the first cause counts', () => {
    const bench = working()
    bench.kernel.trip(hard)
    bench.kernel.trip(soft)
    expect(bench.step()).toBe(false)
    expect(bench.told[1]).toBe(hard)
  })
})

const readingsOf = fc.tuple(
  ...loop.inputs.map(({ min, max, scale }) =>
    fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: min / scale, max: max / scale }) },
      { weight: 1, arbitrary: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
    ),
  ),
)
const asksOf = fc.tuple(...loop.outputs.map(({ max, scale }) => fc.nat({ max: max / scale })))
const episodes = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), readingsOf, asksOf), {
  maxLength: 40,
})

/** Released, and a pack too low for longer than the first 8 steps take to tell. */
const lowPack = loop.inputs.map(({ name, scale }) =>
  Math.round((name === 'pack_voltage' ? 9 : 0) / scale),
)

test('whatever it reads: no trap, and once it says no it says no until a release was seen', () => {
  const hold = loop.inputs.findIndex(({ name }) => name === safety.hold?.signal)
  const released = (safety.hold?.released ?? 0) / (loop.inputs[hold]?.scale ?? 1)
  const needed = Math.round((safety.hold?.releaseTime ?? 0) / (stepMs / 1000))
  fc.assert(
    fc.property(episodes, (list) => {
      const bench = new KernelBench(wasm)
      let [seen, allowed] = [0, false]
      for (const [steps, readings, asks] of list) {
        for (let i = 0; i < steps; i += 1) {
          bench.inputs.set(readings)
          bench.asked.set(allowed ? asks : asks.map(() => 0))
          const now = bench.kernel.step() !== 0
          seen = (bench.inputs[hold] ?? 0) < released ? seen + 1 : 0
          if (now && !allowed) expect(seen).toBeGreaterThanOrEqual(needed)
          if (now) expect(bench.state).toBe('armed')
          if (bench.state === 'tripped') expect(now).toBe(false)
          allowed = now
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('the drill of the machine file can arm at all, and brings what its current asks for', () => {
  expect(drill.safety?.gatePullDown).toBeDefined()
  expect(drill.safety?.overCurrentCut?.current).toBeGreaterThan(safety.current?.absolute ?? 0)
})
