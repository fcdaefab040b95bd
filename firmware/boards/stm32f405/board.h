/* STM32F405 (RM0090), test build only: USART1 on PA9/PA10 and the microsecond counter TIM2. It runs
 * on the internal 16 MHz oscillator, as after reset: the clock tree is not set up here, because no
 * emulator shows whether that would be right. It drives no pin. */

#define BOARD_INTERRUPTS 38
#define HAS_FPU 1

#define RCC_AHB1ENR REG(0x40023830)
#define RCC_APB1ENR REG(0x40023840)
#define RCC_APB2ENR REG(0x40023844)
#define GPIOA_MODER REG(0x40020000)
#define GPIOA_AFRH REG(0x40020024)
#define USART1_SR REG(0x40011000)
#define USART1_DR REG(0x40011004)
#define USART1_BRR REG(0x40011008)
#define USART1_CR1 REG(0x4001100c)
#define TIM2_CR1 REG(0x40000000)
#define TIM2_EGR REG(0x40000014)
#define TIM2_CNT REG(0x40000024)
#define TIM2_PSC REG(0x40000028)
#define TIM2_ARR REG(0x4000002c)

#ifdef RIG
#define TIMER_HZ 1000000000 /* QEMU's timers run at this, whatever the clock tree says */
#else
#define TIMER_HZ CLOCK_HZ
#endif

static inline void board_clocks(void) {
  RCC_AHB1ENR |= 1u;
  RCC_APB1ENR |= 1u;
  RCC_APB2ENR |= 1u << 4;
  TIM2_PSC = TIMER_HZ / 1000000 - 1;
  TIM2_ARR = 0xffffffff;
  TIM2_EGR = 1;
  TIM2_CR1 = 1;
}

static inline u32 board_micros(void) { return TIM2_CNT; }

static inline void board_uart_start(void) {
  GPIOA_MODER = (GPIOA_MODER & ~(0xfu << 18)) | 0xau << 18;
  GPIOA_AFRH = (GPIOA_AFRH & ~(0xffu << 4)) | 0x77u << 4;
  USART1_BRR = (CLOCK_HZ + 57600) / 115200;
  USART1_CR1 = 1u << 13 | 1u << 3 | 1u << 2;
}

static void board_uart_put(u8 byte) {
  while ((USART1_SR & 1u << 7) == 0) {
  }
  USART1_DR = byte;
}

static u8 board_uart_take(void) {
  while ((USART1_SR & 1u << 5) == 0) {
  }
  return (u8)USART1_DR;
}

#ifdef LINK
/* What comes raises an interrupt; a byte that was overrun or disturbed is counted, not taken. */
#define UART_INTERRUPT 37
#define UART_NONE 0xffffffffu

static void board_uart_listen(void) {
  USART1_CR1 |= 1u << 5;
  REG(0xe000e104) = 1u << (UART_INTERRUPT - 32);
}
static inline u32 board_uart_read(void) {
  u32 status = USART1_SR;
  if ((status & 1u << 5) == 0) return UART_NONE;
  u32 byte = USART1_DR & 255;
  return (status & 0xf) != 0 ? 256 | byte : byte;
}
static inline bool board_uart_room(void) { return (USART1_SR & 1u << 7) != 0; }
static inline void board_uart_write(u8 byte) { USART1_DR = byte; }

/* The chip's own number (RM0090 39.1); QEMU has nothing at its address, and faults. */
static u32 board_id(u8 *id) {
#ifdef RIG
  (void)id;
  return 0;
#endif
  for (u32 i = 0; i < 12; i++) id[i] = (u8)(REG(0x1fff7a10 + (i & ~3u)) >> 8 * (i & 3));
  return 12;
}
#endif
