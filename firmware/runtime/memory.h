/* The two functions that the compiler calls by itself for values larger than a few registers. */

/* Four words at once: a step that copies all state for the black box is the longest there is. */
struct four_words {
  u32 word[4];
};

void *memcpy(void *to, const void *from, size_t bytes) {
  u8 *at = to;
  const u8 *byte = from;
  if ((((u32)(uintptr_t)to | (u32)(uintptr_t)from) & 3) == 0) {
    for (; bytes >= 16; bytes -= 16, at += 16, byte += 16) {
      *(struct four_words *)at = *(const struct four_words *)byte;
    }
    for (; bytes >= 4; bytes -= 4, at += 4, byte += 4) *(u32 *)at = *(const u32 *)byte;
  }
  while (bytes-- > 0) *at++ = *byte++;
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  u8 *at = to;
  while (bytes-- > 0) *at++ = (u8)value;
  return to;
}
