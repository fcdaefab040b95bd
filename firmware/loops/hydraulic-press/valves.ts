// The only place that writes outputs. One cylinder moves at a time, one way; between two moves lies
// a pause with every valve off, longer than a solenoid takes to let go, so that both solenoids of a
// valve are never on, nor still on.
import { writeOutput } from '../board.ts'
import {
  OUT_DRAWER_PULL,
  OUT_DRAWER_PUSH,
  OUT_MAIN_DOWN,
  OUT_MAIN_UP,
  OUT_PUMP,
  OUT_SHAKER,
  RATE_HZ,
  VALVE_PAUSE_MS,
} from './constants'

const PAUSE_STEPS: i32 = (VALVE_PAUSE_MS * RATE_HZ) / 1000

/** The valve that is open, or NO_VALVE. */
export const NO_VALVE: i32 = -1
export let open: i32 = -1
export let pumping: bool = false
let offSteps: i32 = 0

/** In each step, before anything opens. */
export function passTime(): void {
  offSteps = open === NO_VALVE ? min(offSteps + 1, PAUSE_STEPS) : 0
}

function write(valve: i32): void {
  open = valve
  writeOutput(OUT_MAIN_UP, i32(valve === OUT_MAIN_UP))
  writeOutput(OUT_MAIN_DOWN, i32(valve === OUT_MAIN_DOWN))
  writeOutput(OUT_DRAWER_PUSH, i32(valve === OUT_DRAWER_PUSH))
  writeOutput(OUT_DRAWER_PULL, i32(valve === OUT_DRAWER_PULL))
}

/** Every valve off, in this very step; the pump goes on. */
export function shut(): void {
  write(NO_VALVE)
}

/** Everything off, also between two steps: the rest of that step is no part of the pause. */
export function off(): void {
  if (open !== NO_VALVE) offSteps = -1
  write(NO_VALVE)
  load(false)
  shake(false)
}

/** Opens one valve; refused (false) until the pause is over with all of them off. */
export function move(valve: i32): bool {
  if (open === valve) return true
  if (open !== NO_VALVE) shut()
  if (offSteps < PAUSE_STEPS) return false
  write(valve)
  return true
}

/** The pump gives pressure, or runs idle. */
export function load(on: bool): void {
  pumping = on
  writeOutput(OUT_PUMP, i32(on))
}

export function shake(on: bool): void {
  writeOutput(OUT_SHAKER, i32(on))
}
