/* How the machine is used, over its whole life: time in 32 bands of a quantity, and rainflow counts
 * (ASTM E1049-85, 5.4.4) of a load on 64 levels, 32 ranges by 15 means, in 1,996 bytes. The tick
 * looks at every step and hands over a hundredth of a second at a time; counting and keeping are
 * the main loop's, so that what is written to the flash does not change meanwhile. Counts while the
 * machine is in use, by the profile. firmware/twin/usage.ts does the same in the twin.
 *
 * An item of the outbox (kind usage), little-endian: u8 1, u8 what (0 bands, 1 cycles), u8 which of
 * them, u8 0, u16 first value, u16 how many, u32 layout, u32 uptime from, u32 uptime to (seconds of
 * the item's boot: what was counted since the item before it was counted then), u32 hundredths in
 * use, then the values, u32 each, over the whole life. */

#ifdef USAGE_BANDS
#define USAGE_BINS 32
#define USAGE_LOADS (USAGE_CYCLES > 0 ? USAGE_CYCLES : 1)
#define USAGE_RANGES 32
#define USAGE_MEANS 15
#define USAGE_LEVELS 64
#define USAGE_PERIOD (RATE_HZ / 100)
#define USAGE_HEAD 24
/* Values of cycles in one item. */
#define USAGE_SLICE 48
#define USAGE_SLICES (USAGE_RANGES * USAGE_MEANS / USAGE_SLICE)
/* Hundredths in use after which what was counted is kept: idle, and at work; and told: where a
 * gateway has taken all else and the machine stands still, and in any case. */
#define USAGE_KEEP_IDLE (100 * FLASH_USAGE_S)
#define USAGE_TELL_IDLE (100 * FLASH_TELL_S)
#define USAGE_KEEP 60000
#define USAGE_TELL 180000
#define USAGE_TELL_S 86400
#define USAGE_RETRY_US 10000000

struct usage_source {
  const s32 *from;
  s32 low;
  u32 span;
};
static const struct usage_source usage_bands[USAGE_BANDS] = USAGE_BAND_TABLE;
static const struct usage_source usage_loads[USAGE_LOADS] = USAGE_CYCLE_TABLE;

static struct {
  u32 layout;
  u32 ticks;
  u32 missed;
  u32 told;
  u32 bins[USAGE_BANDS][USAGE_BINS];
} usage;

static struct usage_cycles {
  u32 halves[USAGE_RANGES * USAGE_MEANS];
  u32 layout;
  u8 residue[USAGE_LEVELS + 3];
  u8 size;
  u8 last;
  u8 begun;
  s8 direction;
  u8 free;
} usage_cycles[USAGE_LOADS];

/* From the tick to the main loop, which has the time to divide: a value of each, and of each load
 * its extremes in their order. */
#define USAGE_QUEUE 32
static s32 usage_queue[USAGE_QUEUE][USAGE_BANDS + 2 * USAGE_CYCLES];
static volatile u32 usage_in;
static volatile u32 usage_out;
static volatile u32 usage_missed;

static u32 usage_step;
static s32 usage_first[USAGE_LOADS];
static s32 usage_second[USAGE_LOADS];

/* Between 0 and its span. */
static u32 usage_place(const struct usage_source *source, s32 value) {
  if (value < source->low) return 0;
  u32 place = (u32)value - (u32)source->low;
  return place < source->span ? place : source->span;
}
static u32 usage_bin(const struct usage_source *source, s32 value) {
  u32 bin = usage_place(source, value) * USAGE_BINS / source->span;
  return bin < USAGE_BINS ? bin : USAGE_BINS - 1;
}
/* The nearest level, up where two are as near. */
static u32 usage_level(const struct usage_source *source, s32 value) {
  u32 place = usage_place(source, value) * 2 * (USAGE_LEVELS - 1);
  return (place + source->span) / (2 * source->span);
}

/* The lowest and the highest of the window, in the order in which they came. */
IN_STEP void usage_extremes(void) {
  for (u32 i = 0; i < USAGE_CYCLES; i++) {
    s32 value = *usage_loads[i].from;
    s32 low = usage_first[i] < usage_second[i] ? usage_first[i] : usage_second[i];
    s32 high = usage_first[i] < usage_second[i] ? usage_second[i] : usage_first[i];
    if (usage_step == 0) {
      usage_first[i] = usage_second[i] = value;
    } else if (value < low) {
      usage_first[i] = high;
      usage_second[i] = value;
    } else if (value > high) {
      usage_first[i] = low;
      usage_second[i] = value;
    }
  }
}

/* The end of a hundredth of a second. */
RARELY void usage_hand_over(void) {
  usage_step = 0;
  if (!(USAGE_IN_USE)) return;
  if (usage_in - usage_out >= USAGE_QUEUE) {
    usage_missed++;
    return;
  }
  s32 *to = usage_queue[usage_in % USAGE_QUEUE];
  for (u32 i = 0; i < USAGE_BANDS; i++) {
    *to++ = *usage_bands[i].from;
  }
  for (u32 i = 0; i < USAGE_CYCLES; i++) {
    *to++ = usage_first[i];
    *to++ = usage_second[i];
  }
  usage_in++;
}

/* After each step of the loop. */
IN_STEP void usage_tick(void) {
  usage_extremes();
  if (++usage_step >= USAGE_PERIOD) usage_hand_over();
}

/* A cycle between two levels; a full one is two halves. */
static void usage_count(struct usage_cycles *cycles, u32 a, u32 b, u32 halves) {
  u32 range = (a > b ? a - b : b - a) * USAGE_RANGES / (USAGE_LEVELS - 1);
  u32 mean = (a + b) * USAGE_MEANS / (2 * (USAGE_LEVELS - 1));
  if (range >= USAGE_RANGES) range = USAGE_RANGES - 1;
  if (mean >= USAGE_MEANS) mean = USAGE_MEANS - 1;
  u32 *count = &cycles->halves[range * USAGE_MEANS + mean];
  *count = *count > UINT32_MAX - halves ? UINT32_MAX : *count + halves;
}

/* A turning point: onto the residue, then every range that it closes is counted. With the begin of
 * the history in it, it is half a cycle, and the begin moves on. */
static void usage_turn(struct usage_cycles *cycles, u32 level) {
  u8 *residue = cycles->residue;
  u32 n = cycles->size;
  residue[n++] = (u8)level;
  while (n >= 3) {
    u32 c = residue[n - 1];
    u32 b = residue[n - 2];
    u32 a = residue[n - 3];
    if ((c > b ? c - b : b - c) < (b > a ? b - a : a - b)) break;
    usage_count(cycles, a, b, n == 3 ? 1 : 2);
    if (n == 3) {
      residue[0] = (u8)b;
      residue[1] = (u8)c;
      n = 2;
    } else {
      residue[n - 3] = (u8)c;
      n -= 2;
    }
  }
  cycles->size = (u8)n;
}

static void usage_load(struct usage_cycles *cycles, u32 level) {
  if (cycles->begun && level != cycles->last) {
    s8 direction = level > cycles->last ? 1 : -1;
    if (direction != cycles->direction) usage_turn(cycles, cycles->last);
    cycles->direction = direction;
  }
  cycles->begun = 1;
  cycles->last = (u8)level;
}

static void usage_fold(void) {
  while (usage_out != usage_in) {
    const s32 *from = usage_queue[usage_out % USAGE_QUEUE];
    for (u32 i = 0; i < USAGE_BANDS; i++) {
      usage.bins[i][usage_bin(&usage_bands[i], *from++)]++;
    }
    for (u32 i = 0; i < USAGE_CYCLES; i++) {
      usage_load(&usage_cycles[i], usage_level(&usage_loads[i], *from++));
      usage_load(&usage_cycles[i], usage_level(&usage_loads[i], *from++));
    }
    usage.ticks++;
    usage_out++;
  }
}

static u32 usage_kept;
static u32 usage_told_s;
static u32 usage_uptime_s;
static u32 usage_second_us;
static u32 usage_try_us;
static u32 usage_told_part;

static void usage_keep(void) {
  usage.missed += usage_missed;
  usage_missed = 0;
  bool kept = kv_put(KV_USAGE, &usage, sizeof usage);
  for (u8 i = 0; i < USAGE_CYCLES; i++) {
    kept = kv_put(KV_CYCLES + i, &usage_cycles[i], sizeof usage_cycles[i]) && kept;
  }
  if (kept) usage_kept = usage.ticks;
}

/* How much was told: by itself where all that was counted is kept already. */
static void usage_keep_told(void) {
  u32 said[2] = {USAGE_LAYOUT, usage.told};
  if (usage_kept != usage.ticks || !kv_put(KV_TOLD, said, sizeof said)) usage_keep();
}

static bool usage_tell_part(u32 what, u32 which, const u32 *values, u32 first, u32 count) {
  u32 words[(USAGE_HEAD + 4 * USAGE_SLICE) / 4];
  words[0] = 1 | what << 8 | which << 16;
  words[1] = first | count << 16;
  words[2] = USAGE_LAYOUT;
  words[3] = usage_told_s;
  words[4] = usage_uptime_s;
  words[5] = usage.ticks;
  for (u32 i = 0; i < count; i++) words[6 + i] = values[first + i];
  return outbox_put(OUTBOX_USAGE, words, USAGE_HEAD + 4 * count) != 0;
}

/* All parts into the outbox, one a call; true when the last one is there. */
static bool usage_tell(void) {
  u32 part = usage_told_part;
  bool put;
  if (part < USAGE_BANDS) {
    put = usage_tell_part(0, part, usage.bins[part], 0, USAGE_BINS);
  } else {
    u32 which = (part - USAGE_BANDS) / USAGE_SLICES;
    u32 first = (part - USAGE_BANDS) % USAGE_SLICES * USAGE_SLICE;
    put = usage_tell_part(1, which, usage_cycles[which].halves, first, USAGE_SLICE);
  }
  if (!put) return false;
  usage_told_part = part + 1 < USAGE_BANDS + USAGE_SLICES * USAGE_CYCLES ? part + 1 : 0;
  if (usage_told_part != 0) return false;
  usage.told = usage.ticks;
  usage_told_s = usage_uptime_s;
  return true;
}

static void usage_start(void) {
  kv_get(KV_USAGE, &usage, sizeof usage);
  if (usage.layout != USAGE_LAYOUT) {
    for (u32 i = 0; i < sizeof usage / 4; i++) ((u32 *)&usage)[i] = 0;
  }
  usage.layout = USAGE_LAYOUT;
  for (u8 i = 0; i < USAGE_CYCLES; i++) {
    struct usage_cycles *cycles = &usage_cycles[i];
    kv_get(KV_CYCLES + i, cycles, sizeof *cycles);
    if (cycles->layout != USAGE_LAYOUT) {
      for (u32 j = 0; j < sizeof *cycles / 4; j++) ((u32 *)cycles)[j] = 0;
    }
    cycles->layout = USAGE_LAYOUT;
  }
  u32 said[2] = {0, 0};
  kv_get(KV_TOLD, said, sizeof said);
  bool later = said[0] == USAGE_LAYOUT && said[1] > usage.told && said[1] <= usage.ticks;
  if (later) usage.told = said[1];
  usage_kept = usage.ticks;
  usage_second_us = board_micros();
  usage_try_us = usage_second_us - USAGE_RETRY_US;
}

/* Standing still, with all that was counted kept, so that no later start says less. What a gateway
 * has not taken yet waits alone: there a later snapshot says all. */
static bool usage_early(void) {
  return usage_kept == usage.ticks && usage.ticks - usage.told >= USAGE_TELL_IDLE &&
         store_idle() && outbox_empty();
}

static void usage_poll(void) {
  u32 now = board_micros();
  while (now - usage_second_us >= 1000000) {
    usage_second_us += 1000000;
    usage_uptime_s++;
  }
  u32 before = usage.ticks;
  usage_fold();
  u32 fresh = usage.ticks - usage_kept;
  bool idle = usage.ticks == before && store_idle();
  if (now - usage_try_us < USAGE_RETRY_US) return;
  bool due = usage_told_part != 0 || usage.ticks - usage.told >= USAGE_TELL || usage_early() ||
             (usage.ticks != usage.told && usage_uptime_s - usage_told_s >= USAGE_TELL_S);
  if (due) {
    if (usage_tell()) usage_keep_told();
    else if (usage_told_part == 0) usage_try_us = now;
  } else if (fresh >= USAGE_KEEP || (idle && fresh >= USAGE_KEEP_IDLE)) {
    usage_keep();
    if (usage_kept != usage.ticks) usage_try_us = now;
  }
}
#else
static inline void usage_start(void) {}
static inline void usage_tick(void) {}
static inline void usage_poll(void) {}
#endif
