// PID at 10 Hz. The derivative is of the temperature, so that a new target gives no kick, and
// filtered; the integral stands while the output is at an end and the error would push it further
// (conditional integration), so that a long way up winds nothing up.
import { FILTER_TIME_MS, KD_CPCTSK, KI_MPCTKS, KP_CPCTK, MAX_POWER_DPCT } from './constants'

/** Power: one part in a million is FULL / 10^6, a ten-thousandth of a percent. */
export const FULL: i32 = 1000000
const MOST: i32 = MAX_POWER_DPCT * 1000
/** The integral has a hundred times finer steps: 0.001 %/K/s * 0.01 K * 0.1 s. */
const FINER: i64 = 100
const MOST_FINE: i64 = i64(MOST) * FINER
/** 0.1 s of the filter, in Q16. */
const SHARE_Q16: i64 = (100 * 65536) / (i64(FILTER_TIME_MS) + 100)

let integral: i64 = 0
let slopeQ8: i64 = 0
let lastCcel: i32 = 0

/** Nothing is asked for: only the temperature is followed, so that the next start has its slope. */
export function rest(meanCcel: i32): void {
  integral = 0
  slopeQ8 = 0
  lastCcel = meanCcel
}

/** One step: power for the next tenth of a second, 0 to FULL. */
export function control(targetCcel: i32, meanCcel: i32): i32 {
  const error = i64(targetCcel - meanCcel)
  const rise = i64(meanCcel - lastCcel) << 8
  lastCcel = meanCcel
  slopeQ8 += ((rise - slopeQ8) * SHARE_Q16) >> 16
  const next = min(max(integral + error * i64(KI_MPCTKS), 0), MOST_FINE)
  // 0.01 %/K * 0.01 K is a ten-thousandth of a percent; a change in 0.1 s counts ten times.
  const rest = error * i64(KP_CPCTK) - ((slopeQ8 * i64(KD_CPCTSK) * 10) >> 8)
  const wanted = rest + next / FINER
  const given = min(max(wanted, 0), i64(MOST))
  if (wanted === given || wanted > given !== error > 0) integral = next
  return i32(given)
}
