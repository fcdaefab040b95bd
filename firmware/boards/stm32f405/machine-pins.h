/* The STM32F405's pins for a machine: bridge (TIM8 and the gate pin), analogue and digital inputs,
 * what starts a step, the watchdog. Pins are numbered 16 * port + bit. A step begins with TIM2: its
 * compare starts the motor current's conversion in hardware, in the middle of the on-time, and the
 * end of that conversion is the step's interrupt. TIM8's own trigger would come with every period
 * of the PWM, of which a step has several. */

#ifdef TEST_INPUTS
#define STEP_INTERRUPT (-1) /* SysTick */
#else
#define STEP_INTERRUPT 18
#endif
void step_interrupt(void);

#define TIM8 0x40010400
#define ADC1 0x40012000
#define IWDG 0x40003000
#define BACKUP 0x40002850

#if defined(PWM_SLICE) && PWM_SLICE != 8
#error "the bridge is on TIM8"
#endif

/* One store, which no interrupt can tear: BSRR. */
static inline void board_pin(u32 pin, bool high) {
  REG(GPIO_OF(pin) + 0x18) = 1u << (pin % 16 + (high ? 0 : 16));
}
static inline bool board_pin_is(u32 pin) { return (REG(GPIO_OF(pin) + 0x10) >> pin % 16 & 1) != 0; }

static inline void board_gate(u32 on) { board_pin(GATE_PIN, on != 0); }

#ifdef PWM_SLICE
/* Both are taken over together when the counter wraps: no update comes between the two stores. */
static inline void board_pwm(u32 a, u32 b) {
  REG(TIM8) = 1u << 7 | 2 | 1;
  REG(TIM8 + 0x34) = a;
  REG(TIM8 + 0x38) = b;
  REG(TIM8) = 1u << 7 | 1;
}
#endif

/* All that can move or heat is a plain output and low: TIM8 no longer reaches the pins. Low comes
 * first, so that no pin is driven high for a moment. */
static void board_safe(void) {
  RCC_AHB1ENR |= 0xf;
  (void)RCC_AHB1ENR; /* two clocks until a port can be written (7.3.10) */
#define SAFE_PIN(pin)                                                                             \
  board_pin(pin, false);                                                                          \
  pin_mode(pin, 1, 2);
#define SAFE_OUTPUT(output, pin) SAFE_PIN(pin)
  SAFE_PIN(GATE_PIN)
#ifdef PWM_SLICE
  SAFE_PIN(PWM_A_PIN)
  SAFE_PIN(PWM_B_PIN)
#endif
  POWER_OUTPUTS(SAFE_OUTPUT)
}

/* Channels 0 to 7 are PA0 to PA7, 8 and 9 PB0 and PB1, 10 to 15 PC0 to PC5. */
#define PIN_OF_CHANNEL(channel)                                                                   \
  ((channel) < 8 ? (channel) : (channel) < 10 ? 8 + (channel) : 22 + (channel))

/* Conversions of 12 bits take 40 clocks of 21 MHz, 28 of them sampling. `ADC_TIMED` starts the
 * injected one at both edges of TIM2's first compare output, which toggles. */
#define ADC_TIMED (3u << 20 | 2u << 16)

static void board_pins_start(void) {
#define START_OUTPUT(output, pin)                                                                 \
  board_pin(pin, false);                                                                          \
  pin_mode(pin, 1, 0);
#define START_INPUT(input, pin, level) pin_mode(pin, 0, level ? 2 : 1);
#define START_ANALOGUE(channel) pin_mode(PIN_OF_CHANNEL(channel), 3, 0);
  DIGITAL_OUTPUTS(START_OUTPUT)
  SELECT_PINS(START_OUTPUT)
  DIGITAL_INPUTS(START_INPUT)
  ANALOGUE_CHANNELS(START_ANALOGUE)
  RCC_APB2ENR |= ADC1_ON;
  (void)RCC_APB2ENR;
  REG(ADC1 + 0x304) = 1u << 16; /* APB2's clock over 4 */
  REG(ADC1 + 4) = 1u << 7;      /* the injected one raises an interrupt */
  REG(ADC1 + 0xc) = 0x02492492; /* 28 clocks for channels 10 to 18 */
  REG(ADC1 + 0x10) = 0x12492492;
  REG(ADC1 + 0x2c) = 0;
  REG(ADC1 + 0x38) = TIMED_CHANNEL << 15;
  REG(ADC1 + 8) = 1;
  u32 since = board_micros();
  while (board_micros() - since < 5) { /* tSTAB is 3 us */
  }
}

static inline void board_select(u32 position) {
#define SELECT(bit, pin) board_pin(pin, (position >> bit & 1) != 0);
  SELECT_PINS(SELECT)
  (void)position;
}

static inline void board_analogue_begin(u32 channel) {
  REG(ADC1 + 0x34) = channel;
  REG(ADC1 + 8) |= 1u << 30;
}
static inline u32 board_analogue_result(void) {
  while ((REG(ADC1) & 2) == 0) {
  }
  return REG(ADC1 + 0x4c) & 0xfff;
}
/* The conversion that has started this step. */
#define BOARD_SAMPLES_BY_ITSELF 1
static inline u32 board_timed_result(void) { return REG(ADC1 + 0x3c) & 0xfff; }

#ifdef PWM_SLICE
static void pwm_prepare(void) {
  RCC_APB2ENR |= TIM8_ON;
  (void)RCC_APB2ENR;
  REG(TIM8) = 1u << 7;
  REG(TIM8 + 0x28) = 0;
  REG(TIM8 + 0x2c) = PWM_TOP;
  REG(TIM8 + 0x34) = 0;
  REG(TIM8 + 0x38) = 0;
  REG(TIM8 + 0x18) = 6u << 12 | 1u << 11 | 6u << 4 | 1u << 3; /* PWM mode 1, preloaded */
  REG(TIM8 + 0x14) = 1;
  REG(TIM8 + 0x20) = 1u << 4 | 1;
  /* Outputs on; off by a break or by MOE they are low, not floating (OSSI, OSSR; OIS is 0). */
  REG(TIM8 + 0x44) = 1u << 15 | 1u << 11 | 1u << 10;
  pin_function(PWM_A_PIN, FUNCTION_TIM8, 2);
  pin_function(PWM_B_PIN, FUNCTION_TIM8, 2);
}
#endif

#ifdef TEST_INPUTS
/* For QEMU, which has no conversion that a timer starts: steps by SysTick, at a steady pace. */
static inline bool board_alarm_at(u32 us) { return (s32)(us - board_micros()) > 0; }
static inline void board_alarm_taken(void) {}
static void steps_start(void) {
  SYST_RVR = PERIOD_US * (CLOCK_HZ / 1000000) - 1;
  SYST_CVR = 0;
  SYST_CSR = 7;
}
#else
/* False where that time has passed already: the compare would only come 71 minutes later. */
static inline bool board_alarm_at(u32 us) {
  REG(TIM2 + 0x34) = us;
  return (s32)(us - board_micros()) > 0 || (REG(TIM2 + 0x10) & 2) != 0;
}
static inline void board_alarm_taken(void) {
  REG(TIM2 + 0x10) = ~2u;
  REG(ADC1) = ~(1u << 3 | 1u << 2);
}
static void steps_start(void) { NVIC_ISER = 1u << STEP_INTERRUPT; }
#endif

/* Starts at a microsecond's edge, so that the PWM's periods begin on whole microseconds for ever:
 * both timers come from one clock. Gives that microsecond. */
static u32 board_pwm_start(void) {
#ifdef PWM_SLICE
  pwm_prepare();
#endif
  REG(TIM2 + 0x18) = 3u << 4; /* OC1REF toggles at the compare */
  REG(TIM2 + 0x20) = 1;
  REG(ADC1) = 0;
  REG(ADC1 + 8) |= ADC_TIMED;
  board_analogue_begin(TIMED_CHANNEL); /* the first step reads it */
  steps_start();
  u32 before = board_micros();
  u32 now;
  while ((now = board_micros()) == before) {
  }
#ifdef PWM_SLICE
  REG(TIM8) = 1u << 7 | 1;
#endif
  return now;
}

/* Runs on the internal oscillator of 32 kHz, which may be 17 to 47 kHz (datasheet, table 41): 10 ms
 * are 6.8 to 19 ms. Slow steps have two of their periods. */
#define WATCHDOG_US (PERIOD_US < 5000 ? 10000 : 2 * PERIOD_US)
static inline void board_watchdog_feed(void) { REG(IWDG) = 0xaaaa; }
/* Once on, only a reset ends it; other times may be set while it runs (21.3). */
static void watchdog_run(u32 prescaler, u32 counts) {
  REG(IWDG) = 0xcccc;
  REG(IWDG) = 0x5555;
  REG(IWDG + 4) = prescaler;
  REG(IWDG + 8) = counts - 1;
  while (REG(IWDG + 0xc) != 0) {
  }
  board_watchdog_feed();
}
/* Over 16: 2 kHz. */
static void board_watchdog_start(void) { watchdog_run(2, WATCHDOG_US / 500); }
/* For an image on its first trial, until it sets its own time: nominal 16 s, at least 10.9, because
 * its start may have to wait for three erases. Over 256: 125 Hz. */
static inline void board_watchdog_trial(void) { watchdog_run(6, 2000); }
/* A reset now: everything starts anew, and safe. It ends the watchdog, too. */
static inline void board_restart(void) {
  __asm__ volatile("dsb" ::: "memory");
  REG(0xe000ed0c) = 0x05fa0004;
  for (;;) {
  }
}

/* Why the last run ended: a trap's code, 18 for a watchdog without one, 0 for power-up. It stays in
 * a back-up register; what a coin cell kept over the loss of power does not count. */
#define REASON_MARK 0x74660000
#define REASON_HANG 18
static inline void board_keep_reason(u32 code) { REG(BACKUP) = REASON_MARK | code; }
static u32 board_take_reason(void) {
  u32 flags = REG(RCC + 0x74);
  RCC_APB1ENR |= PWR_ON;
  REG(PWR) |= 1u << 8; /* the back-up registers can be written */
  REG(RCC + 0x74) = 1u << 24;
  if ((flags & 1u << 27) != 0) REG(BACKUP) = REG(BACKUP + 4) = 0;
  u32 kept = REG(BACKUP);
  REG(BACKUP) = 0;
  if ((kept & 0xffff0000) == REASON_MARK) return kept & 31;
  return (flags & 1u << 29) != 0 ? REASON_HANG : 0;
}

/* One word that outlasts every reset but the loss of power: the latched trip. */
static inline void board_keep_word(u32 word) { REG(BACKUP + 4) = word; }
static inline u32 board_kept_word(void) { return REG(BACKUP + 4); }
