/* What no gateway has taken yet, in order. A gateway takes an item once by (unit, boot, number), so
 * that one which comes again after a power cut does no harm. Acknowledged items go when their whole
 * sector is; the newest sector stays, and with it the count of numbers. */

static u32 acked;
static u32 acked_kept;
static u32 acked_us;
/* Up to here sectors were looked at for giving them up. */
static u32 acked_seen;
/* The item found last: where the next one is looked for. */
static u32 found_number;
static u32 found_index;
static u32 found_after;

static void outbox_start(void) {
  log_start(&out_log, FLASH_OUTBOX_AT, FLASH_OUTBOX_BYTES);
  log_prepare(&out_log, 1);
  kv_get(KV_ACKED, &acked, sizeof acked);
  acked_kept = acked;
  if (out_log.number <= acked) out_log.number = acked + 1;
}

static bool outbox_empty(void) { return acked + 1 >= out_log.number; }

/* `spare`: room is kept for others, but not behind what a gateway has all of: the sector that is
 * left behind is then as good as erased. */
static u32 outbox_add(u8 kind, const void *data, u32 bytes, bool spare) {
  if (kind == 0 || bytes > OUTBOX_MOST_BYTES) return 0;
  u32 keep = spare && !outbox_empty() ? OUTBOX_KEEP : 0;
  u32 number = out_log.number;
  u32 mark = (u32)kind << 24 | bytes;
  return log_put(&out_log, mark, &(struct log_data){.ram = data}, keep) == 0 ? 0 : number;
}

static u32 outbox_put(u8 kind, const void *data, u32 bytes) {
  return outbox_add(kind, data, bytes, kind == OUTBOX_USAGE);
}

static u32 outbox_put_spare(u8 kind, const void *data, u32 bytes) {
  return outbox_add(kind, data, bytes, true);
}

/* Goes over the records from a place on to the newest; true at the first above `after`. From the
 * sector's begin where `at` is 0. */
static bool outbox_seek(u32 index, u32 at, u32 after, struct outbox_item *item) {
  struct record record;
  for (;; index = (index + 1) % out_log.sectors, at = 0) {
    u32 start = log_sector(&out_log, index);
    if (at == 0) at = start + LOG_HEAD;
    bool used = log_in_use(log_state(&out_log, index));
    while (used && at < start + FLASH_SECTOR && log_find(&at, &record)) {
      u32 place = at;
      at = log_after(at, &record);
      if (record.number <= after) continue;
      item->number = record.number;
      item->boot = record.boot;
      item->bytes = log_bytes(&record);
      item->at = place;
      item->kind = (u8)(record.mark >> 24);
      found_number = record.number;
      found_index = index;
      found_after = at;
      return true;
    }
    if (index == out_log.head) return false;
  }
}

static bool outbox_next(u32 after, struct outbox_item *item) {
  if (after < acked) after = acked;
  if (out_log.order == 0 || after + 1 >= out_log.number) return false;
  if (found_number == 0 || after != found_number) {
    return outbox_seek((out_log.head + 1u) % out_log.sectors, 0, after, item);
  }
  bool more = found_after < log_sector(&out_log, found_index) + FLASH_SECTOR;
  if (!more && found_index == out_log.head) return false;
  u32 index = more ? found_index : (found_index + 1) % out_log.sectors;
  return outbox_seek(index, more ? found_after : 0, after, item);
}

static bool outbox_read(const struct outbox_item *item, u32 offset, void *data, u32 bytes) {
  struct record record;
  if (!log_valid(item->at, &record) || record.number != item->number) return false;
  if (offset > item->bytes || bytes > item->bytes - offset) return false;
  u8 *to = data;
  for (u32 i = 0; i < bytes; i++) {
    u32 from = item->at + LOG_RECORD + offset + i;
    u32 word;
    flash_read(from & ~3u, &word, 4);
    to[i] = (u8)(word >> 8 * (from & 3));
  }
  return true;
}

static void outbox_ack(u32 number) {
  if (number > acked && number < out_log.number) acked = number;
}

/* The number after the newest one in a sector; 0 where it has none. */
static u32 outbox_end(u32 index) {
  struct record record;
  u32 end = log_sector(&out_log, index) + FLASH_SECTOR;
  u32 number = 0;
  for (u32 at = end - FLASH_SECTOR + LOG_HEAD; at < end && log_find(&at, &record);) {
    number = record.number + 1;
    at = log_after(at, &record);
  }
  return number;
}

/* Gives up the oldest sector when everything in it is acknowledged. Looked at only after an
 * acknowledgement. */
static void outbox_release(void) {
  if (acked == acked_seen) return;
  u32 oldest = log_oldest(&out_log);
  if (oldest == out_log.sectors || oldest == out_log.head || outbox_end(oldest) > acked + 1) {
    acked_seen = acked;
    return;
  }
  log_release(&out_log, oldest);
}

static void outbox_poll(void) {
  if (acked == acked_kept || board_micros() - acked_us < ACK_LAZY_US) return;
  acked_us = board_micros();
  if (kv_put(KV_ACKED, &acked, sizeof acked)) acked_kept = acked;
}
