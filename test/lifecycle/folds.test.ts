// Uptime and wear as they stream against durability over the whole series: the same stretches, the
// same cycles; and a state that went through JSON goes on as if it had not.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { Rainflow } from '../../gateway/durability/rainflow.ts'
import { type StateSpan, spansOf } from '../../gateway/durability/uptime.ts'
import { createLifeFold, type LivingUnit } from '../../gateway/lifecycle/fold.ts'
import { mostBlocks, newLife } from '../../gateway/lifecycle/life.ts'
import { type ClosedSpan, foldContact, newUptime } from '../../gateway/lifecycle/uptime.ts'
import {
  cyclesOf,
  foldBand,
  foldCycle,
  foldResistance,
  mostTrend,
  newBands,
  newCycles,
  newResistance,
  wearLevels,
  windowSteps,
} from '../../gateway/lifecycle/wear.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'

const drill = loadProfiles().profiles.get('cordless_drill') as Profile
const secondUs = 1_000_000

/** A contact of no length between two silences splits them: the same stretch, in two rows. */
const joined = (spans: readonly StateSpan[]): StateSpan[] => {
  const out: StateSpan[] = []
  for (const span of spans) {
    const last = out.at(-1)
    const goesOn = last?.state === span.state && last.toS === span.fromS
    if (goesOn) out[out.length - 1] = { ...last, toS: span.toS }
    else out.push(span)
  }
  return out
}

describe('uptime', () => {
  test('has the stretches that durability finds in the whole history', () => {
    const contact = fc.record({
      gapS: fc.integer({ min: 1, max: 900 }),
      doing: fc.constantFrom('in_use', 'idle', 'failed'),
    })
    fc.assert(
      fc.property(fc.array(contact, { minLength: 1, maxLength: 40 }), (contacts) => {
        const fold = newUptime()
        const closed: ClosedSpan[] = []
        let atS = 0
        const changes = contacts.map(({ gapS, doing }) => {
          atS += gapS
          closed.push(...foldContact(fold, { timeUs: atS * secondUs, next: doing }, 600 * secondUs))
          return { atS, state: doing === 'failed' ? ('repair' as const) : ('up' as const) }
        })
        const endS = atS + 700
        const last = contacts.at(-1)?.doing ?? 'idle'
        const end = { timeUs: endS * secondUs, next: last }
        closed.push(...foldContact(fold, end, 600 * secondUs))
        const found = closed.map(({ fromUs, toUs, state }) => ({
          ...{ fromS: fromUs / secondUs, toS: toUs / secondUs, state },
        }))
        const wanted = spansOf({ changes, contactsS: [], silenceS: 600, endS })
        expect(joined(found)).toEqual(wanted)
        const spent = Object.values(fold.spentUs).reduce((sum, us) => sum + us, 0)
        expect(spent).toBe((endS - (changes[0]?.atS ?? 0)) * secondUs)
      }),
    )
  })

  test('a person has said that it is in repair: silence leaves no doubt', () => {
    const fold = newUptime()
    foldContact(fold, { timeUs: 0, next: 'idle' }, 10)
    expect(foldContact(fold, { timeUs: 5, next: 'in_repair' }, 10)).toEqual([
      { fromUs: 0, toUs: 5, state: 'up' },
    ])
    expect(foldContact(fold, { timeUs: 5000, next: 'in_use' }, 10)).toEqual([
      { fromUs: 5, toUs: 5000, state: 'repair' },
    ])
    expect(fold.spentUs).toMatchObject({ in_repair: 4995, unknown: 0 })
  })

  test('a contact out of order changes no time', () => {
    const fold = newUptime()
    foldContact(fold, { timeUs: 100, next: 'idle' }, 10)
    expect(foldContact(fold, { timeUs: 50, next: 'stored' }, 10)).toEqual([])
    expect(fold).toMatchObject({ doing: 'stored', contactUs: 100 })
    expect(fold.open).toEqual({ fromUs: 100, state: 'stored' })
  })
})

describe('wear', () => {
  test('counts the cycles that durability counts on the same grid, over a restart too', () => {
    const loads = fc.array(fc.double({ min: -70, max: 70, noNaN: true }), { maxLength: 300 })
    fc.assert(
      fc.property(loads, fc.nat(300), (series, cut) => {
        let fold = newCycles(-63, 63)
        const wanted = new Map<number, number>()
        const whole = new Rainflow(
          ({ range, count }) => {
            const key = Math.round(range / 2)
            wanted.set(key, (wanted.get(key) ?? 0) + count)
          },
          { low: -63, high: 63, levels: wearLevels },
        )
        series.forEach((value, i) => {
          if (i === cut) fold = JSON.parse(JSON.stringify(fold))
          foldCycle(fold, value)
        })
        whole.push(series)
        const found = cyclesOf(fold).map(({ range, count }) => [Math.round(range / 2), count])
        expect(found).toEqual([...wanted].sort(([a], [b]) => a - b))
        expect(fold.residue.length).toBeLessThanOrEqual(wearLevels + 1)
      }),
    )
  })

  test('time goes into 32 bands, what is outside into the first or last', () => {
    const bands = newBands(0, 64)
    foldBand(bands, 2, 10)
    foldBand(bands, 3.99, 5)
    foldBand(bands, -1, 3)
    foldBand(bands, 64, 7)
    expect(bands.ms).toHaveLength(32)
    expect([bands.ms[0], bands.ms[1], bands.ms[31]]).toEqual([3, 15, 7])
  })

  test('resistance is the slope of voltage over steps of current', () => {
    const fold = newResistance()
    for (let i = 0; i <= windowSteps; i++) {
      const amps = i % 2 === 0 ? 2 : 32
      foldResistance(fold, { amps, volts: 18 - 0.08 * amps, timeUs: i * 50_000, hours: 1 }, 5)
    }
    expect(fold.firstOhm).toBeCloseTo(0.08, 9)
    expect(fold).toMatchObject({ windows: 1, steps: 0 })
    // A minute apart says nothing.
    foldResistance(fold, { amps: 90, volts: 2, timeUs: 1e9, hours: 1 }, 5)
    expect(fold.steps).toBe(0)
  })
})

describe('the resistance of a battery', () => {
  test('has a trend over its whole life, of bounded length and even', () => {
    const fold = newResistance()
    const windows = 1000
    for (let i = 0; i <= windows * windowSteps; i++) {
      const amps = i % 2 === 0 ? 2 : 32
      const hours = i / windowSteps
      const volts = 18 - (0.05 + hours * 1e-4) * amps
      foldResistance(fold, { amps, volts, timeUs: i * 50_000, hours }, 5)
    }
    expect(fold.trend.length).toBeLessThan(2 * mostTrend)
    const hours = fold.trend.filter((_, i) => i % 2 === 0)
    const ohms = fold.trend.filter((_, i) => i % 2 === 1)
    const steps = hours.slice(1).map((h, i) => h - (hours[i] as number))
    expect(Math.max(...steps) / Math.min(...steps)).toBeLessThan(1.01)
    // In the middle of a window the slope mixes two neighbours: a fraction of a percent.
    ohms.forEach((ohm, i) => {
      expect(ohm / (0.05 + (hours[i] as number) * 1e-4)).toBeCloseTo(1, 2)
    })
  })
})

const names = Object.keys(drill.signals)
const run = drill.signals['state']?.values?.indexOf('run') ?? -1
const valuesOf = (given: Record<string, number>): (number | undefined)[] =>
  names.map((name) => given[name])

/** Feeds seconds of work, reading by reading, as the pipeline would. */
class Machine {
  readonly fold = createLifeFold(drill)
  unit: LivingUnit & { values: (number | null)[] } = {
    ...{ lifecycle: 'in_use', life: newLife(), totals: [] },
    values: names.map(() => null),
  }
  #timeUs = 0

  read(values: Record<string, number>, gapUs = 50_000): void {
    this.#timeUs += gapUs
    const positions = valuesOf(values)
    positions.forEach((value, i) => {
      if (value !== undefined) this.unit.values[i] = value
    })
    this.fold.reading(this.unit, { timeUs: this.#timeUs, values: positions })
  }

  work(readings: number, torque: (i: number) => number): void {
    for (let i = 0; i < readings; i++) {
      this.read({ state: run, torque: torque(i), motor_speed: 12_000, motor_current: 20 })
    }
  }
}

describe('the drill', () => {
  test('wears in use only, by the numbers of its profile', () => {
    const machine = new Machine()
    machine.read({ state: 1, torque: 60, motor_current: 70 })
    machine.work(1201, () => 10)
    const { life } = machine.unit
    expect(life.usedMs).toBe(60_000)
    expect(life.bands['motor_current']?.ms[8]).toBe(60_000)
    // 12,000 turns a minute, geared 1 to 50, 400 N: 240 turns.
    expect(life.loads['spindle_bearing']).toBeCloseTo(400 ** 3 * 240, 0)
    machine.read({ state: run, torque: 10 }, 5_000_000)
    expect(life.usedMs).toBe(60_000)
  })

  test('damage is the sum of Miner on the curve of the profile', () => {
    const machine = new Machine()
    machine.work(2001, (i) => (i % 2 === 0 ? -15 : 15))
    const { gear_teeth: damage = 0 } = machine.fold.damage(machine.unit.life)
    // 30 N.m against 60 N.m for 100,000 cycles, exponent 6: about 1000 cycles.
    expect(damage / (1000 / (100_000 * 2 ** 6))).toBeCloseTo(1, 2)
  })

  test('damage by block of use stays bounded and keeps its sum', () => {
    const machine = new Machine()
    for (let i = 0; i < 70 * 7200; i += 40) {
      machine.read({ state: run, torque: i % 80 === 0 ? 20 : -20, motor_speed: 9000 }, 2_000_000)
    }
    const { blocks, usedMs } = machine.unit.life
    const { totals = [], spanMs = 0 } = blocks['spindle_bearing'] ?? {}
    expect(totals.length).toBeLessThan(mostBlocks)
    expect(totals.length).toBeGreaterThan(mostBlocks / 2 - 1)
    expect(totals.every((total, i) => i === 0 || total > (totals[i - 1] ?? 0))).toBe(true)
    expect(usedMs - spanMs * totals.length).toBeLessThan(1.1 * spanMs)
  })

  test('a condition of the plan holds from when it was first seen', () => {
    const machine = new Machine()
    machine.read({ motor_temperature: 80 })
    expect(machine.unit.life.reached).toEqual({})
    machine.read({ motor_temperature: 95 })
    machine.read({ motor_temperature: 99 })
    expect(machine.unit.life.reached).toEqual({ clean_vents: 100_000 })
  })
})
