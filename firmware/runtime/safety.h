/* The safety kernel beside the loop: its imports, and the one order in which a step runs. What the
 * loop asked for is passed on only where the kernel allows it; else everything is off and the loop
 * is told to stop. The loop can reach neither the kernel's state nor what it reads. Twin:
 * twin/guarded-board.ts does the same. */

/* What passes to the pins, of what the loop asks for in `outputs`. */
SEEN s32 passed[OUTPUTS];

/* Of two opposed outputs neither passes where both are asked for; the kernel trips on it next. */
static inline void pass_outputs(bool allowed) {
  for (u32 i = 0; i < OUTPUTS; i++) passed[i] = allowed ? outputs[i] : 0;
#define PASS_ONE(a, b)                                                                            \
  if (passed[a] != 0 && passed[b] != 0) passed[a] = passed[b] = 0;
  OPPOSED_OUTPUTS(PASS_ONE)
}

#ifdef GUARDED
struct w2c_raw {
  u8 unused;
};

/* What the kernel tells: state, cause of the latched trip, what hinders it from arming. */
enum { TOLD_STATE, TOLD_CAUSE, TOLD_HINDRANCE, TOLD };
SEEN s32 told[TOLD];
enum { STATE_WAIT, STATE_ARMED, STATE_TRIPPED };
/* Number of this hindrance as in kernel-constants.ts. */
enum { CAUSE_NOT_RELEASED = 8 };

static inline u32 w2c_raw_reading(struct w2c_raw *raw, u32 index) {
  (void)raw;
  return index < INPUTS ? (u32)inputs[index] : 0;
}
static inline u32 w2c_raw_asked(struct w2c_raw *raw, u32 index) {
  (void)raw;
  return index < OUTPUTS ? (u32)outputs[index] : 0;
}
static inline void w2c_raw_tell(struct w2c_raw *raw, u32 index, u32 value) {
  (void)raw;
  if (index < TOLD) told[index] = (s32)value;
}

#define init_globals kernel_init_globals
#define init_instance_import kernel_init_instance_import
#include "kernel.c"
#undef init_globals
#undef init_instance_import

static struct w2c_raw raw_imports;
static w2c_kernel kernel;
/* Nobody has calibrated this unit: lower limits. */
SEEN u32 kernel_reduced;
/* A trap now is the kernel's, not the loop's. */
static bool in_kernel;

static inline void kernel_start(u32 latched, bool powered) {
  wasm2c_kernel_instantiate(&kernel, &raw_imports);
  w2c_kernel_setup(&kernel, latched, powered);
  if (kernel_reduced) w2c_kernel_reduce(&kernel);
}
/* True: what the loop asks for may pass. */
BOUNDED bool kernel_step(void) {
  in_kernel = true;
  bool allowed = w2c_kernel_step(&kernel) != 0;
  in_kernel = false;
  return allowed;
}
static inline bool kernel_clear(void) { return w2c_kernel_clear(&kernel) != 0; }
#endif
