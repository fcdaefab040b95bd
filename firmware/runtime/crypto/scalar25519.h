/* Arithmetic modulo L, the order of the base point (RFC 8032). Constant time. Slow and plain: a bit
 * at a time, which is little beside the curve. */

static const u32 scalar_order[8] = {0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de,
                                    0,          0,          0,          0x10000000};

/* A number of sixteen words, modulo L. */
static void scalar_reduce(u32 *r, const u32 *wide) {
  for (u32 i = 0; i < 8; i++) r[i] = 0;
  for (u32 bit = 512; bit-- > 0;) {
    u32 carry = wide[bit / 32] >> (bit & 31) & 1;
    for (u32 i = 0; i < 8; i++) {
      u32 top = r[i] >> 31;
      r[i] = r[i] << 1 | carry;
      carry = top;
    }
    subtract_if_not_less(r, scalar_order);
  }
}

/* a * b + c modulo L; a, b and c below 2^256. */
static void scalar_multiply_add(u32 *r, const u32 *a, const u32 *b, const u32 *c) {
  u32 wide[16];
  multiply_words(wide, a, b);
  u64 sum = 0;
  for (u32 i = 0; i < 16; i++) {
    sum += (u64)wide[i] + (i < 8 ? c[i] : 0);
    wide[i] = (u32)sum;
    sum >>= 32;
  }
  scalar_reduce(r, wide);
  wipe(wide, sizeof wide);
}

static bool scalar_is_canonical(const u32 *a) {
  u32 copy[8];
  for (u32 i = 0; i < 8; i++) copy[i] = a[i];
  return subtract_if_not_less(copy, scalar_order) == 0;
}
