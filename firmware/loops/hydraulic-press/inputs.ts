// The step's readings, each taken once. Contacts are on or off, whatever the board delivers; what
// is measured is checked for plausibility and clamped. Decides nothing but what can be believed.
import { readInput } from '../board.ts'
import { clamp } from '../lib/fixed.ts'
import {
  IN_DRAWER_IN,
  IN_DRAWER_MIDDLE,
  IN_DRAWER_OUT,
  IN_EMERGENCY_STOP,
  IN_HOLD,
  IN_MAIN_BOTTOM,
  IN_MAIN_TOP,
  IN_OIL_TEMPERATURE,
  IN_PRESSURE,
  OIL_TEMPERATURE_MAX_CCEL,
  OIL_TEMPERATURE_MIN_CCEL,
  PRESSURE_MAX_CBAR,
  PRESSURE_MIN_CBAR,
  RATE_HZ,
  SENSOR_TIME_MS,
} from './constants'

const SENSOR_STEPS: i32 = (SENSOR_TIME_MS * RATE_HZ) / 1000

export let held: bool = false
/** The emergency stop's contact is closed. */
export let closed: bool = false
export let atTop: bool = false
export let atBottom: bool = false
export let isOut: bool = false
export let isMiddle: bool = false
export let isIn: bool = false
export let pressureCbar: i32 = 0
export let oilCcel: i32 = 0

let wildSteps: i32 = 0
let wrongSteps: i32 = 0

export function sample(): void {
  held = readInput(IN_HOLD) === 1
  closed = readInput(IN_EMERGENCY_STOP) === 1
  atTop = readInput(IN_MAIN_TOP) === 1
  atBottom = readInput(IN_MAIN_BOTTOM) === 1
  isOut = readInput(IN_DRAWER_OUT) === 1
  isMiddle = readInput(IN_DRAWER_MIDDLE) === 1
  isIn = readInput(IN_DRAWER_IN) === 1
  const pressure = readInput(IN_PRESSURE)
  const oil = readInput(IN_OIL_TEMPERATURE)
  pressureCbar = clamp(pressure, PRESSURE_MIN_CBAR, PRESSURE_MAX_CBAR)
  oilCcel = clamp(oil, OIL_TEMPERATURE_MIN_CCEL, OIL_TEMPERATURE_MAX_CCEL)
  const wild = pressure !== pressureCbar || oil !== oilCcel
  wildSteps = wild ? min(wildSteps + 1, SENSOR_STEPS) : 0
  const both = (atTop && atBottom) || (isOut && isMiddle) || (isOut && isIn) || (isMiddle && isIn)
  wrongSteps = both ? min(wrongSteps + 1, SENSOR_STEPS) : 0
}

/** One wild sample is noise; `sensor_time` of them is a broken wire. */
export function sensorsFailed(): bool {
  return wildSteps >= SENSOR_STEPS
}

/** A cylinder cannot be at two places. */
export function switchesContradict(): bool {
  return wrongSteps >= SENSOR_STEPS
}
