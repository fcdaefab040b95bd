// How much the press has worked: counters since `setup`, modulo 2^32; the board makes lifetime
// totals of them. Decides nothing.
import { report } from '../board.ts'
import {
  RATE_HZ,
  REPORT_BLOCKS,
  REPORT_FAULTS,
  REPORT_JAMS,
  REPORT_RUN_TIME,
  REPORT_STARTS,
  REPORT_STROKES,
} from './constants'

const MILLISECOND: i64 = i64(RATE_HZ) / 1000

let starts: i32 = 0
let blocks: i32 = 0
let strokes: i32 = 0
let jams: i32 = 0
let faults: i32 = 0
let runSteps: i64 = 0

export function countStart(): void {
  starts += 1
}
export function countBlock(): void {
  blocks += 1
}
export function countStroke(): void {
  strokes += 1
}
export function countJam(): void {
  jams += 1
}
export function countFault(): void {
  faults += 1
}
export function countRun(): void {
  runSteps += 1
}

/** At 100 Hz. */
export function reportUsage(): void {
  report(REPORT_STARTS, starts)
  report(REPORT_BLOCKS, blocks)
  report(REPORT_STROKES, strokes)
  report(REPORT_RUN_TIME, i32(runSteps / MILLISECOND))
  report(REPORT_JAMS, jams)
  report(REPORT_FAULTS, faults)
}
