/* Test build: an image of a slot that only takes updates, over UART; hex in, a digit out.
 *   "B head" "C offset data" "F" "Y": update_begin, _chunk, _finish, _confirm
 *   "T key" "U key": update_trust with a person at the machine, and without
 *   "A 1"  armed from now on; "R" restarts
 * With HANGS it says that it is there and nothing more; the watchdog must end it. */
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
#include "update.h"

__attribute__((noreturn)) void wasm_rt_trap(wasm_rt_trap_t code) {
  (void)code;
  for (;;) {
  }
}

/* Where a trial's watchdog cannot be stopped, it is fed. */
static u8 take(void) {
#ifdef UART0
  while ((REG(UART0 + 0x18) & 1u << 4) != 0) {
  }
  return (u8)REG(UART0);
#else
  while ((USART1_SR & 1u << 5) == 0) board_watchdog_feed();
  return (u8)USART1_DR;
#endif
}

/* Bytes of the next word of the line. */
static u32 take_hex(u8 *bytes, u32 most) {
  u32 digits = 0;
  for (u8 c; (c = take()) > ' ' && digits / 2 < most; digits++) {
    u8 half = (u8)(c <= '9' ? c - '0' : c - 'a' + 10);
    bytes[digits / 2] = (u8)(digits % 2 == 0 ? half << 4 : bytes[digits / 2] | half);
  }
  return digits / 2;
}

static u8 data[1024];
static bool armed;

static u32 chunk(void) {
  u8 at[4];
  take_hex(at, 4);
  u32 bytes = take_hex(data, sizeof data);
  u32 offset = (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
  return update_chunk(offset, data, bytes, armed);
}

static void say(const char *text) {
  while (*text != 0) board_uart_put((u8)*text++);
}

static u32 answer_to(u8 command) {
  if (command == 'B') {
    take_hex(data, SLOT_HEAD_BYTES);
    return update_begin(data, armed);
  }
  if (command == 'C') return chunk();
  if (command == 'F') return update_finish(armed);
  if (command == 'Y') return update_confirm();
  if (command == 'T' || command == 'U') {
    take_hex(data, 32);
    return update_trust(data, command == 'T', armed);
  }
  if (command == 'A') armed = take() == '1';
  if (command == 'R') board_restart();
  return 0;
}

int main(void) {
  struct slot_head head;
  board_safe();
  board_clocks();
  board_uart_start();
  flash_read(slot_at(RUNNING_SLOT), &head, sizeof head);
  say(RUNNING_SLOT == 0 ? "slot a" : "slot b");
  say(" version ");
  board_uart_put((u8)('0' + head.version % 10));
  say(update_on_trial() ? " trial\n" : "\n");
#ifdef HANGS
  for (;;) wait_for_interrupt();
#endif
#ifdef WATCHDOG
  REG(WATCHDOG) = 0;
#endif
  for (;;) {
    u8 command = take();
    if (command <= ' ') continue;
    if (command != 'F' && command != 'Y' && command != 'R') take();
    board_uart_put((u8)('a' + answer_to(command)));
    board_uart_put('\n');
  }
}

#include "start.h"
