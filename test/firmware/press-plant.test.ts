// The press's plant against closed forms: speed by flow, pressure against a stop, the relief valve,
// a closed valve's leak, and soil by the straight lines of an oedometer test.
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import {
  createPress,
  type Press,
  type PressConstants,
  stepPress,
} from '../../firmware/twin/plants/press/plant.ts'
import {
  looseStressPa,
  pressedHeight,
  type Soil,
  soilStress,
} from '../../firmware/twin/plants/press/soil.ts'
import { createSolenoid } from '../../firmware/twin/plants/press/solenoid.ts'

const profile = loadProfiles().profiles.get('earth_block_press')
const c = profile?.twin?.constants as unknown as PressConstants
const dtS = 0.0005
const circle = (d: number): number => (Math.PI * d * d) / 4
const mainM2 = circle(c.main_bore)

const run = (press: Press, seconds: number, ways: { main: number; drawer: number }): void => {
  for (let i = 0; i < seconds / dtS; i += 1) stepPress(press, c, { dtS, ways, loaded: true })
}
const up = { main: 1, drawer: 0 }
const closed = { main: 0, drawer: 0 }

describe('a cylinder', () => {
  interface Move {
    ways: { main: number; drawer: number }
    name: 'main' | 'drawer'
    area: number
  }
  test.each<Move>([
    { ways: up, name: 'main', area: mainM2 },
    { ways: { main: -1, drawer: 0 }, name: 'main', area: mainM2 - circle(c.main_rod) },
    { ways: { main: 0, drawer: 1 }, name: 'drawer', area: circle(c.drawer_bore) },
    {
      ways: { main: 0, drawer: -1 },
      ...{ name: 'drawer', area: circle(c.drawer_bore) - circle(c.drawer_rod) },
    },
  ])('moves at Q / A: %o', ({ ways, name, area }) => {
    const press = createPress(c, { main: 0.1, drawer: 0.18 })
    run(press, 0.3, ways)
    const flow = c.pump_flow * (1 - c.pump_slip * press.linePa) - c.leak * press.linePa
    expect(Math.abs(press[name].speedMps)).toBeCloseTo(flow / area, 4)
    expect(press.linePa * area).toBeGreaterThan(c.seal_friction)
  })

  test('against its end the pressure rises by B Q / V, up to relief + slope Q', () => {
    const press = createPress(c, { main: c.main_stroke, drawer: 0 })
    run(press, 0.01, up)
    const [at, volume] = [press.linePa, c.dead_volume + mainM2 * c.main_stroke]
    run(press, 0.02, up)
    const flow = c.pump_flow * (1 - c.pump_slip * ((at + press.linePa) / 2))
    const expected = (c.bulk_modulus * flow * 0.02) / volume
    expect(press.linePa - at).toBeGreaterThan(expected * 0.98)
    expect(press.linePa - at).toBeLessThan(expected * 1.02)
    run(press, 1, up)
    // What the pump gives there leaks or goes through the relief valve.
    const last = c.pump_flow * (1 - c.pump_slip * press.linePa) - c.leak * press.linePa
    const relief = c.relief_pressure * 1e5 + c.relief_slope * last
    expect(Math.abs(press.linePa / relief - 1)).toBeLessThan(0.005)
  })

  test('behind a closed valve the pressure falls by exp(-B leak t / V), and the piston stands', () => {
    const press = createPress(c, { main: c.main_stroke, drawer: 0 })
    run(press, 1, up)
    run(press, dtS, closed)
    const at = press.main.pressurePa
    run(press, 2, closed)
    const volume = c.dead_volume + mainM2 * c.main_stroke
    expect(press.main.pressurePa / at).toBeCloseTo(
      Math.exp((-c.bulk_modulus * c.leak * 2) / volume),
      4,
    )
    expect(press.main.speedMps).toBe(0)
  })
})

describe('soil', () => {
  const solidM = 0.07
  const heightAt = (stressPa: number): number => pressedHeight(c, solidM, stressPa)

  test('void ratio falls by Cc for ten times the stress, from loose on', () => {
    const soil: Soil = { solidM, peakPa: looseStressPa }
    for (const stress of [3e3, 3e4, 3e5, 3e6]) {
      const read = soilStress(c, soil, heightAt(stress))
      expect(Math.abs(read / stress - 1)).toBeLessThan(1e-9)
      soil.peakPa = Math.max(soil.peakPa, read)
    }
    const voids = (stress: number): number => heightAt(stress) / solidM - 1
    expect(voids(1e5) - voids(1e6)).toBeCloseTo(c.compression_index, 12)
    expect(soilStress(c, { solidM, peakPa: looseStressPa }, heightAt(looseStressPa) + 1e-4)).toBe(0)
    expect(soilStress(c, { solidM: 0, peakPa: looseStressPa }, 0.01)).toBe(0)
  })

  test('taken off, it springs back by Cs only, and meets its old line again', () => {
    const soil: Soil = { solidM, peakPa: 3e6 }
    const height = heightAt(3e6)
    const back = height + solidM * c.swelling_index
    expect(soilStress(c, soil, back) / 3e5).toBeCloseTo(1, 9)
    expect(soilStress(c, soil, height) / 3e6).toBeCloseTo(1, 9)
    expect(soilStress(c, soil, heightAt(5e6)) / 5e6).toBeCloseTo(1, 9)
  })

  test('a block at 140 bar is about half as high as the soil that fell in', () => {
    const stressPa = (140e5 * mainM2) / c.chamber_area
    expect(stressPa / 1e6).toBeCloseTo(3.81, 2)
    const share = pressedHeight(c, 1, stressPa) / (1 + c.loose_void_ratio)
    expect(share).toBeGreaterThan(0.5)
    expect(share).toBeLessThan(0.7)
  })
})

test('a solenoid opens and lets go after its own times, and a short pulse does nothing', () => {
  const valve = createSolenoid(0.03, 0.04)
  const steps = (on: boolean, wanted: boolean): number => {
    for (let i = 1; i < 1000; i += 1) if (valve(on, 0.001) === wanted) return i
    return 0
  }
  expect(steps(true, true)).toBe(30)
  expect(steps(false, false)).toBe(40)
  for (let i = 0; i < 29; i += 1) expect(valve(true, 0.001)).toBe(false)
  expect(valve(false, 0.001)).toBe(false)
  expect(steps(true, true)).toBe(30)
})
