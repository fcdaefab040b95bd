/* The black box over the link: a gateway asks which recordings there are and takes one in pieces.
 * Thread mode, and only while nothing was driven for a second, as they are written: reading the
 * flash holds up no step of a machine at work. Nothing that a gateway says frees or changes a
 * recording: the board keeps its newest until newer ones take their places. */

#if defined(BLACK_BOX) && !defined(WITHOUT_CRYPTO)
enum { BOX_WHICH, BOX_PART };

/* The whole recording with the lowest number after this one: its place and length. */
static void box_find(u32 after) {
  for (;;) {
    box_shown = 0;
    for (u32 i = 0; i < SHELF_SLOTS; i++) {
      u32 number = box_head_number(i);
      if (number <= after || (box_shown != 0 && number > box_shown)) continue;
      box_shown = number;
      box_shown_slot = i;
    }
    if (box_shown == 0 || box_number(box_shown_slot) == box_shown) break;
    after = box_shown;
  }
  box_shown_bytes = box_shown != 0 ? BOX_BODY_AT + box_head.body_bytes : 0;
}

static void box_digest(u8 *digest) {
  struct sha256 hash;
  u32 part[16];
  sha256_start(&hash);
  for (u32 done = 0; done < box_shown_bytes; done += sizeof part) {
    u32 left = box_shown_bytes - done;
    u32 bytes = left < sizeof part ? left : sizeof part;
    shelf_read(box_shown_slot, done, part, bytes);
    sha256_add(&hash, part, bytes);
  }
  sha256_end(&hash, digest);
}

static bool box_say(u32 number, u32 what, u32 at, u32 bytes) {
  if (!link_begin(LINK_BLACK_BOX, bytes + 32)) return false;
  put_head(CBOR_MAP, 5);
  put_pair(0, number);
  put_pair(1, what);
  put_pair(2, box_shown);
  put_pair(3, at);
  put_keyed(4, CBOR_BYTES, bytes);
  return true;
}

/* Body: number, what (0 which comes after that recording, 1 a part of that one), recording, offset.
 * The answer has the recording (0: none), its length and its digest, or the offset and a part. */
static u32 box_on_ask(struct cbor *body) {
  u8 digest[32];
  u32 number = cbor_first(body);
  u32 what = cbor_at(body, 1);
  u32 recording = cbor_at(body, 2);
  u32 offset = cbor_at(body, 3);
  if (!cbor_end(body) || what > BOX_PART || (offset & 3) != 0) return LINK_MALFORMED;
  if (!store_idle() || box_writing || shelf_busy()) return LINK_BUSY;
  if (what == BOX_WHICH) {
    box_find(recording);
    u32 bytes = box_shown != 0 ? sizeof digest : 0;
    if (bytes != 0) box_digest(digest);
    if (!box_say(number, what, box_shown_bytes, bytes)) return LINK_BUSY;
    for (u32 i = 0; i < bytes; i++) put_byte(digest[i]);
    link_end();
    return LINK_ANSWERED;
  }
  if (recording == 0 || recording != box_shown) return LINK_STALE;
  if (offset >= box_shown_bytes) return LINK_MALFORMED;
  u32 left = box_shown_bytes - offset;
  u32 bytes = left < LINK_PART_BYTES ? left : LINK_PART_BYTES;
  if (!box_say(number, what, offset, bytes)) return LINK_BUSY;
  for (u32 done = 0; done < bytes; done += 4) {
    u32 word;
    shelf_read(box_shown_slot, offset + done, &word, 4);
    for (u32 i = 0; i < 4; i++) put_byte(word >> 8 * i);
  }
  link_end();
  return LINK_ANSWERED;
}
#endif
