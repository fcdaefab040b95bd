/* Frames on a serial line: 00, then in COBS (Cheshire and Baker, 1999) version, kind, a CBOR body
 * and a CRC-32, then 00. What is written stands in one ring until the port takes it; what comes is
 * gathered in one frame's place. Thread mode only; the ring's reader may be an interrupt. Must
 * never wait: a frame that has no room is not begun. */

#define LINK_VERSION 1
/* Bytes on their way to the gateway; a power of two. */
#define LINK_RING 512u
/* Longest frame before stuffing, both ways: version, kind, body, CRC. */
#define LINK_FRAME 320u

static u8 link_ring[LINK_RING];
/* Whole frames reach up to `head`; `tail` is the port's. */
SEEN volatile u32 link_head;
SEEN volatile u32 link_tail;
static u32 link_at;
static u32 link_code_at;
static u32 link_left;
static u32 link_crc;
static u8 link_code;

static inline void link_raw(u8 byte) { link_ring[link_at++ % LINK_RING] = byte; }

static void link_open_block(void) {
  link_code_at = link_at;
  link_code = 1;
  link_raw(0);
}

static void link_stuff(u8 byte) {
  if (byte != 0) {
    link_raw(byte);
    link_code++;
  }
  if (byte == 0 || link_code == 255) {
    link_ring[link_code_at % LINK_RING] = link_code;
    link_open_block();
  }
}

static void put_byte(u32 byte) {
  if (link_left == 0) return;
  link_left--;
  link_crc = crc32_add(link_crc, byte & 255);
  link_stuff((u8)byte);
}

/* Room for a frame whose body has at most that many bytes? */
static bool link_room(u32 body) {
  return LINK_RING - (link_head - link_tail) >= body + body / 254 + 10;
}

/* Begins a frame; false where there is no room for it now. More than `body` bytes are not taken. */
static bool link_begin(u32 kind, u32 body) {
  if (body + 6 > LINK_FRAME || !link_room(body)) return false;
  link_at = link_head;
  link_crc = 0xffffffff;
  link_left = body + 3;
  link_raw(0);
  link_open_block();
  put_byte(LINK_VERSION);
  put_byte(kind);
  return true;
}

/* Hands the frame to the port; one that got longer than was said is forgotten. */
static bool link_end(void) {
  if (link_left == 0) return false;
  u32 crc = ~link_crc;
  for (u32 i = 0; i < 4; i++) link_stuff((u8)(crc >> 8 * i));
  link_ring[link_code_at % LINK_RING] = link_code;
  link_raw(0);
  link_head = link_at;
  return true;
}

static void put_head(u32 major, u32 value) {
  u32 first = major << 5;
  if (value < 24) {
    put_byte(first | value);
    return;
  }
  u32 bytes = value >> 16 != 0 ? 4 : value >> 8 != 0 ? 2 : 1;
  put_byte(first | (bytes == 4 ? 26 : bytes == 2 ? 25 : 24));
  while (bytes-- > 0) put_byte(value >> 8 * bytes);
}

static void put_long(u64 value) {
  u32 words[2] = {(u32)value, (u32)(value >> 32)};
  if (words[1] == 0) {
    put_head(CBOR_UINT, words[0]);
    return;
  }
  put_byte(CBOR_UINT << 5 | 27);
  for (u32 i = 8; i-- > 0;) put_byte(words[i >> 2] >> 8 * (i & 3));
}

static void put_int(s32 value) {
  put_head(value < 0 ? CBOR_NEGATIVE : CBOR_UINT, value < 0 ? ~(u32)value : (u32)value);
}
static void put_null(void) { put_byte(0xf6); }
static void put_string(u32 major, const void *from, u32 bytes) {
  const u8 *byte = from;
  put_head(major, bytes);
  while (bytes-- > 0) put_byte(*byte++);
}
static void put_text(const char *text) {
  u32 bytes = 0;
  while (text[bytes] != 0) bytes++;
  put_string(CBOR_TEXT, text, bytes);
}
/* A key, and the head of what is under it; a whole number is all head, and most of what our maps
 * hold. */
static void put_keyed(u32 key, u32 major, u32 value) {
  put_head(CBOR_UINT, key);
  put_head(major, value);
}
static void put_pair(u32 key, u32 value) { put_keyed(key, CBOR_UINT, value); }
static void put_bytes(u32 key, const void *from, u32 bytes) {
  put_head(CBOR_UINT, key);
  put_string(CBOR_BYTES, from, bytes);
}

/* What comes: one frame at a time, its stuffing taken out. */
static u8 link_frame[LINK_FRAME];
static u32 link_bytes;
static u32 link_block;
static u8 link_block_code;
static bool link_bad;
/* Bytes of the frame that is whole: version, kind, body. */
static u32 link_got;
/* Frames that were not whole: cut, too long, or with a wrong CRC. Told at hello. */
SEEN u32 link_damaged;

static void link_keep(u8 byte) {
  if (link_bytes == LINK_FRAME) link_bad = true;
  else link_frame[link_bytes++] = byte;
}

/* True at the end of a whole frame with a right CRC: `link_got` bytes of `link_frame`, until the
 * next byte is fed. */
static bool link_feed(u8 byte) {
  if (byte != 0) {
    if (link_block > 0) {
      link_block--;
      link_keep(byte);
    } else {
      if (link_block_code != 0 && link_block_code != 255) link_keep(0);
      link_block_code = byte;
      link_block = byte - 1u;
    }
    return false;
  }
  u32 bytes = link_bytes;
  bool empty = link_block_code == 0;
  bool whole = !link_bad && link_block == 0 && bytes >= 6;
  link_bytes = link_block = 0;
  link_block_code = 0;
  link_bad = false;
  if (empty) return false;
  /* The remainder of any frame followed by its own CRC. */
  if (!whole || crc32_of(~0u, link_frame, bytes) != 0xdebb20e3) {
    link_damaged++;
    return false;
  }
  link_got = bytes - 4;
  return true;
}
