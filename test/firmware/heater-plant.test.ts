// The heater's plant against closed forms: where it ends, how two capacities get there, and how the
// sensor follows.
import { describe, expect, test } from 'vitest'
import { loadProfiles } from '../../firmware/profiles.ts'
import { type Heat, type HeatConstants, stepHeat } from '../../firmware/twin/plants/heater/heat.ts'

const c = loadProfiles().profiles.get('hot_end')?.twin?.constants as unknown as HeatConstants
const ambient = c.ambient_temperature
const fresh = (at = ambient): Heat => ({ heater: at, block: at, sensor: at })
const run = (heat: Heat, seconds: number, now: { powerW: number; workW: number }): void => {
  for (let i = 0; i < seconds * 1000; i += 1) stepHeat(heat, c, { dtS: 0.001, ...now })
}

/** Both modes of the two capacities: rise above the air at `t` after power `p` came on. */
const closedForm = (t: number, p: number): { heater: number; block: number } => {
  const [ch, cb] = [c.heater_heat_capacity, c.block_heat_capacity]
  const [rhb, rba] = [c.heater_to_block, c.block_to_ambient]
  // x' = A x + b with the rises above the air; x = x0 + sum of modes.
  const [a11, a12] = [-1 / (rhb * ch), 1 / (rhb * ch)]
  const [a21, a22] = [1 / (rhb * cb), -(1 / rhb + 1 / rba) / cb]
  const [trace, determinant] = [a11 + a22, a11 * a22 - a12 * a21]
  const root = Math.sqrt(trace * trace - 4 * determinant)
  const [l1, l2] = [(trace + root) / 2, (trace - root) / 2]
  const end = { heater: p * (rhb + rba), block: p * rba }
  // From rest: rise and its slope are 0 and (p / ch, 0) at first.
  const mode = (last: number, slope: number): number => {
    const k1 = (slope + l2 * last) / (l1 - l2)
    return last + k1 * Math.exp(l1 * t) + (-last - k1) * Math.exp(l2 * t)
  }
  return { heater: mode(end.heater, p / ch), block: mode(end.block, 0) }
}

describe('heat', () => {
  test.each([1, 5, 20, 60, 200])('two capacities warm up as their modes say, after %d s', (t) => {
    const heat = fresh()
    run(heat, t, { powerW: 30, workW: 0 })
    const { heater, block } = closedForm(t, 30)
    expect(Math.abs(heat.heater - ambient - heater)).toBeLessThan(0.05)
    expect(Math.abs(heat.block - ambient - block)).toBeLessThan(0.05)
  })

  test('ends at P R above the air, and less by what the work takes', () => {
    const heat = fresh()
    run(heat, 1500, { powerW: 20, workW: 5 })
    expect(heat.block - ambient).toBeCloseTo(15 * c.block_to_ambient, 2)
    expect(heat.heater - heat.block).toBeCloseTo(20 * c.heater_to_block, 2)
    expect(heat.sensor).toBeCloseTo(heat.block, 2)
  })

  test('the sensor has come 63 % of the way after its time constant', () => {
    const heat = { heater: 200, block: 200, sensor: 100 }
    const still = { ...c, block_to_ambient: 1e9 }
    for (let i = 0; i < c.sensor_time * 1000; i += 1) {
      stepHeat(heat, still, { dtS: 0.001, powerW: 0, workW: 0 })
    }
    expect((heat.sensor - 100) / 100).toBeCloseTo(1 - Math.exp(-1), 3)
  })

  test('the profile’s hot end could get far beyond its limit: the limits are needed', () => {
    const most = ambient + 38.5 * c.block_to_ambient
    expect(most).toBeGreaterThan(330)
  })
})
