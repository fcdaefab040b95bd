/* Arithmetic modulo p = 2^255 - 19 (RFC 7748) in eight words of 32 bits. A value is any number
 * below 2^256; only `field_reduce` gives the one below p. Constant time: no branch and no address
 * depends on a value, and a core's multiplication of 32 bits takes the same time for all values. */

typedef struct {
  u32 word[8];
} field;

static const field field_zero = {{0}};
static const field field_one = {{1}};

/* r += a * b over eight words; gives the word that is carried out of the top. */
#ifdef __ARM_ARCH_6M__
/* This core multiplies 32 bits to 32: a long product is made of halves, and the compiler's own way
 * takes three times as long. No sum overflows: each is below 2^64. */
__attribute__((noinline)) static u32 add_row(u32 *r, const u32 *b, u32 a) {
  u32 carry = 0, low = a & 0xffff, high = a >> 16, t, u, v;
  __asm__(".syntax unified\n\t"
          ".rept 8\n\t"
          "ldmia %[b]!, {%[t]}\n\t"
          "uxth %[u], %[t]\n\t"
          "lsrs %[t], #16\n\t"
          "mov r8, %[t]\n\t"
          "movs %[v], %[u]\n\t"
          "muls %[v], %[low]\n\t"
          "muls %[u], %[high]\n\t"
          "movs %[t], #0\n\t"
          "adds %[v], %[carry]\n\t"
          "adcs %[t], %[t]\n\t"
          "movs %[carry], %[t]\n\t"
          "lsls %[t], %[u], #16\n\t"
          "lsrs %[u], #16\n\t"
          "adds %[v], %[t]\n\t"
          "adcs %[carry], %[u]\n\t"
          "ldr %[t], [%[r]]\n\t"
          "movs %[u], #0\n\t"
          "adds %[v], %[t]\n\t"
          "adcs %[carry], %[u]\n\t"
          "mov %[t], r8\n\t"
          "movs %[u], %[t]\n\t"
          "muls %[u], %[low]\n\t"
          "muls %[t], %[high]\n\t"
          "adds %[carry], %[t]\n\t"
          "lsls %[t], %[u], #16\n\t"
          "lsrs %[u], #16\n\t"
          "adds %[v], %[t]\n\t"
          "adcs %[carry], %[u]\n\t"
          "stmia %[r]!, {%[v]}\n\t"
          ".endr"
          : [r] "+&l"(r), [b] "+&l"(b), [carry] "+&l"(carry), [t] "=&l"(t), [u] "=&l"(u),
            [v] "=&l"(v)
          : [low] "l"(low), [high] "l"(high)
          : "r8", "cc", "memory");
  return carry;
}
#else
__attribute__((noinline)) static u32 add_row(u32 *r, const u32 *b, u32 a) {
  u64 sum = 0;
  for (u32 i = 0; i < 8; i++) {
    sum += (u64)a * b[i] + r[i];
    r[i] = (u32)sum;
    sum >>= 32;
  }
  return (u32)sum;
}
#endif

/* 2^256 is 38 modulo p: what was carried out of the top comes in again below. Twice is enough:
 * after the first time, only a number below the carry is left when there is a second. */
static inline void fold(u32 *word, u32 carry) {
  for (u32 twice = 0; twice < 2; twice++) {
    u64 sum = (u64)(carry * 38);
    for (u32 i = 0; i < 8; i++) {
      sum += word[i];
      word[i] = (u32)sum;
      sum >>= 32;
    }
    carry = (u32)sum;
  }
}

static void field_add(field *r, const field *a, const field *b) {
  u64 sum = 0;
  for (u32 i = 0; i < 8; i++) {
    sum += (u64)a->word[i] + b->word[i];
    r->word[i] = (u32)sum;
    sum >>= 32;
  }
  fold(r->word, (u32)sum);
}

static void field_subtract(field *r, const field *a, const field *b) {
  s64 difference = 0;
  for (u32 i = 0; i < 8; i++) {
    difference += (s64)a->word[i] - b->word[i];
    r->word[i] = (u32)difference;
    difference >>= 32;
  }
  /* A borrow, -1 times 2^256, is -38; see `fold`. */
  for (u32 twice = 0; twice < 2; twice++) {
    difference = -(s64)(38 & (u32)difference);
    for (u32 i = 0; i < 8; i++) {
      difference += r->word[i];
      r->word[i] = (u32)difference;
      difference >>= 32;
    }
  }
}

/* All sixteen words of a product. */
__attribute__((noinline)) static void multiply_words(u32 *r, const u32 *a, const u32 *b) {
  for (u32 i = 0; i < 8; i++) r[i] = 0;
  for (u32 i = 0; i < 8; i++) r[i + 8] = add_row(r + i, b, a[i]);
}

__attribute__((noinline)) static void field_multiply(field *r, const field *a, const field *b) {
  u32 all[16];
  multiply_words(all, a->word, b->word);
  fold(all, add_row(all, all + 8, 38));
  for (u32 i = 0; i < 8; i++) r->word[i] = all[i];
}

static void field_square_times(field *r, const field *a, u32 times) {
  field_multiply(r, a, a);
  while (--times > 0) field_multiply(r, r, r);
}

/* a^(2^250 - 1), and a^11 beside it: both exponents below begin like this. */
static void field_power_begin(field *r, field *a11, const field *a) {
  field t, u;
  field_square_times(&t, a, 1);
  field_square_times(&u, &t, 2);
  field_multiply(&u, &u, a);
  field_multiply(a11, &u, &t);
  field_square_times(&t, a11, 1);
  field_multiply(&u, &u, &t); /* 2^5 - 1 */
  field_square_times(&t, &u, 5);
  field_multiply(&u, &u, &t); /* 2^10 - 1 */
  field_square_times(&t, &u, 10);
  field_multiply(&t, &t, &u); /* 2^20 - 1 */
  field_square_times(r, &t, 20);
  field_multiply(&t, &t, r); /* 2^40 - 1 */
  field_square_times(&t, &t, 10);
  field_multiply(&u, &u, &t); /* 2^50 - 1 */
  field_square_times(&t, &u, 50);
  field_multiply(&t, &t, &u); /* 2^100 - 1 */
  field_square_times(r, &t, 100);
  field_multiply(&t, &t, r); /* 2^200 - 1 */
  field_square_times(&t, &t, 50);
  field_multiply(r, &t, &u);
}

/* 1 / a, as a^(p - 2). */
static void field_invert(field *r, const field *a) {
  field a11;
  field_power_begin(r, &a11, a);
  field_square_times(r, r, 5);
  field_multiply(r, r, &a11);
}

/* a^((p - 5) / 8), of which square roots are made. */
static void field_root_power(field *r, const field *a) {
  field a11, base = *a;
  field_power_begin(r, &a11, a);
  field_square_times(r, r, 2);
  field_multiply(r, r, &base);
}

/* a - b where that is not negative, else a; words of any number. Gives whether it was. */
static u32 subtract_if_not_less(u32 *a, const u32 *b) {
  u32 less[8];
  s64 difference = 0;
  for (u32 i = 0; i < 8; i++) {
    difference += (s64)a[i] - b[i];
    less[i] = (u32)difference;
    difference >>= 32;
  }
  u32 keep = (u32)difference;
  for (u32 i = 0; i < 8; i++) a[i] = (a[i] & keep) | (less[i] & ~keep);
  return keep + 1;
}

static const u32 field_p[8] = {0xffffffed, 0xffffffff, 0xffffffff, 0xffffffff,
                               0xffffffff, 0xffffffff, 0xffffffff, 0x7fffffff};

/* The one number below p. 2^256 is 2p + 38, so twice is enough. */
static void field_reduce(field *a) {
  subtract_if_not_less(a->word, field_p);
  subtract_if_not_less(a->word, field_p);
}

static bool field_is_zero(const field *a) {
  field reduced = *a;
  field_reduce(&reduced);
  return same_bytes(&reduced, &field_zero, sizeof reduced);
}

static bool field_equal(const field *a, const field *b) {
  field difference;
  field_subtract(&difference, a, b);
  return field_is_zero(&difference);
}
