// The control loop of a press for earth blocks: setup, step, stop. What must be fast is in every
// step: hand, emergency stop, pressure cut-off, end of a move; the sequence runs at 100 Hz. Off
// after start until the control has been seen released. All state is in globals.
import { report } from '../board.ts'
import {
  DWELL_TIME_MS,
  FAULT_BLOCKED,
  FAULT_NO_SOIL,
  FAULT_NONE,
  FAULT_OVER_PRESSURE,
  FAULT_OVER_TEMPERATURE,
  FAULT_SENSOR,
  FAULT_SEQUENCE,
  FAULT_SWITCHES,
  FAULT_TIMEOUT,
  LEAVE_TIME_MS,
  MAX_PRESSURE_CBAR,
  MOVE_PRESSURE_CBAR,
  MOVE_TIMEOUT_MS,
  OIL_STOP_CCEL,
  RATE_HZ,
  RELEASE_TIME_MS,
  RELIEVE_TIME_MS,
  REPORT_BLOCK_TIME,
  REPORT_FAULT,
  REPORT_PEAK_PRESSURE,
  REPORT_PRESS_TIME,
  REPORT_STAGE,
  REPORT_STATE,
  SENSOR_TIME_MS,
  SHAKE_TIME_MS,
  STAGE_COMPRESS,
  STAGE_DWELL,
  STAGE_FILL,
  STAGE_HOME_DRAWER,
  STAGE_HOME_MAIN,
  STAGE_LIFT,
  STAGE_PUSH,
  STAGE_RELIEVE,
  STATE_DONE,
  STATE_FAULT,
  STATE_IDLE,
  STATE_PAUSED,
  STATE_RUN,
  STATE_WAIT_RELEASE,
} from './constants'
import {
  atTop,
  closed,
  held,
  oilCcel,
  pressureCbar,
  sample,
  sensorsFailed,
  switchesContradict,
} from './inputs.ts'
import { hasNotLeft, isAllowed, isPressing, isReached, pressed, valveOf } from './stages.ts'
import {
  countBlock,
  countFault,
  countJam,
  countRun,
  countStart,
  countStroke,
  reportUsage,
} from './usage.ts'
import { load, move, NO_VALVE, off, open, passTime, pumping, shake, shut } from './valves.ts'

const SLOW_STEPS: i32 = RATE_HZ / 100
const RELEASE_STEPS: i32 = (RELEASE_TIME_MS * RATE_HZ) / 1000
const SENSOR_STEPS: i32 = (SENSOR_TIME_MS * RATE_HZ) / 1000
/** A pressure counts from the second sample on: one is noise. */
const SURE_STEPS: i32 = 2
/** Times in hundredths of a second. */
const MOVE_TICKS: i32 = MOVE_TIMEOUT_MS / 10
const LEAVE_TICKS: i32 = LEAVE_TIME_MS / 10
const SHAKE_TICKS: i32 = SHAKE_TIME_MS / 10
const RELIEVE_TICKS: i32 = RELIEVE_TIME_MS / 10
const DWELL_TICKS: i32 = DWELL_TIME_MS / 10

let state: i32 = 0
let stage: i32 = 0
let fault: i32 = 0
/** Both cylinders are where a block begins. */
let homed: bool = false
/** The move of this stage has ended; its valve stays off. */
let reached: bool = false
let releasedSteps: i32 = 0
let overSteps: i32 = 0
let pressedSteps: i32 = 0
let blockedSteps: i32 = 0
let strayedSteps: i32 = 0
let slowSteps: i32 = 0
/** Ticks with the valve open, and since the move ended. */
let movedTicks: i32 = 0
let restedTicks: i32 = 0
let pressTicks: i32 = 0
let blockTicks: i32 = 0
let peakCbar: i32 = 0
let reported: i32 = -1

/** Once after power-up. Counters go on where they are, should it be called again. */
export function setup(): void {
  stop()
  slowSteps = 0
}

/** The safe state: off, until the control has been seen released; then from home. */
export function stop(): void {
  off()
  state = STATE_WAIT_RELEASE
  stage = STAGE_HOME_DRAWER
  fault = FAULT_NONE
  homed = false
  releasedSteps = 0
  tell()
}

export function step(): void {
  sample()
  passTime()
  releasedSteps = held || !closed ? 0 : min(releasedSteps + 1, RELEASE_STEPS)
  if (!closed) stop()
  else if (sensorsFailed()) trip(FAULT_SENSOR)
  else if (switchesContradict()) trip(FAULT_SWITCHES)
  else if (state === STATE_RUN) watch()
  else off()
  if (pumping) countRun()
  slowSteps += 1
  if (slowSteps >= SLOW_STEPS) everyHundredth()
  tell()
}

/** Every step of a run: all that may not wait for the sequence. */
function watch(): void {
  if (!held) {
    off()
    state = STATE_PAUSED
    return
  }
  const moving = open !== NO_VALVE
  overSteps = pumping && pressureCbar >= MAX_PRESSURE_CBAR ? overSteps + 1 : 0
  const pressing = isPressing(stage)
  pressedSteps = moving && pressing && pressed() ? pressedSteps + 1 : 0
  const inTheWay = moving && !pressing && pressureCbar >= MOVE_PRESSURE_CBAR
  // To take the pressure off a block, the valve opens under it.
  blockedSteps = inTheWay && stage !== STAGE_RELIEVE ? blockedSteps + 1 : 0
  strayedSteps = isAllowed(stage) ? 0 : strayedSteps + 1
  // A solenoid takes its time to let go: the highest pressure comes after the cut-off.
  if (pressing || stage === STAGE_DWELL) peakCbar = max(peakCbar, pressureCbar)
  if (overSteps >= SURE_STEPS) trip(FAULT_OVER_PRESSURE)
  else if (pressedSteps >= SURE_STEPS) {
    shut()
    reached = true
  } else if (blockedSteps >= SENSOR_STEPS) trip(FAULT_BLOCKED)
  else if (strayedSteps >= SENSOR_STEPS) trip(FAULT_SEQUENCE)
  else if (pressing && moving && atTop) trip(FAULT_NO_SOIL)
  else if (!reached && isReached(stage)) {
    shut()
    reached = true
  }
}

function trip(reason: i32): void {
  off()
  homed = false
  if (state === STATE_FAULT) return
  if (reason === FAULT_BLOCKED) countJam()
  countFault()
  fault = reason
  state = STATE_FAULT
}

function everyHundredth(): void {
  slowSteps = 0
  if (state === STATE_RUN) run()
  else if (closed) rest()
  reportUsage()
}

/** Not running: what the hand does next. */
function rest(): void {
  const released = releasedSteps >= RELEASE_STEPS
  if (state === STATE_WAIT_RELEASE || state === STATE_DONE) {
    if (released) state = STATE_IDLE
  } else if (state === STATE_FAULT) {
    if (!released || sensorsFailed() || switchesContradict()) return
    fault = FAULT_NONE
    state = STATE_IDLE
  } else if (held) {
    if (oilCcel >= OIL_STOP_CCEL) trip(FAULT_OVER_TEMPERATURE)
    else begin()
  }
}

function begin(): void {
  if (state === STATE_IDLE) {
    countStart()
    blockTicks = 0
    enter(homed ? STAGE_PUSH : STAGE_HOME_DRAWER)
  }
  // A paused move goes on with all its time: a hand may let go as often as it likes.
  movedTicks = 0
  overSteps = 0
  pressedSteps = 0
  blockedSteps = 0
  strayedSteps = 0
  state = STATE_RUN
  load(true)
}

function enter(next: i32): void {
  stage = next
  reached = false
  movedTicks = 0
  restedTicks = 0
  if (next === STAGE_COMPRESS) {
    pressTicks = 0
    peakCbar = 0
  }
}

/** The sequence, a hundred times a second. */
function run(): void {
  blockTicks += 1
  if (oilCcel >= OIL_STOP_CCEL) {
    trip(FAULT_OVER_TEMPERATURE)
    return
  }
  const valve = valveOf(stage)
  shake(stage === STAGE_FILL)
  if (valve === NO_VALVE) reached = true
  if (!reached) {
    // What is there already needs no move: isReached has said so before a valve opens.
    if (!move(valve)) return
    movedTicks += 1
    if (stage === STAGE_COMPRESS) pressTicks += 1
    if (stage === STAGE_RELIEVE && movedTicks > RELIEVE_TICKS) {
      shut()
      reached = true
      return
    }
    if (movedTicks > LEAVE_TICKS && hasNotLeft(stage)) trip(FAULT_SWITCHES)
    else if (movedTicks > MOVE_TICKS) trip(FAULT_TIMEOUT)
    return
  }
  restedTicks += 1
  if (stage === STAGE_FILL && restedTicks < SHAKE_TICKS) return
  if (stage === STAGE_DWELL && restedTicks < DWELL_TICKS) return
  if (stage === STAGE_DWELL) {
    countStroke()
    report(REPORT_PEAK_PRESSURE, peakCbar)
    report(REPORT_PRESS_TIME, pressTicks)
  }
  if (stage === STAGE_LIFT) finish()
  else {
    if (stage === STAGE_HOME_MAIN) homed = true
    enter(stage + 1)
  }
}

/** One block for one hold: a control that is tied down makes no second one. */
function finish(): void {
  off()
  countBlock()
  report(REPORT_BLOCK_TIME, blockTicks)
  stage = STAGE_PUSH
  state = STATE_DONE
}

/** A change is told at once. */
function tell(): void {
  const all = (fault << 16) | (stage << 8) | state
  if (all === reported) return
  reported = all
  report(REPORT_STATE, state)
  report(REPORT_STAGE, stage)
  report(REPORT_FAULT, fault)
}
