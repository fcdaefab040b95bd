// One watched signal that is not the current: open or shorted (out of range), too high, too low,
// faster than physics allows, frozen. The build makes one module of this file for each level, with
// its own LEVEL_ constants; one level is checked in each step, so times are counted in checks.
import {
  CAUSE_ABOVE,
  CAUSE_BELOW,
  CAUSE_JUMP,
  CAUSE_OUT_OF_RANGE,
  CAUSE_SETTLING,
  CAUSE_STUCK,
  LEVEL_ABOVE,
  LEVEL_BELOW,
  LEVEL_HIGH,
  LEVEL_INPUT,
  LEVEL_JUMP,
  LEVEL_JUMP_CHECKS,
  LEVEL_LIMIT_CHECKS,
  LEVEL_LOW,
  LEVEL_RANGE_CHECKS,
  LEVEL_RATE_Q8,
  LEVEL_REDUCED_ABOVE,
  LEVEL_STUCK_CHECKS,
} from './constants'
import { reading } from './raw.ts'

const JUMP_Q8: i32 = LEVEL_JUMP << 8

let isReduced: bool = false
let last: i32 = 0
let wildChecks: i32 = 0
let aboveChecks: i32 = 0
let belowChecks: i32 = 0
let farChecks: i32 = 0
let frozenChecks: i32 = 0
/** Where the signal can be by now, at the fastest change that physics allows. */
let reachedQ8: i32 = 0

/** Until the sensor was calibrated: a lower limit above, or the full one. */
export function reduceLevel(reduced: bool): void {
  isReduced = reduced
}

function highest(): i32 {
  return LEVEL_REDUCED_ABOVE !== LEVEL_ABOVE && isReduced ? LEVEL_REDUCED_ABOVE : LEVEL_ABOVE
}

/** One check; `on`: something is driven. A kind of cause, CAUSE_SETTLING, or 0. */
export function checkLevel(on: bool): i32 {
  if (LEVEL_INPUT < 0) return 0
  const raw = reading(LEVEL_INPUT)
  const now = min(max(raw, LEVEL_LOW), LEVEL_HIGH)
  wildChecks = now !== raw ? min(wildChecks + 1, LEVEL_RANGE_CHECKS) : 0
  if (wildChecks >= LEVEL_RANGE_CHECKS) return CAUSE_OUT_OF_RANGE
  if (wildChecks > 0) return CAUSE_SETTLING
  aboveChecks = now > highest() ? min(aboveChecks + 1, LEVEL_LIMIT_CHECKS) : 0
  belowChecks = now < LEVEL_BELOW ? min(belowChecks + 1, LEVEL_LIMIT_CHECKS) : 0
  if (LEVEL_LIMIT_CHECKS > 0) {
    if (aboveChecks >= LEVEL_LIMIT_CHECKS) return CAUSE_ABOVE
    if (belowChecks >= LEVEL_LIMIT_CHECKS) return CAUSE_BELOW
  }
  if (jumped(now, on)) return CAUSE_JUMP
  if (LEVEL_STUCK_CHECKS > 0) {
    frozenChecks = on && now === last ? frozenChecks + 1 : on ? 0 : frozenChecks
    last = now
    if (frozenChecks >= LEVEL_STUCK_CHECKS) {
      frozenChecks = 0
      return CAUSE_STUCK
    }
  }
  return aboveChecks + belowChecks + farChecks > 0 ? CAUSE_SETTLING : 0
}

/** Off, a signal may do what it likes: nothing moves, and a pack may be changed. */
function jumped(now: i32, on: bool): bool {
  if (LEVEL_JUMP_CHECKS === 0) return false
  const nowQ8 = now << 8
  if (!on) {
    reachedQ8 = nowQ8
    farChecks = 0
    return false
  }
  const off = nowQ8 - reachedQ8
  reachedQ8 += min(max(off, -LEVEL_RATE_Q8), LEVEL_RATE_Q8)
  farChecks = off > JUMP_Q8 || off < -JUMP_Q8 ? farChecks + 1 : 0
  return farChecks >= LEVEL_JUMP_CHECKS
}
