/* The latch of a trip. In a register that only losing power clears, so that no reset of the
 * watchdog lifts it; a hard trip in the flash, too, so that not even that does. How a trip is
 * cleared is in kernel/README.md; nothing here clears one by itself. */

/* Numbers of causes as in kernel-constants.ts. */
enum {
  CAUSE_NO_HARDWARE = 9,
  CAUSE_HARD = 16,
  CAUSE_OVERRUN = 22,
  CAUSE_LOOP_TRAP = 23,
  CAUSE_PROCESSOR = 24,
  CAUSE_HANG = 25,
  CAUSE_KERNEL = 26,
};

/* Mark, cause and its complement: what is neither this nor 0 is damaged, and as good as a trip. */
#define TRIP_MARK 0x54000000u
static inline u32 trip_word(u32 cause) {
  return cause == 0 ? 0 : TRIP_MARK | (cause & 0xfff) << 12 | (~cause & 0xfff);
}
static inline u32 trip_of(u32 word) {
  if (word == 0) return 0;
  u32 cause = word >> 12 & 0xfff;
  return word == trip_word(cause) ? cause : CAUSE_KERNEL;
}

/* How the last run ended, as a cause; 0 where it lost its power. */
static u32 cause_of(u32 reason) {
  if (reason == 0) return 0;
  if (reason == TRAP_OVERRUN) return CAUSE_OVERRUN;
  if (reason == TRAP_FAULT) return CAUSE_PROCESSOR;
  if (reason == TRAP_KERNEL) return CAUSE_KERNEL;
  return reason == REASON_HANG ? CAUSE_HANG : CAUSE_LOOP_TRAP;
}

/* The cause that the flash holds, and since when it is another one than the latch's. */
static u32 trip_in_flash;
static u32 trip_since_us;

/* Where the loop's steps and its inputs were when it tripped; step 0: in an earlier run, or by what
 * ended it. */
static struct {
  u32 cause;
  u32 step;
  u32 us;
  s32 inputs[INPUTS];
} trip_moment;
/* The cause that went into the outbox last. */
static u32 trip_said;

static void trip_start(u32 reason) {
  kv_get(KV_TRIP, &trip_in_flash, sizeof(trip_in_flash));
  u32 cause = trip_of(board_kept_word());
  if (cause == 0) cause = cause_of(reason);
  if (cause == 0) cause = trip_in_flash;
  board_keep_word(trip_word(cause));
  trip_since_us = board_micros();
  trip_said = trip_in_flash;
  trip_moment.cause = cause;
  trip_moment.us = trip_since_us;
  kernel_start(cause, reason == 0);
}

/* In the tick: from the very step in which it tripped. */
static inline void trip_latch(void) {
  u32 cause = (u32)told[TOLD_CAUSE];
  board_keep_word(trip_word(cause));
  if (cause == trip_moment.cause) return;
  trip_moment.cause = cause;
  trip_moment.step = link_steps;
  trip_moment.us = board_micros();
  for (u32 i = 0; i < INPUTS; i++) trip_moment.inputs[i] = inputs[i];
}

/* What tripped, for the gateway: form and kind, cause, step, uptime (2 words), whether a reading is
 * known, the reading that the check looks at, its power of ten. gateway/pipeline/trip.ts reads it.
 */
static bool trip_tell(u32 cause) {
  static const struct {
    s8 input;
    s8 power;
  } watched[8] = CAUSE_INPUTS;
  u32 place = cause >> 5 & 7;
  bool known = trip_moment.step != 0 && watched[place].power < 100;
  u64 at = link_uptime() - (board_micros() - trip_moment.us);
  u32 words[8] = {1 | 1 << 8, cause, trip_moment.step, (u32)at, (u32)(at >> 32), known};
  if (known) {
    words[6] = (u32)trip_moment.inputs[watched[place].input];
    words[7] = (u32)(s32)watched[place].power;
  }
  return outbox_put(OUTBOX_EVENT, words, sizeof words) != 0;
}

/* In thread mode. A pack that is pulled at work looks like broken sensors while the last charge
 * lasts: a hard trip is written only after the board has outlived it by a second. */
#define TRIP_WRITE_US 1000000
static void trip_poll(void) {
  u32 cause = (u32)told[TOLD_CAUSE];
  u32 hard = (cause & CAUSE_HARD) != 0 ? cause : 0;
  if (hard == trip_in_flash && cause == trip_said) trip_since_us = board_micros();
  else if (board_micros() - trip_since_us >= TRIP_WRITE_US) {
    trip_since_us = board_micros();
    /* First what a gateway shall know: a cut between both says it twice, and never not at all. */
    if (cause != trip_said && (cause == 0 || trip_tell(cause))) trip_said = cause;
    if (hard != trip_in_flash && kv_put(KV_TRIP, &hard, sizeof(hard))) trip_in_flash = hard;
  }
}

/* The service's reset, from the link: refused (false) while the hand pulls. */
static void box_restart(void);
static inline bool trip_clear(void) {
  interrupts_off();
  box_restart();
  bool cleared = kernel_clear();
  if (cleared) trip_latch();
  interrupts_on();
  return cleared;
}
