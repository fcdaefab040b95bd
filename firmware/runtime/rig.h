/* The image for a board without drivers for pins: it steps the loop on readings that it makes up,
 * each going up and down over its plausible range at its own pace, and speaks to a gateway as a
 * machine does. It drives no pin, and no kernel watches it. Steps are taken in thread mode, so that
 * their rate is at most RATE_HZ: what is late is let go. */

void wasm_rt_trap(wasm_rt_trap_t code) {
  interrupts_off();
  (void)code;
  for (;;) {
  }
}

static const s32 rig_low[INPUTS] = INPUT_LOW;
static const u32 rig_span[INPUTS] = INPUT_SPAN;

static void rig_readings(u32 step) {
  for (u32 i = 0; i < INPUTS; i++) {
    u32 phase = (step * (2 * i + 3)) & 0x1ffff;
    u32 up = phase < 0x10000 ? phase : 0x1ffff - phase;
    inputs[i] = rig_low[i] + (s32)((u64)rig_span[i] * up >> 16);
  }
}

int main(void) {
  board_clocks();
  board_uart_start();
  store_start();
  identity_start();
  loop_start();
  link_start(0);
  interrupts_on();
  u32 due_us = board_micros();
  for (u32 step = 0;;) {
    u32 now = board_micros();
    if ((s32)(now - due_us) >= 0) {
      due_us += 1000000 / RATE_HZ;
      if (now - due_us < 0x80000000u) due_us = now;
      rig_readings(step++);
      link_tick();
      loop_step();
      pass_outputs(true);
    }
    store_poll();
    link_poll();
  }
}
