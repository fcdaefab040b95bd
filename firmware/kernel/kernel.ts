// The safety kernel: one step before each step of the loop. It only ever says whether outputs may
// pass; it never makes anything move. Off until the hand was seen released and every sensor fine;
// a fault at work is latched. A loop cannot reach it, nor change any of its limits.
import {
  AFTER_STEPS,
  CAUSE_EMERGENCY_STOP,
  CAUSE_NO_HARDWARE,
  CAUSE_NOT_RELEASED,
  CAUSE_SETTLING,
  HARD,
  HOLD,
  MAY_ARM,
  OUTPUTS_WRONG,
  PLACE_LEVEL,
  RELEASE_STEPS,
  RESET_STEPS,
  RESET_TURNS,
  STATE_ARMED,
  STATE_TRIPPED,
  STATE_WAIT,
  TELL_CAUSE,
  TELL_HINDRANCE,
  TELL_STATE,
} from './constants'
import { checkCurrent, reduceCurrent, resetCurrent } from './current.ts'
import { checkHand, isDriven, isReleased, isStopped } from './hand.ts'
import {
  checkLevel1,
  checkLevel2,
  checkLevel3,
  checkLevel4,
  reduceLevel1,
  reduceLevel2,
  reduceLevel3,
  reduceLevel4,
} from './levels'
import { tell } from './raw.ts'

let state: i32 = 0
let cause: i32 = 0
let hindrance: i32 = 0
let turn: i32 = 0
/** Steps since something was driven, counted down: until then a fault is one at work. */
let workSteps: i32 = 0
let releasedSteps: i32 = 0
/** Steps since the last hindrance: levels take turns, so one stands until its next turn. */
let quietSteps: i32 = 0
/** Steps since power-up with the hand pulling, or -1: the gesture was not made, or is not asked. */
let pulledSteps: i32 = -1
/** Of a switch that stays put: how often it was put on since power-up, and how it was last. */
let turnedOn: i32 = 0
let wasPulled: bool = false

/**
 * Once after power-up or reset. `latched`: the trip that was kept, or 0. `powered`: the board had
 * lost its power; only then can a hard trip be cleared by hand.
 */
export function setup(latched: i32, powered: i32): void {
  resetCurrent()
  reduceLevels(false)
  releasedSteps = 0
  workSteps = 0
  enter(latched === 0 ? STATE_WAIT : STATE_TRIPPED, latched)
  pulledSteps = powered !== 0 && HOLD >= 0 ? 0 : -1
  if (RESET_TURNS > 0) {
    turnedOn = 0
    wasPulled = true
  }
}

/** After `setup`, where nobody has calibrated the unit yet: lower limits. */
export function reduce(): void {
  reduceCurrent()
  reduceLevels(true)
}

function reduceLevels(reduced: bool): void {
  reduceLevel1(reduced)
  reduceLevel2(reduced)
  reduceLevel3(reduced)
  reduceLevel4(reduced)
}

/** Whether what the loop asks may pass: 1, or 0 for everything off. */
export function step(): i32 {
  const on = state === STATE_ARMED && isDriven()
  workSteps = on ? AFTER_STEPS : max(workSteps - 1, 0)
  const found = max(max(checkCurrent(on), checkHand(on)), checkLevels(on))
  const released = isReleased() && found === 0
  releasedSteps = released ? min(releasedSteps + 1, RELEASE_STEPS) : 0
  if (isStopped()) releasedSteps = 0
  if (state === STATE_ARMED) {
    if (found > CAUSE_SETTLING) {
      if (workSteps > 0 || found === OUTPUTS_WRONG) trip(found)
      else enter(STATE_WAIT, 0)
    } else if (isStopped()) enter(STATE_WAIT, 0)
  } else if (state === STATE_WAIT) wait(found)
  else waitForGesture()
  return i32(state === STATE_ARMED)
}

/** From outside: the loop trapped, a step took too long. Latched as any other. */
export function trip(why: i32): void {
  // What came first is what counts.
  if (state !== STATE_TRIPPED) enter(STATE_TRIPPED, why)
}

/** The service's reset of a trip: 1 where it was taken. Refused while the hand pulls. */
export function clear(): i32 {
  if (state !== STATE_TRIPPED || !isReleased()) return 0
  enter(STATE_WAIT, 0)
  return 1
}

function enter(next: i32, why: i32): void {
  state = next
  cause = why
  releasedSteps = 0
  pulledSteps = -1
  tell(TELL_STATE, next)
  tell(TELL_CAUSE, why)
  hinder(0)
}

function hinder(why: i32): void {
  if (why === hindrance) return
  hindrance = why
  tell(TELL_HINDRANCE, why)
}

function wait(found: i32): void {
  if (MAY_ARM === 0) hinder(CAUSE_NO_HARDWARE)
  else if (found > CAUSE_SETTLING) {
    hinder(found)
    quietSteps = 0
  } else if (quietSteps < 8) quietSteps += 1
  else if (isStopped()) hinder(CAUSE_EMERGENCY_STOP)
  else if (!isReleased()) hinder(CAUSE_NOT_RELEASED)
  else if (releasedSteps < RELEASE_STEPS) hinder(CAUSE_SETTLING)
  else enter(STATE_ARMED, 0)
}

/**
 * Pulled from power-up on for long, then let go; a switch that stays put, on and off several times
 * in that time: nobody does that by mistake.
 */
function waitForGesture(): void {
  if (pulledSteps < 0) return
  if (RESET_TURNS > 0) countTurns()
  else if (!isReleased()) pulledSteps = min(pulledSteps + 1, RESET_STEPS)
  else if (pulledSteps >= RESET_STEPS && (cause & HARD) !== 0) enter(STATE_WAIT, 0)
  else pulledSteps = -1
}

function countTurns(): void {
  const pulled = !isReleased()
  if (pulled && !wasPulled) turnedOn += 1
  wasPulled = pulled
  pulledSteps += 1
  if (pulledSteps > RESET_STEPS) pulledSteps = -1
  else if (!pulled && turnedOn >= RESET_TURNS && (cause & HARD) !== 0) enter(STATE_WAIT, 0)
}

/** One of the levels in each step. */
function checkLevels(on: bool): i32 {
  turn = (turn + 1) & 3
  if (turn === 0) return placed(checkLevel1(on), 0)
  if (turn === 1) return placed(checkLevel2(on), 1)
  if (turn === 2) return placed(checkLevel3(on), 2)
  return placed(checkLevel4(on), 3)
}

function placed(kind: i32, level: i32): i32 {
  return kind > CAUSE_SETTLING ? kind + ((PLACE_LEVEL + level) << 5) : kind
}
