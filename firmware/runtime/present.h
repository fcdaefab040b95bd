/* Whether a person is at the machine, by the machine's own control as the pins say it: what no line
 * can bring about, neither by a self-test's readings nor by a calibration. Thread mode. A machine
 * without a control never says so. */

#ifdef HOLD_INPUT
#define PRESENT_FOR_US 1000000u
#define PRESENT_MOST_US 30000000u

/* From here on the control is held, also where a calibration was moved as far as it can be. */
static s32 present_from(void) {
  s32 from = HOLD_RELEASED;
  for (u32 i = 0; i < ANALOGUES; i++) {
    const struct analogue *one = &analogue_table[i];
    s32 size = one->gain < 0 ? -one->gain : one->gain;
    s32 span = ANALOGUE_COUNTS * size >> one->shift;
    if (one->input == HOLD_INPUT) from += 2 * (span / CALIBRATION_FAR);
  }
  return from;
}

/* Since when it stands. */
static u32 present_us;
static bool present_is;

#ifdef HOLD_STAYS
/* A switch may have been left on: only one that is put on now has a hand at it. */
static bool present_poll_is(void) {
  static bool was_off;
  bool on = sampled[HOLD_INPUT] >= present_from();
  bool put_on = on && was_off;
  was_off = !on;
  return put_on || (on && present_is && board_micros() - present_us < PRESENT_MOST_US);
}
#else
/* Held since the start, or since a trip was cleared: the kernel waits for its release, and nothing
 * else hinders it. */
static bool present_poll_is(void) {
  return selftest.on == 0 && told[TOLD_STATE] == STATE_WAIT &&
         told[TOLD_HINDRANCE] == CAUSE_NOT_RELEASED && sampled[HOLD_INPUT] >= present_from();
}
#endif

/* In every round of the main loop. */
static void present_poll(void) {
  bool is = present_poll_is();
  if (is && !present_is) present_us = board_micros();
  present_is = is;
}

/* No disturbance lasts for a second. */
static bool present(void) { return present_is && board_micros() - present_us >= PRESENT_FOR_US; }
#else
static void present_poll(void) {}
static bool present(void) { return false; }
#endif
