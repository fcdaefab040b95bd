/* Reads deterministic CBOR (RFC 8949, section 4.2.1) as far as the wire uses it: whole numbers,
 * bytes, text, lists and maps, shortest forms only. The first thing that is wrong makes everything
 * after it fail, so that a handler asks once, at its end. Never reads past the bytes it was given.
 * */

struct cbor {
  const u8 *at;
  const u8 *end;
  bool wrong;
};

enum cbor_major { CBOR_UINT, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_LIST, CBOR_MAP };

static u32 cbor_fail(struct cbor *from) {
  from->wrong = true;
  from->at = from->end;
  return 0;
}

/* The number in a head of this kind, at most 2^32 - 1; longer ones are for gateways only. */
static u32 cbor_head(struct cbor *from, u32 major) {
  if (from->wrong || from->at == from->end) return cbor_fail(from);
  u32 first = *from->at++;
  u32 more = first & 31;
  if (first >> 5 != major) return cbor_fail(from);
  if (more < 24) return more;
  u32 bytes = more == 24 ? 1 : more == 25 ? 2 : more == 26 ? 4 : 0;
  if (bytes == 0 || (u32)(from->end - from->at) < bytes) return cbor_fail(from);
  u32 value = 0;
  for (u32 i = 0; i < bytes; i++) value = value << 8 | *from->at++;
  bool is_short = bytes == 1 ? value >= 24 : bytes == 2 ? value >> 8 != 0 : value >> 16 != 0;
  return is_short ? value : cbor_fail(from);
}

static u32 cbor_uint(struct cbor *from) { return cbor_head(from, CBOR_UINT); }

static s32 cbor_int(struct cbor *from) {
  bool negative = from->at != from->end && *from->at >> 5 == CBOR_NEGATIVE;
  u32 value = cbor_head(from, negative ? CBOR_NEGATIVE : CBOR_UINT);
  if (value >> 31 != 0) return (s32)cbor_fail(from);
  return negative ? -1 - (s32)value : (s32)value;
}

/* Where bytes or text begin; `bytes` gets how many there are. */
static const u8 *cbor_string(struct cbor *from, u32 major, u32 *bytes) {
  u32 count = cbor_head(from, major);
  if (from->wrong || (u32)(from->end - from->at) < count) count = cbor_fail(from);
  const u8 *start = from->at;
  from->at += count;
  *bytes = count;
  return start;
}

/* The next key of a map must be this one: our maps have all their keys, in order. */
static void cbor_key(struct cbor *from, u32 key) {
  if (cbor_uint(from) != key) cbor_fail(from);
}

/* The whole number under a key; the one under the first, with which a map begins. */
static u32 cbor_at(struct cbor *from, u32 key) {
  cbor_key(from, key);
  return cbor_uint(from);
}
static u32 cbor_first(struct cbor *from) {
  cbor_head(from, CBOR_MAP);
  return cbor_at(from, 0);
}

/* Whether all was read and nothing was wrong. */
static bool cbor_end(struct cbor *from) { return !from->wrong && from->at == from->end; }
