// The motor current, in every step: absolute in both directions, I2t, out of range, frozen while
// driven, flowing while the bridge is off. Squares are of the current in steps of 8, so that they
// fit 32 bits; their sum is exact in 64.
import {
  ABSOLUTE,
  ABSOLUTE_STEPS,
  CAUSE_LEAK,
  CAUSE_OUT_OF_RANGE,
  CAUSE_OVER_CURRENT,
  CAUSE_OVERLOAD,
  CAUSE_SETTLING,
  CAUSE_STUCK,
  CONTINUOUS,
  CURRENT,
  CURRENT_HIGH,
  CURRENT_LOW,
  CURRENT_PER_UNIT,
  CURRENT_RANGE_STEPS,
  CURRENT_STUCK_STEPS,
  OFF_CURRENT,
  OFF_STEPS,
  PLACE_CURRENT,
  RATE_HZ,
  REDUCED_ABSOLUTE,
  REDUCED_CONTINUOUS,
  RESERVE,
} from './constants'
import { reading } from './raw.ts'

const HERE: i32 = PLACE_CURRENT << 5
/** The reserve (A2.s) in squares of a step. */
const RESERVE_SQUARES: i64 =
  (i64(RESERVE) * i64(RATE_HZ) * i64(CURRENT_PER_UNIT) * i64(CURRENT_PER_UNIT)) / 64

let last: i32 = 0
let wildSteps: i32 = 0
let overSteps: i32 = 0
let frozenSteps: i32 = 0
let offSteps: i32 = 0
let heat: i64 = 0
let absolute: i32 = 0
let continuousSquare: i32 = 0

/** After a reset nobody knows how hot the motor is: half of the reserve is taken as used. */
export function resetCurrent(): void {
  heat = RESERVE_SQUARES / 2
  absolute = ABSOLUTE
  continuousSquare = (CONTINUOUS >> 3) * (CONTINUOUS >> 3)
}

/** Until the sensor was calibrated: a share of both limits, until the next `setup`. */
export function reduceCurrent(): void {
  absolute = REDUCED_ABSOLUTE
  continuousSquare = (REDUCED_CONTINUOUS >> 3) * (REDUCED_CONTINUOUS >> 3)
}

/** One check; `on`: something is driven. A cause, CAUSE_SETTLING, or 0 where all is fine. */
export function checkCurrent(on: bool): i32 {
  if (CURRENT < 0) return 0
  const raw = reading(CURRENT)
  const now = min(max(raw, CURRENT_LOW), CURRENT_HIGH)
  const size = now < 0 ? -now : now
  const eighth = size >> 3
  heat = max(heat + i64(eighth * eighth - continuousSquare), 0)
  wildSteps = now !== raw ? min(wildSteps + 1, CURRENT_RANGE_STEPS) : 0
  overSteps = size > absolute ? min(overSteps + 1, ABSOLUTE_STEPS) : 0
  offSteps = !on && size > OFF_CURRENT ? min(offSteps + 1, OFF_STEPS) : 0
  frozenSteps = on && now === last ? min(frozenSteps + 1, CURRENT_STUCK_STEPS) : 0
  last = now
  if (wildSteps >= CURRENT_RANGE_STEPS) return HERE + CAUSE_OUT_OF_RANGE
  if (overSteps >= ABSOLUTE_STEPS) return HERE + CAUSE_OVER_CURRENT
  if (offSteps >= OFF_STEPS) return HERE + CAUSE_LEAK
  if (frozenSteps >= CURRENT_STUCK_STEPS) return HERE + CAUSE_STUCK
  if (heat >= RESERVE_SQUARES) {
    heat = RESERVE_SQUARES
    return HERE + CAUSE_OVERLOAD
  }
  return wildSteps + overSteps + offSteps > 0 ? CAUSE_SETTLING : 0
}
