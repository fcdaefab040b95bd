/* Bytes in memory for the cryptography: moved, compared, wiped, read in both orders. No branch
 * depends on a byte's value. */

static u64 big_endian(const u8 *from) {
  u64 word = 0;
  for (u32 i = 0; i < 8; i++) word = word << 8 | from[i];
  return word;
}

static void put_big_endian(u8 *to, u64 word) {
  for (u32 i = 8; i-- > 0; word >>= 8) to[i] = (u8)word;
}

/* `words` words of 32 bits, the least significant byte first, wherever they lie. */
static void words_of(u32 *to, const u8 *from, u32 words) {
  for (u32 i = 0; i < words; i++, from += 4) {
    to[i] = from[0] | (u32)from[1] << 8 | (u32)from[2] << 16 | (u32)from[3] << 24;
  }
}

static void bytes_of(u8 *to, const u32 *from, u32 words) {
  for (u32 i = 0; i < 4 * words; i++) to[i] = (u8)(from[i / 4] >> 8 * (i & 3));
}

static void copy_bytes(void *to, const void *from, u32 bytes) {
  u8 *at = to;
  for (const u8 *byte = from; bytes-- > 0;) *at++ = *byte++;
}

static bool same_bytes(const void *a, const void *b, u32 bytes) {
  u32 difference = 0;
  const u8 *one = a, *other = b;
  while (bytes-- > 0) difference |= *one++ ^ *other++;
  return difference == 0;
}

/* Where a value must not stay: a plain store to what is not read again may be left out. */
static void wipe(void *what, u32 bytes) {
  volatile u8 *at = what;
  while (bytes-- > 0) *at++ = 0;
}
