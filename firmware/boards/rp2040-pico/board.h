/* Raspberry Pi Pico (RP2040 datasheet): clocks, UART0, and for a machine PWM, ADC, pins, timer and
 * watchdog. It never relies on what the emulator forgives: every block leaves reset before use, and
 * pads, enables and dividers are written always. Must not decide what a value means. */

#define BOARD_INTERRUPTS 26
#define CODE_IN_RAM 1

#define CLOCKS 0x40008000
#define RESETS 0x4000c000
#define PSM 0x40010000
#define IO_BANK0 0x40014000
#define PADS_BANK0 0x4001c000
#define XOSC 0x40024000
#define PLL_SYS 0x40028000
#define PLL_USB 0x4002c000
#define UART0 0x40034000
#define ADC 0x4004c000
#define PWM 0x40050000
#define TIMER 0x40054000
#define WATCHDOG 0x40058000
#define SIO 0xd0000000
#define CLEAR 0x3000

#define FUNCTION_UART 2
#define FUNCTION_PWM 4
#define FUNCTION_SIO 5
#define FUNCTION_NONE 31

/* IO_BANK0, PADS_BANK0, both PLLs, PWM, TIMER. */
#define EARLY_BLOCKS (1u << 5 | 1u << 8 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 21)
/* ADC, UART0 and USB leave reset only when their own clocks run: waiting earlier would never end.
 * */
#define CLOCKED_BLOCKS (1u | 1u << 22 | 1u << 24)
#define PINS_BLOCKS (1u << 5 | 1u << 8)

static inline void release(u32 blocks) {
  REG(RESETS + CLEAR) = blocks;
  while ((REG(RESETS + 8) & blocks) != blocks) {
  }
}

/* Pad: Schmitt trigger, 4 mA, input enabled; 4 is pull-down, 8 pull-up, 0x80 output off. */
static inline void pad(u32 pin, u32 extra) { REG(PADS_BANK0 + 4 + 4 * pin) = 0x52 | extra; }
static inline void function(u32 pin, u32 number) { REG(IO_BANK0 + 8 * pin + 4) = number; }

static void pll(u32 base, u32 multiply, u32 dividers) {
  REG(base + 4) = 0x2d; /* all off while it is changed */
  REG(base) = 1;
  REG(base + 8) = multiply;
  REG(base + 4) = 0x0c;
  while ((REG(base) >> 31) == 0) {
  }
  REG(base + 0xc) = dividers;
  REG(base + 4) = 0x04;
}

/* Crystal 12 MHz; clk_sys 12 * 125 / 6 / 2 = 125 MHz; clk_usb and clk_adc 12 * 100 / 5 / 5 = 48. */
static void board_clocks(void) {
  REG(XOSC + 0xc) = 47;
  REG(XOSC) = 0xfabaa0;
  while ((REG(XOSC + 4) >> 31) == 0) {
  }
  REG(CLOCKS + 0x3c) = 0;
  while ((REG(CLOCKS + 0x44) & 1) == 0) {
  }
  REG(CLOCKS + 0x30) = 2;
  while ((REG(CLOCKS + 0x38) & 4) == 0) {
  }
  release(EARLY_BLOCKS);
  pll(PLL_SYS, 125, 6u << 16 | 2u << 12);
  pll(PLL_USB, 100, 5u << 16 | 5u << 12);
  REG(CLOCKS + 0x3c) = 1;
  while ((REG(CLOCKS + 0x44) & 2) == 0) {
  }
  REG(CLOCKS + 0x48) = 1u << 11;
  REG(CLOCKS + 0x54) = 1u << 11;
  REG(CLOCKS + 0x60) = 1u << 11;
  release(CLOCKED_BLOCKS);
  REG(WATCHDOG + 0x2c) = 12 | 1u << 9; /* the timer's microsecond comes from here */
}

static inline u32 board_micros(void) { return REG(TIMER + 0x28); }

static void board_uart_start(void) {
  pad(0, 0);
  pad(1, 8);
  function(0, FUNCTION_UART);
  function(1, FUNCTION_UART);
  REG(UART0 + 0x24) = CLOCK_HZ / (16 * 115200);
  REG(UART0 + 0x28) = (CLOCK_HZ % (16 * 115200) * 64 + 8 * 115200) / (16 * 115200);
  REG(UART0 + 0x2c) = 0x70; /* 8 bits, FIFOs on */
  REG(UART0 + 0x30) = 0x301;
}

static void board_uart_put(u8 byte) {
  while ((REG(UART0 + 0x18) & 1u << 5) != 0) {
  }
  REG(UART0) = byte;
}

#ifdef EXERCISE
static u8 board_uart_take(void) {
  while ((REG(UART0 + 0x18) & 1u << 4) != 0) {
  }
  return (u8)REG(UART0);
}
#else
#include "link-uart.h"
#include "machine-pins.h"
#endif
