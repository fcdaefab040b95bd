/* Runs instructions that it finds behind itself, one case after the other, so that two emulators of
 * a Cortex-M4F can be asked what came of them. "g first count" in hex gives one hash for each case,
 * "d number" all words of one. A case begins with registers and memory made from its own seed. A
 * fault ends it, and is part of what is told. Must not depend on the time that anything takes. */
typedef unsigned u32;
typedef unsigned short u16;
typedef unsigned char u8;
#define REG(at) (*(volatile u32 *)(at))
#define UART 0x40011000
#define CFSR REG(0xe000ed28)
#define HFSR REG(0xe000ed2c)

struct one {
  u32 seed;
  u32 options; /* 1: works on memory; 2: faults of their own; 4: traps; the rest: modes of FPSCR */
  u16 code[8];
};
#define cases ((const struct one *)0x08010000)

enum { R0, SP = 13, LR, APSR, FPSCR, S0, FAULT = 49, HARD, WORDS };
#define SCRATCH_WORDS 640
static u32 scratch[SCRATCH_WORDS] __attribute__((aligned(16)));
u32 state[WORDS];
u32 kept_sp;
/* What runs: a case's code, and the way back. */
u32 code[8] __attribute__((aligned(4)));

static void start(void);
void fault(void);
const struct {
  u32 stack;
  void (*handlers[15])(void);
} vectors __attribute__((section(".vectors"), used)) = {
    0x20010000, {start, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
                 fault, fault, fault}};

/* R0 to R12 come last; the code is reached by a load, which needs no register. */
__attribute__((naked, noinline)) static void run(void) {
  __asm__ volatile(
      "push {r4-r11, lr}\n"
      "ldr r1, =kept_sp\n str sp, [r1]\n"
      "ldr r0, =state\n"
      "ldr r1, [r0, #64]\n vmsr fpscr, r1\n"
      "add r1, r0, #68\n vldm r1, {s0-s31}\n"
      "ldr r1, [r0, #60]\n msr APSR_nzcvqg, r1\n"
      "ldr sp, [r0, #52]\n ldr lr, [r0, #56]\n"
      "ldr r1, [r0, #4]\n ldr r2, [r0, #8]\n ldr r3, [r0, #12]\n ldr r4, [r0, #16]\n"
      "ldr r5, [r0, #20]\n ldr r6, [r0, #24]\n ldr r7, [r0, #28]\n ldr r8, [r0, #32]\n"
      "ldr r9, [r0, #36]\n ldr r10, [r0, #40]\n ldr r11, [r0, #44]\n ldr r12, [r0, #48]\n"
      "ldr r0, [r0]\n"
      "ldr pc, =code + 1\n"
      ".global came_back\n .thumb_func\n came_back:\n"
      "push {r0}\n"
      "ldr r0, =state\n"
      "str r1, [r0, #4]\n str r2, [r0, #8]\n str r3, [r0, #12]\n str r4, [r0, #16]\n"
      "str r5, [r0, #20]\n str r6, [r0, #24]\n str r7, [r0, #28]\n str r8, [r0, #32]\n"
      "str r9, [r0, #36]\n str r10, [r0, #40]\n str r11, [r0, #44]\n str r12, [r0, #48]\n"
      "str lr, [r0, #56]\n"
      "mrs r1, APSR\n str r1, [r0, #60]\n"
      "pop {r1}\n str r1, [r0]\n"
      "mov r1, sp\n str r1, [r0, #52]\n"
      "vmrs r1, fpscr\n str r1, [r0, #64]\n"
      "add r1, r0, #68\n vstm r1, {s0-s31}\n"
      "ldr r1, =kept_sp\n ldr sp, [r1]\n"
      "pop {r4-r11, pc}\n"
      ".ltorg\n");
}

/* Goes on behind the case: the stacked PC, without an IT block. */
__attribute__((naked)) void fault(void) {
  __asm__ volatile(
      "ldr r0, =state\n"
      "ldr r1, =0xe000ed28\n"
      "ldr r2, [r1]\n str r2, [r1]\n"
      "mrs r3, ipsr\n eor r2, r2, r3, lsl #27\n str r2, [r0, #196]\n"
      "ldr r2, [r1, #4]\n str r2, [r1, #4]\n str r2, [r0, #200]\n"
      "ldr r2, =came_back\n str r2, [sp, #24]\n"
      "ldr r2, [sp, #28]\n ldr r3, =0x0600fc00\n bic r2, r2, r3\n orr r2, r2, #0x1000000\n"
      "str r2, [sp, #28]\n"
      "bx lr\n"
      ".ltorg\n");
}
void came_back(void);

static u32 seed;
static u32 word(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}
static u32 integer(void) {
  static const u32 special[8] = {0,          1,          0xffffffff, 0x80000000,
                                 0x7fffffff, 0x0000ffff, 0x00008000, 0x807f80ff};
  u32 how = word();
  if ((how & 3) == 0) return special[how >> 4 & 7];
  if ((how & 3) == 1) return word() & 0xff;
  return word();
}
static u32 real(void) {
  static const u32 special[16] = {0,          0x80000000, 0x7f800000, 0xff800000,
                                  0x7fc00123, 0xff812345, 1,          0x807fffff,
                                  0x00800000, 0x7f7fffff, 0x3f800000, 0xbf800000,
                                  0x3f000000, 0x4f000000, 0xcf000000, 0x4f800000};
  u32 how = word();
  if ((how & 7) == 0) return special[how >> 4 & 15];
  if ((how & 7) == 1) return word();
  u32 mantissa = word() & 0x7fffff;
  if ((how & 7) == 2) mantissa &= 0x7ff000;
  /* Near 1, so that sums cancel and round; or where products leave the range. */
  u32 exponent = (how & 7) < 6 ? 120 + (how >> 8 & 15) : (how & 8) != 0 ? 64 : 190;
  if ((how & 7) == 3) exponent = 127;
  return (how & 0x80000000) | exponent << 23 | mantissa;
}

static void one(u32 number) {
  const struct one *it = &cases[number];
  seed = it->seed;
  for (u32 i = 0; i < 13; i++) state[R0 + i] = integer();
  state[LR] = integer();
  for (u32 i = 0; i < 32; i++) state[S0 + i] = real();
  state[SP] = (u32)&scratch[SCRATCH_WORDS / 2];
  state[APSR] = word() & 0xf80f0000;
  state[FPSCR] = (it->options & 0x03000000) | (word() & 0xf0000000);
  state[FAULT] = state[HARD] = 0;
  if ((it->options & 1) != 0) {
    state[6] = state[8] = (u32)&scratch[SCRATCH_WORDS / 2];
    state[5] = word() & 15;
    state[9] = word() & 15;
    for (u32 i = 0; i < SCRATCH_WORDS; i++) scratch[i] = word();
  }
  REG(0xe000ed24) = (it->options & 2) != 0 ? 0x70000 : 0;
  REG(0xe000ed14) = (it->options & 4) != 0 ? 0x218 : 0x200;
  for (u32 i = 0; i < 8; i++) ((u16 *)code)[i] = it->code[i];
  code[4] = 0xf000f8df; /* ldr pc, the next word */
  code[5] = (u32)&came_back;
  __asm__ volatile("dsb\n\tisb" ::: "memory");
  run();
  REG(0xe000ed14) = 0x200;
}

static void say(u8 byte) {
  while ((REG(UART) & 0x80) == 0) {
  }
  REG(UART + 4) = byte;
}
static void say_word(u32 value) {
  for (u32 i = 0; i < 8; i++) {
    u32 digit = value >> 28;
    say((u8)(digit < 10 ? '0' + digit : 'a' + digit - 10));
    value <<= 4;
  }
}
static u32 mixed(u32 number) {
  u32 hash = 2166136261u;
  for (u32 i = 0; i < WORDS; i++) hash = (hash ^ state[i]) * 16777619;
  if ((cases[number].options & 1) == 0) return hash;
  for (u32 i = 0; i < SCRATCH_WORDS; i++) hash = (hash ^ scratch[i]) * 16777619;
  return hash;
}

static u32 last;
static u32 number(void) {
  u32 value = 0;
  for (;;) {
    while ((REG(UART) & 0x20) == 0) {
    }
    last = REG(UART + 4) & 255;
    if (last <= ' ') return value;
    value = value << 4 | ((last & 15) + (last >> 6) * 9);
  }
}

static void start(void) {
  REG(0xe000ed88) |= 0xf << 20;
  __asm__ volatile("dsb\n\tisb" ::: "memory");
  REG(0x40023830) = 0x00100001;
  REG(0x40023844) = 0x10;
  REG(0x40020024) = 7 << 4 | 7 << 8;
  REG(0x40020000) = 0xa8280000;
  REG(UART + 8) = 16;
  REG(UART + 12) = 1 << 13 | 1 << 3 | 1 << 2;
  say('\n');
  for (;;) {
    u32 first = number();
    if (last != ' ') {
      one(first);
      for (u32 i = 0; i < WORDS; i++) say_word(state[i]);
      say_word(mixed(first));
    } else {
      for (u32 left = number(); left > 0; left--) {
        one(first);
        say_word(mixed(first++));
      }
    }
    say('\n');
  }
}
