/* The image of a machine: steps at RATE_HZ from one interrupt, sampled in the middle of the
 * bridge's on-time; kernel, loop, pins, watchdog, in this order and each only after the one
 * before. Drive and brake are one PWM slice and never both on; a machine without a bridge has
 * outputs that are on or off. The gate pin is high only while something that drives passes. A
 * trap, a fault or a step that takes too long switches off at once, keeps the reason and lets the
 * watchdog reset; the trip is latched over it. */
#ifndef GUARDED
#error "a machine has a safety kernel"
#endif
SMALL_BEGIN
#include "trip.h"
#include "chain.h"
SMALL_END

/* What an analogue input is worth: offset + counts * gain / 2^shift, in the channel's integers. */
struct analogue {
  u8 input;
  u8 channel;
  u8 position;
  u8 shift;
  s32 gain;
  s32 offset;
};
/* The first is sampled in every step, the others in turn. As the profile has it; what a calibration
 * made of it is in RAM. */
static const struct analogue analogue_table[ANALOGUES] = ANALOGUE_TABLE;
static struct analogue analogues[ANALOGUES];
/* What the pins said last, also while a self-test puts other readings in its place. */
static s32 sampled[INPUTS];

/* On-time of the bridge's two sides, in counts of the PWM. */
static u32 on_a;
static u32 on_b;
static u32 turn;
static u32 due_us;

/* Anything that moves or heats. */
static inline u32 driven(void) {
  u32 any = on_a | on_b;
#define ANY_OF(output, pin) any |= (u32)passed[output];
  POWER_OUTPUTS(ANY_OF)
  return any;
}

/* What passed, to the pins. */
static inline void drive_pins(void) {
#ifdef PWM_SLICE
  on_a = (u32)passed[PWM_A_OUTPUT] * PWM_GAIN >> PWM_SHIFT;
  on_b = (u32)passed[PWM_B_OUTPUT] * PWM_GAIN >> PWM_SHIFT;
  if (on_a != 0 && on_b != 0) on_a = on_b = 0;
  board_pwm(on_a, on_b);
#endif
  board_gate(driven());
#define DRIVE_PIN(output, pin) board_pin(pin, passed[output] != 0);
  POWER_OUTPUTS(DRIVE_PIN)
  DIGITAL_OUTPUTS(DRIVE_PIN)
}

SMALL_BEGIN
#include "black-box.h"
#include "black-box-link.h"
#include "selftest.h"
#include "selftest-link.h"
#include "calibration.h"
#include "trip-link.h"
#ifdef RUNNING_SLOT
#include "present.h"
#else
static void present_poll(void) {}
#endif
SMALL_END

void wasm_rt_trap(wasm_rt_trap_t code) {
  interrupts_off();
  board_safe();
  box_trap(in_kernel ? TRAP_KERNEL : code);
  board_keep_reason(in_kernel ? TRAP_KERNEL : code);
  for (;;) {
  }
}

/* Of a place that the compiler knows, the table is no look-up. */
static inline void store(u32 place, u32 counts) {
  const struct analogue *from = &analogue_table[place], *line = &analogues[place];
  s32 value = line->offset + ((s32)counts * line->gain >> from->shift);
  inputs[from->input] = sampled[from->input] = value;
}

static inline void sample_pins(void) {
#define TAKE_PIN(input, pin, level) inputs[input] = sampled[input] = board_pin_is(pin) == level;
  DIGITAL_INPUTS(TAKE_PIN)
}

/* The last step was one of the machine, none of a self-test. */
static bool step_counts;
/* What the last step left for a time in which this one would only wait: all that it read and said
 * is still there. */
static inline void close_step(void) {
  if (step_counts) usage_tick();
  box_close();
}

#ifdef TEST_INPUTS
#include "test-inputs.h"
#else
#ifndef BOARD_SAMPLES_BY_ITSELF
static inline u32 board_timed_result(void) { return board_analogue_result(); }
#endif

/* The conversion that the last step began is read first, and given; then this step's own begins,
 * which has started the step where the board can do that. What need not wait for it is done. */
static inline u32 sample_begin(void) {
  u32 earlier = board_analogue_result();
#ifndef BOARD_SAMPLES_BY_ITSELF
  board_analogue_begin(analogue_table[0].channel);
#endif
  close_step();
  store(turn, earlier);
  turn = turn + 1 < ANALOGUES ? turn + 1 : ANALOGUES > 1;
  board_select(analogue_table[turn].position);
  sample_pins();
  return earlier;
}

static inline u32 sample_end(void) {
  u32 now = board_timed_result();
  store(0, now);
  return now;
}

/* Every input once, one after the other, so that the first step sees what is there. */
static void sample_all(void) {
  for (u32 i = 0; i < ANALOGUES; i++) {
    board_select(analogues[i].position);
    u32 since = board_micros();
    while (board_micros() - since < 10) {
    }
    board_analogue_begin(analogues[i].channel);
    store(i, board_analogue_result());
  }
  sample_pins();
}
#endif

/* Sets when the next step begins; too late is a trap. Where an erase stalls the core, the steps
 * that it held up are let go: nothing is erased while anything is driven. */
static inline void next_step(void) {
  due_us += PERIOD_US;
  u32 on = on_a > on_b ? on_a : on_b;
  bool in_time = board_alarm_at(due_us + (on * HALF_ON_US_GAIN >> 16));
#ifdef FLASH_STALLS
  if (!in_time && flash_stalled) {
    while ((s32)(due_us - board_micros()) <= 50) due_us += PERIOD_US;
    in_time = board_alarm_at(due_us);
  }
  flash_stalled = false;
#endif
  if (!in_time) wasm_rt_trap(TRAP_OVERRUN);
}

void step_interrupt(void) {
  board_alarm_taken();
  u32 began_us = board_micros();
  u32 counts = sample_begin() << 12;
  link_tick();
  bool injected = selftest.on != 0;
  counts |= sample_end();
  if (injected) selftest_readings();
  else box_begin(counts);
  bool allowed = kernel_step();
  if (!allowed) {
    /* At once, not after a step of the loop. */
    pass_outputs(false);
    drive_pins();
    if (!injected) trip_latch();
  }
  if (injected) {
    selftest_step(allowed);
  } else {
    loop_step();
    if (!allowed) loop_stop();
  }
  pass_outputs(allowed && !injected);
  drive_pins();
  store_driven(driven() != 0, began_us);
  step_counts = !injected;
  if (!injected) box_end(began_us);
#ifndef TEST_INPUTS
  board_analogue_begin(analogue_table[turn].channel);
#endif
  next_step();
  board_watchdog_feed();
}

/* Thread mode looks for work a thousand times a second, and when a port has something to say: in
 * every step it would take an eighth of the core at 20 kHz. */
#define WORK_STEPS (RATE_HZ > 1000 ? RATE_HZ / 1000 : 1)
static void wait_for_work(void) {
  u32 since = link_steps;
  do wait_for_interrupt();
  while (link_steps - since < WORK_STEPS && !link_woken);
  link_woken = false;
}

SMALL_BEGIN
int main(void) {
  board_safe();
  board_clocks();
  board_uart_start();
  u32 reason = board_take_reason();
  store_start();
  identity_start();
  chain_start();
  usage_start();
  box_look();
  board_watchdog_start();
  board_pins_start();
  calibration_start();
  sample_all();
  trip_start(reason);
  loop_start();
  box_start(reason);
  link_start(reason);
  due_us = board_pwm_start() + PERIOD_US;
  board_alarm_at(due_us);
  interrupts_on();
  for (;;) {
    store_poll();
    box_poll();
    if (selftest.on == 0) {
      trip_poll();
      chain_poll((u32)told[TOLD_CAUSE]);
    }
    selftest_poll();
    selftest_tell();
    calibration_tell();
    usage_poll();
    link_poll();
    rules_poll(selftest.on != 0);
    present_poll();
    update_poll();
#ifdef TEST_INPUTS
    continue; /* QEMU's time is that of its host while it sleeps, and jumps */
#elif defined(UART_UNBUFFERED) || RATE_HZ < 2000
    /* A step would come too seldom to give the line its next byte. */
    if (link_sending()) continue;
#endif
    wait_for_work();
  }
}
SMALL_END
