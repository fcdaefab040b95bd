// What no sensor measures: speed from back-EMF, torque at the chuck from current, gear and inertia.
// Averages over the PWM period; without a reading of the motor's own voltage it is blind while
// coasting, and then errs towards fast. Not a measurement: a profile marks these as estimated.
import { approach, clamp, mulQ16, mulQ24 } from '../lib/fixed.ts'
import {
  COAST_TIME_MS,
  GEAR_EFFICIENCY_DPCT,
  GEAR_RATIO_C,
  NO_LOAD_CURRENT_MA,
  NOMINAL_VOLTAGE_MV,
  RATE_HZ,
  ROTOR_INERTIA_NKGM2,
  TORQUE_CONSTANT_UNMA,
} from './constants'
import { currentMa, voltageMv } from './inputs.ts'
import { windingUohm } from './winding.ts'

/** Full duty or brake, in units of 0.01 %. */
export const FULL: i32 = 10000

// Shares of a step for time constants of 2, 4, 5 and 16 ms, 65536 being 1.
const CURRENT_SHARE: i32 = 32768000 / RATE_HZ
const EMF_SHARE: i32 = 16384000 / RATE_HZ
const VOLTAGE_SHARE: i32 = 13107200 / RATE_HZ
const TREND_SHARE: i32 = 4096000 / RATE_HZ

/** 0.0256 in Q24: from mV times 0.01 % to mV/256. */
const APPLIED_Q24: i32 = 429497
/** 60e7 / (2 pi * 256000) * 2^24: from mV/256 and a torque constant of 1 uN.m/A to 0.1 rev/min. */
export const SPEED_Q24: i32 = i32(6258227010 / i64(TORQUE_CONSTANT_UNMA))
/** J / (k^2 * 16 ms), mA per mV in Q16: the current that accelerating the rotor takes. */
const INERTIA_Q16: i64 =
  (i64(ROTOR_INERTIA_NKGM2) * 62500 * 65536) /
  (i64(TORQUE_CONSTANT_UNMA) * i64(TORQUE_CONSTANT_UNMA))
/** Torque constant * ratio * efficiency, N.m/A in Q16. */
const TORQUE_Q16: i32 = i32(
  (i64(TORQUE_CONSTANT_UNMA) * i64(GEAR_RATIO_C) * i64(GEAR_EFFICIENCY_DPCT) * 65536) /
    100000000000,
)
/** A rotor that nothing drives stops within coast_time from any speed. */
const FASTEST_Q8: i32 = NOMINAL_VOLTAGE_MV * 320
const COAST_Q8: i32 = i32((i64(FASTEST_Q8) * 1000) / (i64(COAST_TIME_MS) * RATE_HZ)) + 1
const IDLE_MA: i32 = NO_LOAD_CURRENT_MA / 2
const EMF_MAX_Q8: i32 = 40000 << 8

/** Motor current, averaged over 2 ms, in mA/256. */
export let currentQ8: i32 = 0
/** Pack voltage, averaged over 5 ms, in mV/256. */
export let voltageQ8: i32 = 0
/** Back-EMF in mV/256, without sign. */
export let emfQ8: i32 = 0
/** Torque at the chuck in mN.m; 0 unless driving. */
export let torqueMnm: i32 = 0
let trendQ8: i32 = 0
/** Resistance at 20 Cel in Q24 Ohm: mV/256 per mA in Q16. */
let coldQ16: i32 = 0
let resistanceQ16: i32 = 0

/** Motor speed in 0.1 rev/min, without sign. */
export function motorSpeed(): i32 {
  return mulQ24(emfQ8, SPEED_Q24)
}

/** Copper gains 0.393 % of its resistance per K. */
export function warmResistance(windingMcel: i32): void {
  resistanceQ16 = coldQ16 + i32((i64(coldQ16) * i64(windingMcel - 20000) * 393) / 100000000)
}

/** Folds one step; `duty` and `brake` (0.01 %) are what the bridge did since the last one. */
export function estimate(duty: i32, brake: i32): void {
  currentQ8 = approach(currentQ8, currentMa << 8, CURRENT_SHARE)
  voltageQ8 = approach(voltageQ8, voltageMv << 8, VOLTAGE_SHARE)
  const coasted = max(emfQ8 - COAST_Q8, 0)
  if (duty === 0 && brake === 0) {
    emfQ8 = coasted
  } else {
    const share = duty > 0 ? duty : FULL - brake
    const applied = mulQ24(share * voltageMv, APPLIED_Q24)
    const emf = clamp(applied - mulQ16(currentMa, resistanceQ16), 0, EMF_MAX_Q8)
    // With no current the bridge's diodes block, and the voltage applied is only a bound.
    if (duty > 0 && currentMa < IDLE_MA) emfQ8 = max(coasted, approach(emfQ8, emf, EMF_SHARE))
    else if (duty === 0 && currentMa > -IDLE_MA) emfQ8 = min(coasted, applied)
    else emfQ8 = approach(emfQ8, emf, EMF_SHARE)
  }
  const rising = emfQ8 - trendQ8
  trendQ8 += mulQ16(rising, TREND_SHARE)
  const accelerating = i32((i64(rising) * INERTIA_Q16) >> 24)
  const useful = (currentQ8 >> 8) - NO_LOAD_CURRENT_MA - accelerating
  torqueMnm = duty > 0 ? mulQ16(max(useful, 0), TORQUE_Q16) : 0
}

/** After the winding was taken. */
export function takeCold(): void {
  coldQ16 = i32((i64(windingUohm) * 16777216) / 1000000)
}

/** After a reset or a broken sensor the rotor is taken to be as fast as it can be. */
export function resetEstimate(): void {
  emfQ8 = FASTEST_Q8
}
