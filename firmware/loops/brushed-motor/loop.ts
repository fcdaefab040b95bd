// The control loop of a brushed motor: setup, step, stop. One step reads, estimates, decides,
// drives, counts. Off after start until the trigger has been seen released; what stops the motor is
// latched until then, too. All state is in globals: no memory, no heap, no f64.
import { report } from '../board.ts'
import { brake, drive, duty, limited, off, reversed, slow, turn } from './bridge.ts'
import {
  BRAKE_HOLD_MS,
  BRAKE_RAMP_MS,
  BRIDGE_FORWARD,
  FAULT_CLUTCH,
  FAULT_NONE,
  FAULT_REVERSAL,
  FAULT_SENSOR,
  FAULT_STALL,
  LIMITED_BY_NONE,
  RATE_HZ,
  RELEASE_TIME_MS,
  REPORT_CURRENT_LIMIT,
  REPORT_FAULT,
  REPORT_LIMITED_BY,
  REPORT_MOTOR_SPEED,
  REPORT_OVERLOAD,
  REPORT_STATE,
  REPORT_TORQUE,
  REPORT_WINDING_TEMPERATURE,
  REVERSAL_SPEED_DREVMIN,
  STATE_BRAKE,
  STATE_FAULT,
  STATE_IDLE,
  STATE_RUN,
  STATE_WAIT_RELEASE,
  TRIGGER_RELEASE_DPCT,
  TRIGGER_START_DPCT,
} from './constants'
import {
  emfQ8,
  estimate,
  motorSpeed,
  resetEstimate,
  SPEED_Q24,
  takeCold,
  torqueMnm,
  warmResistance,
} from './estimate.ts'
import {
  assumeWarm,
  foldHeat,
  foldOverload,
  heat,
  overloadDpct,
  takeTemperature,
  warmWinding,
  windingMcel,
} from './heat.ts'
import { directionAsked, sample, sensorsFailed, sensorsFine, triggerDpct } from './inputs.ts'
import {
  allowedBy,
  allowedMa,
  foldLimits,
  hindrance,
  limitCurrent,
  reasonToStop,
  resetProtection,
} from './protect.ts'
import { count, countClutch, countStall, countStart, reportUsage } from './usage.ts'
import { takeWinding } from './winding.ts'

const SLOW_STEPS: i32 = RATE_HZ / 100
const RELEASE_STEPS: i32 = (RELEASE_TIME_MS * RATE_HZ) / 1000
const HOLD_STEPS: i32 = (BRAKE_HOLD_MS * RATE_HZ) / 1000
const BRAKE_STEPS: i32 = ((4 * BRAKE_RAMP_MS + BRAKE_HOLD_MS) * RATE_HZ) / 1000
const REVERSAL_EMF_Q8: i32 = i32((i64(REVERSAL_SPEED_DREVMIN) << 24) / SPEED_Q24)

let state: i32 = 0
let fault: i32 = 0
let releasedSteps: i32 = 0
let braking: bool = false
let brakingSteps: i32 = 0
let heldSteps: i32 = 0
let slowSteps: i32 = 0
let reported: i32 = -1

/** Once after power-up. Sums and models go on where they are, should it be called again. */
export function setup(): void {
  stop()
  turn(BRIDGE_FORWARD)
  takeWinding()
  takeCold()
  resetEstimate()
  assumeWarm()
  slowSteps = SLOW_STEPS - 1
}

/** The safe state: off, and off it stays until the trigger has been seen released. */
export function stop(): void {
  off()
  fault = FAULT_NONE
  rest()
  tell()
}

export function step(): void {
  sample()
  estimate(duty, brake)
  heat()
  count(duty, brake)
  limitCurrent()
  // A broken trigger may look released: it counts only while every reading is plausible.
  const isReleased = triggerDpct < TRIGGER_RELEASE_DPCT && sensorsFine()
  releasedSteps = isReleased ? min(releasedSteps + 1, RELEASE_STEPS) : 0
  decide()
  if (state === STATE_RUN) drive(allowedMa)
  else if (braking) keepBraking()
  else off()
  tell()
  slowSlice()
}

function rest(): void {
  state = STATE_WAIT_RELEASE
  braking = false
}

function decide(): void {
  if (sensorsFailed()) {
    // Without readings the brake is blind, too, and the speed unknown: let go of everything.
    if (fault !== FAULT_SENSOR) trip(FAULT_SENSOR)
    braking = false
    resetEstimate()
    return
  }
  const released = releasedSteps >= RELEASE_STEPS
  if (state === STATE_RUN) {
    const reason = directionAsked !== reversed ? FAULT_REVERSAL : reasonToStop(limited)
    if (reason !== FAULT_NONE) trip(reason)
    else if (triggerDpct < TRIGGER_RELEASE_DPCT) {
      beginBraking()
      state = STATE_BRAKE
    }
  } else if (state === STATE_WAIT_RELEASE) {
    if (released && emfQ8 < REVERSAL_EMF_Q8) state = STATE_IDLE
  } else if (state === STATE_FAULT) {
    if (released) {
      if (fault === FAULT_SENSOR) state = STATE_WAIT_RELEASE
      else state = braking ? STATE_BRAKE : STATE_IDLE
      fault = FAULT_NONE
    }
  } else {
    if (!braking) state = STATE_IDLE
    if (triggerDpct >= TRIGGER_START_DPCT) start()
  }
}

/** From standstill either way; while still turning only the way it turns. */
function start(): void {
  const hindered = hindrance()
  if (hindered !== FAULT_NONE) trip(hindered)
  else if (directionAsked !== reversed && emfQ8 >= REVERSAL_EMF_Q8) trip(FAULT_REVERSAL)
  else if (directionAsked === reversed || turn(directionAsked)) {
    braking = false
    state = STATE_RUN
    resetProtection()
    countStart()
  }
}

function trip(reason: i32): void {
  if (state === STATE_RUN) beginBraking()
  if (reason === FAULT_STALL) countStall()
  if (reason === FAULT_CLUTCH) countClutch()
  fault = reason
  state = STATE_FAULT
}

function beginBraking(): void {
  braking = true
  brakingSteps = 0
  heldSteps = 0
}

function keepBraking(): void {
  brakingSteps += 1
  heldSteps = emfQ8 < REVERSAL_EMF_Q8 ? heldSteps + 1 : 0
  if (heldSteps > HOLD_STEPS || brakingSteps > BRAKE_STEPS) {
    braking = false
    off()
  } else slow()
}

/** A change of state or fault is told at once, the rest at 100 Hz. */
function tell(): void {
  const both = (fault << 8) | state
  if (both === reported) return
  reported = both
  report(REPORT_STATE, state)
  report(REPORT_FAULT, fault)
}

/**
 * At 100 Hz in all, a slice of it in each step: a division of 64 bits takes a small core as long as
 * the rest of a step. Ten slices, as a rate of 1000 Hz has ten steps in 10 ms.
 */
function slowSlice(): void {
  slowSteps = slowSteps + 1 < SLOW_STEPS ? slowSteps + 1 : 0
  if (slowSteps === 0) {
    foldOverload()
    reportState()
  } else if (slowSteps < 5) {
    if (slowSteps === 1) warmWinding()
    else if (slowSteps === 2) foldHeat()
    else if (slowSteps === 3) {
      takeTemperature()
      report(REPORT_WINDING_TEMPERATURE, windingMcel)
    } else warmResistance(windingMcel)
  } else if (slowSteps === 5) foldLimits()
  else if (slowSteps < 10) reportUsage(slowSteps - 6)
}

function reportState(): void {
  report(REPORT_LIMITED_BY, limited ? allowedBy : LIMITED_BY_NONE)
  // Nobody knows how fast a rotor turns that was never driven, or not since a sensor broke.
  if (state !== STATE_WAIT_RELEASE && fault !== FAULT_SENSOR)
    report(REPORT_MOTOR_SPEED, motorSpeed())
  report(REPORT_TORQUE, torqueMnm)
  report(REPORT_CURRENT_LIMIT, allowedMa)
  report(REPORT_OVERLOAD, overloadDpct)
}
