/* The two functions that the compiler calls by itself for values larger than a few registers. */

void *memcpy(void *to, const void *from, size_t bytes) {
  u8 *at = to;
  const u8 *byte = from;
  if ((((u32)(uintptr_t)to | (u32)(uintptr_t)from) & 3) == 0) {
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
