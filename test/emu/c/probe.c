/* Does to the bus what it is told over the UART, so that a register model and another emulator can
 * be asked the same thing. Words in hex: "r address" gives the word there, "w address value" stores
 * it, "d count" waits for so many rounds. On a micro:bit also "q": gives RXDRDY after it has taken
 * a byte without clearing it, and "p": the same, cleared before. Must not touch anything else. */
typedef unsigned u32;
typedef unsigned char u8;
#define REG(at) (*(volatile u32 *)(at))

static void start(void);
static void fault(void);
const struct {
  u32 stack;
  void (*handlers[15])(void);
} vectors __attribute__((section(".vectors"), used)) = {STACK, {start, fault, fault}};

#ifdef MICROBIT
#define UART 0x40002000
static void uart_start(void) {
  REG(UART + 0x50c) = 24;
  REG(UART + 0x514) = 25;
  REG(UART + 0x524) = 0x01d7e000;
  REG(UART + 0x500) = 4;
  REG(UART + 8) = 1;
  REG(UART) = 1;
}
static void say(u8 byte) {
  REG(UART + 0x11c) = 0;
  REG(UART + 0x51c) = byte;
  while (REG(UART + 0x11c) == 0) {
  }
}
static u8 take(u32 clears) {
  while (REG(UART + 0x108) == 0) {
  }
  if (clears) REG(UART + 0x108) = 0;
  return (u8)REG(UART + 0x518);
}
/* RXDRDY behind the byte that comes next, where nothing follows it. */
static u32 ready_after(u32 clears) {
  take(clears);
  for (volatile u32 i = 0; i < 2000; i++) {
  }
  u32 ready = REG(UART + 0x108);
  REG(UART + 0x108) = 0;
  return ready;
}
#else
#define UART 0x40011000
static void uart_start(void) {
  REG(0x40023830) = 0x00100001;
  REG(0x40023844) = 0x10;
  REG(0x40020024) = 7 << 4 | 7 << 8;
  REG(0x40020000) = 0xa8280000;
  REG(UART + 8) = 139;
  REG(UART + 12) = 1 << 13 | 1 << 3 | 1 << 2;
}
static void say(u8 byte) {
  while ((REG(UART) & 0x80) == 0) {
  }
  REG(UART + 4) = byte;
}
static u8 take(u32 clears) {
  while ((REG(UART) & 0x20) == 0) {
  }
  return (u8)REG(UART + 4);
}
static u32 ready_after(u32 clears) { return clears; }
#endif

static u32 take_word(void) {
  u32 word = 0;
  for (u8 c; (c = take(1)) > ' ';) word = word << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
  return word;
}
static void answer(u32 word) {
  for (u32 shift = 32; shift > 0;) {
    shift -= 4;
    say((u8) "0123456789abcdef"[word >> shift & 15]);
  }
  say('\n');
}

static void fault(void) {
  say('!');
  say('\n');
  for (;;) {
  }
}

static void start(void) {
  uart_start();
  answer(0);
  for (;;) {
    u8 command = take(1);
    if (command == 'q' || command == 'p') answer(ready_after(command == 'p'));
    if (command <= ' ' || command == 'q' || command == 'p') continue;
    take(1);
    u32 at = take_word();
    if (command == 'w') REG(at) = take_word();
    if (command == 'd') {
      for (volatile u32 i = 0; i < at; i++) {
      }
    }
    answer(command == 'r' ? REG(at) : 0);
  }
}
