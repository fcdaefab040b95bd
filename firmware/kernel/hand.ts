// The hand and what the loop asks for: no drive without a hand that pulls and, where one is due, a
// command; no pull or brake for ever; never drive and brake or two opposed outputs at once; no
// turning of the bridge while it conducts.
import {
  BRAKE,
  BRAKE_STEPS,
  CAUSE_BRAKED,
  CAUSE_DEAD_MAN,
  CAUSE_HELD,
  COMMAND,
  COMMAND_REST,
  DRIVE_1,
  DRIVE_2,
  DRIVE_3,
  DRIVE_4,
  DRIVE_5,
  DRIVE_6,
  DRIVE_7,
  DRIVE_8,
  HELD_STEPS,
  HOLD,
  OPPOSED_1A,
  OPPOSED_1B,
  OPPOSED_2A,
  OPPOSED_2B,
  OPPOSED_3A,
  OPPOSED_3B,
  OUTPUTS_WRONG,
  PLACE_HAND,
  RELEASED,
  STOP,
  STOP_STEPS,
  TURN,
} from './constants'
import { asked, reading } from './raw.ts'

const HERE: i32 = PLACE_HAND << 5

let lateSteps: i32 = 0
let heldSteps: i32 = 0
let brakedSteps: i32 = 0
let turned: i32 = 0
let wasOn: bool = false

function drives(): bool {
  return (
    asked(DRIVE_1) > 0 ||
    (DRIVE_2 >= 0 && asked(DRIVE_2) > 0) ||
    (DRIVE_3 >= 0 && asked(DRIVE_3) > 0) ||
    (DRIVE_4 >= 0 && asked(DRIVE_4) > 0) ||
    (DRIVE_5 >= 0 && asked(DRIVE_5) > 0) ||
    (DRIVE_6 >= 0 && asked(DRIVE_6) > 0) ||
    (DRIVE_7 >= 0 && asked(DRIVE_7) > 0) ||
    (DRIVE_8 >= 0 && asked(DRIVE_8) > 0)
  )
}

/** Both solenoids of a valve, or whatever else must never be on together. */
function collide(): bool {
  return (
    (OPPOSED_1A >= 0 && asked(OPPOSED_1A) > 0 && asked(OPPOSED_1B) > 0) ||
    (OPPOSED_2A >= 0 && asked(OPPOSED_2A) > 0 && asked(OPPOSED_2B) > 0) ||
    (OPPOSED_3A >= 0 && asked(OPPOSED_3A) > 0 && asked(OPPOSED_3B) > 0)
  )
}

function brakes(): bool {
  return BRAKE >= 0 && asked(BRAKE) > 0
}

/** The loop asks for anything that moves or brakes the machine. */
export function isDriven(): bool {
  return drives() || brakes()
}

/** The hand has let go. A machine without one is never held. */
export function isReleased(): bool {
  return HOLD < 0 || reading(HOLD) < RELEASED
}

/** The emergency stop's contact is open, or its wire broken. A machine without one is never so. */
export function isStopped(): bool {
  return STOP >= 0 && reading(STOP) === 0
}

/** Nobody asks for anything: the setpoint has expired, and with it the leave to drive. */
function isUncommanded(): bool {
  return COMMAND >= 0 && reading(COMMAND) <= COMMAND_REST
}

/** One check; `on`: what is asked for passes. A cause, or 0 where all is fine. */
export function checkHand(on: bool): i32 {
  const way = TURN < 0 ? 0 : asked(TURN)
  const turnedNow = way !== turned
  const wasDriven = wasOn
  turned = way
  wasOn = on
  if (!on) {
    lateSteps = 0
    heldSteps = 0
    brakedSteps = 0
    return 0
  }
  const driving = drives()
  const braking = brakes()
  if ((driving && braking) || (turnedNow && wasDriven) || collide()) return OUTPUTS_WRONG
  if (HOLD >= 0) {
    lateSteps = driving && (isReleased() || isUncommanded()) ? lateSteps + 1 : 0
    heldSteps = driving ? heldSteps + 1 : 0
    if (lateSteps > STOP_STEPS) return HERE + CAUSE_DEAD_MAN
    if (HELD_STEPS > 0 && heldSteps > HELD_STEPS) return HERE + CAUSE_HELD
  }
  if (BRAKE >= 0) {
    brakedSteps = braking ? brakedSteps + 1 : 0
    if (brakedSteps > BRAKE_STEPS) return HERE + CAUSE_BRAKED
  }
  return 0
}
