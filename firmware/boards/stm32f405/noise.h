/* Noise of the STM32F405: its random number generator (RM0090 24), a shift register that ring
 * oscillators feed. It looks even where they have failed, so the health tests see little of that,
 * and what the block says of itself counts, too: a faulty sequence, a clock that is too slow, and
 * two words that are equal (24.3.1, FIPS 140-2) are a failure. Thread mode. */

#define RCC_AHB2ENR REG(RCC + 0x34)
#define RNG_ON (1u << 6)
#define RNG_CONTROL REG(0x50060800)
#define RNG_STATUS REG(0x50060804)
#define RNG_WORD REG(0x50060808)
#define RNG_ENABLED 4u
#define RNG_READY 1u
/* Seed and clock, as they are (bits 2, 1) and as they were (6, 5). */
#define RNG_FAULTS 0x66u
/* A word takes 40 clocks of 48 MHz; no answer for a millisecond is none. */
#define RNG_WAIT_US 1000

static u32 noise_word;
static u32 noise_bits;
static bool noise_failed;

static void noise_next(void) {
  u32 since = board_micros();
  while ((RNG_STATUS & RNG_READY) == 0 && !noise_failed) {
    noise_failed = (RNG_STATUS & RNG_FAULTS) != 0 || board_micros() - since > RNG_WAIT_US;
  }
  u32 word = RNG_WORD;
  if (word == noise_word || (RNG_STATUS & RNG_FAULTS) != 0) noise_failed = true;
  noise_word = word;
}

/* Begins anew, also after a fault (24.3.2). The first word is only compared with. */
static void board_noise_start(void) {
  RCC_AHB2ENR |= RNG_ON;
  RNG_CONTROL = 0;
  RNG_STATUS = 0;
  RNG_CONTROL = RNG_ENABLED;
  noise_failed = false;
  noise_bits = 0;
  noise_word = 0;
  noise_next();
}

static u32 board_noise_bit(void) {
  if (noise_bits == 0) {
    noise_next();
    noise_bits = 32;
  }
  noise_bits--;
  return noise_failed ? NOISE_FAILED : noise_word >> noise_bits & 1;
}
