// How much the machine has worked: counters since `setup`, each modulo 2^32, with what is left of a
// unit kept exactly in 64 bits. The board makes lifetime totals of them. Decides nothing.
import { report } from '../board.ts'
import {
  RATE_HZ,
  REPORT_CHARGE,
  REPORT_CLUTCH_TRIPS,
  REPORT_ENERGY,
  REPORT_REVOLUTIONS,
  REPORT_RUN_TIME,
  REPORT_STALLS,
  REPORT_STARTS,
  TORQUE_CONSTANT_UNMA,
} from './constants'
import { emfQ8 } from './estimate.ts'
import { currentMa, voltageMv } from './inputs.ts'

// Sums of every step in 64 bits; what one unit of a counter is in them. The shifts keep a sum from
// overflowing for 200 days at 60 A, 20 V and 10 kHz; what is cut off is below 1 in 100,000
// (README).
const CHARGE_BITS: i32 = 4
const ENERGY_BITS: i32 = 18
/** 0.01 % * mA * steps / 2^4 in a coulomb. */
const COULOMB: i64 = (i64(10000) * 1000 * i64(RATE_HZ)) >> CHARGE_BITS
/** 0.01 % * mV * mA * steps / 2^18 in a joule. */
const JOULE: i64 = (i64(10000) * 1000000 * i64(RATE_HZ)) >> ENERGY_BITS
/** mV/256 * steps in a turn: 2 pi * k * rate, k in uN.m/A. */
const TURN: i64 = (i64(TORQUE_CONSTANT_UNMA) * 6283185 * 256 * (i64(RATE_HZ) / 1000)) / 1000000
const MILLISECOND: i64 = i64(RATE_HZ) / 1000

let starts: i32 = 0
let stalls: i32 = 0
let clutchTrips: i32 = 0
let runSteps: i64 = 0
let charge: i64 = 0
let energy: i64 = 0
let turns: i64 = 0

export function countStart(): void {
  starts += 1
}
export function countStall(): void {
  stalls += 1
}
export function countClutch(): void {
  clutchTrips += 1
}

/**
 * Every step: what the pack gave and how far the rotor turned; `duty` and `brake` in 0.01 %. Turns
 * of a coasting rotor are not counted: the estimate is blind then.
 */
export function count(duty: i32, brake: i32): void {
  if (duty > 0 || brake > 0) turns += emfQ8
  if (duty === 0) return
  runSteps += 1
  const drawn = duty * max(currentMa, 0)
  charge += i64(drawn >> CHARGE_BITS)
  energy += (i64(drawn) * i64(voltageMv)) >> ENERGY_BITS
}

/** At 100 Hz: whole units, modulo 2^32; one division in each of four parts, 0 to 3. */
export function reportUsage(part: i32): void {
  if (part === 0) {
    report(REPORT_RUN_TIME, i32(runSteps / MILLISECOND))
    report(REPORT_STARTS, starts)
    report(REPORT_STALLS, stalls)
    report(REPORT_CLUTCH_TRIPS, clutchTrips)
  } else if (part === 1) report(REPORT_REVOLUTIONS, i32(turns / TURN))
  else if (part === 2) report(REPORT_CHARGE, i32(charge / COULOMB))
  else report(REPORT_ENERGY, i32(energy / JOULE))
}
