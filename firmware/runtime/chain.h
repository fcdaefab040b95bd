/* The unit's own chain: entries in COSE_Sign1 (RFC 9052) as gateway/attestation/entry.ts reads
 * them, signed by the unit's key. An entry is in the flash, together with the head that it makes,
 * before it goes into the outbox: a cut leaves the old head or the new one with its entry, which is
 * then put into the outbox at the next start. So no two entries have one number, and none is lost.
 * Thread mode, with the motor off; the steps go on while it signs. */

#if defined(STORE_IN_FLASH) && !defined(FLASH_STALLS) && !defined(WITHOUT_CRYPTO)
#define CHAIN_FORMAT 1u
#define CHAIN_RETRY_US 1000000u
/* A cause must stand so long: what a pack says while it is pulled is no history. */
#define CHAIN_SETTLE_US 1000000u

static const u8 entry_header[] = "\xa2\x01\x27\x10\x78\x1e"
                                 "application/tenfold-entry+cbor";
#define ENTRY_HEADER (sizeof entry_header - 1)
/* What is signed begins with 12 bytes that are not sent, and what is sent with 2 in their place. */
#define ENTRY_PREFIX 12u
#define ENTRY_SKIP 10u
#define ENTRY_PAYLOAD_AT (ENTRY_PREFIX + 2 + ENTRY_HEADER + 1 + 3)

/* As in the flash: what the next entry must know, then the newest entry. */
struct chain_head {
  u32 format;
  u32 entries; /* how many there are: the next one's sequence */
  u32 item;    /* the newest one's number in the outbox, once it is there */
  u32 bytes;   /* of the newest, its details included */
  u32 cause;   /* of the trip that the chain knows of */
  u32 firmware[2];
  u8 hash[32];
  u8 claim[32];
};
static struct chain_head chain;
static struct {
  struct chain_head head;
  u8 bytes[ENTRY_SKIP + OUTBOX_MOST_BYTES];
} chain_next;
static const u8 chain_module[32] = MODULE_DIGEST;
_Static_assert(CHAIN_COUNTER_BYTES + 640 <= OUTBOX_MOST_BYTES, "an entry is longer than an item");

#ifdef USAGE_BANDS
#define USAGE_TOLD usage.told
#else
#define USAGE_TOLD 0
#define USAGE_TELL 1
#endif

static u32 chain_at;
static bool chain_long; /* it did not fit */

static void entry_byte(u32 byte) {
  if (chain_at == sizeof chain_next.bytes) chain_long = true;
  else chain_next.bytes[chain_at++] = (u8)byte;
}
static void entry_raw(const void *from, u32 bytes) {
  for (const u8 *byte = from; bytes-- > 0;) entry_byte(*byte++);
}
static void entry_head(u32 major, u64 value) {
  u32 more = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x10000 ? 2 : value >> 32 == 0 ? 4 : 8;
  entry_byte(major << 5 |
             (more == 0 ? (u32)value : more == 1 ? 24 : more == 2 ? 25 : more == 4 ? 26 : 27));
  for (u32 i = more; i-- > 0;) entry_byte((u32)(value >> 8 * i));
}
static void entry_string(u32 major, const void *from, u32 bytes) {
  entry_head(major, bytes);
  entry_raw(from, bytes);
}
static void entry_text(const char *text) {
  u32 bytes = 0;
  while (text[bytes] != 0) bytes++;
  entry_string(CBOR_TEXT, text, bytes);
}
static void entry_pair(const char *key, u64 value) {
  entry_text(key);
  entry_head(CBOR_UINT, value);
}

/* did:key of the public key: base58btc of the multicodec ed01 and the key. */
__attribute__((noinline)) static void entry_did(const char *key) {
  static const char letters[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  u8 number[34] = {0xed, 0x01}, text[48];
  u32 length = 0;
  identity_public(number + 2);
  for (u32 from = 0; from < sizeof number;) {
    u32 rest = 0;
    for (u32 i = from; i < sizeof number; i++) {
      rest = rest << 8 | number[i];
      number[i] = (u8)(rest / 58);
      rest %= 58;
    }
    text[length++] = (u8)letters[rest];
    while (from < sizeof number && number[from] == 0) from++;
  }
  entry_text(key);
  entry_head(CBOR_TEXT, 9 + length);
  entry_raw("did:key:z", 9);
  while (length-- > 0) entry_byte(text[length]);
}

/* Over the unit's life, in whole units of the profile, as they are in the flash. */
static void entry_counters(void) {
  entry_text("counters");
  entry_head(CBOR_MAP, COUNTERS);
#define ENTRY_COUNTER(index, name, times, parts)                                                  \
  entry_pair(name, store_counter(index) * times / parts);
  CHAIN_COUNTERS(ENTRY_COUNTER)
}

/* What `made` states once and for all. The serial number is made of the key: it counts nothing. */
__attribute__((noinline)) static void entry_enrolment(void) {
  static const u8 profile[32] = PROFILE_DIGEST;
  struct sha256 hash;
  u8 digest[32], serial[16];
  identity_public(digest);
  sha256_start(&hash);
  sha256_add(&hash, digest, 32);
  sha256_end(&hash, digest);
  for (u32 i = 0; i < 16; i++) {
    u32 half = digest[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
    serial[i] = (u8)(half < 10 ? '0' + half : 'a' + half - 10);
  }
  entry_text("made");
  entry_head(CBOR_MAP, 7);
  entry_text("suite");
  entry_text("ed25519");
  entry_text("serial");
  entry_string(CBOR_TEXT, serial, sizeof serial);
  entry_text("custody");
  entry_text("controller_flash");
  entry_text("machine");
  entry_text(MACHINE_NAME);
  entry_text("profile");
  entry_string(CBOR_BYTES, profile, 32);
  entry_text("firmware");
  entry_string(CBOR_BYTES, chain_module, 32);
  entry_text("simulated");
  entry_byte(0xf4);
}

#define CHAIN_DETAIL 96u
/* A detail and its digest: salt, name, value. Nobody who lacks the key can guess the salt. */
__attribute__((noinline)) static u32 chain_detail(u8 *detail, u8 *digest, u32 cause) {
  static const char *const kinds[32] = CAUSE_KINDS, *const places[8] = CAUSE_PLACES;
  struct sha512 salted;
  struct sha256 hash;
  u8 salt[64];
  sha512_start(&salted);
  sha512_add(&salted, unit_key.seed, sizeof unit_key.seed);
  sha512_add(&salted, &chain.entries, 4);
  sha512_end(&salted, salt);
  const char *kind = kinds[cause & 31], *place = places[cause >> 5 & 7];
  if (kind == 0) kind = "kernel";
  chain_at = ENTRY_SKIP;
  entry_byte(0x83);
  entry_string(CBOR_BYTES, salt, 16);
  entry_text("cause");
  u32 ends[2] = {0, 0};
  while (kind[ends[0]] != 0) ends[0]++;
  while (place != 0 && place[ends[1]] != 0) ends[1]++;
  entry_head(CBOR_TEXT, ends[0] + (ends[1] > 0 ? 2 + ends[1] : 0));
  entry_raw(kind, ends[0]);
  if (ends[1] > 0) entry_raw(": ", 2);
  entry_raw(place, ends[1]);
  u32 bytes = chain_at - ENTRY_SKIP;
  if (bytes > CHAIN_DETAIL) return 0;
  copy_bytes(detail, chain_next.bytes + ENTRY_SKIP, bytes);
  sha256_start(&hash);
  sha256_add(&hash, detail, bytes);
  sha256_end(&hash, digest);
  wipe(salt, sizeof salt);
  return bytes;
}

/* Keys in the order of deterministic CBOR: by length, then by letter. */
__attribute__((noinline)) static void entry_payload(const char *type, u32 type_bytes,
                                                    const u8 *claim, const u8 *digest) {
  bool first = chain.entries == 0;
  entry_head(CBOR_MAP, 9u + (claim != 0) + first);
  entry_pair("t", link_uptime());
  entry_pair("v", 1);
  entry_text("sd");
  entry_head(CBOR_LIST, digest != 0);
  if (digest != 0) entry_string(CBOR_BYTES, digest, 32);
  entry_pair("seq", chain.entries);
  entry_pair("boot", store_boot());
  if (first) entry_enrolment();
  entry_text("prev");
  if (first) entry_byte(0xf6);
  else entry_string(CBOR_BYTES, chain.hash, 32);
  entry_text("type");
  entry_string(CBOR_TEXT, type, type_bytes);
  entry_did("unit");
  if (claim != 0) {
    entry_text("claim");
    entry_string(CBOR_BYTES, claim, 32);
  }
  entry_counters();
}

/* Into the outbox; what cannot go now goes later, under the number that the flash then says. */
static u32 chain_try_us;
static bool chain_waits;
static bool chain_hand_over(void) {
  chain_waits = outbox_put(OUTBOX_ENTRY, chain_next.bytes + ENTRY_SKIP, chain_next.head.bytes) == 0;
  chain_try_us = board_micros();
  return !chain_waits;
}
static bool chain_commit(void) {
  chain_next.head.item = out_log.number;
  u32 bytes = sizeof chain_next.head + ENTRY_SKIP + chain_next.head.bytes;
  if (!kv_put(KV_CHAIN, &chain_next, bytes)) return false;
  chain = chain_next.head;
  chain_hand_over();
  return true;
}

__attribute__((noinline)) static void entry_digest(u8 *digest, u32 from, u32 to) {
  struct sha256 hash;
  sha256_start(&hash);
  sha256_add(&hash, chain_next.bytes + from, to - from);
  sha256_end(&hash, digest);
}

/* Signs what stands in the buffer and makes an entry of it, in place: tag and list before it, an
 * empty map for an empty string. Kept apart, and so is the digest: signing needs the stack. */
__attribute__((noinline)) static bool entry_sign(void) {
  u32 signed_bytes = chain_at;
  entry_head(CBOR_BYTES, 64);
  u8 *signature = chain_next.bytes + chain_at;
  if (chain_long || chain_at + 64 > sizeof chain_next.bytes) return false;
  if (!identity_sign(signature, chain_next.bytes, signed_bytes)) return false;
  chain_at += 64;
  chain_next.bytes[ENTRY_SKIP] = 0xd2;
  chain_next.bytes[ENTRY_SKIP + 1] = 0x84;
  chain_next.bytes[ENTRY_PREFIX + 2 + ENTRY_HEADER] = 0xa0;
  return true;
}

/* One more entry; false: not now. `cause`: of the trip that the chain knows of afterwards. */
static bool chain_append(const char *type, u32 type_bytes, const u8 *claim, u32 cause) {
  static u8 detail[CHAIN_DETAIL], digest[32];
  u32 details = 0;
  if (chain_waits) return false;
  chain_long = false;
  if (cause != chain.cause && cause != 0) details = chain_detail(detail, digest, cause);
  chain_at = 0;
  entry_raw("\x84\x6aSignature1", ENTRY_PREFIX);
  entry_string(CBOR_BYTES, entry_header, ENTRY_HEADER);
  entry_byte(0x40);
  chain_at = ENTRY_PAYLOAD_AT;
  entry_payload(type, type_bytes, claim, details != 0 ? digest : 0);
  u32 bytes = chain_at - ENTRY_PAYLOAD_AT;
  u32 head = bytes < 256 ? 2 : 3;
  u8 *at = chain_next.bytes + ENTRY_PAYLOAD_AT - 3;
  for (u32 i = 0; head == 2 && i < bytes; i++) at[2 + i] = at[3 + i];
  chain_at = ENTRY_PAYLOAD_AT - 3;
  entry_head(CBOR_BYTES, bytes);
  chain_at += bytes;
  if (!entry_sign()) return false;
  chain_next.head = chain;
  chain_next.head.format = CHAIN_FORMAT;
  chain_next.head.entries++;
  chain_next.head.cause = cause;
  copy_bytes((u8 *)chain_next.head.firmware, chain_module, 8);
  if (claim != 0) copy_bytes(chain_next.head.claim, claim, 32);
  entry_digest(chain_next.head.hash, ENTRY_SKIP, chain_at);
  if (details != 0) entry_string(CBOR_BYTES, detail, details);
  chain_next.head.bytes = chain_at - ENTRY_SKIP;
  return !chain_long && chain_commit();
}
#define CHAIN_APPEND(type, cause) chain_append(type, sizeof type - 1, 0, cause)

#include "milestones.h"

/* After store and key. What was in the flash and not yet in the outbox goes there now. */
static bool chain_lost;
static void chain_start(void) {
  milestone_start();
  u32 kept = kv_get(KV_CHAIN, &chain_next, sizeof chain_next);
  if (kept == 0) return;
  /* A head that cannot be read: no entry rather than a second one of the same number. */
  chain_lost = kept < sizeof chain_next.head || chain_next.head.format != CHAIN_FORMAT ||
               kept != sizeof chain_next.head + ENTRY_SKIP + chain_next.head.bytes;
  if (chain_lost) return;
  chain = chain_next.head;
  if (out_log.number <= chain.item) chain_hand_over();
}

static u32 chain_cause_seen;
static u32 chain_cause_us;
static bool chain_started;
/* Of usage a summary each half hour in use, however often it is told. */
static u32 chain_usage;

/* The cause that the chain should know of: one that has stood for a while. */
static u32 chain_cause(u32 cause) {
  u32 now = board_micros();
  if (cause != chain_cause_seen) {
    chain_cause_seen = cause;
    chain_cause_us = now;
  }
  return now - chain_cause_us >= CHAIN_SETTLE_US ? cause : chain.cause;
}

/* In every round of the main loop; `cause` as the kernel has it latched. */
static void chain_poll(u32 cause) {
  cause = chain_cause(cause);
  if (!unit_key_there || chain_lost || driven_now) return;
  u32 now = board_micros();
  if (now - chain_try_us < CHAIN_RETRY_US && chain_try_us != 0) return;
  bool other = !same_bytes((u8 *)chain.firmware, chain_module, 8);
  bool done = true;
  if (chain_waits) done = chain_commit();
  else if (chain.entries == 0) done = CHAIN_APPEND("made", 0);
  else if (milestone_due()) done = milestone_append();
  else if (other) done = CHAIN_APPEND("updated", chain.cause);
  else if (!chain_started) {
    done = link_reason == 0 || CHAIN_APPEND("restarted", chain.cause);
    chain_started = done;
    chain_usage = USAGE_TOLD / USAGE_TELL;
  } else if (cause != chain.cause) {
    done = cause != 0 ? CHAIN_APPEND("tripped", cause) : CHAIN_APPEND("trip_cleared", 0);
  } else if (chain_usage != USAGE_TOLD / USAGE_TELL) {
    done = CHAIN_APPEND("usage", chain.cause);
    if (done) chain_usage = USAGE_TOLD / USAGE_TELL;
  }
  chain_try_us = done ? 0 : now | 1;
}

/* Body: number, digest, type. A claim that is the newest one already is there. */
static u32 link_on_claim(struct cbor *body) {
  u32 bytes, type_bytes;
  cbor_first(body);
  cbor_key(body, 1);
  const u8 *digest = cbor_string(body, CBOR_BYTES, &bytes);
  cbor_key(body, 2);
  const u8 *type = cbor_string(body, CBOR_TEXT, &type_bytes);
  if (!cbor_end(body) || bytes != 32 || type_bytes == 0 || type_bytes > 48) return LINK_MALFORMED;
  for (u32 i = 0; i < type_bytes; i++) {
    bool letter = type[i] >= 'a' && type[i] <= 'z';
    if (!letter && (i == 0 || (type[i] != '_' && (type[i] < '0' || type[i] > '9'))))
      return LINK_MALFORMED;
  }
  if (type_bytes == 4 && same_bytes(type, (const u8 *)"made", 4)) return LINK_MALFORMED;
  if (!unit_key_there || chain_lost) return LINK_FAILED;
  if (chain.entries == 0 || chain_waits || driven_now || milestone_open()) return LINK_BUSY;
  if (same_bytes(digest, chain.claim, 32)) return LINK_DONE;
  return chain_append((const char *)type, type_bytes, digest, chain.cause) ? LINK_DONE : LINK_BUSY;
}
#else
static inline void chain_start(void) {}
static inline void chain_poll(u32 cause) { (void)cause; }
static u32 link_on_claim(struct cbor *body) {
  (void)body;
  return LINK_FAILED;
}
#endif
