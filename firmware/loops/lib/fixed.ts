// Integer arithmetic that loops share: products of 64 bits scaled back to 32, clamping, a low-pass.
// No division at run time: small cores have none. It keeps no state.

/** `low` if below it, `high` if above it, else `x`. */
export function clamp(x: i32, low: i32, high: i32): i32 {
  return x < low ? low : x > high ? high : x
}

/** `x * q / 2^16`, rounded down, without overflow in between. */
export function mulQ16(x: i32, q: i32): i32 {
  return i32((i64(x) * i64(q)) >> 16)
}

/** `x * q / 2^24`, rounded down, without overflow in between. */
export function mulQ24(x: i32, q: i32): i32 {
  return i32((i64(x) * i64(q)) >> 24)
}

/**
 * One step of a first-order low-pass: `share` of the way from `from` to `to`, 65536 being all of
 * it.
 */
export function approach(from: i32, to: i32, share: i32): i32 {
  return from + mulQ16(to - from, share)
}
