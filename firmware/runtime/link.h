/* The board's side of the serial protocol; gateway/sources/serial/README.md has its tables. Says
 * hello when it is greeted, reports at the profile's rate once it is accepted, gives the outbox's
 * items in order and keeps each until the gateway has it. A gateway that falls silent is forgotten;
 * nothing here ever waits for one. Thread mode, but for `link_tick`. No message can start a motor:
 * what comes reaches the loop only as a setpoint, within its limits, until it expires. */

/* Kinds of messages. 1 to 31 come from the board, 32 to 63 go to it. */
enum link_kind {
  LINK_HELLO = 1,
  LINK_SCHEMA = 2,
  LINK_REPORT = 3,
  LINK_ITEM = 4,     /* a part of a durable item: event, usage, entry */
  LINK_RESPONSE = 5, /* to a challenge */
  LINK_RESULT = 6,   /* what became of a message: its kind, its number, a link_code */
  LINK_SELFTEST_REPORT = 7,
  LINK_CALIBRATION = 8,
  LINK_UPDATE_STATE = 9,
  LINK_BLACK_BOX = 10,
  LINK_GREET = 32,
  LINK_ACCEPT = 33,
  LINK_REFUSE = 34,
  LINK_ASK_SCHEMA = 35,
  LINK_ACK = 36,
  LINK_SETPOINT = 37,
  LINK_CHALLENGE = 38,
  LINK_CLAIM = 39, /* to be included in the unit's chain by digest */
  LINK_SELFTEST = 40,
  LINK_CALIBRATE = 41,
  LINK_UPDATE = 42,
  LINK_ASK_BLACK_BOX = 43,
  LINK_MAKE_KEY = 44,
  LINK_RESET_TRIP = 45,
};

enum link_code {
  LINK_DONE = 0,
  LINK_UNKNOWN = 1,   /* this firmware does not know the kind */
  LINK_MALFORMED = 2, /* its body is not what the kind asks for */
  LINK_STALE = 3,     /* another boot, or a number that was there already */
  LINK_BEYOND = 4,    /* outside the profile's limits */
  LINK_DISARMED = 5,  /* nobody has armed the machine at the machine */
  LINK_BUSY = 6,
  LINK_FAILED = 7, /* the board cannot: no key, no noise, or its flash does not keep it */
};

/* A part that takes a kind defines its handler before this header is included, as
 * `#define LINK_ON_CHALLENGE(body) sign_challenge(body)`; it gives a link_code, or LINK_ANSWERED
 * where it answers by itself, now or later. */
#define LINK_ANSWERED 255

#define LINK_PART_BYTES 256u
#define LINK_LEASE_US 3000000u
#define LINK_RESEND_US 1000000u
#define LINK_URGENT_GAP_US 5000u

#ifndef LINK_PUBLIC_KEY
/* The unit's public key; false where it has none. */
#define LINK_PUBLIC_KEY(to) ((void)(to), false)
#endif

enum link_state { LINK_SILENT, LINK_GREETED, LINK_ACCEPTED };
SEEN enum link_state link_state;
static u32 link_greeting;
static u32 link_heard_us;
static u32 link_reason;
/* The chip's own number; read once, because it may lie behind the flash's commands. */
static u8 link_id[16];
static u32 link_id_bytes;
static bool link_hello_due;
/* Set while the gateway waits for a part of the schema, from `link_schema_at`. */
static bool link_schema_due;
static u32 link_schema_at;
/* What is to be answered: kind, number, code. */
static u32 link_result[3];
static bool link_result_due;

static const u8 link_schema[SCHEMA_BYTES] = SCHEMA;

#include "link-ports.h"

/* Microseconds since power-up. Must be asked more often than every 71 minutes. */
static u64 link_uptime(void) {
  static u32 high, last;
  u32 now = board_micros();
  if (now < last) high++;
  last = now;
  return (u64)high << 32 | now;
}

#include "link-report.h"
#include "rules.h"
#include "link-setpoint.h"

static bool link_say_hello(void) {
  static const u8 profile[32] = PROFILE_DIGEST, module[32] = MODULE_DIGEST;
  static const u8 schema[8] = SCHEMA_DIGEST;
  u8 key[32];
  bool has_key = LINK_PUBLIC_KEY(key);
  if (!link_begin(LINK_HELLO, 290)) return false;
  u32 found = rules_found();
  put_head(CBOR_MAP, 14 + (has_key ? 2 : 0) + (found != 0));
  put_pair(0, store_boot());
  put_head(CBOR_UINT, 1);
  put_long(link_uptime());
  put_head(CBOR_UINT, 2);
  put_text(MACHINE_NAME);
  put_bytes(3, profile, 32);
  put_bytes(4, module, 32);
  put_head(CBOR_UINT, 5);
  put_text(BOARD_NAME);
  put_bytes(6, link_id, link_id_bytes);
  put_bytes(7, schema, 8);
  put_pair(8, SCHEMA_BYTES);
  put_pair(9, link_reason);
  put_pair(10, LINK_FRAME);
  put_pair(11, link_greeting);
  put_pair(12, link_damaged);
  put_pair(13, link_lost);
  if (has_key) {
    put_bytes(14, key, 32);
    put_pair(15, 2); /* custody: the controller's flash */
  }
  if (found != 0) put_pair(16, found);
  return link_end();
}

static bool link_say_schema(void) {
  u32 bytes = SCHEMA_BYTES - link_schema_at;
  if (bytes > LINK_PART_BYTES) bytes = LINK_PART_BYTES;
  if (!link_begin(LINK_SCHEMA, bytes + 16)) return false;
  put_head(CBOR_MAP, 2);
  put_pair(0, link_schema_at);
  put_bytes(1, link_schema + link_schema_at, bytes);
  return link_end();
}

static bool link_say_result(void) {
  if (!link_begin(LINK_RESULT, 24)) return false;
  put_head(CBOR_MAP, 3);
  for (u32 i = 0; i < 3; i++) put_pair(i, link_result[i]);
  return link_end();
}

/* The item that the gateway has not taken yet; sent in parts, again after a second. */
static struct outbox_item link_item;
static u32 link_item_at;
static u32 link_item_us;
static u32 link_item_skip;
static bool link_item_flies;

static void link_say_item(u32 now) {
  if (!link_item_flies) {
    if (!outbox_next(link_item_skip, &link_item)) return;
    link_item_flies = true;
    link_item_at = 0;
  } else if (link_item_at >= link_item.bytes) {
    if (now - link_item_us < LINK_RESEND_US) return;
    link_item_at = 0;
  }
  u32 bytes = link_item.bytes - link_item_at;
  if (bytes > LINK_PART_BYTES) bytes = LINK_PART_BYTES;
  if (!link_begin(LINK_ITEM, bytes + 40)) return;
  put_head(CBOR_MAP, 6);
  put_pair(0, link_item.number);
  put_pair(1, link_item.boot);
  put_pair(2, link_item.kind);
  put_pair(3, link_item.bytes);
  put_pair(4, link_item_at);
  put_keyed(5, CBOR_BYTES, bytes);
  for (u32 end = link_item_at + bytes, step; link_item_at < end; link_item_at += step) {
    u8 some[32];
    step = end - link_item_at < 32 ? end - link_item_at : 32;
    if (!outbox_read(&link_item, link_item_at, some, step)) {
      link_item_skip = link_item.number; /* not whole any more: the next must not wait for it */
      link_item_flies = false;
      return;
    }
    for (u32 i = 0; i < step; i++) put_byte(some[i]);
  }
  link_end();
  link_item_us = now;
}

static void link_on_ack(struct cbor *body) {
  u32 number = cbor_first(body);
  /* Only what was sent whole can have arrived. */
  if (!cbor_end(body) || !link_item_flies || number != link_item.number) return;
  if (link_item_at < link_item.bytes) return;
  outbox_ack(number);
  link_item_flies = false;
}

static void link_on_greet(struct cbor *body) {
  u32 greeting = cbor_first(body);
  if (!cbor_end(body)) return;
  if (greeting != link_greeting || link_state == LINK_SILENT) link_state = LINK_GREETED;
  link_greeting = greeting;
  if (link_state == LINK_GREETED) link_hello_due = true;
}

static void link_on_verdict(u32 kind, struct cbor *body) {
  cbor_head(body, CBOR_MAP);
  cbor_key(body, 0);
  if (cbor_uint(body) != link_greeting || !cbor_end(body)) return;
  link_state = kind == LINK_ACCEPT ? LINK_ACCEPTED : LINK_GREETED;
  link_hello_due = false;
  link_item_flies = false;
  link_item_skip = 0;
}

static void link_on_ask_schema(struct cbor *body) {
  u32 at = cbor_first(body);
  if (!cbor_end(body) || at >= SCHEMA_BYTES) return;
  link_schema_at = at;
  link_schema_due = true;
}

/* Kinds that ask for an answer carry their number under key 0. */
static u32 link_handle(u32 kind, struct cbor *body) {
  switch (kind) {
    case LINK_SETPOINT: return link_on_setpoint(body);
#ifdef LINK_ON_CHALLENGE
    case LINK_CHALLENGE: return LINK_ON_CHALLENGE(body);
#endif
#ifdef LINK_ON_CLAIM
    case LINK_CLAIM: return LINK_ON_CLAIM(body);
#endif
#ifdef LINK_ON_SELFTEST
    case LINK_SELFTEST: return LINK_ON_SELFTEST(body);
#endif
#ifdef LINK_ON_CALIBRATE
    case LINK_CALIBRATE: return LINK_ON_CALIBRATE(body);
#endif
#ifdef LINK_ON_UPDATE
    case LINK_UPDATE: return LINK_ON_UPDATE(body);
#endif
#ifdef LINK_ON_MAKE_KEY
    case LINK_MAKE_KEY: return LINK_ON_MAKE_KEY(body);
#endif
#ifdef LINK_ON_RESET_TRIP
    case LINK_RESET_TRIP: return LINK_ON_RESET_TRIP(body);
#endif
#ifdef LINK_ON_ASK_BLACK_BOX
    case LINK_ASK_BLACK_BOX: return LINK_ON_ASK_BLACK_BOX(body);
#endif
#ifdef TEST_INPUTS
    case LINK_TEST_READINGS: return link_on_test_readings(body);
#endif
    default: return LINK_UNKNOWN;
  }
}

/* A whole frame. What comes from a board is not for boards: an echo of our own is let go. */
static void link_take(u32 port) {
  u32 kind = link_frame[1];
  if (link_frame[0] != LINK_VERSION || kind < LINK_GREET) return;
  if (port != link_port) link_switch(port);
  link_heard_us = board_micros();
  struct cbor body = {link_frame + 2, link_frame + link_got, false};
  if (kind == LINK_GREET) {
    link_on_greet(&body);
    return;
  }
  if (link_state == LINK_SILENT) return;
  if (kind == LINK_ACCEPT || kind == LINK_REFUSE) link_on_verdict(kind, &body);
  else if (kind == LINK_ASK_SCHEMA) link_on_ask_schema(&body);
  else if (link_state != LINK_ACCEPTED) return;
  else if (kind == LINK_ACK) link_on_ack(&body);
  else if (!link_result_due) {
    struct cbor head = body;
    u32 number = cbor_first(&head);
    u32 code = link_handle(kind, &body);
    if (code == LINK_ANSWERED) return;
    link_result[0] = kind;
    link_result[1] = number;
    link_result[2] = code;
    link_result_due = true;
  }
}

/* Before the first step, after the store: the boot count is kept before anything is said. */
static void link_start(u32 reason) {
  link_reason = reason;
  link_id_bytes = board_id(link_id);
  link_setpoints_start();
  link_ports_start();
  link_hello_due = true;
}

/* In every round of the main loop. */
static void link_poll(void) {
  u8 byte;
  for (u32 i = 0, port; i < LINK_FRAME && (port = link_receive(&byte)) != 0; i++) {
    if (link_feed(byte)) link_take(port - 1);
  }
  u32 now = board_micros();
  link_uptime();
  if (link_state != LINK_SILENT && now - link_heard_us > LINK_LEASE_US) {
    link_state = LINK_SILENT;
    link_flush();
  }
  if (link_hello_due && link_say_hello()) link_hello_due = false;
  if (link_schema_due && link_say_schema()) link_schema_due = false;
  if (link_result_due && link_say_result()) link_result_due = false;
  link_moment(now);
  if (link_state == LINK_ACCEPTED) {
    link_say_item(now);
    link_report();
  } else {
    link_moment_waits = false;
  }
  link_send();
}
