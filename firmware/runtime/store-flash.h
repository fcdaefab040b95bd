/* The store on a board that writes its flash: three rings (log.h), for values, counters and the
 * outbox. Nothing is kept in two places: what RAM holds is only where to look. */
#include "flash.h"
#include "log.h"

static struct log kv_log;
static struct log count_log;
static struct log out_log;

/* The one erase under way. */
static struct log *erasing;
static u32 erasing_index;
static u32 erasing_count;

static volatile bool driven_now;
static volatile u32 driven_us;

/* Sectors that kv keeps back for copying what still counts out of the oldest one. */
#ifndef KV_SPARE
#define KV_SPARE 2
#endif
/* Half of the room, or of two sectors a quarter of one: the rest lets values be written several
 * times between two erases. */
#define KV_LIVE_MOST (KV_SPARE > 0 ? FLASH_KV_BYTES / 2 : FLASH_KV_BYTES / 8)
/* An outbox that is this full refuses usage. */
#define OUTBOX_SECTORS (FLASH_OUTBOX_BYTES / FLASH_SECTOR)
#define OUTBOX_KEEP (OUTBOX_SECTORS < 4 ? 1 : OUTBOX_SECTORS / 4)
/* A second after the last drive, so that short pulls do not meet an erase. */
#ifndef STORE_HASTY
#define DRIVEN_US 1000000u
#define ACK_LAZY_US 60000000u
#define COUNT_US FLASH_JOURNAL_US
#else
/* For tests on an emulator, which takes its time. */
#define DRIVEN_US 100u
#define ACK_LAZY_US 300u
#define COUNT_US 50u
#endif

/* Where the newest value of each kind lies; 0: nowhere. */
static u32 kv_at[KV_KINDS];

IN_STEP void store_driven(bool driven, u32 now_us) {
  if (driven) driven_us = now_us;
  driven_now = driven;
}
static bool store_idle(void) { return !driven_now && board_micros() - driven_us > DRIVEN_US; }

static bool kv_write(u8 kind, const struct log_data *data, u32 bytes, u32 keep) {
  u32 at = log_put(&kv_log, (u32)kind << 24 | bytes, data, keep);
  if (at == 0) return false;
  kv_at[kind] = at;
  return true;
}

static u32 kv_size(u8 kind) {
  struct record record;
  if (kv_at[kind] == 0) return 0;
  flash_read(kv_at[kind], &record, sizeof record);
  return log_bytes(&record);
}

static bool kv_put(u8 kind, const void *data, u32 bytes) {
  if (kind == 0 || kind >= KV_KINDS || bytes == 0 || bytes > KV_MOST_BYTES) return false;
  u32 live = log_size(bytes);
  for (u8 other = 1; other < KV_KINDS; other++) {
    if (other != kind && kv_at[other] != 0) live += log_size(kv_size(other));
  }
  if (live > KV_LIVE_MOST) return false;
#if KV_SPARE == 0
  /* Where nothing is kept back, the newest sector keeps the room for all that counts, and as much
   * again for copies that a cut spoils. */
  if (kv_log.ready == 0 && kv_log.next + log_size(bytes) + 2 * KV_LIVE_MOST > FLASH_SECTOR) {
    return false;
  }
#endif
  return kv_write(kind, &(struct log_data){.ram = data}, bytes, KV_SPARE);
}

static u32 kv_get(u8 kind, void *data, u32 most) {
  if (kind == 0 || kind >= KV_KINDS || kv_at[kind] == 0) return 0;
  u32 bytes = kv_size(kind);
  u32 whole = bytes < most ? bytes : most;
  u32 from = kv_at[kind] + LOG_RECORD;
  u8 *to = data;
  u32 word = 0;
  for (u32 i = 0; i < whole; i++) {
    if ((i & 3) == 0) flash_read(from + i, &word, 4);
    to[i] = (u8)(word >> 8 * (i & 3));
  }
  return bytes;
}

static u32 record_number(u32 at) {
  struct record record;
  flash_read(at, &record, sizeof record);
  return record.number;
}

/* Finds the newest of each kind. */
static void kv_scan(void) {
  struct record record;
  kv_log.number = 1;
  for (u32 index = 0; index < kv_log.sectors; index++) {
    if (!log_in_use(log_state(&kv_log, index))) continue;
    u32 end = log_sector(&kv_log, index) + FLASH_SECTOR;
    for (u32 at = end - FLASH_SECTOR + LOG_HEAD; at < end && log_find(&at, &record);) {
      u32 kind = record.mark >> 24;
      if (kind > 0 && kind < KV_KINDS &&
          (kv_at[kind] == 0 || record.number > record_number(kv_at[kind]))) {
        kv_at[kind] = at;
      }
      if (record.number >= kv_log.number) kv_log.number = record.number + 1;
      at = log_after(at, &record);
    }
  }
}

/* Nothing in the sector is the newest of its kind. */
static bool kv_dead(u32 index) {
  u32 start = log_sector(&kv_log, index);
  for (u32 kind = 1; kind < KV_KINDS; kind++) {
    if (kv_at[kind] - start < FLASH_SECTOR) return false;
  }
  return true;
}

/* Gives up the oldest sector; what still counts in it is copied before. Where room is short, one in
 * which nothing counts goes first: copies that were cut short again and again leave such. */
static void kv_release(void) {
  struct record record;
  u32 victim = log_oldest(&kv_log);
  for (u32 i = 0; kv_log.ready < KV_SPARE && i < kv_log.sectors; i++) {
    if (i != kv_log.head && log_in_use(log_state(&kv_log, i)) && kv_dead(i)) victim = i;
  }
  if (victim == kv_log.sectors || victim == kv_log.head) return;
  u32 end = log_sector(&kv_log, victim) + FLASH_SECTOR;
  for (u32 at = end - FLASH_SECTOR + LOG_HEAD; at < end && log_find(&at, &record);) {
    u32 kind = record.mark >> 24;
    struct log_data data = {.flash = at + LOG_RECORD};
    if (kind < KV_KINDS && kv_at[kind] == at &&
        !kv_write((u8)kind, &data, log_bytes(&record), 0)) {
      return;
    }
    at = log_after(at, &record);
  }
  log_release(&kv_log, victim);
}

/* Room for what a start writes. */
static void kv_prepare(void) {
  for (u32 i = 0; i < kv_log.sectors && kv_log.ready <= KV_SPARE; i++) {
    if (kv_log.stale == 0) kv_release();
    log_prepare(&kv_log, KV_SPARE + 1);
  }
}

static u32 boot_count;
static u32 store_boot(void) { return boot_count; }

#include "counters.h"
#include "outbox.h"

static void store_start(void) {
  log_start(&kv_log, FLASH_KV_AT, FLASH_KV_BYTES);
  kv_scan();
  kv_prepare();
  u32 count = 0;
  kv_get(KV_BOOT, &count, sizeof count);
  count++;
  if (kv_write(KV_BOOT, &(struct log_data){.ram = &count}, sizeof count, 0)) boot_count = count;
  log_boot = boot_count;
  counters_start();
  outbox_start();
}

/* One erase at a time, begun here and ended in a later round; nothing waits for it. */
static void store_erase(void) {
  static struct log *const logs[3] = {&kv_log, &count_log, &out_log};
  if (erasing != 0) {
#ifdef FLASH_STALLS
    /* Page by page, and not while anything is driven. */
    if (!store_idle()) return;
#endif
    if (flash_busy()) return;
    log_erase_end(erasing, erasing_index, erasing_count);
    erasing = 0;
  }
  if (!store_idle() || flash_busy()) return;
  if (kv_log.ready < KV_SPARE + 2 && kv_log.stale == 0) kv_release();
  counters_release();
  outbox_release();
  for (u32 i = 0; i < 3; i++) {
    erasing_index = log_erase_begin(logs[i], &erasing_count);
    if (erasing_index == logs[i]->sectors) continue;
    erasing = logs[i];
    return;
  }
}

static void store_poll(void) {
  store_erase();
  counters_poll();
  outbox_poll();
}
