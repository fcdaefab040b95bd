/* The ports under the link: a UART, and USB where the board has it. What comes over the UART is put
 * into a ring by its interrupt, so that nothing is lost while thread mode signs or writes flash;
 * what goes is handed over as the port has room. The port that a gateway was heard on last is the
 * one that is spoken on. */

#define PORT_UART 0u
#define PORT_USB 1u
#define UART_RING 256u

static u8 uart_ring[UART_RING];
static volatile u32 uart_head;
static u32 uart_tail;
/* Bytes that came and found no room, or came damaged. */
SEEN volatile u32 link_lost;
static volatile u32 link_port;
/* A port had something to say since thread mode last looked. */
static volatile bool link_woken;

#ifdef HAS_USB
#include "usb.h"
#endif

void uart_interrupt(void) {
  u32 byte;
  link_woken = true;
  while ((byte = board_uart_read()) != UART_NONE) {
    if (byte > 255 || uart_head - uart_tail == UART_RING) link_lost++;
    else uart_ring[uart_head++ % UART_RING] = (u8)byte;
  }
}

static void link_ports_start(void) {
  board_uart_listen();
#ifdef HAS_USB
  usb_start();
#endif
}

/* One more than the port of a byte that has come, or 0. While a gateway is heard on one port, noise
 * on the other does not reach its frames. */
static u32 link_receive(u8 *byte) {
  bool chosen = link_state != LINK_SILENT;
  while (uart_tail != uart_head) {
    *byte = uart_ring[uart_tail % UART_RING];
    uart_tail++;
    if (!chosen || link_port == PORT_UART) return PORT_UART + 1;
  }
#ifdef HAS_USB
  while (usb_receive(byte)) {
    if (!chosen || link_port == PORT_USB) return PORT_USB + 1;
  }
#endif
  return 0;
}

static void link_send(void) {
  if (link_port == PORT_UART) {
    while (link_tail != link_head && board_uart_room()) {
      board_uart_write(link_ring[link_tail % LINK_RING]);
      link_tail++;
    }
  }
#ifdef HAS_USB
  else usb_send();
#endif
}

/* The UART has bytes left to send. */
static inline bool link_sending(void) {
  return link_port == PORT_UART && link_tail != link_head;
}

/* Lets go what the port has not taken: the next frame begins with a 00, so that its start is seen.
 * */
static void link_flush(void) {
#ifdef HAS_USB
  usb_pause();
#endif
  link_tail = link_head;
#ifdef HAS_USB
  usb_resume();
#endif
}

static void link_switch(u32 port) {
  link_flush();
  link_port = port;
}
