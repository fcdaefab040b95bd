/* The test build: no pin moves. Inputs come over UART or from a built-in generator, and what the
 * loop does with them goes back as hex words. So a twin, an emulator and a board can be compared
 * bit by bit.
 *   "R seed steps low span ..."  steps with generated inputs, each from low over span:
 *                                hash of every step, cycles, last outputs and reports
 *   "K seed steps low span ..."  the same with the safety kernel: hash, cycles of the kernel,
 *                                last of what passed and what the kernel told
 *   "S input ..."                one step with these inputs: outputs, reports
 *   "M value ..."                what a calibration measured; the loop sets up once more
 *   "H"                          the safe state: outputs, reports
 *   others                       exercise-store.h
 * A trap answers "T code" and stops. */

static void put_text(const char *text) {
  while (*text != 0) board_uart_put(*text++);
}

static void put_word(u32 word) {
  for (s32 shift = 28; shift >= 0; shift -= 4) {
    board_uart_put((u8)"0123456789abcdef"[word >> shift & 15]);
  }
  board_uart_put(' ');
}

/* Next hex word of the line; 0 where it has ended. */
static u32 take_word(void) {
  u32 word = 0;
  for (u8 c; (c = board_uart_take()) > ' ';) {
    word = word << 4 | (c <= '9' ? c - '0' : (c - 'a' + 10) & 15);
  }
  return word;
}

void wasm_rt_trap(wasm_rt_trap_t code) {
  interrupts_off();
  put_text("T ");
  put_word(code);
  put_text("\n");
  for (;;) {
  }
}

/* Generated inputs: xorshift32 (Marsaglia, 2003). Every 1 to 1024 steps each input moves to a new
 * place of its range; now and then a reading is as wild as an i32 can be. */
static u32 random_state;
static u32 episode_left;
static s32 base[INPUTS];

/* Where each input moves: from the lowest value, over the span. */
static s32 input_low[INPUTS];
static u32 input_span[INPUTS];
static const s32 extremes[8] = {INT32_MIN, INT32_MAX, INT32_MIN + 1, -1, 0, 1, 0x55555555, -32769};

static u32 random_word(void) {
  u32 x = random_state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  random_state = x;
  return x;
}

static s32 pick(u32 index) {
  u32 how = random_word();
  u32 span = input_span[index];
  u32 place = random_word() >> 16;
  u32 from = (how & 3) == 0 ? 0 : (how & 3) == 1 ? span / 2 : 0;
  u32 width = (how & 3) < 2 ? span / 8 : span;
  return input_low[index] + (s32)(from + (u32)((u64)width * place >> 16));
}

static void generate(void) {
  if (episode_left == 0) {
    u32 how = random_word();
    episode_left = 1 + (how & 1023);
    for (u32 i = 0; i < INPUTS; i++) base[i] = pick(i);
    if ((how >> 10 & 127) == 0) base[(how >> 17) % INPUTS] = extremes[how >> 24 & 7];
  }
  episode_left--;
  for (u32 i = 0; i < INPUTS; i++) {
    u32 noise = random_word() & 3;
    inputs[i] = input_span[i] < 16 ? base[i] : (s32)((u32)base[i] + noise);
  }
  u32 wild = random_word();
  if ((wild & 1023) == 0) inputs[(wild >> 10 & 255) % INPUTS] = extremes[wild >> 20 & 7];
}

static u32 hash;
static inline void mix(u32 word) { hash = (hash ^ word) * 16777619u; }

static void mix_all(void) {
  for (u32 i = 0; i < OUTPUTS; i++) mix((u32)outputs[i]);
  for (u32 i = 0; i < REPORTS; i++) mix((u32)reported[i]);
  for (u32 i = 0; i < sizeof(known) / 4; i++) mix(known[i]);
}

static void put_results(void) {
  for (u32 i = 0; i < OUTPUTS; i++) put_word((u32)outputs[i]);
  for (u32 i = 0; i < REPORTS; i++) put_word((u32)reported[i]);
  for (u32 i = 0; i < sizeof(known) / 4; i++) put_word(known[i]);
  board_uart_put('\n');
}

/* Cycles of what is measured: in all, and the most of one. */
static u64 total;
static u32 worst;
static u32 empty;

static void begin_run(u32 seed) {
  total = 0;
  worst = 0;
  empty = cycles_now();
  empty = cycles_between(empty, cycles_now());
  random_state = seed;
  episode_left = 0;
  hash = 2166136261u;
}

static inline void measured(u32 before) {
  u32 taken = cycles_between(before, cycles_now()) - empty;
  total += taken;
  if (taken > worst) worst = taken;
}

static void put_run(void) {
  put_word(hash);
  put_word((u32)(total >> 32));
  put_word((u32)total);
  put_word(worst);
}

static void run_steps(u32 seed, u32 steps) {
  begin_run(seed);
  for (u32 i = 0; i < steps; i++) {
    generate();
    u32 before = cycles_now();
    loop_step();
    measured(before);
    mix_all();
  }
  put_run();
  put_results();
}

#if defined(GUARDED) && !defined(LOOP_BY_HAND)
/* A trip would last for ever: it is cleared now and then, as a service would. */
#define STEPS_TO_CLEAR 256
static void run_guarded(u32 seed, u32 steps) {
  begin_run(seed);
  kernel_start(0, false);
  for (u32 i = 0; i < steps; i++) {
    generate();
    if (i % STEPS_TO_CLEAR == 0) kernel_clear();
    u32 before = cycles_now();
    bool allowed = kernel_step();
    measured(before);
    loop_step();
    if (!allowed) loop_stop();
    pass_outputs(allowed);
    for (u32 k = 0; k < OUTPUTS; k++) mix((u32)passed[k]);
    for (u32 k = 0; k < TOLD; k++) mix((u32)told[k]);
    mix_all();
  }
  put_run();
  for (u32 k = 0; k < OUTPUTS; k++) put_word((u32)passed[k]);
  for (u32 k = 0; k < TOLD; k++) put_word((u32)told[k]);
  board_uart_put('\n');
}
#else
static void run_guarded(u32 seed, u32 steps) {
  (void)seed;
  (void)steps;
  put_text("no kernel\n");
}
#endif

#ifdef STORE_IN_FLASH
#include "exercise-store.h"
#endif

int main(void) {
  board_clocks();
  board_uart_start();
  cycles_start();
  loop_start();
  put_text("ready\n");
  for (;;) {
    u8 command = board_uart_take();
    if (command == 'R' || command == 'K') {
      board_uart_take();
      u32 seed = take_word();
      u32 steps = take_word();
      for (u32 i = 0; i < INPUTS; i++) {
        input_low[i] = (s32)take_word();
        input_span[i] = take_word();
      }
      if (command == 'K') run_guarded(seed, steps);
      else run_steps(seed, steps);
    } else if (command == 'S') {
      board_uart_take();
      for (u32 i = 0; i < INPUTS; i++) inputs[i] = (s32)take_word();
      loop_step();
      put_results();
    } else if (command == 'H') {
      loop_stop();
      put_results();
    } else if (command == 'M') {
      board_uart_take();
      for (u32 i = 0; i < MEASURED; i++) unit_measured[i] = (s32)take_word();
      loop_setup();
      board_uart_put('\n');
    }
#ifdef STORE_IN_FLASH
    if (command >= 'A' && command != 'R' && command != 'K' && command != 'S' && command != 'H' &&
        command != 'M') {
      exercise_store(command);
    }
#endif
  }
}
