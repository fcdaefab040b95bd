/* The micro:bit's pins for a machine: gate, outputs that are on or off, a bridge where the machine
 * has one, analogue and digital inputs, the compare that starts a step, the watchdog. The chip has
 * no PWM: TIMER1 counts its period, and its compares toggle the sides through PPI and GPIOTE. */

#define STEP_INTERRUPT 8
void step_interrupt(void);

#define GPIOTE 0x40006000
#define ADC 0x40007000
#define TIMER1 0x40009000
#define PPI 0x4001f000
#define WDT 0x40010000
#define RESETREAS REG(0x40000400)
#define GPIO 0x50000000
/* PIN_CNF: 1 output, 2 no input buffer, 4 pull-down, 12 pull-up. */
#define PIN_CNF(pin) REG(GPIO + 0x700 + 4 * (pin))

#define POWER_BIT(output, pin) | 1u << pin
#ifdef PWM_SLICE
#define POWER_PINS (1u << PWM_A_PIN | 1u << PWM_B_PIN | 1u << GATE_PIN POWER_OUTPUTS(POWER_BIT))
#else
#define POWER_PINS (1u << GATE_PIN POWER_OUTPUTS(POWER_BIT))
#endif

static inline void board_pin(u32 pin, bool high) { REG(GPIO + (high ? 0x508 : 0x50c)) = 1u << pin; }
static inline bool board_pin_is(u32 pin) { return (REG(GPIO + 0x510) >> pin & 1) != 0; }

static inline void board_gate(u32 on) { board_pin(GATE_PIN, on != 0); }

/* All that can move or heat is a plain output and low: no task reaches the pins any more. The level
 * comes before the direction, so that no pin is driven high for a moment. */
static void board_safe(void) {
  REG(GPIO + 0x50c) = POWER_PINS;
  REG(PPI + 0x508) = 0xf;
  REG(GPIOTE + 0x510) = 0;
  REG(GPIOTE + 0x514) = 0;
  for (u32 pin = 0; pin < 31; pin++) {
    if ((POWER_PINS >> pin & 1) != 0) PIN_CNF(pin) = 4 | 2 | 1;
  }
}

#ifdef PWM_SLICE
/* A toggle that came once too often would turn the PWM round, so no compare is moved while it or
 * the end of the period is near: this many clocks. A step waits a period at the most. */
#define PWM_NEAR 48u
#define PWM_PERIOD (PWM_TOP + 1u)
static u32 pwm_now[2];

static inline u32 pwm_count(void) {
  REG(TIMER1 + 0x4c) = 1;
  return REG(TIMER1 + 0x54c);
}
static void pwm_wait(u32 from, u32 to) {
  u32 count;
  do {
    count = pwm_count();
  } while (count < from || count > to);
}

/* Not toggled any more. */
static void pwm_still(u32 side, bool high) {
  u32 pin = side == 0 ? PWM_A_PIN : PWM_B_PIN;
  board_pin(pin, high);
  REG(PPI + 0x508) = 3u << 2 * side;
  REG(GPIOTE + 0x510 + 4 * side) = 0;
}

static void pwm_side(u32 side, u32 on) {
  u32 before = pwm_now[side];
  bool toggles = before > 0 && before < PWM_PERIOD;
  if (on == before) return;
  pwm_now[side] = on;
  if (on == 0 || on >= PWM_PERIOD) {
    pwm_still(side, on != 0);
    return;
  }
  u32 longer = toggles && before > on ? before : on;
  if (toggles && longer + 2 * PWM_NEAR < PWM_PERIOD) {
    pwm_wait(longer + PWM_NEAR, PWM_PERIOD - PWM_NEAR);
    REG(TIMER1 + 0x540 + 4 * side) = on;
    return;
  }
  pwm_still(side, false);
  bool high = on + 2 * PWM_NEAR >= PWM_PERIOD;
  if (high) pwm_wait(PWM_NEAR, on - PWM_NEAR);
  else pwm_wait(on + PWM_NEAR, PWM_PERIOD - PWM_NEAR);
  u32 pin = side == 0 ? PWM_A_PIN : PWM_B_PIN;
  REG(TIMER1 + 0x540 + 4 * side) = on;
  REG(GPIOTE + 0x510 + 4 * side) = 3u | pin << 8 | 3u << 16 | (u32)high << 20;
  REG(PPI + 0x504) = 3u << 2 * side;
}

/* The side that goes off goes first. */
static void board_pwm(u32 a, u32 b) {
  u32 first = a == 0 ? 0 : 1;
  pwm_side(first, first == 0 ? a : b);
  pwm_side(1 - first, first == 0 ? b : a);
}

/* Both sides toggle at their own compare and at the end of the period. */
static void pwm_prepare(void) {
  REG(TIMER1 + 4) = 1;
  REG(TIMER1 + 0xc) = 1;
  REG(TIMER1 + 0x508) = 0;
  REG(TIMER1 + 0x510) = 0;
  REG(TIMER1 + 0x548) = PWM_PERIOD;
  REG(TIMER1 + 0x200) = 1u << 2;
  for (u32 side = 0; side < 2; side++) {
    REG(PPI + 0x510 + 16 * side) = TIMER1 + 0x140 + 4 * side;
    REG(PPI + 0x514 + 16 * side) = GPIOTE + 4 * side;
    REG(PPI + 0x518 + 16 * side) = TIMER1 + 0x148;
    REG(PPI + 0x51c + 16 * side) = GPIOTE + 4 * side;
  }
}
#endif

static void board_pins_start(void) {
#define START_OUTPUT(output, pin)                                                                 \
  board_pin(pin, false);                                                                          \
  PIN_CNF(pin) = 2 | 1;
#define START_INPUT(input, pin, level) PIN_CNF(pin) = level ? 4 : 12;
  DIGITAL_OUTPUTS(START_OUTPUT)
  SELECT_PINS(START_OUTPUT)
  DIGITAL_INPUTS(START_INPUT)
  REG(ADC + 0x500) = 1;
}

static inline void board_select(u32 position) {
#define SELECT(bit, pin) board_pin(pin, (position >> bit & 1) != 0);
  SELECT_PINS(SELECT)
  (void)position;
}

/* 10 bits of a third of the pin against the 1.2 V of the band gap: 3.6 V in 1024 counts, 68 us. */
static inline void board_analogue_begin(u32 channel) {
  REG(ADC + 0x100) = 0;
  REG(ADC + 0x504) = 1u << (8 + channel) | 2u << 2 | 2;
  REG(ADC) = 1;
}
static inline u32 board_analogue_result(void) {
  while (REG(ADC + 0x100) == 0) {
  }
  return REG(ADC + 0x508) & 0x3ff;
}

/* Starts at a microsecond's edge: both timers come from one crystal. Gives that microsecond. */
static u32 board_pwm_start(void) {
#ifdef PWM_SLICE
  pwm_prepare();
#endif
  REG(TIMER0 + 0x144) = 0;
  REG(TIMER0 + 0x304) = 1u << 17;
  NVIC_ISER = 1u << STEP_INTERRUPT;
  u32 before = board_micros();
  u32 now;
  while ((now = board_micros()) == before) {
  }
#ifdef PWM_SLICE
  REG(TIMER1) = 1;
#endif
  return now;
}

/* False where that time has passed already: the compare would only come 71 minutes later. */
static inline bool board_alarm_at(u32 us) {
  REG(TIMER0 + 0x544) = us;
  return (s32)(us - board_micros()) > 0 || REG(TIMER0 + 0x144) != 0;
}
static inline void board_alarm_taken(void) {
  REG(TIMER0 + 0x144) = 0;
  (void)REG(TIMER0 + 0x144);
}

/* An erase stalls the core for 23 ms, with everything off; slow steps have two of their periods. */
#define WATCHDOG_US (PERIOD_US < 25000 ? 50000 : 2 * PERIOD_US)
static inline void board_watchdog_feed(void) { REG(WDT + 0x600) = 0x6e524635; }
static void board_watchdog_start(void) {
  REG(WDT + 0x504) = WATCHDOG_US / 1000 * 32768 / 1000 - 1;
  REG(WDT + 0x508) = 1;
  REG(WDT + 0x50c) = 1; /* also while the core sleeps */
  REG(WDT) = 1;
}

/* Why the last run ended, and the latched trip: in RAM that no start clears, each with its
 * complement, because the watchdog's reset may corrupt it (reference manual, 11.1.8). What is not
 * whole then is a hang, which latches, too. */
#define REASON_HANG 18
static u32 kept_words[4] __attribute__((section(".noinit")));
static inline void keep_at(u32 at, u32 word) {
  kept_words[at] = word;
  kept_words[at + 1] = ~word;
}
static inline u32 kept_at(u32 at) {
  return kept_words[at] == ~kept_words[at + 1] ? kept_words[at] : 0;
}
static inline void board_keep_reason(u32 code) { keep_at(0, code); }
static inline void board_keep_word(u32 word) { keep_at(2, word); }
static inline u32 board_kept_word(void) { return kept_at(2); }
static u32 board_take_reason(void) {
  u32 why = RESETREAS;
  RESETREAS = why;
  if (why == 0) keep_at(2, 0);
  u32 kept = why == 0 ? 0 : kept_at(0) & 31;
  keep_at(0, 0);
  return kept != 0 ? kept : (why & 2) != 0 ? REASON_HANG : 0;
}
