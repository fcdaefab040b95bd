/* The loop's counters over the unit's life: a record of all of them every 0.75 s, while they move,
 * so that a power cut takes a second of use at the most (boards with few sectors: journalSeconds).
 * A loop counts from 0 in every boot and its integers wrap; here they are 64 bits wide and never
 * go back. Long armed, with nothing erased, the records come less often as the room goes to its
 * end: with half of it left every 1.5 s, then 3 s ... */

#define COUNTERS (REPORTS - STATES)

/* As in the flash, and the loop's integers as of then. */
static u64 counted[COUNTERS + 1];
static u32 counted_raw[COUNTERS + 1];
static u32 counted_us;

static u64 store_counter(u32 index) { return index < COUNTERS ? counted[index] : 0; }

static void counters_put(void) {
  u64 now[COUNTERS + 1];
  u32 raw[COUNTERS + 1];
  for (u32 i = 0; i < COUNTERS; i++) {
    raw[i] = (u32)((volatile s32 *)reported)[STATES + i];
    now[i] = counted[i] + (raw[i] - counted_raw[i]);
  }
  if (log_put(&count_log, 1u << 24 | 8 * COUNTERS, &(struct log_data){.ram = now}, 0) == 0) return;
  for (u32 i = 0; i < COUNTERS; i++) {
    counted[i] = now[i];
    counted_raw[i] = raw[i];
  }
}

static void counters_start(void) {
  struct record record;
  log_start(&count_log, FLASH_COUNTERS_AT, FLASH_COUNTERS_BYTES);
  u32 start = log_sector(&count_log, count_log.head);
  for (u32 at = start + LOG_HEAD;
       count_log.order > 0 && at < start + FLASH_SECTOR && log_find(&at, &record);) {
    /* Firmware that counts more puts it behind what was counted before. */
    u32 bytes = log_bytes(&record);
    flash_read(at + LOG_RECORD, counted, bytes < 8 * COUNTERS ? bytes : 8 * COUNTERS);
    at = log_after(at, &record);
  }
  log_prepare(&count_log, 1);
  counted_us = board_micros();
}

/* Only the newest record counts, and the head always has one. */
static void counters_release(void) {
  if (count_log.ready + count_log.stale + 1u >= count_log.sectors) return;
  u32 oldest = log_oldest(&count_log);
  if (oldest < count_log.sectors && oldest != count_log.head) log_release(&count_log, oldest);
}

static void counters_poll(void) {
  u32 wait = COUNT_US;
  for (u32 half = count_log.sectors / 2u; half > count_log.ready && half > 0; half /= 2) wait *= 2;
  if (board_micros() - counted_us < wait) return;
  bool moved = false;
  for (u32 i = 0; i < COUNTERS; i++) {
    if ((u32)((volatile s32 *)reported)[STATES + i] != counted_raw[i]) moved = true;
  }
  if (!moved) return;
  counted_us = board_micros();
  counters_put();
}
