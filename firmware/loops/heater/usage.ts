// How much the heater has worked: counters since `setup`, modulo 2^32, exact in 64 bits; the board
// makes lifetime totals of them. Decides nothing.
import { report } from '../board.ts'
import {
  HEATER_POWER_DW,
  RATE_HZ,
  REPORT_ENERGY,
  REPORT_FAULTS,
  REPORT_HEAT_CYCLES,
  REPORT_HEATER_TIME,
  REPORT_RUN_TIME,
  REPORT_STARTS,
} from './constants'

const MILLISECOND: i64 = i64(RATE_HZ) / 1000
/** Steps of 0.1 W in a joule. */
const JOULE: i64 = i64(RATE_HZ) * 10

let starts: i32 = 0
let heatCycles: i32 = 0
let faults: i32 = 0
let runSteps: i64 = 0
let heaterSteps: i64 = 0

export function countStart(): void {
  starts += 1
}
export function countCycle(): void {
  heatCycles += 1
}
export function countFault(): void {
  faults += 1
}
/** Each step. */
export function count(running: bool, heating: bool): void {
  if (running) runSteps += 1
  if (heating) heaterSteps += 1
}

/** At 10 Hz. */
export function reportUsage(): void {
  report(REPORT_STARTS, starts)
  report(REPORT_HEAT_CYCLES, heatCycles)
  report(REPORT_RUN_TIME, i32(runSteps / MILLISECOND))
  report(REPORT_HEATER_TIME, i32(heaterSteps / MILLISECOND))
  report(REPORT_ENERGY, i32((heaterSteps * i64(HEATER_POWER_DW)) / JOULE))
  report(REPORT_FAULTS, faults)
}
