/* The self-test's injection: raw samples are replaced right after they were taken, and what a loop
 * would ask for is given, too. The loop rests, no pin moves whatever the kernel says, and nothing
 * is latched or counted. Who injects what, and signs what came of it, is others' work: requests
 * come through one mailbox, from the link or from a test. */

enum selftest_request {
  SELFTEST_NONE,
  SELFTEST_BEGIN, /* refused while anything moves, the hand pulls, or a trip is latched */
  SELFTEST_END,
  SELFTEST_READ,  /* input `index` reads `value`, with a little noise, as a sound sensor has */
  SELFTEST_STILL, /* the same, without noise: stuck */
  SELFTEST_ASK,   /* the loop asks for `value` of output `index` */
  SELFTEST_APPLY, /* what was given since: all of it in one step, and steps are counted from it */
  SELFTEST_STATE, /* nothing but the answer; whoever asks is still there */
};

/* Written by whoever asks, `request` last; taken and zeroed by selftest_poll. */
SEEN volatile struct {
  u32 request;
  u32 index;
  s32 value;
} selftest_mail;

/* What came of it. Time is counted in steps, from the last APPLY to the first that passes none. */
SEEN volatile struct {
  u32 on;
  u32 refused;
  u32 steps;
  u32 ended;
} selftest;

struct selftest_given {
  s32 readings[INPUTS];
  s32 asks[OUTPUTS];
  u32 still;
};
static struct selftest_given given_next;
static struct selftest_given given_now;
static u32 selftest_us;
static u32 selftest_turn;

/* A host that went away must not keep a machine from working. */
#define SELFTEST_MOST_US 30000000u

/* In the tick, after the pins were sampled. */
static inline void selftest_readings(void) {
  /* Changes from one turn of the levels to the next (four steps), or they would see none. */
  u32 odd = selftest_turn++ >> 2 & 1;
  for (u32 i = 0; i < INPUTS; i++) {
    u32 noise = (given_now.still >> i & 1) == 0 ? odd : 0;
    inputs[i] = given_now.readings[i] + (s32)noise;
  }
}

/* In the tick, in the loop's place. */
static inline void selftest_step(bool allowed) {
  for (u32 i = 0; i < OUTPUTS; i++) outputs[i] = allowed ? given_now.asks[i] : 0;
  if (selftest.ended == 0) {
    selftest.steps++;
    if (!allowed) selftest.ended = 1;
  }
}

/* Afterwards the machine is as after a start: off until a release was seen. */
static void selftest_end(void) {
  interrupts_off();
  selftest.on = 0;
  box_restart();
  kernel_start(0, false);
  loop_stop();
  interrupts_on();
}

/* To rest, for measuring: no reading need be sound, and a hand may pull, for no pin moves. */
static bool selftest_may_rest(void) {
  return selftest.on == 0 && told[TOLD_CAUSE] == 0 && driven() == 0;
}
static bool selftest_may_begin(void) {
  return selftest_may_rest() &&
         (told[TOLD_STATE] == STATE_ARMED || told[TOLD_HINDRANCE] == CAUSE_NO_HARDWARE);
}

static void selftest_begin(bool to_rest) {
  interrupts_off();
  bool may = to_rest ? selftest_may_rest() : selftest_may_begin();
  if (may) {
    for (u32 i = 0; i < INPUTS; i++) given_next.readings[i] = inputs[i];
    for (u32 i = 0; i < OUTPUTS; i++) given_next.asks[i] = 0;
    given_next.still = 0;
    given_now = given_next;
    /* While what the last step said still stands. */
    box_restart();
    kernel_start(0, false);
    selftest.on = 1;
  }
  interrupts_on();
  selftest.refused = !may;
}

static void selftest_apply(void) {
  interrupts_off();
  given_now = given_next;
  selftest.steps = 0;
  selftest.ended = 0;
  /* After a fault the next one starts from a kernel that waits. */
  if (told[TOLD_STATE] == STATE_TRIPPED) kernel_start(0, false);
  interrupts_on();
}

/* One request, in thread mode. */
static void selftest_take(u32 request, u32 index, s32 value) {
  selftest_us = board_micros();
  if (request == SELFTEST_BEGIN) selftest_begin(false);
  else if (request == SELFTEST_STATE) return;
  else if (selftest.on == 0) selftest.refused = 1;
  else if (request == SELFTEST_END) selftest_end();
  else if (request == SELFTEST_APPLY) selftest_apply();
  else if (request == SELFTEST_ASK && index < OUTPUTS) given_next.asks[index] = value;
  else if (index < INPUTS) {
    given_next.readings[index] = value;
    given_next.still &= ~(1u << index);
    if (request == SELFTEST_STILL) given_next.still |= 1u << index;
  }
}

/* In every round of the main loop. */
static void selftest_poll(void) {
  if (selftest.on != 0 && board_micros() - selftest_us > SELFTEST_MOST_US) selftest_end();
  if (selftest_mail.request == SELFTEST_NONE) return;
  selftest_take(selftest_mail.request, selftest_mail.index, selftest_mail.value);
  selftest_mail.request = SELFTEST_NONE;
}
