// The step's readings, each taken once, checked and clamped; and the mean temperature of each tenth
// of a second, from every single sample. Decides nothing but what can be believed.
import { readInput } from '../board.ts'
import { clamp } from '../lib/fixed.ts'
import {
  IN_ENABLE,
  IN_TARGET,
  IN_TEMPERATURE,
  MAX_TEMPERATURE_CCEL,
  MIN_TEMPERATURE_CCEL,
  RATE_HZ,
  REST_CCEL,
  SENSOR_TIME_MS,
  TARGET_MAX_CCEL,
  TARGET_MIN_CCEL,
  TEMPERATURE_MAX_CCEL,
  TEMPERATURE_MIN_CCEL,
} from './constants'

/** Steps of a tenth of a second. */
export const WINDOW: i32 = RATE_HZ / 10
const SENSOR_STEPS: i32 = (SENSOR_TIME_MS * RATE_HZ) / 1000

export let enabled: bool = false
/** What is asked for; 0 where nothing is, or the switch is off. */
export let targetCcel: i32 = 0
export let meanCcel: i32 = 0

let sum: i32 = 0
let wildSteps: i32 = 0
let hotSteps: i32 = 0
let coldSteps: i32 = 0

export function sample(): void {
  enabled = readInput(IN_ENABLE) === 1
  const raw = readInput(IN_TEMPERATURE)
  const now = clamp(raw, TEMPERATURE_MIN_CCEL, TEMPERATURE_MAX_CCEL)
  const asked = clamp(readInput(IN_TARGET), TARGET_MIN_CCEL, TARGET_MAX_CCEL)
  targetCcel = enabled && asked > REST_CCEL ? asked : 0
  wildSteps = raw !== now ? min(wildSteps + 1, SENSOR_STEPS) : 0
  hotSteps = now > MAX_TEMPERATURE_CCEL ? min(hotSteps + 1, SENSOR_STEPS) : 0
  coldSteps = now < MIN_TEMPERATURE_CCEL ? min(coldSteps + 1, SENSOR_STEPS) : 0
  sum += now
}

/** Each WINDOW steps; at most 1,000 samples of 37,500 are summed. */
export function takeMean(): void {
  meanCcel = sum / WINDOW
  sum = 0
}

/** One wild sample is noise; `sensor_time` of them is a broken wire. */
export function sensorFailed(): bool {
  return wildSteps >= SENSOR_STEPS
}
export function isTooHot(): bool {
  return hotSteps >= SENSOR_STEPS
}
export function isTooCold(): bool {
  return coldSteps >= SENSOR_STEPS
}
