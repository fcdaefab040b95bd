/* UART0 for the link (RP2040 datasheet 4.2): what comes raises an interrupt below the step's, at
 * half a buffer or after 32 bit times of silence. */

#define UART_INTERRUPT 20
#define UART_NONE 0xffffffffu
#define HAS_USB 1

/* The step has priority 0; what is below it has 2. */
static void board_interrupt_below_step(u32 number) {
  u32 shift = 8 * (number & 3);
  u32 others = NVIC_IPR(number / 4) & ~(0xffu << shift);
  NVIC_IPR(number / 4) = others | 0x80u << shift;
}

static void board_uart_listen(void) {
  REG(UART0 + 0x38) = 1u << 4 | 1u << 6;
  board_interrupt_below_step(UART_INTERRUPT);
  NVIC_ISER = 1u << UART_INTERRUPT;
}

/* The next byte, above 255 where the line was disturbed, or none. */
static inline u32 board_uart_read(void) {
  return (REG(UART0 + 0x18) & 1u << 4) != 0 ? UART_NONE : REG(UART0) & 0xfff;
}
static inline bool board_uart_room(void) { return (REG(UART0 + 0x18) & 1u << 5) == 0; }
static inline void board_uart_write(u8 byte) { REG(UART0) = byte; }
