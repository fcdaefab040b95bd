/* Reset and vectors, the same on every board: data and code to where they run, zeroes, main. Must
 * not call anything before the copy, because on some boards the code itself is what is copied. */

extern u32 link_stack_top, link_copy_from, link_copy_to, link_copy_end, link_zero, link_zero_end;

int main(void) __attribute__((long_call, noreturn));

#ifdef CODE_IN_RAM
extern u32 link_vectors;
#define BOARD_BEFORE_MAIN SCB_VTOR = (u32)&link_vectors
#else
#define BOARD_BEFORE_MAIN
#endif

__attribute__((noreturn, used, section(".reset"))) void reset(void) {
  interrupts_off();
#ifdef HAS_FPU
  SCB_CPACR |= 0xfu << 20;
  __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
  u32 *from = &link_copy_from;
  for (u32 *to = &link_copy_to; to < &link_copy_end;) *to++ = *from++;
  for (u32 *to = &link_zero; to < &link_zero_end;) *to++ = 0;
  BOARD_BEFORE_MAIN;
  main();
}

__attribute__((noreturn, used)) static void fault(void) { wasm_rt_trap(TRAP_FAULT); }

typedef void (*vector)(void);
#define VECTOR_COUNT (16 + BOARD_INTERRUPTS)

__attribute__((used, section(".vectors"))) static const vector vectors[VECTOR_COUNT] = {
    (vector)&link_stack_top,
    reset,
    [2 ... VECTOR_COUNT - 1] = fault,
#ifdef STEP_INTERRUPT
    [16 + STEP_INTERRUPT] = step_interrupt,
#endif
#ifdef LINK
    [16 + UART_INTERRUPT] = uart_interrupt,
#ifdef HAS_USB
    [16 + USB_INTERRUPT] = usb_interrupt,
#endif
#endif
};

#ifdef CODE_IN_RAM
/* Until the copy is made: a fault here stops, and no pin has been driven yet. */
__attribute__((noreturn, section(".reset"))) static void early_fault(void) {
  for (;;) {
  }
}
__attribute__((used, section(".flash_vectors"))) static const vector flash_vectors[4] = {
    (vector)&link_stack_top, reset, early_fault, early_fault};
#endif
