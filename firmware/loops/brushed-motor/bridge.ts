// Duty and brake: soft start, current limit by PI, brake ramp. The only place that writes these
// outputs. Drive and brake never overlap: between them lies at least one whole step with both at
// zero.
import { writeOutput } from '../board.ts'
import { clamp } from '../lib/fixed.ts'
import {
  BRAKE_CURRENT_MA,
  BRAKE_RAMP_MS,
  CURRENT_BANDWIDTH_HZ,
  MAX_DUTY_CPCT,
  MIN_DUTY_CPCT,
  NOMINAL_VOLTAGE_MV,
  OUT_BRAKE,
  OUT_BRIDGE,
  OUT_DUTY,
  RATE_HZ,
  SOFT_START_MS,
  TRIGGER_START_DPCT,
  WINDING_INDUCTANCE_NH,
  WINDING_RESISTANCE_UOHM,
} from './constants'
import { FULL } from './estimate.ts'
import { currentMa, triggerDpct } from './inputs.ts'

/** Inside, duty and brake have 15 more bits than what the bridge gets. */
const BITS: i32 = 15
const FULL_Q15: i32 = FULL << BITS
const MAX_Q15: i32 = MAX_DUTY_CPCT << BITS
const RAMP_Q15: i32 = i32((i64(FULL_Q15) * 1000) / (i64(SOFT_START_MS) * i64(RATE_HZ)))
const BRAKE_RAMP_Q15: i32 = i32((i64(FULL_Q15) * 1000) / (i64(BRAKE_RAMP_MS) * i64(RATE_HZ)))
/** From trigger travel above trigger_start to duty, in Q15. */
const TRIGGER_Q15: i32 = ((MAX_DUTY_CPCT - MIN_DUTY_CPCT) << BITS) / (1000 - TRIGGER_START_DPCT)
/**
 * Duty per mA: pole-zero cancellation, kp = 2 pi f L / V and ki = 2 pi f R / V / rate.
 * 2058874 = 2 pi * FULL * 2^15 * 1e-9 / 1e-3 / 1e3 * 1e6.
 */
const KP_Q15: i64 =
  (i64(CURRENT_BANDWIDTH_HZ) * i64(WINDING_INDUCTANCE_NH) * 2058874) /
  (i64(NOMINAL_VOLTAGE_MV) * 1000000)
const KI_Q15: i64 =
  (i64(CURRENT_BANDWIDTH_HZ) * i64(WINDING_RESISTANCE_UOHM) * 2058874) /
  (i64(NOMINAL_VOLTAGE_MV) * i64(RATE_HZ) * 1000)

/** What the bridge does now, in 0.01 %. */
export let duty: i32 = 0
export let brake: i32 = 0
export let reversed: i32 = 0
/** The current limit, not the trigger, sets the duty. */
export let limited: bool = false
let dutyQ15: i32 = 0
let integralQ15: i64 = 0
let brakeQ15: i32 = 0

/** Duty that the trigger asks for, in Q15. */
function asked(): i32 {
  const travel = triggerDpct - TRIGGER_START_DPCT
  return clamp((MIN_DUTY_CPCT << BITS) + travel * TRIGGER_Q15, 0, MAX_Q15)
}

function apply(nextDuty: i32, nextBrake: i32): void {
  duty = nextDuty
  brake = nextBrake
  writeOutput(OUT_DUTY, nextDuty)
  writeOutput(OUT_BRAKE, nextBrake)
}

/** Both off, at once, and nothing remembered. */
export function off(): void {
  dutyQ15 = 0
  integralQ15 = 0
  brakeQ15 = 0
  limited = false
  apply(0, 0)
}

/**
 * One step of driving with at most `limitMa`. The integral follows the duty that is really applied
 * (back-calculation), so that it never winds up while the trigger or the ramp sets the duty.
 */
export function drive(limitMa: i32): void {
  if (brake > 0) {
    off()
    return
  }
  const error = i64(limitMa - currentMa)
  const proportional = error * KP_Q15
  const ramped = min(asked(), dutyQ15 + RAMP_Q15)
  integralQ15 = min(integralQ15 + error * KI_Q15, i64(dutyQ15 + RAMP_Q15) - proportional)
  const ceiling = i32(min(max(integralQ15 + proportional, 0), i64(MAX_Q15)))
  integralQ15 = max(integralQ15, -i64(FULL_Q15))
  limited = ceiling < ramped
  dutyQ15 = min(ramped, ceiling)
  apply(dutyQ15 >> BITS, 0)
}

/** One step of braking: closes by a ramp and stops closing at brake_current. */
export function slow(): void {
  limited = false
  dutyQ15 = 0
  integralQ15 = 0
  if (duty > 0) {
    off()
    return
  }
  const excess = -currentMa - BRAKE_CURRENT_MA
  brakeQ15 = clamp(brakeQ15 + (excess > 0 ? -2 * BRAKE_RAMP_Q15 : BRAKE_RAMP_Q15), 0, FULL_Q15)
  apply(0, brakeQ15 >> BITS)
}

/** Turns the bridge; refused (false) unless it has been off for the last step. */
export function turn(direction: i32): bool {
  if (duty > 0 || brake > 0) return false
  reversed = direction
  writeOutput(OUT_BRIDGE, direction)
  return true
}
