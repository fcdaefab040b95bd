/* Noise of the nRF51: its random number generator (reference manual, 21), without its own bias
 * correction, so that the health tests see what the source gives. */

#define RNG_START REG(0x4000d000)
#define RNG_VALRDY REG(0x4000d100)
#define RNG_CONFIG REG(0x4000d504)
#define RNG_VALUE REG(0x4000d508)

static u32 noise_byte;
static u32 noise_bits;

static void board_noise_start(void) {
  noise_bits = 0;
  RNG_CONFIG = 0;
  RNG_VALRDY = 0;
  RNG_START = 1;
}

static u32 board_noise_bit(void) {
  if (noise_bits == 0) {
    while (RNG_VALRDY == 0) {
    }
    RNG_VALRDY = 0;
    noise_byte = RNG_VALUE;
    noise_bits = 8;
  }
  noise_bits--;
  return noise_byte >> noise_bits & 1;
}
