/* Sends a serial flash what it is told over the UART, byte for byte, on a chip that QEMU has with
 * such a flash (AST2500, its flash controller in user mode): "bytes to read, then the command" in
 * hex, one line; what was read comes back in hex. Must not touch anything else. */
typedef unsigned u32;
typedef unsigned char u8;
#define REG(at) (*(volatile u32 *)(at))
#define UART 0x1e784000
#define FLASH (*(volatile u8 *)0x20000000)
/* CE0: user mode; bit 2 lifts chip select. */
#define CONTROL REG(0x1e620010)

static void say(u8 byte) { REG(UART) = byte; }
static u8 take(void) {
  while ((REG(UART + 20) & 1) == 0) {
  }
  return (u8)REG(UART);
}
/* The next byte of the line, or 256 at its end. */
static u32 take_byte(void) {
  u32 byte = 0;
  for (u32 i = 0; i < 2; i++) {
    u8 c = take();
    if (c == '\n') return 256;
    byte = byte << 4 | (u32)(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return byte;
}
static void say_byte(u32 byte) {
  say((u8) "0123456789abcdef"[byte >> 4]);
  say((u8) "0123456789abcdef"[byte & 15]);
}

__attribute__((naked, section(".text.start"))) void start(void) {
  __asm__("ldr sp, =0x80100000\n\tb run");
}

__attribute__((used)) void run(void) {
  REG(0x1e620000) |= 1u << 16;
  CONTROL = 7;
  say_byte(0);
  say('\n');
  for (;;) {
    u32 reads = take_byte();
    CONTROL = 3;
    for (u32 byte; (byte = take_byte()) < 256;) FLASH = (u8)byte;
    for (; reads > 0; reads--) say_byte(FLASH);
    CONTROL = 7;
    say('\n');
  }
}
