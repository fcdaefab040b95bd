/* What a board keeps over a battery pull: values by kind, counters, and items that no gateway has
 * taken yet. Thread mode only, but for `store_driven`. A call returns when its bytes are in the
 * flash, read back and compared; the steps go on meanwhile. After a power cut at any moment a value
 * is the old one or the new one, never torn. Must not erase while anything is driven, nor in the
 * second after: an armed machine at rest does. */

/* The kinds of `kv_put`; the numbers are part of the format in flash. */
enum kv_kind {
  KV_BOOT = 1,        /* u32: how often the board has started; counted by the store itself */
  KV_ACKED = 2,       /* u32: newest item of the outbox that a gateway has; the store's own */
  KV_USAGE = 3,       /* the histograms of usage.h */
  KV_TRIP = 4,        /* the safety kernel's latch */
  KV_CALIBRATION = 5, /* of `tenfold commission` */
  KV_KEY = 6,         /* the unit's seed: no command reads it */
  KV_CHAIN = 7,       /* head of the unit's chain of entries */
  KV_LIMITS = 8,      /* set by a gateway, below the profile's */
  KV_UPDATE = 9,      /* of updates and trial boots */
  KV_BLACK_BOX = 10,  /* where the newest record lies */
  KV_CYCLES = 11,     /* the cycles of usage.h, and 12 */
  KV_TOLD = 13,       /* how much of what usage.h counted was told */
  KV_MILESTONE = 14,  /* of milestones.h: the newest */
  KV_KINDS = 16,
};

/* The kinds of items in the outbox; numbers as on the wire. */
enum outbox_kind {
  OUTBOX_EVENT = 1,
  OUTBOX_USAGE = 2, /* a part of usage.h; its layout is there */
  OUTBOX_ENTRY = 3, /* a signed entry of the unit's chain */
};

/* Most bytes of one value, and of one item. */
#define KV_MOST_BYTES 4000
#define OUTBOX_MOST_BYTES 1024

struct outbox_item {
  u32 number; /* from 1, grows by 1, never used twice by one unit */
  u32 boot;   /* the boot in which it was put */
  u32 bytes;
  u32 at; /* where its bytes lie; for outbox_read only */
  u8 kind;
};

/* Once, before the first step and before the first frame: finds what is there, counts the boot. */
static void store_start(void);
/* In every round of the main loop: journals counters, erases ahead where it may. */
static void store_poll(void);
/* From the tick: no erase begins while this is true, nor in the second after. */
IN_STEP void store_driven(bool driven, u32 now_us);

/* Nothing was driven for a while: a good time for what takes long. */
static bool store_idle(void);

/* How often the board has started, this start included. It was in the flash before this returns
 * anything but 0; 0 where the board cannot keep it. */
static u32 store_boot(void);

/* Newest wins. False: not kept (no such room, or no room without an erase while that may not be);
 * the older value stays. */
static bool kv_put(u8 kind, const void *data, u32 bytes);
/* Bytes of the value (of which at most `most` were copied); 0: never written. */
static u32 kv_get(u8 kind, void *data, u32 most);

/* Its number, or 0: refused, because the outbox is full. Usage is refused first: a later snapshot
 * says it again. */
static u32 outbox_put(u8 kind, const void *data, u32 bytes);
/* The same for what may be left out: refused as early as usage. */
static u32 outbox_put_spare(u8 kind, const void *data, u32 bytes);
/* The first item after that number that no gateway has; false: there is none. */
static bool outbox_next(u32 after, struct outbox_item *item);
/* Bytes of an item, from an offset; false where they are not whole any more. */
static bool outbox_read(const struct outbox_item *item, u32 offset, void *data, u32 bytes);
/* A gateway has everything up to this number. Kept at the latest after a minute: after a power cut
 * an item may come once more, under the same boot and number. */
static void outbox_ack(u32 number);

/* A gateway has all there is. */
static bool outbox_empty(void);

/* A counter of the loop over the unit's whole life, in the loop's integers, as it is in the flash:
 * what was told never goes back, and a power cut loses what was counted since, at most a second. */
static u64 store_counter(u32 index);

#ifdef STORE_IN_FLASH
#include "store-flash.h"
#else
/* A board without a flash driver forgets everything, and says so: boot 0, nothing kept. */
static void store_start(void) {}
static void store_poll(void) {}
static inline void store_driven(bool driven, u32 now_us) { (void)driven, (void)now_us; }
static bool store_idle(void) { return true; }
static u32 store_boot(void) { return 0; }
static bool kv_put(u8 kind, const void *data, u32 bytes) {
  (void)kind, (void)data, (void)bytes;
  return false;
}
static u32 kv_get(u8 kind, void *data, u32 most) {
  (void)kind, (void)data, (void)most;
  return 0;
}
static u32 outbox_put(u8 kind, const void *data, u32 bytes) {
  (void)kind, (void)data, (void)bytes;
  return 0;
}
static u32 outbox_put_spare(u8 kind, const void *data, u32 bytes) {
  return outbox_put(kind, data, bytes);
}
static bool outbox_next(u32 after, struct outbox_item *item) {
  (void)after, (void)item;
  return false;
}
static bool outbox_read(const struct outbox_item *item, u32 offset, void *data, u32 bytes) {
  (void)item, (void)offset, (void)data, (void)bytes;
  return false;
}
static void outbox_ack(u32 number) { (void)number; }
static bool outbox_empty(void) { return true; }
static u64 store_counter(u32 index) { return (u32)reported[STATES + index]; }
#endif
