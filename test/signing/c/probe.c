/* Test build: the cryptography of an image over UART. One line in, one line out; arguments are hex,
 * "-" is nothing. '<' and '>' enclose what is measured, so that an emulator sees when it runs.
 *   "H message"           SHA-512
 *   "S seed message"      public key, signature
 *   "V key signature message"  1 or 0
 *   "E entropy"           what became of it, and the seed that it gave (of a test build only) */
#include "wasm-rt.h"

#include "cortex-m.h"
#include "board.h"
#include "memory.h"
#include "crypto/crypto.h"

__attribute__((noreturn)) void wasm_rt_trap(wasm_rt_trap_t code) {
  (void)code;
  for (;;) {
  }
}

static void put_hex(const u8 *bytes, u32 count) {
  for (u32 i = 0; i < 2 * count; i++) {
    board_uart_put((u8)"0123456789abcdef"[bytes[i / 2] >> (i & 1 ? 0 : 4) & 15]);
  }
}

/* Bytes of the next word of the line. */
static u32 take_hex(u8 *bytes, u32 most) {
  u32 digits = 0;
  u8 high = 0;
  for (u8 c; (c = board_uart_take()) > ' ';) {
    if (c == '-' || digits / 2 == most) continue;
    u8 half = (u8)(c <= '9' ? c - '0' : c - 'a' + 10);
    if ((digits & 1) != 0) bytes[digits / 2] = (u8)(high << 4 | half);
    high = half;
    digits++;
  }
  return digits / 2;
}

static u8 message[1100];
static u8 given[2][64];
static u8 answer[64];
static struct ed25519_key key;

static void hash_line(void) {
  struct sha512 hash;
  u32 bytes = take_hex(message, sizeof message);
  board_uart_put('<');
  sha512_start(&hash);
  sha512_add(&hash, message, bytes);
  sha512_end(&hash, answer);
  board_uart_put('>');
  put_hex(answer, 64);
}

static void sign_line(void) {
  take_hex(given[0], 32);
  u32 bytes = take_hex(message, sizeof message);
  ed25519_key_of(&key, given[0]);
  board_uart_put('<');
  ed25519_sign(answer, message, bytes, &key);
  board_uart_put('>');
  put_hex(key.public, 32);
  board_uart_put(' ');
  put_hex(answer, 64);
}

static void verify_line(void) {
  take_hex(given[0], 32);
  take_hex(given[1], 64);
  u32 bytes = take_hex(message, sizeof message);
  board_uart_put('<');
  bool good = ed25519_verify(given[1], message, bytes, given[0]);
  board_uart_put('>');
  board_uart_put(good ? '1' : '0');
}

static void entropy_line(void) {
  u32 bytes = take_hex(message, sizeof message);
  for (u32 i = 0; i < 32; i++) answer[i] = 0;
  board_uart_put((u8)('0' + entropy_seed(answer, message, bytes)));
  board_uart_put(' ');
  put_hex(answer, 32);
}

int main(void) {
  board_clocks();
  board_uart_start();
  for (const char *text = "ready\n"; *text != 0;) board_uart_put((u8)*text++);
  for (;;) {
    u8 command = board_uart_take();
    if (command <= ' ') continue;
    board_uart_take();
    if (command == 'H') hash_line();
    if (command == 'S') sign_line();
    if (command == 'V') verify_line();
    if (command == 'E') entropy_line();
    board_uart_put('\n');
  }
}

#include "start.h"
