/* STM32F405 (RM0090 rev 19): clock tree, USART1 on PA9/PA10, the microsecond counter TIM2, the
 * chip's own number; for a machine also machine-pins.h and flash.h. A block's clock runs before it
 * is touched. The test builds stay on the internal oscillator, because QEMU has no clock tree. Must
 * not decide what a value means. */

#define BOARD_INTERRUPTS 38
#define CODE_IN_RAM 1
#ifdef __ARM_FP
#define HAS_FPU 1
#endif

#define PWR 0x40007000
#define FLASH_REGISTERS 0x40023c00
#define RCC 0x40023800
#define RCC_AHB1ENR REG(RCC + 0x30)
#define RCC_APB1ENR REG(RCC + 0x40)
#define RCC_APB2ENR REG(RCC + 0x44)
#define TIM2_ON 1u
#define PWR_ON (1u << 28)
#define TIM8_ON (1u << 1)
#define USART1_ON (1u << 4)
#define ADC1_ON (1u << 8)

#define TIM2 0x40000000
#define USART1 0x40011000
#define USART1_SR REG(USART1)
#define USART1_DR REG(USART1 + 4)
#define USART1_BRR REG(USART1 + 8)
#define USART1_CR1 REG(USART1 + 0xc)

/* What makes this a board and not only a chip: a Netduino Plus 2 has a crystal of 25 MHz. */
#define CRYSTAL_MHZ 25

#if defined(EXERCISE) || defined(RIG) || defined(TEST_INPUTS)
#define ON_INTERNAL_CLOCK 1
#else
/* The flash has no sectors left for a black box; QEMU has no core-coupled memory. */
#define BLACK_BOX_ROOM (64 * 1024)
#endif

#if defined(RIG) || defined(TEST_INPUTS)
#define TIM2_HZ 1000000000 /* QEMU's timers run at this, whatever the clock tree says */
#elif defined(ON_INTERNAL_CLOCK)
#define TIM2_HZ 16000000
#else
#define TIM2_HZ (CLOCK_HZ / 2) /* twice APB1's clock (7.2, figure 21) */
#endif
#ifdef ON_INTERNAL_CLOCK
#define USART1_HZ 16000000
#else
#define USART1_HZ (CLOCK_HZ / 2)
#endif

/* 25 MHz / 25 * 336 / 2 = 168 MHz; APB1 42 MHz, APB2 84 MHz. Flash waits five states before the
 * clock rises, without caches: code runs from RAM, and what is read of the flash is never stale.
 * The crystal is watched (CSS): if it fails, the NMI ends in the trap. A crystal that does not
 * start leaves the board here, with everything off. The bootloader has done it for an image. */
static inline void system_clock_start(void) {
  if ((REG(RCC + 8) >> 2 & 3) == 2) return;
  RCC_APB1ENR |= PWR_ON;
  REG(PWR) = 1u << 14; /* scale 1, and back-up registers locked */
  REG(RCC) |= 1u << 16;
  while ((REG(RCC) & 1u << 17) == 0) {
  }
  REG(FLASH_REGISTERS) = 5;
  while ((REG(FLASH_REGISTERS) & 7) != 5) {
  }
  REG(RCC + 8) = 5u << 10 | 4u << 13;
  REG(RCC + 4) = 7u << 24 | 1u << 22 | (CLOCK_HZ / 500000) << 6 | CRYSTAL_MHZ;
  REG(RCC) |= 1u << 24;
  while ((REG(RCC) & 1u << 25) == 0 || (REG(PWR + 4) & 1u << 14) == 0) {
  }
  REG(RCC + 8) = 5u << 10 | 4u << 13 | 2;
  while ((REG(RCC + 8) >> 2 & 3) != 2) {
  }
  REG(RCC) |= 1u << 19;
}

static inline void board_clocks(void) {
#ifndef ON_INTERNAL_CLOCK
  system_clock_start();
#endif
  RCC_AHB1ENR |= 1u;
  RCC_APB1ENR |= TIM2_ON;
  RCC_APB2ENR |= USART1_ON;
  REG(TIM2 + 0x28) = TIM2_HZ / 1000000 - 1;
  REG(TIM2 + 0x2c) = 0xffffffff;
  REG(TIM2 + 0x14) = 1;
  REG(TIM2) = 1;
}

static inline u32 board_micros(void) { return REG(TIM2 + 0x24); }

#define GPIO_OF(pin) (0x40020000 + 0x400 * ((pin) / 16))
#define FUNCTION_USART 7
#define FUNCTION_TIM8 3

/* MODER: 0 input, 1 output, 2 a block's, 3 analogue. PUPDR: 1 up, 2 down. */
static inline void pin_mode(u32 pin, u32 mode, u32 pull) {
  u32 shift = 2 * (pin % 16);
  REG(GPIO_OF(pin) + 0xc) = (REG(GPIO_OF(pin) + 0xc) & ~(3u << shift)) | pull << shift;
  REG(GPIO_OF(pin)) = (REG(GPIO_OF(pin)) & ~(3u << shift)) | mode << shift;
}
static inline void pin_function(u32 pin, u32 number, u32 pull) {
  u32 shift = 4 * (pin % 8);
  u32 at = GPIO_OF(pin) + 0x20 + 4 * (pin % 16 / 8);
  REG(at) = (REG(at) & ~(15u << shift)) | number << shift;
  pin_mode(pin, 2, pull);
}

static inline void board_uart_start(void) {
  pin_function(9, FUNCTION_USART, 0);
  pin_function(10, FUNCTION_USART, 1);
  USART1_BRR = (USART1_HZ + 57600) / 115200;
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
#define UART_UNBUFFERED 1

/* The step has priority 0; what is below it has 128. */
static void board_uart_listen(void) {
  u32 shift = 8 * (UART_INTERRUPT & 3);
  USART1_CR1 |= 1u << 5;
  u32 others = NVIC_IPR(UART_INTERRUPT / 4) & ~(0xffu << shift);
  NVIC_IPR(UART_INTERRUPT / 4) = others | 0x80u << shift;
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
#ifdef ON_INTERNAL_CLOCK
  (void)id;
  return 0;
#endif
  for (u32 i = 0; i < 12; i++) id[i] = (u8)(REG(0x1fff7a10 + (i & ~3u)) >> 8 * (i & 3));
  return 12;
}
#endif

#if !defined(EXERCISE) && !defined(RIG)
#include "machine-pins.h"
#endif
