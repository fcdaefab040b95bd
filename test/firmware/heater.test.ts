// The heater's loop with its kernel on its plant: it gets to its target and stays there, ends in
// the same step when switch or target go, finds each way in which heaters run away, and trips on
// none of many different heaters that are sound.
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type BenchOptions, benchOf, type Kit, kitOf, type MachineBench } from './machine-stand.ts'

let kit: Kit
beforeAll(async () => {
  kit = await kitOf('hot_end')
})
/** Nobody works with it but the test. */
const idle = async (options: BenchOptions = {}): Promise<MachineBench> => {
  const bench = await benchOf(kit, options)
  bench.give({ enable: 0, target: 0 })
  bench.run(0.5)
  expect(bench.named('state')).toBe('idle')
  return bench
}
const ask = (bench: MachineBench, target: number): void => bench.give({ enable: 1, target })
/** At its target and settled. */
const hot = async (target = 210, options: BenchOptions = {}): Promise<MachineBench> => {
  const bench = await idle(options)
  ask(bench, target)
  expect(bench.run(300, () => bench.named('state') === 'at_target')).toBeLessThan(300)
  bench.run(60)
  expect([bench.named('state'), bench.named('fault'), bench.trip]).toEqual([
    ...['at_target', 'none', 'none'],
  ])
  return bench
}

describe('control', () => {
  test('gets there without winding up, and stays within half a kelvin', async () => {
    const bench = await idle({ constants: { work_power: 0 } })
    ask(bench, 210)
    let highest = 0
    const tookS = bench.run(300, () => {
      highest = Math.max(highest, bench.get('mean_temperature'))
      return bench.get('mean_temperature') >= 209
    })
    expect(tookS).toBeLessThan(150)
    bench.run(60, () => {
      highest = Math.max(highest, bench.get('mean_temperature'))
      return false
    })
    expect(highest).toBeLessThan(213)
    let far = 0
    bench.run(60, () => {
      far = Math.max(far, Math.abs(bench.get('mean_temperature') - 210))
      return false
    })
    expect(far).toBeLessThan(0.5)
    expect(bench.get('heat_cycles')).toBe(1)
  })

  test('a new target moves the power by its proportion only: no kick, and no jump back', async () => {
    const bench = await hot(210, { constants: { work_power: 0 } })
    const before = bench.get('power')
    ask(bench, 212)
    bench.run(0.15)
    const kick = bench.get('power') - before
    const kp = kit.spec.constants['kp'] ?? 0
    expect(kick).toBeGreaterThan(2 * kp - 8)
    expect(kick).toBeLessThan(2 * kp + 8)
  })

  test('what the heater is on for is what was asked for, to the millisecond', async () => {
    const bench = await hot()
    const since = bench.get('heater_time')
    let askedMs = 0
    let onMs = 0
    bench.run(30, () => {
      onMs += bench.get('heater')
      return false
    })
    expect(Math.abs(bench.get('heater_time') - since - onMs)).toBeLessThanOrEqual(100)
    // Tenths of a percent are reported: 0.05 ms in a tenth of a second.
    const from = onMs
    for (let i = 0; i < 300; i += 1) {
      bench.run(0.1, () => {
        onMs += bench.get('heater')
        return false
      })
      askedMs += bench.get('power')
    }
    expect(Math.abs(onMs - from - askedMs)).toBeLessThan(100)
    const joules = (bench.get('heater_time') / 1000) * (kit.spec.constants['heater_power'] ?? 0)
    expect(Math.abs(bench.get('energy') - joules)).toBeLessThan(1)
  })
})

describe('off in the very step', () => {
  test.each([
    { what: 'the switch', off: { enable: 0 } },
    { what: 'a target that has expired', off: { target: 0 } },
  ])('by $what, and on again without the other', async ({ off }) => {
    const bench = await idle()
    ask(bench, 210)
    bench.run(5)
    expect(bench.get('heater')).toBe(1)
    bench.give(off)
    bench.step()
    expect(bench.get('heater')).toBe(0)
    expect(bench.run(5, () => !bench.isOff)).toBe(Number.POSITIVE_INFINITY)
    expect(bench.named('state')).toBe('idle')
    ask(bench, 210)
    expect(bench.run(1, () => bench.get('heater') === 1)).toBeLessThan(0.3)
  })

  test('after power-up nothing is heated until the switch was seen off', async () => {
    const bench = await benchOf(kit)
    ask(bench, 210)
    expect(bench.run(10, () => !bench.isOff)).toBe(Number.POSITIVE_INFINITY)
    expect(bench.named('state')).toBe('wait_release')
  })
})

/** The sensor cools down on its own, in the air: time constant as given, s. */
const fallsOut = (bench: MachineBench, timeS: number): (() => boolean) => {
  let seen = bench.reading('temperature')
  return () => {
    seen += (23 - seen) * (0.001 / timeS)
    bench.give({ temperature: seen + 0.1 * (bench.steps & 1) })
    return bench.named('state') === 'fault'
  }
}
const faulted = (bench: MachineBench) => () => bench.named('state') === 'fault'

describe('runs away', () => {
  test.each([4, 12, 40])('the sensor fell out, cooling in %d s', async (timeS) => {
    const bench = await hot(210, { bare: true })
    const tookS = bench.run(60, fallsOut(bench, timeS))
    expect([bench.named('fault'), bench.isOff]).toEqual(['not_heating', true])
    expect(tookS).toBeLessThan(20)
  })

  test('the sensor fell out before it was switched on', async () => {
    const bench = await idle({ bare: true })
    ask(bench, 210)
    let tick = 0
    const tookS = bench.run(60, () => {
      tick += 1
      bench.give({ temperature: 23 + 0.2 * (tick & 1) })
      return bench.named('state') === 'fault'
    })
    expect(bench.named('fault')).toBe('not_heating')
    expect(tookS).toBeLessThan((kit.spec.constants['check_gain_time'] ?? 0) + 2.2)
  })

  test('the heater is off its wires, at first and at work', async () => {
    const off = (drives: Map<string, number>): void => {
      drives.set('heater', 0)
    }
    const cold = await idle({ between: off })
    ask(cold, 210)
    expect(cold.run(60, faulted(cold))).toBeLessThan(23)
    expect(cold.named('fault')).toBe('not_heating')
    let broken = false
    const bench = await hot(210, { between: (drives) => broken && off(drives) })
    broken = true
    expect(bench.run(60, faulted(bench))).toBeLessThan(25)
    expect([bench.named('fault'), bench.trip]).toEqual(['not_heating', 'none'])
  })

  test.each([
    { what: 'a sensor that fell out', fell: true },
    { what: 'a heater off its wires', fell: false },
  ])('$what is found all the same where the target lapses again and again', async ({ fell }) => {
    const bench = await idle({
      ...(fell ? { bare: true } : { between: (drives) => void drives.set('heater', 0) }),
    })
    let tick = 0
    let [onS, offS] = [0, 0]
    for (let i = 0; i < 20 && bench.named('fault') === 'none'; i += 1) {
      for (const [target, seconds] of [
        [210, 6],
        [0, 5],
      ] as const) {
        ask(bench, target)
        bench.run(seconds, () => {
          tick += 1
          if (bench.get('heater') === 1) onS += 0.001
          else offS += 0.001
          if (fell) bench.give({ temperature: 23 + 0.2 * (tick & 1) })
          return bench.named('state') === 'fault'
        })
      }
    }
    expect(bench.named('fault')).toBe('not_heating')
    const mostS = (kit.spec.constants['check_gain_time'] ?? 0) + offS / 2
    expect(onS).toBeLessThan(mostS + 2.2)
  })

  test('a sound one whose target lapses again and again, or for long, is none of them', async () => {
    for (const [onS, offS] of [
      [6, 2],
      [5, 19],
      [3, 30],
    ] as const) {
      const bench = await hot()
      for (let i = 0; i < 12; i += 1) {
        ask(bench, 0)
        bench.run(offS)
        ask(bench, 210)
        bench.run(onS)
      }
      bench.run(120)
      expect([onS, offS, bench.named('state'), bench.named('fault')]).toEqual([
        ...[onS, offS, 'at_target', 'none'],
      ])
    }
  })

  test('one that cooled for a minute after work heats as it should', async () => {
    const bench = await hot()
    bench.give({ enable: 0, target: 0 })
    bench.run(60)
    const from = bench.get('mean_temperature')
    expect(from).toBeLessThan(150)
    ask(bench, 210)
    bench.run(15)
    expect(bench.get('mean_temperature')).toBeGreaterThan(from + 10)
    expect(bench.run(60, () => bench.named('state') === 'at_target')).toBeLessThan(60)
  })

  test('a fan that blows at it: held as long as the heater can, else given up', async () => {
    const mild = await hot()
    mild.constants['block_to_ambient'] = 7
    mild.run(120)
    expect([mild.named('state'), mild.named('fault')]).toEqual(['at_target', 'none'])
    const storm = await hot()
    storm.constants['block_to_ambient'] = 3
    expect(storm.run(120, faulted(storm))).toBeLessThan(60)
    expect(storm.named('fault')).toBe('not_heating')
  })

  test.each([
    { what: 'at work', target: 210 },
    { what: 'after it was switched off', target: 0 },
  ])('the heater is on by itself, $what', async ({ target }) => {
    let stuck = false
    const bench = await hot(210, {
      between: (drives) => {
        if (stuck) drives.set('heater', 1)
      },
    })
    stuck = true
    bench.give({ target })
    const tookS = bench.run(120, faulted(bench))
    expect(['heater_stuck', 'too_hot']).toContain(bench.named('fault'))
    expect(tookS).toBeLessThan(40)
    expect(bench.reading('temperature')).toBeLessThan(295)
  })

  test.each([
    { what: 'open', temperature: 400, fault: 'sensor' },
    { what: 'shorted', temperature: -200, fault: 'sensor' },
    { what: 'reading too much', temperature: 293, fault: 'too_hot' },
    { what: 'reading too little', temperature: -2, fault: 'too_cold' },
  ])('a sensor $what: $fault, within its time', async ({ temperature, fault }) => {
    const bench = await hot(210, { bare: true })
    const at = bench.reading('temperature')
    bench.give({ temperature })
    bench.run(0.04)
    bench.give({ temperature: at })
    bench.run(0.2)
    expect(bench.named('fault')).toBe('none')
    bench.give({ temperature })
    expect(bench.run(1, faulted(bench))).toBeLessThanOrEqual(0.0501)
    expect([bench.named('fault'), bench.isOff]).toEqual([fault, true])
    // It stays so while the switch is on, and until the reading is sound.
    bench.give({ temperature: 100 })
    expect(bench.run(3, () => !bench.isOff)).toBe(Number.POSITIVE_INFINITY)
    bench.give({ enable: 0, temperature: undefined })
    bench.run(0.3)
    expect([bench.named('state'), bench.get('faults')]).toEqual(['idle', 1])
  })
})

test('many sound heaters, none of which trips: warm-up, new targets, work, switched off', async () => {
  const share = (low: number, high: number) => fc.double({ min: low, max: high, noNaN: true })
  const heaters = fc.record({
    power: share(0.8, 1.25),
    block: share(0.6, 1.8),
    heater: share(0.5, 1.5),
    across: share(0.5, 1.5),
    away: share(0.75, 1.3),
    sensorS: share(0.6, 3.5),
    ambient: share(5, 38),
    targets: fc.array(fc.integer({ min: 150, max: 250 }), { minLength: 1, maxLength: 3 }),
    seed: fc.nat(),
  })
  const base = kit.profile.twin?.constants ?? {}
  const times = (name: string, by: number): number => (base[name] ?? 0) * by
  await fc.assert(
    fc.asyncProperty(heaters, async (one) => {
      const constants = {
        heater_power: times('heater_power', one.power),
        block_heat_capacity: times('block_heat_capacity', one.block),
        heater_heat_capacity: times('heater_heat_capacity', one.heater),
        heater_to_block: times('heater_to_block', one.across),
        block_to_ambient: times('block_to_ambient', one.away),
        ...{ sensor_time: one.sensorS, ambient_temperature: one.ambient },
      }
      // A heater that cannot get there with the work's power taken off is not sound.
      const netW = constants.heater_power - (base['work_power'] ?? 0)
      fc.pre(one.ambient + netW * constants.block_to_ambient > 250 + 25)
      const bench = await benchOf(kit, { constants, seed: one.seed })
      bench.give({ enable: 0, target: 0 })
      bench.run(0.5)
      for (const target of one.targets) {
        ask(bench, target)
        bench.run(120)
        expect([target, bench.named('fault'), bench.trip]).toEqual([target, 'none', 'none'])
      }
      bench.give({ enable: 0, target: 0 })
      bench.run(40)
      expect([bench.named('fault'), bench.trip]).toEqual(['none', 'none'])
    }),
    { numRuns: Number(process.env['TENFOLD_LONG'] === '1' ? 500 : 25) },
  )
}, 600_000)
