/* Products and divisions as wasm2c's output uses them, for a core whose only multiplication is of
 * 32 bits, in one cycle. For anything wider the compiler calls its library, with all 64 bits of
 * both; but nearly always both are widened numbers of 32 bits, which it can see: then four small
 * products do, and what is cut off again is not computed. A product by a constant it makes of
 * shifts and sums, five to nine of them, as for a core that takes long to multiply. A division by a
 * constant is a product on every core (Granlund and Montgomery, 1994; wasm2c.ts makes the factors).
 * The same bits in every case; test/boards/wasm-product.test.ts compares them with V8. */
#ifndef WASM_PRODUCT_H
#define WASM_PRODUCT_H

#define WASM_INLINE static inline __attribute__((always_inline))

#if defined(__ARM_ARCH) && __ARM_ARCH == 6
/* One multiplication, also by a constant. */
WASM_INLINE u32 wasm_product32(u32 a, u32 b) {
  if (__builtin_constant_p(b) && (b & (b - 1)) != 0) __asm__("" : "+l"(b));
  return a * b;
}

#define WASM_KNOWN(is) (__builtin_constant_p(is) && (is))
/* `a` is a number of 32 bits with its sign, and the compiler knows it. */
#define WASM_WIDENED(a) (WASM_KNOWN((u64)(s32)(a) == (a)) || WASM_KNOWN((a) <= 0x7fffffffu))

/* The parts of a product, in steps of 2^16. None overflows: 15 bits and a sign times 16. */
struct wasm_parts {
  u32 low;
  s32 one, other;
  u32 high;
};
WASM_INLINE struct wasm_parts wasm_parts_of(s32 x, s32 y) {
  u32 xl = (u32)x & 0xffff, yl = (u32)y & 0xffff;
  u32 xh = (u32)(x >> 16), yh = (u32)(y >> 16);
  return (struct wasm_parts){wasm_product32(xl, yl), (s32)wasm_product32(xh, yl),
                             (s32)wasm_product32(xl, yh), wasm_product32(xh, yh)};
}

WASM_INLINE u64 wasm_product(u64 a, u64 b) {
  if (!WASM_WIDENED(a) || !WASM_WIDENED(b)) return a * b;
  struct wasm_parts of = wasm_parts_of((s32)a, (s32)b);
  u64 middle = (u64)(s64)of.one + (u64)(s64)of.other;
  return ((u64)of.high << 32 | of.low) + (middle << 16);
}

/* The lower word of a product shifted right, with its sign: the fixed point's scaling back. */
WASM_INLINE u32 wasm_scaled(u64 a, u64 b, u64 bits) {
  if (!WASM_WIDENED(a) || !WASM_WIDENED(b) || !WASM_KNOWN(bits > 0 && bits < 32))
    return (u32)((s64)wasm_product(a, b) >> (bits & 63));
  struct wasm_parts of = wasm_parts_of((s32)a, (s32)b);
  if (bits <= 16) {
    u32 middle = (u32)of.one + (u32)of.other;
    return (of.high << (32 - bits)) + (middle << (16 - bits)) + (of.low >> bits);
  }
  s64 middle = (s64)of.one + of.other + (of.low >> 16);
  return (of.high << (32 - bits)) + (u32)(middle >> (bits - 16));
}

static __attribute__((noinline)) u64 wasm_wide(u32 x, u32 y) {
  u32 xl = x & 0xffff, yl = y & 0xffff, xh = x >> 16, yh = y >> 16;
  u64 middle = (u64)(xh * yl) + xl * yh;
  return ((u64)(xh * yh) << 32 | xl * yl) + (middle << 16);
}
#else
WASM_INLINE u32 wasm_product32(u32 a, u32 b) { return a * b; }
WASM_INLINE u64 wasm_wide(u32 x, u32 y) { return (u64)x * y; }
WASM_INLINE u64 wasm_product(u64 a, u64 b) { return a * b; }
WASM_INLINE u32 wasm_scaled(u64 a, u64 b, u64 bits) { return (u32)((s64)(a * b) >> (bits & 63)); }
#endif

/* x / d, towards zero, where 2^bits < d < 2^(bits + 1) and `factor` is 2^(64 + bits) / d, rounded
 * up: exact for every x, because the size of x is at most 2^63. */
static __attribute__((noinline)) u64 wasm_divided(u64 x, u64 factor, u32 bits) {
  u64 size = (s64)x < 0 ? 0 - x : x;
  u64 low = wasm_wide((u32)(size >> 32), (u32)factor) + (wasm_wide((u32)size, (u32)factor) >> 32);
  u64 other = wasm_wide((u32)size, (u32)(factor >> 32)) + (u32)low;
  u64 high = wasm_wide((u32)(size >> 32), (u32)(factor >> 32)) + (low >> 32) + (other >> 32);
  high >>= bits;
  return (s64)x < 0 ? 0 - high : high;
}
/* The same of 32 bits, `factor` being 2^(32 + bits) / d. */
static __attribute__((noinline)) u32 wasm_divided32(u32 x, u32 factor, u32 bits) {
  u32 size = (s32)x < 0 ? 0 - x : x;
  u32 high = (u32)(wasm_wide(size, factor) >> 32) >> bits;
  return (s32)x < 0 ? 0 - high : high;
}

#endif
