/* The Pico as a USB serial port (RP2040 datasheet 4.1; USB 2.0 chapter 9; CDC 1.2, PSTN 1.2): one
 * configuration, polled by its host, no power claims. Control requests and sent packets are handled
 * in an interrupt below the step's; what is received waits in the chip until thread mode takes it,
 * and the host is made to wait with it. Sends only while a program has the port open (DTR). */

#define USB_RAM 0x50100000
#define USB 0x50110000
#define USB_INTERRUPT 5
#define USB_BUS_RESET (1u << 12)
#define USB_SETUP (1u << 16)
#define USB_BUFFERS (1u << 4)

/* Endpoint 0 for control, 1 for notifications that never come, 2 for data both ways. */
#define USB_EP0_IN (USB_RAM + 0x80)
#define USB_EP0_OUT (USB_RAM + 0x84)
#define USB_DATA_IN (USB_RAM + 0x90)
#define USB_DATA_OUT (USB_RAM + 0x94)
#define USB_EP0_BYTES 0x100
#define USB_NOTE_BYTES 0x180
#define USB_IN_BYTES 0x1c0
#define USB_OUT_BYTES 0x200

#define USB_AVAILABLE (1u << 10)
#define USB_STALL (1u << 11)
#define USB_DATA1 (1u << 13)
#define USB_FULL (1u << 15)

/* Identity as the chip's maker gives it to serial ports on this chip. */
static const u8 usb_about[18] = {18, 1, 0x00, 0x02, 0xef, 2, 1, 64, 0x8a, 0x2e, 0x0a, 0x00,
                                 0,  1, 1,    2,    3,    1};
static const u8 usb_configuration[75] = {
    9, 2, 75, 0, 2, 1, 0, 0x80, 50,         /* one configuration, from the bus, 100 mA */
    8, 11, 0, 2, 2, 2, 0, 0,                /* both interfaces are one function */
    9, 4, 0, 0, 1, 2, 2, 0, 0,              /* communication, abstract control */
    5, 0x24, 0, 0x20, 0x01,                 /* CDC 1.2 */
    5, 0x24, 1, 0, 1,                       /* no call management */
    4, 0x24, 2, 2,                          /* line coding, control line state */
    5, 0x24, 6, 0, 1,                       /* union of 0 and 1 */
    7, 5, 0x81, 3, 8, 0, 255,               /* notifications */
    9, 4, 1, 0, 2, 10, 0, 0, 0,             /* data */
    7, 5, 0x02, 2, 64, 0, 0,                /* bulk out */
    7, 5, 0x82, 2, 64, 0, 0};               /* bulk in */

static volatile bool usb_configured;
static volatile bool usb_open;
/* Nothing is on its way to the host. */
static volatile bool usb_idle;
static volatile u32 usb_waiting; /* bytes received and not taken */
static u32 usb_taken;
static u32 usb_in_toggle, usb_out_toggle, usb_ep0_toggle;
static u32 usb_address;
/* What control still has to send; a packet of less than 64 bytes ends it. */
static const u8 *usb_rest;
static u32 usb_rest_bytes;
static bool usb_rest_open;
static u8 usb_text[66];
static u8 usb_line_coding[8] = {0x00, 0xc2, 0x01, 0x00, 0, 0, 8, 0};
static bool usb_takes_coding;

/* AVAILABLE comes last and later: the controller runs on another clock (4.1.2.5.1). */
static void usb_hand_over(u32 control, u32 value) {
  REG(control) = value;
  __asm__ volatile("nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop");
  REG(control) = value | USB_AVAILABLE;
}

static void usb_copy_in(u32 at, const u8 *from, u32 bytes) {
  for (u32 i = 0; i < bytes; i += 4) {
    u32 word = 0;
    for (u32 j = 0; j < 4 && i + j < bytes; j++) word |= (u32)from[i + j] << 8 * j;
    REG(USB_RAM + at + i) = word;
  }
}

static void usb_answer_more(void) {
  u32 bytes = usb_rest_bytes < 64 ? usb_rest_bytes : 64;
  usb_copy_in(USB_EP0_BYTES, usb_rest, bytes);
  usb_rest += bytes;
  usb_rest_bytes -= bytes;
  usb_rest_open = bytes == 64;
  usb_hand_over(USB_EP0_IN, USB_FULL | (usb_ep0_toggle ? USB_DATA1 : 0) | bytes);
  usb_ep0_toggle ^= 1;
}

static void usb_answer(const u8 *from, u32 bytes, u32 asked) {
  usb_rest = from;
  usb_rest_bytes = bytes < asked ? bytes : asked;
  usb_answer_more();
  /* Fewer bytes than asked for, and a multiple of 64, need an empty packet to end. */
  if (bytes >= asked && usb_rest_bytes == 0) usb_rest_open = false;
}

/* The empty packet that ends a request without an answer. */
static void usb_acknowledge(void) {
  usb_rest = 0;
  usb_rest_bytes = 0;
  usb_rest_open = false;
  usb_hand_over(USB_EP0_IN, USB_FULL | USB_DATA1);
}

static void usb_refuse(void) {
  REG(USB + 0x68) = 3;
  REG(USB_EP0_IN) = USB_STALL;
  REG(USB_EP0_OUT) = USB_STALL;
}

static void usb_expect(u32 bytes) {
  usb_hand_over(USB_EP0_OUT, USB_DATA1 | bytes);
}

static u32 usb_words(const char *text) {
  u32 bytes = 2;
  for (; *text != 0 && bytes < sizeof usb_text; text++, bytes += 2) {
    usb_text[bytes] = (u8)*text;
    usb_text[bytes + 1] = 0;
  }
  return bytes;
}

static u32 usb_string(u32 index) {
  u32 bytes = 4;
  usb_text[2] = 0x09; /* English */
  usb_text[3] = 0x04;
  if (index == 1) bytes = usb_words("Tenfold");
  if (index == 2) bytes = usb_words(MACHINE_NAME);
  if (index == 3) {
    char digits[33];
    u32 count = 2 * link_id_bytes;
    for (u32 i = 0; i < count; i++) {
      digits[i] = "0123456789abcdef"[link_id[i / 2] >> (i & 1 ? 0 : 4) & 15];
    }
    digits[count] = 0;
    bytes = usb_words(digits);
  }
  usb_text[0] = (u8)bytes;
  usb_text[1] = 3;
  return bytes;
}

static void usb_descriptor(u32 which, u32 asked) {
  u32 type = which >> 8;
  if (type == 1) usb_answer(usb_about, sizeof usb_about, asked);
  else if (type == 2) usb_answer(usb_configuration, sizeof usb_configuration, asked);
  else if (type == 3 && (which & 255) < 4) usb_answer(usb_text, usb_string(which & 255), asked);
  else usb_refuse();
}

static void usb_configure(bool on) {
  usb_in_toggle = usb_out_toggle = 0;
  usb_waiting = usb_taken = 0;
  usb_open = false;
  usb_configured = on;
  usb_idle = on;
  if (!on) return;
  REG(USB_RAM + 0x08) = 1u << 31 | 1u << 29 | 3u << 26 | USB_NOTE_BYTES;
  REG(USB_RAM + 0x10) = 1u << 31 | 1u << 29 | 2u << 26 | USB_IN_BYTES;
  REG(USB_RAM + 0x14) = 1u << 31 | 1u << 29 | 2u << 26 | USB_OUT_BYTES;
  usb_hand_over(USB_DATA_OUT, 64);
  usb_out_toggle = 1;
}

static void usb_setup(void) {
  u32 first = REG(USB_RAM);
  u32 second = REG(USB_RAM + 4);
  u32 value = first >> 16, asked = second >> 16;
  static const u8 nothing[2];
  usb_ep0_toggle = 1;
  usb_takes_coding = false;
  switch (first & 0xffff) {
    case 0x0680: usb_descriptor(value, asked); return;
    case 0x0080: case 0x0081: case 0x0082: usb_answer(nothing, 2, asked); return;
    case 0x0880: {
      static u8 chosen;
      chosen = usb_configured;
      usb_answer(&chosen, 1, asked);
      return;
    }
    case 0x21a1: usb_answer(usb_line_coding, 7, asked); return;
    case 0x2021: /* line coding: taken, and without any effect */
      usb_takes_coding = true;
      usb_expect(asked < 8 ? asked : 8);
      return;
    case 0x0500: usb_address = value & 127; break;
    case 0x0900: usb_configure(value != 0); break;
    case 0x2221: usb_open = (value & 1) != 0; break;
    case 0x0102: /* clear a halted endpoint: its toggles start anew */
    case 0x0b01: case 0x2321: break;
    default: usb_refuse(); return;
  }
  usb_acknowledge();
}

/* In the interrupt, or with it held off. At most 63 bytes: a full packet would not end a read. */
static void usb_fill(void) {
  if (!usb_idle || !usb_open || link_port != PORT_USB) return;
  u32 bytes = link_head - link_tail;
  if (bytes == 0) return;
  if (bytes > 63) bytes = 63;
  for (u32 i = 0; i < bytes; i += 4) {
    u32 word = 0;
    for (u32 j = 0; j < 4; j++) word |= (u32)link_ring[(link_tail + i + j) % LINK_RING] << 8 * j;
    REG(USB_RAM + USB_IN_BYTES + i) = word;
  }
  link_tail += bytes;
  usb_idle = false;
  usb_hand_over(USB_DATA_IN, USB_FULL | (usb_in_toggle ? USB_DATA1 : 0) | bytes);
  usb_in_toggle ^= 1;
}

static void usb_buffers(u32 done) {
  if ((done & 1) != 0) {
    if (usb_address != 0) {
      REG(USB) = usb_address;
      usb_address = 0;
    }
    if (usb_rest_bytes > 0 || usb_rest_open) usb_answer_more();
    else if (usb_rest != 0) {
      usb_rest = 0;
      usb_expect(0); /* the host's empty packet that ends a request for data */
    }
  }
  if ((done & 2) != 0 && usb_takes_coding) {
    usb_takes_coding = false;
    usb_acknowledge();
  }
  if ((done & 1u << 4) != 0) {
    usb_idle = true;
    usb_fill();
  }
  if ((done & 1u << 5) != 0) usb_waiting = REG(USB_DATA_OUT) & 127;
}

void usb_interrupt(void) {
  u32 why = REG(USB + 0x98);
  link_woken = true;
  if ((why & USB_BUS_RESET) != 0) {
    REG(USB + 0x50) = 1u << 19;
    REG(USB) = 0;
    usb_address = 0;
    usb_configure(false);
  }
  if ((why & USB_SETUP) != 0) {
    REG(USB + 0x50) = 1u << 17;
    usb_setup();
  }
  if ((why & USB_BUFFERS) != 0) {
    u32 done = REG(USB + 0x58);
    REG(USB + 0x58) = done;
    usb_buffers(done);
  }
}

static inline void usb_pause(void) {
  NVIC_ICER = 1u << USB_INTERRUPT;
  __asm__ volatile("dsb\n\tisb" ::: "memory");
}
static inline void usb_resume(void) { NVIC_ISER = 1u << USB_INTERRUPT; }

static void usb_start(void) {
  for (u32 at = 0; at < 0x280; at += 4) REG(USB_RAM + at) = 0;
  REG(USB + 0x74) = 9;       /* to the pins, connected by software */
  REG(USB + 0x78) = 0xc;     /* the bus's power is taken as there */
  REG(USB + 0x40) = 1;
  REG(USB + 0x4c) = 1u << 29;
  REG(USB + 0x90) = USB_BUS_RESET | USB_SETUP | USB_BUFFERS;
  board_interrupt_below_step(USB_INTERRUPT);
  usb_resume();
  REG(USB + 0x4c) = 1u << 29 | 1u << 16; /* pull-up: the host sees a full-speed port */
}

static void usb_send(void) {
  usb_pause();
  usb_fill();
  usb_resume();
}

static bool usb_receive(u8 *byte) {
  if (usb_waiting == 0) return false;
  u32 at = USB_RAM + USB_OUT_BYTES + usb_taken;
  *byte = (u8)(REG(at & ~3u) >> 8 * (at & 3));
  usb_taken++;
  if (usb_taken < usb_waiting) return true;
  usb_pause();
  usb_taken = 0;
  usb_waiting = 0;
  if (usb_configured) usb_hand_over(USB_DATA_OUT, (usb_out_toggle ? USB_DATA1 : 0) | 64);
  usb_out_toggle ^= 1;
  usb_resume();
  return true;
}
