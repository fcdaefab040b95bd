/* The bootloader: a reset starts it, it starts the image of a slot. It keeps everything that can
 * move off, gives a new image one trial when the pinned key has signed it, and goes back to the
 * confirmed one when the trial ends without a word. A confirmed image is compared with its digest
 * only, so that a machine is back in milliseconds: its signature was checked before. Must not
 * change slots or the pinned key, nor start what is older than what was confirmed: damage of the
 * flash is no way back, a hand at the board is. */
#include "config.h"
#include "wasm-rt.h"

#include "cortex-m.h"
#include "board.h"
#undef STEP_INTERRUPT
#include "flash.h"
#include "memory.h"
#include "crypto/crypto.h"
#include "boot/slot.h"
#include "boot/state.h"

__attribute__((noreturn)) void wasm_rt_trap(wasm_rt_trap_t code) {
  (void)code;
  board_safe();
  for (;;) {
  }
}

#include "start.h"

static void say(const char *text) {
  while (*text != 0) board_uart_put((u8)*text++);
}

/* The image begins behind the head with its stack and its reset, as after a power-up. Until it has
 * vectors of its own in RAM, where it overwrites those of here, a fault stops in the flash's. */
__attribute__((noreturn)) static void start_slot(u32 slot) {
  u32 vectors = FLASH_MAPPED + slot_at(slot) + SLOT_HEAD_BYTES;
  flash_hand_over();
  SCB_VTOR = (u32)flash_vectors;
  __asm__ volatile("msr msp, %0\n\tbx %1" ::"r"(REG(vectors)), "r"(REG(vectors + 4)) : "memory");
  __builtin_unreachable();
}

/* The trial that is asked for, once; the note that it has begun is in the flash before it does. */
static bool try_other(struct boot_state *state) {
  struct slot_head head;
  u32 other = state->active ^ 1;
  bool begin = state->trial == TRIAL_WANTED && slot_check(other, &head) == UPDATE_OK &&
               head.version >= state->floor;
  if (state->trial == TRIAL_STARTED) say("boot: trial ended without a word\n");
  if (state->trial == TRIAL_WANTED && !begin) say("boot: trial refused\n");
  state->trial = begin ? TRIAL_STARTED : TRIAL_NONE;
  return state_put(state) && begin;
}

int main(void) {
  struct boot_state state;
  struct slot_head head;
  board_safe();
  board_clocks();
  board_uart_start();
  state_mend();
  state_find(&state);
  if (state.trial != TRIAL_NONE && try_other(&state)) {
    say("boot: trial\n");
    board_watchdog_trial();
    start_slot(state.active ^ 1);
  }
  bool older = false;
  for (u32 tries = 0; tries < 2; tries++) {
    bool good = tries == 0 ? slot_is_whole(state.active, &head)
                           : slot_check(state.active, &head) == UPDATE_OK;
    if (good && head.version >= state.floor) {
      if (tries > 0) state_put(&state);
      start_slot(state.active);
    }
    older |= good;
    state.active ^= 1; /* what was confirmed is damaged: the other one, if it is signed */
  }
  if (older) say("boot: the release before is whole, but older than what ran here\n");
  say("boot: no signed image; flash one with the board in hand\n");
  for (;;) {
  }
}
