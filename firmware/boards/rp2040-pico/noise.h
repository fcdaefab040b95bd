/* Noise of the RP2040: its ring oscillator, looked at by a core that runs from the crystal
 * (datasheet 2.17). That oscillator runs from reset on; it is switched on nevertheless. */

#define ROSC 0x40060000
/* Between two looks, so that the oscillator's jitter adds up: some 50 of its periods. */
#define NOISE_SPACING_US 8

static void board_noise_start(void) { REG(ROSC) = 0xfabaa0; }

static u32 board_noise_bit(void) {
  u32 since = board_micros();
  while (board_micros() - since < NOISE_SPACING_US) {
  }
  return REG(ROSC + 0x1c) & 1;
}
