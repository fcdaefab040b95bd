/* The f32 loop of the tests in C as one would write it by hand; bit-equal with it. */
#include "constants.h"

static f32 slow_mean;
static f32 fading = 1;
static s32 passes;

static inline s32 bits(f32 x) {
  s32 word;
  __builtin_memcpy(&word, &x, 4);
  return word;
}

/* As wasm's saturating conversion; its arguments are never NaN here. */
static inline s32 to_integer(f32 x) {
  return x >= 2147483648.0f ? INT32_MAX : x < -2147483648.0f ? INT32_MIN : (s32)x;
}

static void loop_stop(void) { w2c_board_writeOutput(0, OUT_DUTY, 0); }
static void loop_start(void) { loop_stop(); }

static void loop_step(void) {
  f32 level = (f32)inputs[IN_LEVEL] * 0.001f;
  f32 load = (f32)inputs[IN_LOAD] * 0.001f;
  slow_mean = slow_mean + (level - slow_mean) * 0.03f;
  f32 product = level * load + slow_mean;
  f32 ratio = load == 0 ? slow_mean : product / load;
  fading = fading < 1e-43f ? (level > 0.5f ? level : 0.5f) : fading * 0.71f;
  f32 wide = product * product * product * product;
  if ((ratio < level ? ratio : level) < slow_mean) passes++;
  w2c_board_writeOutput(0, OUT_DUTY, (u32)to_integer(ratio * 100.0f - slow_mean));
  w2c_board_report(0, REPORT_SLOW, (u32)bits(slow_mean));
  w2c_board_report(0, REPORT_RATIO, (u32)bits(ratio));
  w2c_board_report(0, REPORT_FADING, (u32)bits(fading));
  w2c_board_report(0, REPORT_WIDE, (u32)bits(wide));
  w2c_board_report(0, REPORT_PASSES, (u32)passes);
}
