/* BBC micro:bit V1 (nRF51822, Reference Manual 3.0): UART through the board's USB chip, TIMER0 as
 * the microsecond counter, the chip's own number; for a machine also machine-pins.h and flash.h.
 * Code runs from flash. Must not decide what a value means. */

#define BOARD_INTERRUPTS 32

#define HFCLKSTART REG(0x40000000)
#define HFCLKSTARTED REG(0x40000100)
#define UART_STARTRX REG(0x40002000)
#define UART_STARTTX REG(0x40002008)
#define UART_RXDRDY REG(0x40002108)
#define UART_TXDRDY REG(0x4000211c)
#define UART_ENABLE REG(0x40002500)
#define UART_PSELTXD REG(0x4000250c)
#define UART_PSELRXD REG(0x40002514)
#define UART_RXD REG(0x40002518)
#define UART_TXD REG(0x4000251c)
#define UART_BAUDRATE REG(0x40002524)
#define TIMER0 0x40008000
#define TIMER0_START REG(0x40008000)
#define TIMER0_CAPTURE0 REG(0x40008040)
#define TIMER0_BITMODE REG(0x40008508)
#define TIMER0_PRESCALER REG(0x40008510)
#define TIMER0_CC0 REG(0x40008540)

static inline void board_clocks(void) {
  HFCLKSTART = 1;
  while (HFCLKSTARTED == 0) {
  }
  TIMER0_BITMODE = 3;
  TIMER0_PRESCALER = 4;
  TIMER0_START = 1;
}

static inline u32 board_micros(void) {
  TIMER0_CAPTURE0 = 1;
  return TIMER0_CC0;
}

static inline void board_uart_start(void) {
  UART_PSELTXD = 24;
  UART_PSELRXD = 25;
  UART_BAUDRATE = 0x01d7e000; /* 115200 */
  UART_ENABLE = 4;
  UART_STARTTX = 1;
  UART_STARTRX = 1;
}

static void board_uart_put(u8 byte) {
  UART_TXDRDY = 0;
  UART_TXD = byte;
  while (UART_TXDRDY == 0) {
  }
}

static u8 board_uart_take(void) {
  while (UART_RXDRDY == 0) {
  }
  UART_RXDRDY = 0;
  return (u8)UART_RXD;
}

#ifdef LINK
/* What comes raises an interrupt. The next byte may go when the last one has (29.5, TXDRDY). */
#define UART_INTERRUPT 2
#define UART_NONE 0xffffffffu
#define UART_UNBUFFERED 1
#define UART_INTENSET REG(0x40002304)
static bool uart_busy;

/* The step has priority 0; what is below it has 2. */
static void board_uart_listen(void) {
  UART_INTENSET = 1u << 2;
  NVIC_IPR(UART_INTERRUPT / 4) |= 0x80u << 8 * (UART_INTERRUPT & 3);
  NVIC_ISER = 1u << UART_INTERRUPT;
}
static inline u32 board_uart_read(void) {
  if (UART_RXDRDY == 0) return UART_NONE;
  UART_RXDRDY = 0;
  return UART_RXD & 255;
}
static inline bool board_uart_room(void) {
  if (uart_busy && UART_TXDRDY == 0) return false;
  uart_busy = false;
  return true;
}
static inline void board_uart_write(u8 byte) {
  UART_TXDRDY = 0;
  uart_busy = true;
  UART_TXD = byte;
}

/* The chip's own number: FICR, DEVICEID. */
static u32 board_id(u8 *id) {
  for (u32 i = 0; i < 8; i++) id[i] = (u8)(REG(0x10000060 + (i & ~3u)) >> 8 * (i & 3));
  return 8;
}
#endif

#if !defined(EXERCISE) && !defined(RIG)
#include "machine-pins.h"
#endif
