// The gentle protections: how much current is allowed now, and what stops the motor. Each comes in
// two steps, fold back and then stop. A safety kernel outside the loop's reach is another matter.
import { clamp } from '../lib/fixed.ts'
import {
  CLUTCH_BLANKING_MS,
  CONTINUOUS_CURRENT_MA,
  CURRENT_LIMIT_MA,
  FAULT_CLUTCH,
  FAULT_NONE,
  FAULT_OVER_TEMPERATURE,
  FAULT_OVERLOAD,
  FAULT_STALL,
  FAULT_UNDER_VOLTAGE,
  FOLD_FLOOR_DPCT,
  LIMITED_BY_CURRENT,
  LIMITED_BY_OVERLOAD,
  LIMITED_BY_TEMPERATURE,
  LIMITED_BY_VOLTAGE,
  PACK_FOLD_CCEL,
  PACK_STOP_CCEL,
  RATE_HZ,
  STALL_CURRENT_MA,
  STALL_SPEED_DREVMIN,
  STALL_TIME_MS,
  VOLTAGE_FOLD_MV,
  VOLTAGE_STOP_MV,
  VOLTAGE_STOP_TIME_MS,
  WINDING_FOLD_CCEL,
  WINDING_STOP_CCEL,
} from './constants'
import { currentQ8, emfQ8, SPEED_Q24, torqueMnm, voltageQ8 } from './estimate.ts'
import { overloadDpct, windingMcel } from './heat.ts'
import { clutchMnm, packCcel } from './inputs.ts'

const FLOOR_MA: i32 = (CURRENT_LIMIT_MA * FOLD_FLOOR_DPCT) / 1000
const FOLD_MA: i32 = CURRENT_LIMIT_MA - FLOOR_MA
/** mA per step of what folds back, in Q8. */
const WINDING_SLOPE_Q8: i32 = (FOLD_MA * 256) / (WINDING_STOP_CCEL - WINDING_FOLD_CCEL)
const PACK_SLOPE_Q8: i32 = (FOLD_MA * 256) / (PACK_STOP_CCEL - PACK_FOLD_CCEL)
const VOLTAGE_SLOPE_Q8: i32 = (FOLD_MA * 256) / (VOLTAGE_FOLD_MV - VOLTAGE_STOP_MV)
/** The last quarter of the I2t reserve takes the limit down to the continuous current. */
const OVERLOAD_SLOPE_Q8: i32 = ((CURRENT_LIMIT_MA - CONTINUOUS_CURRENT_MA) * 256) / 250

const STALL_EMF_Q8: i32 = i32((i64(STALL_SPEED_DREVMIN) << 24) / SPEED_Q24)
const STALL_CURRENT_Q8: i32 = STALL_CURRENT_MA << 8
const STALL_STEPS: i32 = (STALL_TIME_MS * RATE_HZ) / 1000
const BLANKING_STEPS: i32 = (CLUTCH_BLANKING_MS * RATE_HZ) / 1000
const VOLTAGE_STOP_Q8: i32 = VOLTAGE_STOP_MV << 8
const VOLTAGE_STEPS: i32 = (VOLTAGE_STOP_TIME_MS * RATE_HZ) / 1000

/** Motor current allowed now, in mA, and what sets it. */
export let allowedMa: i32 = 0
export let allowedBy: i32 = 0

let slowMa: i32 = 0
let slowBy: i32 = 0
let runSteps: i32 = 0
let stalledSteps: i32 = 0
let lowSteps: i32 = 0

function fold(floor: i32, margin: i32, slope: i32): i32 {
  return clamp(floor + i32((i64(margin) * i64(slope)) >> 8), floor, CURRENT_LIMIT_MA)
}

/** At 100 Hz: what temperature and I2t leave of the current limit. */
export function foldLimits(): void {
  const winding = fold(FLOOR_MA, WINDING_STOP_CCEL - windingMcel / 10, WINDING_SLOPE_Q8)
  const pack = fold(FLOOR_MA, PACK_STOP_CCEL - packCcel, PACK_SLOPE_Q8)
  const cool = min(winding, pack)
  const rested = fold(CONTINUOUS_CURRENT_MA, 1000 - overloadDpct, OVERLOAD_SLOPE_Q8)
  slowMa = min(cool, rested)
  slowBy =
    slowMa === CURRENT_LIMIT_MA
      ? LIMITED_BY_CURRENT
      : cool <= rested
        ? LIMITED_BY_TEMPERATURE
        : LIMITED_BY_OVERLOAD
}

/** Every step: the same, with the voltage, which needs a faster answer. */
export function limitCurrent(): void {
  const byVoltage = fold(FLOOR_MA, (voltageQ8 >> 8) - VOLTAGE_STOP_MV, VOLTAGE_SLOPE_Q8)
  allowedMa = min(slowMa, byVoltage)
  allowedBy = byVoltage < slowMa ? LIMITED_BY_VOLTAGE : slowBy
}

/** Why the motor must not start now, or FAULT_NONE. */
export function hindrance(): i32 {
  if (windingMcel >= WINDING_STOP_CCEL * 10 || packCcel >= PACK_STOP_CCEL)
    return FAULT_OVER_TEMPERATURE
  if (voltageQ8 < VOLTAGE_STOP_Q8) return FAULT_UNDER_VOLTAGE
  return overloadDpct >= 1000 ? FAULT_OVERLOAD : FAULT_NONE
}

/** Called when the motor starts: the clutch is blind and nothing has lasted yet. */
export function resetProtection(): void {
  runSteps = 0
  stalledSteps = 0
  lowSteps = 0
}

/**
 * Every step while driving: why the motor must stop now, or FAULT_NONE. `limited`: the current
 * limit holds the duty down, which at standstill means blocked even where folded back below
 * stall_current.
 */
export function reasonToStop(limited: bool): i32 {
  runSteps = min(runSteps + 1, BLANKING_STEPS)
  const blocked = emfQ8 < STALL_EMF_Q8 && (limited || currentQ8 > STALL_CURRENT_Q8)
  stalledSteps = blocked ? stalledSteps + 1 : 0
  lowSteps = voltageQ8 < VOLTAGE_STOP_Q8 ? lowSteps + 1 : 0
  if (stalledSteps >= STALL_STEPS) return FAULT_STALL
  if (clutchMnm > 0 && runSteps >= BLANKING_STEPS && torqueMnm > clutchMnm) return FAULT_CLUTCH
  if (lowSteps >= VOLTAGE_STEPS) return FAULT_UNDER_VOLTAGE
  const hindered = hindrance()
  return hindered === FAULT_UNDER_VOLTAGE ? FAULT_NONE : hindered
}
