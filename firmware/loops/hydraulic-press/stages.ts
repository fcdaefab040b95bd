// What each stage of a block is: which valve moves, where the move ends, what must be so meanwhile,
// and which switch the cylinder has left by then. Pure questions about the step's readings.
import {
  OUT_DRAWER_PULL,
  OUT_DRAWER_PUSH,
  OUT_MAIN_DOWN,
  OUT_MAIN_UP,
  PRESS_PRESSURE_CBAR,
  STAGE_CLOSE,
  STAGE_COMPRESS,
  STAGE_DWELL,
  STAGE_FILL,
  STAGE_HOME_DRAWER,
  STAGE_HOME_MAIN,
  STAGE_LIFT,
  STAGE_OPEN,
  STAGE_PUSH,
  STAGE_RELIEVE,
} from './constants'
import { atBottom, atTop, isIn, isMiddle, isOut, pressureCbar } from './inputs.ts'
import { NO_VALVE } from './valves.ts'

export function valveOf(stage: i32): i32 {
  if (stage === STAGE_PUSH) return OUT_DRAWER_PUSH
  if (stage === STAGE_FILL || stage === STAGE_RELIEVE) return OUT_MAIN_DOWN
  if (stage === STAGE_DWELL) return NO_VALVE
  return isDrawer(stage) ? OUT_DRAWER_PULL : OUT_MAIN_UP
}

function isDrawer(stage: i32): bool {
  return stage === STAGE_HOME_DRAWER || stage === STAGE_CLOSE || stage === STAGE_OPEN
}

/** The move is over, in this very step. Where it ends by pressure, that is cut off in guard.ts. */
export function isReached(stage: i32): bool {
  if (stage === STAGE_HOME_DRAWER || stage === STAGE_OPEN) return isIn
  if (stage === STAGE_PUSH) return isOut
  if (stage === STAGE_FILL) return atBottom
  // From the middle nobody comes back to it: a drawer that was stopped behind it is found by time.
  if (stage === STAGE_CLOSE) return isMiddle
  // Compressing ends by pressure, relieving by time.
  return (stage === STAGE_HOME_MAIN || stage === STAGE_LIFT) && atTop
}

/** What must be so for this stage to go on: a cylinder that moves by itself is out of sequence. */
export function isAllowed(stage: i32): bool {
  if (stage === STAGE_HOME_MAIN || stage === STAGE_LIFT) return isIn
  if (stage === STAGE_PUSH) return atTop
  if (stage === STAGE_FILL) return isOut
  if (stage === STAGE_CLOSE) return atBottom
  if (stage === STAGE_COMPRESS || stage === STAGE_DWELL || stage === STAGE_RELIEVE) return isMiddle
  return true
}

/** The switch that the cylinder came from is still on. */
export function hasNotLeft(stage: i32): bool {
  if (stage === STAGE_PUSH) return isIn
  if (stage === STAGE_FILL) return atTop
  if (stage === STAGE_CLOSE) return isOut
  if (stage === STAGE_COMPRESS) return atBottom
  return stage === STAGE_OPEN && isMiddle
}

/** Ends by pressure. */
export function isPressing(stage: i32): bool {
  return stage === STAGE_COMPRESS
}

export function pressed(): bool {
  return pressureCbar >= PRESS_PRESSURE_CBAR
}
