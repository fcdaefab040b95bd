/* The filter of the tests in C as one would write it by hand; bit-equal with it. */
#include "constants.h"

#define TAPS 32
static const s16 weights[TAPS] = {-3,   -9,   -14,  -12,  5,    41,   89,   128,  121,  29,  -161,
                                  -412, -625, -650, -329, 432,  1592, 2972, 4290, 5237, 5583, 5237,
                                  4290, 2972, 1592, 432,  -329, -650, -625, -412, -161, 29};
static s16 line[TAPS];
static u32 at;

static s32 filter(s32 x) {
  line[at] = (s16)(x >> 6);
  s32 sum = 0;
  for (u32 k = 0; k < TAPS; k++) sum += weights[k] * line[(at - k) & (TAPS - 1)];
  at = (at + 1) & (TAPS - 1);
  return sum >> 15;
}

static void loop_stop(void) { w2c_board_writeOutput(0, OUT_DUTY, 0); }
static void loop_start(void) { loop_stop(); }
static void loop_step(void) {
  w2c_board_report(0, REPORT_PASSES, (u32)filter(inputs[IN_LEVEL]));
}
