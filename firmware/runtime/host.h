/* The loop's imports, bound to the board: inputs are read from a table that was filled before the
 * step, outputs are kept within their channel's range and stored, as reports are. What is stored
 * here moves nothing: safety.h passes it on. Static and inline: a call with a constant index
 * becomes one load or store. Nothing blocks. */

struct w2c_board {
  u8 unused;
};

/* Read from outside, too (a test, a debugger): what is written there must really be there. */
#define SEEN __attribute__((used)) static
SEEN s32 inputs[INPUTS];
SEEN s32 outputs[OUTPUTS];
SEEN s32 reported[REPORTS];
/* One bit for each report that was made since power-up: what was never reported is absent. */
SEEN u32 known[(REPORTS + 31) / 32];

/* Of this very unit, by its calibration; 0: not measured. */
SEEN s32 unit_measured[MEASURED + 1];

static const s32 output_low[OUTPUTS] = OUTPUT_LOW;
static const s32 output_high[OUTPUTS] = OUTPUT_HIGH;

static inline u32 w2c_board_readInput(struct w2c_board *board, u32 index) {
  (void)board;
  return index < INPUTS ? (u32)inputs[index] : 0;
}

static inline void w2c_board_writeOutput(struct w2c_board *board, u32 index, u32 given) {
  (void)board;
  if (index >= OUTPUTS) return;
  s32 value = (s32)given;
  if (value < output_low[index]) value = output_low[index];
  if (value > output_high[index]) value = output_high[index];
  outputs[index] = value;
}

static inline u32 w2c_board_micros(struct w2c_board *board) {
  (void)board;
  return board_micros();
}

static inline u32 w2c_board_measured(struct w2c_board *board, u32 index) {
  (void)board;
  return index < MEASURED ? (u32)unit_measured[index] : 0;
}

static inline void w2c_board_report(struct w2c_board *board, u32 index, u32 value) {
  (void)board;
  if (index >= REPORTS) return;
  reported[index] = (s32)value;
  known[index / 32] |= 1u << (index % 32);
}
