// The control loop of a heater: setup, step, stop. Every step looks at switch, target and sensor
// and drives the heater for its share of a tenth of a second; PID at 10 Hz, the proof that it heats
// as it should at 1 Hz. Off after start until the switch has been seen off. State is in globals.
import { report, writeOutput } from '../board.ts'
import {
  FAULT_HEATER_STUCK,
  FAULT_NONE,
  FAULT_NOT_HEATING,
  FAULT_SENSOR,
  FAULT_TOO_COLD,
  FAULT_TOO_HOT,
  HYSTERESIS_CK,
  MAX_ERROR_CKS,
  OUT_HEATER,
  RATE_HZ,
  RELEASE_TIME_MS,
  REPORT_FAULT,
  REPORT_HEATING_ERROR,
  REPORT_MEAN_TEMPERATURE,
  REPORT_POWER,
  REPORT_STATE,
  STATE_AT_TARGET,
  STATE_FAULT,
  STATE_HEATING,
  STATE_IDLE,
  STATE_WAIT_RELEASE,
} from './constants'
import {
  enabled,
  isTooCold,
  isTooHot,
  meanCcel,
  sample,
  sensorFailed,
  takeMean,
  targetCcel,
  WINDOW,
} from './inputs.ts'
import { control, FULL, rest } from './pid.ts'
import { count, countCycle, countFault, countStart, reportUsage } from './usage.ts'
import { forget, heatsBadly, heatsByItself, strainCks } from './verify.ts'

const RELEASE_STEPS: i32 = (RELEASE_TIME_MS * RATE_HZ) / 1000

let state: i32 = 0
let fault: i32 = 0
let releasedSteps: i32 = 0
let windowSteps: i32 = 0
let tenths: i32 = 0
/** Power of this window, and its steps with the heater on; what is left over goes to the next. */
let power: i32 = 0
let onSteps: i32 = 0
let carry: i32 = 0
/** The heater was on in this second. */
let wasOn: bool = false
let isOn: bool = false
let reported: i32 = -1

/** Once after power-up. Counters go on where they are, should it be called again. */
export function setup(): void {
  stop()
  windowSteps = 0
  tenths = 0
}

/** The safe state: off, and off it stays until the switch has been seen off. */
export function stop(): void {
  off()
  fault = FAULT_NONE
  state = STATE_WAIT_RELEASE
  releasedSteps = 0
  tell()
}

export function step(): void {
  sample()
  releasedSteps = enabled ? 0 : min(releasedSteps + 1, RELEASE_STEPS)
  decide()
  if (!isRunning()) off()
  else heat(windowSteps < onSteps)
  count(isRunning(), isOn)
  windowSteps += 1
  if (windowSteps >= WINDOW) everyTenth()
  tell()
}

function isRunning(): bool {
  return state === STATE_HEATING || state === STATE_AT_TARGET
}

function heat(on: bool): void {
  isOn = on
  if (on) wasOn = true
  writeOutput(OUT_HEATER, i32(on))
}

/** Off, at once, and nothing remembered. */
function off(): void {
  heat(false)
  power = 0
  onSteps = 0
  carry = 0
}

/** Every step: what may not wait. */
function decide(): void {
  if (sensorFailed()) trip(FAULT_SENSOR)
  else if (isTooHot()) trip(FAULT_TOO_HOT)
  else if (state === STATE_WAIT_RELEASE || state === STATE_FAULT) {
    if (releasedSteps < RELEASE_STEPS) return
    fault = FAULT_NONE
    state = STATE_IDLE
  } else if (targetCcel === 0) state = STATE_IDLE
  else if (isTooCold()) trip(FAULT_TOO_COLD)
  else if (state === STATE_IDLE) {
    countStart()
    state = STATE_HEATING
  }
}

function trip(reason: i32): void {
  off()
  if (state === STATE_FAULT) return
  countFault()
  forget()
  fault = reason
  state = STATE_FAULT
}

function everyTenth(): void {
  windowSteps = 0
  takeMean()
  if (isRunning()) {
    power = control(targetCcel, meanCcel)
    carry += power * WINDOW
    onSteps = carry / FULL
    carry -= onSteps * FULL
  } else rest(meanCcel)
  tenths += 1
  if (tenths >= 10) everySecond()
  // Power in 0.1 %.
  report(REPORT_POWER, power / (FULL / 1000))
  report(REPORT_MEAN_TEMPERATURE, meanCcel)
  report(REPORT_HEATING_ERROR, (strainCks() * 1000) / MAX_ERROR_CKS)
  reportUsage()
}

function everySecond(): void {
  tenths = 0
  if (heatsByItself(wasOn, meanCcel)) trip(FAULT_HEATER_STUCK)
  wasOn = isOn
  if (heatsBadly(isRunning() ? targetCcel : 0, meanCcel)) trip(FAULT_NOT_HEATING)
  if (!isRunning()) return
  const near = meanCcel >= targetCcel - HYSTERESIS_CK && meanCcel <= targetCcel + HYSTERESIS_CK
  if (near && state === STATE_HEATING) countCycle()
  state = near ? STATE_AT_TARGET : STATE_HEATING
}

/** A change is told at once. */
function tell(): void {
  const both = (fault << 8) | state
  if (both === reported) return
  reported = both
  report(REPORT_STATE, state)
  report(REPORT_FAULT, fault)
}
