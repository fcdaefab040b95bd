/* Stories about exceptions, told in words of hex, so that two emulators of a Cortex-M4F can be
 * compared: which handler runs when, with which EXC_RETURN, on which frame. A letter asks for a
 * story. Interrupts are asked for by software. Must not depend on the time that anything takes. */
typedef unsigned u32;
typedef unsigned char u8;
#define REG(at) (*(volatile u32 *)(at))
#define UART 0x40011000
#define ISER 0xe000e100
#define ISPR 0xe000e200
#define ICPR 0xe000e280
#define IABR 0xe000e300
#define IPR8(n) (*(volatile u8 *)(0xe000e400 + (n)))
#define ICSR 0xe000ed04
#define AIRCR 0xe000ed0c
#define SHPR8(n) (*(volatile u8 *)(0xe000ed18 - 4 + (n)))
#define SHCSR 0xe000ed24
#define CFSR 0xe000ed28
#define HFSR 0xe000ed2c
#define FPCCR 0xe000ef34
#define FPCAR 0xe000ef38
#define BARRIER __asm__ volatile("dsb\n\tisb" ::: "memory")

static void start(void);
void handler(void);
const struct {
  u32 stack;
  void (*handlers[111])(void);
} vectors __attribute__((section(".vectors"), used)) = {0x20010000,
                                                        {start, [1 ... 110] = handler}};

static u32 words[400];
static u32 told;
static void tell(u32 word) {
  if (told < 400) words[told++] = word;
}

/* What the handler of an exception does once, beyond telling. */
static void (*action[111])(u32 *frame);
static u32 resume;

__attribute__((used)) void handled(u32 magic, u32 *frame) {
  u32 n, mask;
  __asm__ volatile("mrs %0, ipsr" : "=r"(n));
  __asm__ volatile("mrs %0, basepri" : "=r"(mask));
  tell(0xee000000 | n);
  tell(magic);
  tell((u32)frame);
  tell(REG(ICSR) & 0xfffff);
  tell(mask);
  if (n >= 3 && n <= 6) {
    tell(REG(CFSR));
    tell(REG(HFSR));
    if ((REG(CFSR) & 1 << 15) != 0) tell(REG(0xe000ed38));
    REG(CFSR) = REG(CFSR);
    REG(HFSR) = REG(HFSR);
    tell(frame[6] & 1);
    tell(frame[7]);
    frame[6] = resume;
    frame[7] = (frame[7] & ~0x0600fc00u) | 1u << 24;
  }
  void (*act)(u32 *) = action[n];
  action[n] = 0;
  if (act != 0) act(frame);
  tell(0xbb000000 | n);
}
__attribute__((naked)) void handler(void) {
  __asm__ volatile(
      "tst lr, #4\n ite eq\n mrseq r1, msp\n mrsne r1, psp\n mov r0, lr\n b handled\n");
}

static void ask(u32 n) { REG(ISPR + 4 * (n >> 5)) = 1u << (n & 31); BARRIER; }
static void masked(u32 on) {
  if (on) __asm__ volatile("cpsid i" ::: "memory");
  else __asm__ volatile("cpsie i" ::: "memory");
  BARRIER;
}
static void basepri(u32 value) {
  __asm__ volatile("msr basepri, %0" ::"r"(value) : "memory");
  BARRIER;
}
static void pend_sv(void) { REG(ICSR) = 1u << 28; BARRIER; }
static void call(void) { __asm__ volatile("svc 7" ::: "memory"); }

static void tell_frame(u32 *frame) {
  for (u32 i = 0; i < 8; i++) tell(frame[i]);
}
static void ask_11(u32 *frame) { (void)frame; ask(11); tell(1); }
static void ask_12(u32 *frame) { (void)frame; ask(12); tell(2); }
static void ask_both(u32 *frame) { (void)frame; pend_sv(); ask(12); tell(3); }
static void tell_masks(u32 *frame) {
  (void)frame;
  tell(REG(IABR));
  tell(REG(SHCSR));
  tell(REG(ISPR));
}
static void nested_masks(u32 *frame) { action[16 + 11] = tell_masks; ask_11(frame); }
static void call_from(u32 *frame) { (void)frame; resume = frame[6]; call(); tell(4); }

/* A return from the exception takes the mask away. */
static void mask_faults(u32 *frame) {
  (void)frame;
  __asm__ volatile("cpsid f" ::: "memory");
  ask(11);
  tell(9);
}

static void order(void) {
  masked(1);
  ask(10); ask(12); ask(11); pend_sv();
  tell(REG(ICSR) & 0x0fffffff);
  masked(0);
}
static void nest(void) { action[16 + 10] = nested_masks; ask(10); }
static void chain(void) { action[16 + 11] = ask_both; ask(11); }
static void groups(void) {
  REG(AIRCR) = 0x05fa0000 | 6 << 8;
  tell(REG(AIRCR));
  action[16 + 10] = ask_11; /* 0x40 does not preempt 0x60: one group */
  IPR8(10) = 0x60;
  ask(10);
  masked(1);
  ask(10); ask(12); ask(11);
  masked(0);
  REG(AIRCR) = 0x05fa0000;
}
static void masks(void) {
  basepri(0x80);
  ask(10); ask(11);
  tell(5);
  __asm__ volatile("msr basepri_max, %0" ::"r"(0x20) : "memory");
  ask(12);
  __asm__ volatile("msr basepri_max, %0" ::"r"(0x60) : "memory");
  u32 now;
  __asm__ volatile("mrs %0, basepri" : "=r"(now));
  tell(now);
  basepri(0x60);
  basepri(0);
  __asm__ volatile("cpsid f" ::: "memory");
  ask(11);
  tell(6);
  __asm__ volatile("cpsie f" ::: "memory");
  BARRIER;
  masked(1);
  ask(10);
  REG(ICPR) = 1 << 10;
  masked(0);
  action[16 + 10] = mask_faults;
  ask(10);
  ask(12);
  REG(0xe000ef00) = 12;
  BARRIER;
}
static void calls(void) {
  action[16 + 11] = call_from; /* 0x40 is above the call's 0xc0: a hard fault */
  call();
  ask(11);
  action[11] = ask_12;
  call();
}

/* Registers of its own, an odd stack, and a call within an IT block. */
static void frames(void) {
  action[11] = tell_frame;
  u32 results[8];
  __asm__ volatile(
      "movw r0, #0x1111\n movw r1, #0x2222\n movw r2, #0x3333\n movw r3, #0x4444\n"
      "movw r12, #0x5555\n sub sp, #4\n"
      "cmp r0, r0\n"
      "itete eq\n svceq 1\n addne r1, #1\n addeq r2, #1\n addne r3, #1\n"
      "add sp, #4\n"
      "stm %0, {r0-r3, r12}\n" ::"r"(results)
      : "r0", "r1", "r2", "r3", "r12", "cc", "memory");
  for (u32 i = 0; i < 5; i++) tell(results[i]);
}
static void use_float(u32 *frame) {
  tell(REG(FPCCR) & 0xc0000001);
  tell(REG(FPCAR) - (u32)frame);
  u32 control;
  __asm__ volatile("mrs %0, control" : "=r"(control));
  tell(control);
  /* What FPSCR's flags begin with in a new context, the manual and QEMU say differently. */
  __asm__ volatile("vmsr fpscr, %0" ::"r"(5u << 28));
  __asm__ volatile("vmov.f32 s0, #2.0\n vmov.f32 s15, #3.0\n vmov.f32 s20, #4.0" ::: "memory");
  __asm__ volatile("mrs %0, control" : "=r"(control));
  tell(control);
  tell(REG(FPCCR) & 0xc0000001);
  for (u32 i = 8; i < 25; i++) tell(frame[i]);
}
static void no_float(u32 *frame) { tell(REG(FPCCR) & 1); tell(REG(FPCAR) - (u32)frame); }
static void nested_float(u32 *frame) { use_float(frame); action[16 + 11] = use_float; ask(11); }
static void floats(void) {
  static void (*const acts[3])(u32 *) = {use_float, no_float, nested_float};
  for (u32 i = 0; i < 4; i++) {
    if (i == 3) REG(FPCCR) = 1u << 31; /* not lazily */
    BARRIER;
    u32 out[4];
    action[16 + 10] = acts[i % 3];
    __asm__ volatile("vmov.f32 s0, #1.0\n vmov.f32 s15, #1.5\n vmov.f32 s20, #1.75\n"
                     "vcmp.f32 s0, s15" ::: "memory");
    ask(10);
    __asm__ volatile("vmov %0, s0\n vmov %1, s15\n vmov %2, s20\n vmrs %3, fpscr"
                     : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3]));
    for (u32 k = 0; k < 4; k++) tell(out[k]);
    u32 control;
    __asm__ volatile("mrs %0, control" : "=r"(control));
    tell(control);
  }
  REG(FPCCR) = 3u << 30;
}
static u32 other_stack[64] __attribute__((aligned(8)));
static void process(void) {
  u32 old;
  action[11] = ask_12;
  __asm__ volatile("msr psp, %1\n mov %0, #2\n msr control, %0\n isb\n"
                   "svc 1\n mrs r1, control\n mov r2, sp\n mov %0, #0\n msr control, %0\n isb\n"
                   "mov %0, r1\n add %0, r2\n"
                   : "=&r"(old)
                   : "r"(&other_stack[63])
                   : "r1", "r2", "memory");
  tell(old);
}

#define FAULTY(code)                                                                              \
  __asm__ volatile("ldr r1, =1f + 1\n str r1, [%0]\n" code "\n1:\n" ::"r"(&resume)                \
                   : "r1", "r2", "r3", "cc", "memory")
static void all_faults(void) {
  FAULTY("udf #3");
  FAULTY("movw r2, #0\n movt r2, #0x6000\n ldr r3, [r2, #4]");
  FAULTY("movw r2, #0\n movt r2, #0x6000\n str r3, [r2, #8]");
  FAULTY("movw r2, #1\n movt r2, #0x6000\n bx r2");
  FAULTY("ldr r2, =handler\n bic r2, #1\n bx r2");
  FAULTY("add r2, sp, #1\n ldm r2, {r3}");
  FAULTY("cmp r1, r1\n itt eq\n udfeq #1\n udfeq #2");
}
static void udf_at(u32 *frame) { (void)frame; FAULTY("udf #4"); tell(7); }
static void faults(void) {
  all_faults();
  REG(SHCSR) = 7 << 16;
  all_faults();
  SHPR8(6) = 0x50;
  action[16 + 11] = udf_at; /* 0x40 is above it: a hard fault */
  ask(11);
  action[16 + 10] = udf_at;
  ask(10);
  SHPR8(6) = 0;
  REG(0xe000ed88) = 0;
  BARRIER;
  FAULTY("vmov.f32 s0, #1.0");
  REG(0xe000ed88) = 0xf << 20;
  BARRIER;
  masked(1);
  FAULTY("udf #5");
  masked(0);
  REG(SHCSR) = 0;
}
/* An interrupt that is masked ends the sleep; so does an event, once. */
static void sleep(void) {
  masked(1);
  ask(10);
  __asm__ volatile("wfi" ::: "memory");
  tell(REG(ICSR) & 0xfffff);
  REG(ICPR) = 1 << 10;
  masked(0);
  __asm__ volatile("sev\n wfe" ::: "memory");
  tell(8);
}
static void exclusive(void) {
  static u32 word;
  u32 alone, broken;
  __asm__ volatile("ldrex r1, [%1]\n strex %0, r1, [%1]"
                   : "=&r"(alone)
                   : "r"(&word)
                   : "r1", "memory");
  __asm__ volatile("ldrex r1, [%1]\n svc 3\n strex %0, r1, [%1]"
                   : "=&r"(broken)
                   : "r"(&word)
                   : "r1", "memory");
  tell(alone);
  tell(broken);
}
static void registers(void) {
  static const u32 at[] = {0xe000ed0c, 0xe000ed10, 0xe000ed14, 0xe000ed18,
                           0xe000ed1c, 0xe000ed20, 0xe000ed24, 0xe000ed88, 0xe000ef34, 0xe000ef3c,
                           0xe000ef40, 0xe000ef44, 0xe000e100, 0xe000e400, 0xe000e408, 0xe000e40c};
  for (u32 i = 0; i < sizeof at / sizeof *at; i++) tell(REG(at[i]));
}

static void (*const stories[])(void) = {
    order,  nest,    chain,  groups, masks,     calls,    frames,
    floats, process, faults, sleep,  exclusive, registers};

static void say(u8 byte) {
  while ((REG(UART) & 0x80) == 0) {
  }
  REG(UART + 4) = byte;
}
static void start(void) {
  REG(0xe000ed88) |= 0xf << 20;
  BARRIER;
  REG(0x40023830) = 0x00100001;
  REG(0x40023844) = 0x10;
  REG(0x40020024) = 7 << 4 | 7 << 8;
  REG(0x40020000) = 0xa8280000;
  REG(UART + 8) = 16;
  REG(UART + 12) = 1 << 13 | 1 << 3 | 1 << 2;
  say('\n');
  for (;;) {
    while ((REG(UART) & 0x20) == 0) {
    }
    u32 which = (REG(UART + 4) & 255) - 'a';
    if (which >= sizeof stories / sizeof *stories) continue;
    told = 0;
    for (u32 i = 0; i < 111; i++) action[i] = 0;
    REG(ISER) = 7 << 10;
    IPR8(10) = 0x80;
    IPR8(11) = 0x40;
    IPR8(12) = 0x40;
    SHPR8(11) = 0xc0;
    SHPR8(14) = 0xf0;
    BARRIER;
    stories[which]();
    for (u32 i = 0; i < told; i++) {
      for (u32 k = 32; k > 0; k -= 4) say((u8) "0123456789abcdef"[words[i] >> (k - 4) & 15]);
      say(' ');
    }
    say('\n');
  }
}
