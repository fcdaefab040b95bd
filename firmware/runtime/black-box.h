/* The black box: what every step read, and what loop and kernel made of it, for at least 250 ms
 * before a trip or trap and 50 ms after a trip. Blocks of a tenth of a second, each with the whole
 * state it began from, so that a replay of the same modules can start there. The step only stores;
 * a recording goes to where it is kept (black-box-shelf.h) in thread mode and only with the motor
 * off. It lies in RAM that no start clears, so a reset by the watchdog loses nothing.
 * black-box-link.h gives it to a gateway, tenfold replay-fault reads it. */

#ifdef BLACK_BOX
#define BOX_MAGIC 0x58424654u
#define BOX_BLOCKS 4
#define BOX_TENTH (RATE_HZ / 10)
#ifdef BLACK_BOX_ROOM
/* Fewer where the memory that it records into has no room for a tenth of a second. */
#define BOX_FIT                                                                                   \
  (((BLACK_BOX_ROOM - 512) / BOX_BLOCKS - sizeof(struct box_state) - 16) /                        \
       sizeof(struct box_step) - 24)
#define BOX_BLOCK_STEPS (BOX_TENTH < BOX_FIT ? BOX_TENTH : BOX_FIT)
#else
#define BOX_BLOCK_STEPS BOX_TENTH
#endif
/* A block ends with the first step after its time that leaves room for a copy of the state. */
#define BOX_STEPS (BOX_BLOCK_STEPS + 24)
#define BOX_AFTER_STEPS (RATE_HZ / 20)

struct box_step {
  /* Counts of both conversions, 12 bits each; digital inputs from bit 24 on. */
  u32 raw;
  /* Of all that loop and kernel said by the end of the step; see box_check. */
  u32 check;
#if SETPOINTS > 0
  s32 setpoints[SETPOINTS];
#endif
};

/* In a recording the modules' states and the steps begin at multiples of 8 bytes, whether or not a
 * module has numbers of 64 bits: who reads it knows their sizes only. */
#define BOX_ALIGNED __attribute__((aligned(8)))

struct box_state {
  u32 turn;
  s32 inputs[INPUTS];
  s32 outputs[OUTPUTS];
  s32 told[TOLD];
  w2c_loop loop BOX_ALIGNED;
  w2c_kernel kernel BOX_ALIGNED;
};

struct box_block {
  u32 order; /* 0: nothing in it */
  u32 count;
  struct box_state start;
  struct box_step steps[BOX_STEPS];
};

enum box_phase {
  BOX_START,  /* begins with the next step that leaves room */
  BOX_RUN,    /* recording */
  BOX_AFTER,  /* recording what follows a trip */
  BOX_FROZEN, /* kept until it is in the flash */
};
/* Of `flags`: the last record is of a step that did not end; the checksum was not made before a
 * reset. */
#define BOX_OPEN 1u
#define BOX_UNCHECKED 2u

/* How counts became readings: by the profile, or as this unit is calibrated. */
struct box_line {
  s32 input;
  s32 shift;
  s32 gain;
  s32 offset;
};

SEEN struct black_box {
  u32 magic;
  u32 layout;
  u32 phase;
  u32 cause;
  u32 flags;
  u32 newest;
  u32 left;
  u32 boot;
  u32 summed; /* `crc` is of what is there */
  u32 crc;
  struct box_line lines[ANALOGUES];
  struct box_block blocks[BOX_BLOCKS];
} box __attribute__((section(".noinit")));

/* What lies before a recording in the flash; firmware/twin/black-box.ts reads it. */
static struct box_head {
  u32 magic, format, head_bytes, number, boot, cause, flags, rate_hz;
  u32 body_bytes, body_crc, newest, blocks, block_bytes, steps_most, loop_bytes, kernel_bytes;
  u32 inputs, outputs, setpoints, analogues, digitals, after_steps;
  u8 loop[32], kernel[32], profile[32];
  u8 setpoint_inputs[8], digital_inputs[8];
  struct box_line lines[ANALOGUES];
  u32 crc;
} box_head;
#define BOX_BODY_AT 512u
#define BOX_BYTES (BOX_BODY_AT + (u32)sizeof box.blocks)
_Static_assert(sizeof(struct box_head) <= BOX_BODY_AT, "the head lies before the recording");
_Static_assert(SETPOINTS <= 8, "setpoint_inputs is too short");
#include "black-box-shelf.h"

#define BOX_COUNT(input, pin, level) +1
#define BOX_DIGITALS (0 DIGITAL_INPUTS(BOX_COUNT))
_Static_assert(BOX_DIGITALS <= 8, "digital inputs take the upper byte of `raw`");

static const u8 box_loop[32] = MODULE_DIGEST;
static const u8 box_kernel[32] = KERNEL_DIGEST;
/* What another image left in RAM, before an update, is none of this one's. */
static u32 box_layout(void) {
  u32 crc = crc32_of((u32)sizeof box, box_loop, sizeof box_loop);
  return crc32_of(crc, box_kernel, sizeof box_kernel);
}

static u32 box_cause_seen;
static bool box_again;
/* Where the step is recorded, 0: nowhere; and the last place of its block. */
static struct box_step *box_step;
static struct box_step *box_last;
/* A step is over, and not closed yet. */
static bool box_ended;

/* In the tick, before kernel and loop: what a trap leaves behind is in the ring already. `raw`:
 * counts of both conversions, 12 bits each. */
IN_STEP void box_begin(u32 raw) {
  struct box_step *step = box_step;
  if (step == 0) return;
  u32 bit = 24;
#define BOX_BIT(input, pin, level) raw |= (u32)(inputs[input] != 0) << bit++;
  DIGITAL_INPUTS(BOX_BIT)
  step->raw = raw;
#if SETPOINTS > 0
  for (u32 i = 0; i < SETPOINTS; i++) step->setpoints[i] = inputs[setpoints[i].input];
#endif
  box.flags = BOX_OPEN;
}

/* Changes with every single bit of what the loop asks for, what passes and what the kernel says. */
IN_STEP u32 box_check(void) {
  u32 check = 0x811c9dc5u;
#pragma GCC unroll 8
  for (u32 i = 0; i < OUTPUTS; i++) check = wasm_product32(check ^ (u32)outputs[i], 0x01000193u);
#pragma GCC unroll 8
  for (u32 i = 0; i < OUTPUTS; i++) check = wasm_product32(check ^ (u32)passed[i], 0x01000193u);
#pragma GCC unroll 8
  for (u32 i = 0; i < TOLD; i++) check = wasm_product32(check ^ (u32)told[i], 0x01000193u);
  return check;
}

static void box_open(u32 index, u32 order) {
  struct box_block *block = &box.blocks[index];
  block->order = 0;
  block->count = 0;
  block->start.turn = turn;
  for (u32 i = 0; i < INPUTS; i++) block->start.inputs[i] = inputs[i];
  for (u32 i = 0; i < OUTPUTS; i++) block->start.outputs[i] = outputs[i];
  for (u32 i = 0; i < TOLD; i++) block->start.told[i] = told[i];
  block->start.loop = instance;
  block->start.kernel = kernel;
  block->order = order;
  box.newest = index;
  box_step = block->steps;
  box_last = box_step + BOX_BLOCK_STEPS - 1;
}

static void box_freeze(void) {
  box.phase = BOX_FROZEN;
  box_step = box_last = 0;
}

/* With the step that was closed a trip began, or what follows one goes on. */
RARELY void box_follow(u32 cause) {
  if (box.phase == BOX_RUN) {
    box.cause = cause;
    box.left = BOX_AFTER_STEPS;
    box.phase = BOX_AFTER;
  } else if (--box.left == 0) {
    box_freeze();
  }
}

/* What the last step left to do: its checksum, and what it means for the recording. Nothing that it
 * said has changed since: in the tick while the converter is at work, for which the step would only
 * wait, and before anything else changes it, with interrupts off. */
IN_STEP void box_close(void) {
  if (!box_ended) return;
  box_ended = false;
  u32 cause = (u32)told[TOLD_CAUSE];
  bool tripped = cause != box_cause_seen && cause != 0;
  box_cause_seen = cause;
  struct box_step *step = box_step;
  if (step == 0) return;
  step->check = box_check();
  box_step = step + 1;
  box.blocks[box.newest].count++;
  box.flags = 0;
  if (tripped || box.phase == BOX_AFTER) box_follow(cause);
}
RARELY void box_close_now(void) { box_close(); }

/* A recording begins, with the state as it is. */
static void box_record(void) {
  for (u32 i = 0; i < BOX_BLOCKS; i++) box.blocks[i].order = 0;
  box.flags = 0;
  box.cause = 0;
  box.summed = 0;
  box.boot = store_boot();
  for (u32 i = 0; i < ANALOGUES; i++) {
    const struct analogue *from = &analogues[i];
    box.lines[i] = (struct box_line){from->input, from->shift, from->gain, from->offset};
  }
  box_open(0, 1);
  box.phase = BOX_RUN;
}

/* The step that is over is the last of its block, or none is recorded yet. `us`: what it took so
 * far. */
RARELY void box_turn_over(u32 us) {
  bool roomy = us < PERIOD_US / 2;
  box_close_now();
  if (box_again) {
    box_again = false;
    box_step = 0;
    box.phase = BOX_START;
  }
  if (box.phase == BOX_START) {
    if (roomy) box_record();
    return;
  }
  struct box_block *block = &box.blocks[box.newest];
  if (box.phase != BOX_FROZEN && (roomy || block->count == BOX_STEPS)) {
    box_open((box.newest + 1) % BOX_BLOCKS, block->order + 1);
  }
}

/* In the tick, when all else is done. */
IN_STEP void box_end(u32 began_us) {
  box_ended = true;
  if (box_step >= box_last && box.phase != BOX_FROZEN) box_turn_over(board_micros() - began_us);
}

/* Kernel or loop are changed from outside of a step: what comes next needs a state of its own.
 * Called with interrupts off. */
static void box_restart(void) {
  box_close_now();
  if (box.phase == BOX_AFTER) box_freeze();
  if (box.phase != BOX_RUN) return;
  box_again = true;
  box_last = 0;
}

/* In a trap: nothing of this run comes after it. */
static void box_trap(u32 code) {
  box_close_now();
  if (box.phase == BOX_RUN) box.cause = cause_of(code);
  if (box_step != 0) box_freeze();
}

static u32 box_sum(void) { return crc32_of(~0u, box.blocks, sizeof box.blocks); }

static void box_clear(void) {
  box.magic = BOX_MAGIC;
  box.layout = box_layout();
  box.newest = 0;
  /* From here on it is the step's again. */
  __asm__ volatile("" ::: "memory");
  box.phase = BOX_START;
}

static bool box_sum_holds;
/* Before the watchdog runs: a sum over all of it can take longer than that waits for a step. */
static void box_look(void) {
  bool summed = box.magic == BOX_MAGIC && box.layout == box_layout() && box.summed != 0;
  box_sum_holds = !summed || box_sum() == box.crc;
}

/* Before the first step. `reason`: how the last run ended, 0 where it lost its power. */
static void box_start(u32 reason) {
  bool whole = box.magic == BOX_MAGIC && box.layout == box_layout() && box.newest < BOX_BLOCKS &&
               box.phase > BOX_START && box.phase <= BOX_FROZEN;
  if (whole && box.phase == BOX_RUN) box.cause = cause_of(reason);
  if (!whole || box.cause == 0 || !box_sum_holds) {
    box_clear();
  } else {
    box.phase = BOX_FROZEN;
    if (box.summed == 0) box.flags |= BOX_UNCHECKED;
  }
  box_cause_seen = (u32)told[TOLD_CAUSE];
}

#include "black-box-keep.h"
#else
static inline void box_begin(u32 raw) { (void)raw; }
static inline void box_end(u32 began_us) { (void)began_us; }
static inline void box_close(void) {}
static inline void box_restart(void) {}
static inline void box_trap(u32 code) { (void)code; }
static inline void box_look(void) {}
static inline void box_start(u32 reason) { (void)reason; }
static inline void box_poll(void) {}
#endif
