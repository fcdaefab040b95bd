// Readings of the machines for random drives: ranges in the signals' units, within which loop
// and kernel come to do all that they can.
import type { rangesOf } from '../emu/exercise.ts'

const [never, always, either] = [
  [0, 0],
  [1, 1],
  [0, 2],
] as const

/** Readings that arm it, let it work, and trip it on several things. */
export const work: Record<string, Parameters<typeof rangesOf>[1]> = {
  earth_block_press: {
    ...{ hold: either, emergency_stop: always, main_top: either, main_bottom: never },
    ...{ drawer_out: never, drawer_middle: never, drawer_in: either },
    ...{ pressure: [60, 200], oil_temperature: [20, 90] },
  },
  hot_end: { enable: either, temperature: [180, 330], target: [190, 260] },
}

/** The drill's: it runs, brakes, trips and recovers. */
export const drillWork = {
  motor_current: [-5, 60],
  pack_voltage: [13, 21],
  motor_temperature: [0, 70],
  pack_temperature: [0, 55],
  clutch_setting: [0, 40],
} as const
