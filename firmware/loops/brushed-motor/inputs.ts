// The step's readings: each taken once, checked for plausibility and clamped, so that no later sum
// can overflow whatever the board delivers. Decides nothing but whether the sensors can be
// believed.
import { readInput } from '../board.ts'
import { clamp } from '../lib/fixed.ts'
import {
  CLUTCH_SETTING_MAX_MNM,
  CLUTCH_SETTING_MIN_MNM,
  DIRECTION_MAX,
  DIRECTION_MIN,
  IN_CLUTCH_SETTING,
  IN_DIRECTION,
  IN_MOTOR_CURRENT,
  IN_MOTOR_TEMPERATURE,
  IN_PACK_TEMPERATURE,
  IN_PACK_VOLTAGE,
  IN_TRIGGER,
  MOTOR_CURRENT_MAX_MA,
  MOTOR_CURRENT_MIN_MA,
  MOTOR_TEMPERATURE_MAX_CCEL,
  MOTOR_TEMPERATURE_MIN_CCEL,
  PACK_TEMPERATURE_MAX_CCEL,
  PACK_TEMPERATURE_MIN_CCEL,
  PACK_VOLTAGE_MAX_MV,
  PACK_VOLTAGE_MIN_MV,
  RATE_HZ,
  SENSOR_TIME_MS,
  TRIGGER_MAX_DPCT,
  TRIGGER_MIN_DPCT,
} from './constants'

const SENSOR_STEPS: i32 = (SENSOR_TIME_MS * RATE_HZ) / 1000

export let triggerDpct: i32 = 0
export let directionAsked: i32 = 0
export let currentMa: i32 = 0
export let voltageMv: i32 = 0
export let canCcel: i32 = 0
export let packCcel: i32 = 0
export let clutchMnm: i32 = 0

let implausible: i32 = 0
let implausibleSteps: i32 = 0

function take(index: i32, low: i32, high: i32): i32 {
  const raw = readInput(index)
  const value = clamp(raw, low, high)
  if (raw !== value) implausible = 1
  return value
}

export function sample(): void {
  implausible = 0
  triggerDpct = take(IN_TRIGGER, TRIGGER_MIN_DPCT, TRIGGER_MAX_DPCT)
  directionAsked = take(IN_DIRECTION, DIRECTION_MIN, DIRECTION_MAX)
  currentMa = take(IN_MOTOR_CURRENT, MOTOR_CURRENT_MIN_MA, MOTOR_CURRENT_MAX_MA)
  voltageMv = take(IN_PACK_VOLTAGE, PACK_VOLTAGE_MIN_MV, PACK_VOLTAGE_MAX_MV)
  canCcel = take(IN_MOTOR_TEMPERATURE, MOTOR_TEMPERATURE_MIN_CCEL, MOTOR_TEMPERATURE_MAX_CCEL)
  packCcel = take(IN_PACK_TEMPERATURE, PACK_TEMPERATURE_MIN_CCEL, PACK_TEMPERATURE_MAX_CCEL)
  clutchMnm = take(IN_CLUTCH_SETTING, CLUTCH_SETTING_MIN_MNM, CLUTCH_SETTING_MAX_MNM)
  implausibleSteps = implausible === 0 ? 0 : min(implausibleSteps + 1, SENSOR_STEPS)
}

/** One wild sample is noise; `sensor_time` of them is a broken wire. */
export function sensorsFailed(): bool {
  return implausibleSteps >= SENSOR_STEPS
}

/** No reading of this step was out of range. */
export function sensorsFine(): bool {
  return implausibleSteps === 0
}
