/* CRC-32 (IEEE 802.3, reflected), half a byte at a time: of frames, of records in the flash, of
 * recordings. */

static const u32 crc_table[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};

static inline u32 crc32_add(u32 crc, u32 byte) {
  crc ^= byte;
  crc = crc >> 4 ^ crc_table[crc & 15];
  return crc >> 4 ^ crc_table[crc & 15];
}

/* Neither begun nor ended: by whom it is used, from ~0 on in most cases. */
static u32 crc32_of(u32 crc, const void *data, u32 bytes) {
  for (const u8 *at = data, *end = at + bytes; at < end; at++) crc = crc32_add(crc, *at);
  return crc;
}
