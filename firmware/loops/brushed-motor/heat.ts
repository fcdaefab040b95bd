// The slow states: winding temperature and I2t. Sums of squares of every step are kept in 64 bits
// and folded at 100 Hz, a division a step, so that an hour loses nothing. Models only: the can's
// sensor is what is measured.
import {
  CONTINUOUS_CURRENT_MA,
  INITIAL_WINDING_RISE_CK,
  OVERLOAD_RESERVE_A2S,
  RATE_HZ,
  WINDING_HEAT_CAPACITY_MJK,
  WINDING_TO_CAN_MKW,
} from './constants'
import { canCcel, currentMa } from './inputs.ts'
import { windingUohm } from './winding.ts'

const CONTINUOUS_MA2: i64 = i64(CONTINUOUS_CURRENT_MA) * i64(CONTINUOUS_CURRENT_MA)
/** The reserve in mA^2 steps. */
const RESERVE: i64 = i64(OVERLOAD_RESERVE_A2S) * 1000000 * i64(RATE_HZ)
const RESERVE_SHARE: i64 = RESERVE / 1000
/** Turns (mA^2 steps / 256) * uOhm into nK. */
const HEAT_DIVISOR: i64 = (i64(RATE_HZ) * i64(WINDING_HEAT_CAPACITY_MJK)) / 256
/** 10 ms / (thermal resistance * heat capacity), in Q28. */
const COOL_Q28: i64 =
  (10000 * i64(268435456)) / (i64(WINDING_TO_CAN_MKW) * i64(WINDING_HEAT_CAPACITY_MJK))
const RISE_MAX_NK: i64 = i64(300) * 1000000000
const NK_PER_CCEL: i64 = 10000000

/** Square of the current, summed over the steps since the last slow one. */
let squares: i64 = 0
let overload: i64 = 0
/** Of the winding as warm as it is, in uOhm. */
let resistanceUohm: i64 = 0
/** Winding above can, in nK. */
let riseNk: i64 = 0

/** Winding temperature in 0.001 Cel. */
export let windingMcel: i32 = 0
/** Share of the I2t reserve that is used, in 0.1 %. */
export let overloadDpct: i32 = 0

export function heat(): void {
  const square = i64(currentMa) * i64(currentMa)
  squares += square
  overload = min(max(overload + square - CONTINUOUS_MA2, 0), 2 * RESERVE)
}

/** At 100 Hz, as all that follows: what of the I2t reserve is used. */
export function foldOverload(): void {
  overloadDpct = i32(overload / RESERVE_SHARE)
}

/** Copper's resistance follows the temperature. */
export function warmWinding(): void {
  const warm = 1000000 + ((windingMcel - 20000) * 393) / 100
  resistanceUohm = (i64(windingUohm) * i64(warm)) / 1000000
}

/**
 * dT/dt = (I^2 R(T) - (T - can) / Rth) / C. The can is measured, so only the rise above it is a
 * state.
 */
export function foldHeat(): void {
  const gained = ((squares >> 8) * resistanceUohm) / HEAT_DIVISOR
  riseNk = min(max(riseNk + gained - ((riseNk * COOL_Q28) >> 28), 0), RISE_MAX_NK)
  squares = 0
}

export function takeTemperature(): void {
  windingMcel = canCcel * 10 + i32(riseNk / 1000000)
}

/** After a reset nobody knows how hot the winding is: some rise above the can is assumed. */
export function assumeWarm(): void {
  riseNk = i64(INITIAL_WINDING_RISE_CK) * NK_PER_CCEL
}
