/* Seeds from the chip's noise and the host's. Each bit of noise passes the two health tests of NIST
 * SP 800-90B, 4.4, or there is no seed. Both sources go through SHA-512, so that the seed is good
 * where one of them is. Must not give a seed when a test has failed, whatever the host sent. */

/* A bit of noise is taken for a quarter of a bit of entropy; the cutoffs are for that and for one
 * false alarm in 2^20 (4.4.1: 1 + 20 / H; 4.4.2: a binomial of 1024 bits at 2^-H). */
#define NOISE_REPEATS 81
#define NOISE_WINDOW 1024
#define NOISE_SAME 915
/* One window that only the tests see (4.3, 12), then two for the seed: 512 bits of entropy. */
#define NOISE_WINDOWS 3
#define HOST_ENTROPY_BYTES 32

enum entropy {
  ENTROPY_GOOD = 0,
  ENTROPY_NO_SOURCE = 1, /* the board has none, or the host sent too little */
  ENTROPY_REPEATS = 2,   /* the noise stands still, or its source says that it has failed */
  ENTROPY_BIASED = 3,    /* one value too often */
};

struct noise_health {
  u32 last, repeats;        /* of the same value */
  u32 first, same, counted; /* of the window's first value */
};

/* Both tests on the next bit. */
static enum entropy noise_check(struct noise_health *health, u32 bit) {
  health->repeats = bit == health->last ? health->repeats + 1 : 1;
  health->last = bit;
  if (health->repeats >= NOISE_REPEATS) return ENTROPY_REPEATS;
  if (health->counted == 0) {
    health->first = bit;
    health->same = 0;
  }
  if (bit == health->first) health->same++;
  if (health->same >= NOISE_SAME) return ENTROPY_BIASED;
  health->counted = (health->counted + 1) % NOISE_WINDOW;
  return ENTROPY_GOOD;
}

/* What `board_noise_bit` gives in the place of a bit where the source says so. */
#define NOISE_FAILED 2u

#if __has_include("noise.h")
#include "noise.h"

/* 32 bytes of seed; takes some 25 ms on the RP2040. */
static enum entropy entropy_seed(u8 *seed, const u8 *host, u32 host_bytes) {
  static const u8 purpose[] = "tenfold seed 1";
  struct noise_health health = {2, 0, 0, 0, 0};
  struct sha512 hash;
  u8 digest[64];
  if (host_bytes < HOST_ENTROPY_BYTES) return ENTROPY_NO_SOURCE;
  sha512_start(&hash);
  sha512_add(&hash, purpose, sizeof purpose);
  u8 packed = 0;
  board_noise_start();
  for (u32 i = 0; i < NOISE_WINDOWS * NOISE_WINDOW; i++) {
    u32 bit = board_noise_bit();
    enum entropy found = bit == NOISE_FAILED ? ENTROPY_REPEATS : noise_check(&health, bit);
    if (found != ENTROPY_GOOD) {
      wipe(&hash, sizeof hash);
      return found;
    }
    packed = (u8)(packed << 1 | bit);
    if ((i & 7) == 7) sha512_add(&hash, &packed, 1);
  }
  sha512_add(&hash, host, host_bytes);
  sha512_end(&hash, digest);
  copy_bytes(seed, digest, 32);
  wipe(digest, sizeof digest);
  return ENTROPY_GOOD;
}
#else
static enum entropy entropy_seed(u8 *seed, const u8 *host, u32 host_bytes) {
  (void)seed, (void)host, (void)host_bytes;
  return ENTROPY_NO_SOURCE;
}
#endif
