// Whether the heater does what it is told, once a second: the rules of Klipper's verify_heater
// (max_error, hysteresis, check_gain_time, heating_gain), which find a sensor that fell out, a
// heater that is off its wires, too much wind; and the reverse, a heater that is on by itself.
import {
  CHECK_GAIN_TIME_MS,
  HEATING_GAIN_CK,
  HYSTERESIS_CK,
  MAX_ERROR_CKS,
  SETTLE_TIME_MS,
  STUCK_RISE_CK,
  STUCK_TIME_MS,
} from './constants'

const GAIN_S: i32 = CHECK_GAIN_TIME_MS / 1000
const SETTLE_S: i32 = SETTLE_TIME_MS / 1000
const STUCK_S: i32 = STUCK_TIME_MS / 1000

/** Sum of what the temperature was short of its target, 0.01 K.s. */
let errorCks: i32 = 0
let approaching: bool = false
/** It has not gained anything yet since it was asked. */
let starting: bool = false
let lastTarget: i32 = 0
let goal: i32 = 0
let goalInS: i32 = 0
/** Seconds without a target. */
let goneS: i32 = 0

let offS: i32 = 0
let windowS: i32 = 0
let coolest: i32 = 0

/** How near it is to be given up: while it is on its way up, not at all. */
export function strainCks(): i32 {
  return approaching ? 0 : min(errorCks, MAX_ERROR_CKS)
}

export function forget(): void {
  errorCks = 0
  approaching = false
  starting = false
  lastTarget = 0
}

function aim(from: i32): void {
  goal = from + HEATING_GAIN_CK
  goalInS = GAIN_S
}

/**
 * Nothing is asked for. A gain that is due stays due, or a target that lapses and comes back would
 * begin its time anew each time; two seconds off give one of it back.
 */
function pause(): bool {
  goneS += 1
  goalInS += goneS & 1
  if (!starting || goalInS >= GAIN_S) forget()
  return false
}

/** True: it cannot get to its target, or not stay there. `target` 0: nothing is asked for. */
export function heatsBadly(target: i32, now: i32): bool {
  if (target === 0) return pause()
  const changed = target !== lastTarget
  lastTarget = target
  const shortBy = target - HYSTERESIS_CK - now
  if (shortBy <= 0) {
    approaching = false
    starting = false
    // Far above, after the target was lowered, says nothing yet.
    if (now <= target + HYSTERESIS_CK) errorCks = 0
    return false
  }
  errorCks = min(errorCks + shortBy, 2 * MAX_ERROR_CKS + 100000)
  goalInS -= 1
  if (!approaching) {
    if (!changed) return errorCks >= MAX_ERROR_CKS
    approaching = true
    starting = true
    aim(now)
  } else if (now >= goal) {
    starting = false
    errorCks = 0
    aim(now)
  } else if (goalInS <= 0) approaching = false
  // While it has not begun to rise it may fall: the heater's own mass comes first.
  else if (starting) goal = min(goal, now + HEATING_GAIN_CK)
  return false
}

/** True: off for longer than heat takes to come through, and still getting hotter. */
export function heatsByItself(on: bool, now: i32): bool {
  offS = on ? 0 : min(offS + 1, SETTLE_S)
  windowS += 1
  if (offS < SETTLE_S || windowS >= STUCK_S) {
    windowS = 0
    coolest = now
    return false
  }
  coolest = min(coolest, now)
  return now >= coolest + STUCK_RISE_CK
}
