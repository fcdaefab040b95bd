/* The Pico's pins for a machine: bridge (one PWM slice and the gate pin), analogue and digital
 * inputs, the alarm that starts a step, the watchdog. Pin numbers come from the profile. */

#define STEP_INTERRUPT 0
void step_interrupt(void);

#define POWER_BIT(output, pin) | 1u << pin
#ifdef PWM_SLICE
#define SLICE (PWM + 0x14 * PWM_SLICE)
#define POWER_PINS (1u << PWM_A_PIN | 1u << PWM_B_PIN | 1u << GATE_PIN POWER_OUTPUTS(POWER_BIT))
#else
#define POWER_PINS (1u << GATE_PIN POWER_OUTPUTS(POWER_BIT))
#endif

static inline void board_pin(u32 pin, bool high) { REG(SIO + (high ? 0x14 : 0x18)) = 1u << pin; }
static inline bool board_pin_is(u32 pin) { return (REG(SIO + 4) >> pin & 1) != 0; }

static inline void board_gate(u32 on) { board_pin(GATE_PIN, on != 0); }

#ifdef PWM_SLICE
/* Both compare values in one write: they take effect together, when the counter wraps. */
static inline void board_pwm(u32 a, u32 b) { REG(SLICE + 0xc) = b << 16 | a; }
#endif

/* All that can move or heat is a plain output and low: the PWM no longer reaches the pins. */
static void board_safe(void) {
  release(PINS_BLOCKS);
  REG(SIO + 0x18) = POWER_PINS;
  REG(SIO + 0x24) = POWER_PINS;
#define SAFE_OUTPUT(output, pin)                                                                  \
  function(pin, FUNCTION_SIO);                                                                    \
  pad(pin, 4);
  function(GATE_PIN, FUNCTION_SIO);
#ifdef PWM_SLICE
  function(PWM_A_PIN, FUNCTION_SIO);
  function(PWM_B_PIN, FUNCTION_SIO);
#endif
  pad(GATE_PIN, 4);
#ifdef PWM_SLICE
  pad(PWM_A_PIN, 4);
  pad(PWM_B_PIN, 4);
#endif
  POWER_OUTPUTS(SAFE_OUTPUT)
}

static void board_pins_start(void) {
#define START_OUTPUT(output, pin)                                                                 \
  board_pin(pin, false);                                                                          \
  REG(SIO + 0x24) = 1u << pin;                                                                    \
  function(pin, FUNCTION_SIO);                                                                    \
  pad(pin, 0);
#define START_INPUT(input, pin, level)                                                            \
  function(pin, FUNCTION_SIO);                                                                    \
  pad(pin, level ? 4 : 8);
  DIGITAL_OUTPUTS(START_OUTPUT)
  SELECT_PINS(START_OUTPUT)
  DIGITAL_INPUTS(START_INPUT)
  for (u32 pin = 26; pin < 29; pin++) {
    function(pin, FUNCTION_NONE);
    REG(PADS_BANK0 + 4 + 4 * pin) = 0x80; /* no digital side at all */
  }
  REG(ADC) = 1;
  while ((REG(ADC) & 1u << 8) == 0) {
  }
}

static inline void board_select(u32 position) {
#define SELECT(bit, pin) board_pin(pin, (position >> bit & 1) != 0);
  SELECT_PINS(SELECT)
  (void)position;
}

static inline void board_analogue_begin(u32 channel) { REG(ADC) = channel << 12 | 1u << 2 | 1; }
static inline u32 board_analogue_result(void) {
  while ((REG(ADC) & 1u << 8) == 0) {
  }
  return REG(ADC + 4) & 0xfff;
}

/* Starts at a microsecond's edge, so that the PWM's periods begin on whole microseconds for ever:
 * both come from one crystal. Gives that microsecond. */
static u32 board_pwm_start(void) {
#ifdef PWM_SLICE
  REG(SLICE) = 0;
  REG(SLICE + 4) = 1u << 4;
  REG(SLICE + 8) = 0;
  REG(SLICE + 0xc) = 0;
  REG(SLICE + 0x10) = PWM_TOP;
  function(PWM_A_PIN, FUNCTION_PWM);
  function(PWM_B_PIN, FUNCTION_PWM);
#endif
  REG(TIMER + 0x34) = 1;
  REG(TIMER + 0x38) = 1;
  NVIC_ISER = 1u << STEP_INTERRUPT;
  u32 before = board_micros();
  u32 now;
  while ((now = board_micros()) == before) {
  }
#ifdef PWM_SLICE
  REG(SLICE) = 1;
#endif
  return now;
}

/* False where that time has passed already: the alarm would only fire 71 minutes later. */
static inline bool board_alarm_at(u32 us) {
  REG(TIMER + 0x10) = us;
  return (s32)(us - board_micros()) > 0 || (REG(TIMER + 0x20) & 1) == 0;
}
static inline void board_alarm_taken(void) { REG(TIMER + 0x34) = 1; }

/* Ten periods, from 1 to 10 ms: a step that is late by one is a trap already, so that what bites is
 * a hang. The start, which may sum up a kept recording, has 10 ms. Counts twice per microsecond
 * (erratum RP2040-E1). Without WDSEL a timeout would reset nothing. */
#define WATCHDOG_MOST_US 10000u
#define WATCHDOG_US                                                                               \
  (PERIOD_US < 100 ? 1000u : PERIOD_US < 1000 ? 10u * PERIOD_US : WATCHDOG_MOST_US)
static void board_watchdog_start(void) {
  REG(PSM + 8) = 0x1fffc; /* all but both oscillators */
  REG(WATCHDOG + 4) = 2 * WATCHDOG_MOST_US;
  REG(WATCHDOG) = 1u << 30;
}
/* For an image on its first trial, until it feeds the watchdog itself: 8 s, the most it can. */
static inline void board_watchdog_trial(void) {
  REG(PSM + 8) = 0x1fffc;
  REG(WATCHDOG + 4) = 0xffffff;
  REG(WATCHDOG) = 1u << 30;
}
/* A reset now, by the watchdog: everything starts anew, and safe. */
static inline void board_restart(void) {
  REG(PSM + 8) = 0x1fffc;
  REG(WATCHDOG) = 1u << 31;
}
static inline void board_watchdog_feed(void) { REG(WATCHDOG + 4) = 2 * WATCHDOG_US; }

/* Why the last run ended: a trap's code, 18 for a watchdog without one, 0 for power-up. It stays in
 * a scratch register, which only losing power clears. */
#define REASON_MARK 0x74660000
#define REASON_HANG 18
static inline void board_keep_reason(u32 code) { REG(WATCHDOG + 0xc) = REASON_MARK | code; }
static u32 board_take_reason(void) {
  u32 kept = REG(WATCHDOG + 0xc);
  bool reset_by_it = (REG(WATCHDOG + 8) & 3) != 0;
  REG(WATCHDOG + 0xc) = 0;
  if ((kept & 0xffff0000) == REASON_MARK) return kept & 31;
  return reset_by_it ? REASON_HANG : 0;
}

/* One word that outlasts every reset but the loss of power: the latched trip. */
static inline void board_keep_word(u32 word) { REG(WATCHDOG + 0x10) = word; }
static inline u32 board_kept_word(void) { return REG(WATCHDOG + 0x10); }
