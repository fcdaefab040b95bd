/* Minimum, maximum and saturating conversion of f32 as wasm has them, by integer arithmetic on the
 * bits: wasm2c's own compare floats up to six times, which a core without an FPU pays dearly. The
 * build includes it behind wasm2c's macros. Bit-equal with them, NaN (always the same one) and the
 * two zeros included; test/boards/wasm-float.test.ts compares both. */
#ifndef WASM_FLOAT_H
#define WASM_FLOAT_H

static inline u32 f32_word(f32 x) {
  u32 word;
  __builtin_memcpy(&word, &x, 4);
  return word;
}
static inline bool f32_is_nan(u32 word) { return word << 1 > 0xff000000u; }
/* Ordered as the numbers are, -0 below +0. */
static inline s32 f32_order(u32 word) { return (s32)(word ^ ((u32)((s32)word >> 31) >> 1)); }

static inline f32 f32_min(f32 x, f32 y) {
  u32 a = f32_word(x);
  u32 b = f32_word(y);
  if (UNLIKELY(f32_is_nan(a) || f32_is_nan(b))) return __builtin_nanf("");
  return f32_order(a) < f32_order(b) ? x : y;
}
static inline f32 f32_max(f32 x, f32 y) {
  u32 a = f32_word(x);
  u32 b = f32_word(y);
  if (UNLIKELY(f32_is_nan(a) || f32_is_nan(b))) return __builtin_nanf("");
  return f32_order(a) > f32_order(b) ? x : y;
}
/* Below 2^31 without its sign it fits. */
static inline u32 f32_to_s32(f32 x) {
  u32 word = f32_word(x);
  if (LIKELY((word & 0x7fffffffu) < 0x4f000000u)) return (u32)(s32)x;
  if (f32_is_nan(word)) return 0;
  return word >> 31 ? 0x80000000u : 0x7fffffffu;
}

/* Loops have no f64, so that these are only asked of f32. */
#undef FMIN
#undef FMAX
#undef I32_TRUNC_SAT_S_F32
#define FMIN(x, y) f32_min(x, y)
#define FMAX(x, y) f32_max(x, y)
#define I32_TRUNC_SAT_S_F32(x) f32_to_s32(x)

#endif
