/* The Pico's flash chip, written through the SSI (RP2040 datasheet 4.10.13; W25Q16JV datasheet 8).
 * While the chip works it cannot be read, so that everything here, the step and its vectors run
 * from RAM; a step may interrupt at any place, because the chip stays selected until its command is
 * whole. Reads go around the cache. Thread mode only: a step must not touch the flash. */

#define SSI 0x18000000
#define FLASH_MAPPED 0x10000000
#define FLASH_UNCACHED 0x13000000
/* Chip select of the flash: 2 forces it low, 3 high, 0 leaves it to the SSI. */
#define QSPI_SELECT 0x4001800c

#define FLASH_WRITE_ENABLE 0x06
#define FLASH_READ_STATUS 0x05
#define FLASH_PAGE_PROGRAM 0x02
#define FLASH_SECTOR_ERASE 0x20
#define FLASH_UNIQUE_ID 0x4b
#define FLASH_PAGE 256u
#define FLASH_SECTOR 4096u
/* What bootloader, pinned key and update state are erased by. */
#define FLASH_BOOT_SECTOR FLASH_SECTOR

/* The SSI takes single bytes, not reads of memory. */
static bool flash_commanded;

static inline void flash_select(u32 how) {
  REG(QSPI_SELECT) = how << 8;
  (void)REG(QSPI_SELECT);
}

static void flash_command_mode(void) {
  if (flash_commanded) return;
  REG(SSI + 8) = 0;
  REG(SSI) = 7u << 16; /* frames of 8 bits, both ways */
  REG(SSI + 4) = 0;
  REG(SSI + 0x10) = 1;
  flash_select(3);
  REG(SSI + 8) = 1;
  flash_commanded = true;
}

/* As boot2 has set it: command 03h, 32 bits at a time. */
static void flash_memory_mode(void) {
  if (!flash_commanded) return;
  REG(SSI + 8) = 0;
  REG(SSI) = 0x001f0300;
  REG(SSI + 4) = 0;
  REG(SSI + 0xf4) = 0x03000218;
  flash_select(0);
  REG(SSI + 8) = 1;
  flash_commanded = false;
}

/* Sends bytes, keeps the last one that came. No more are on their way than the receive buffer
 * holds, however long an interrupt takes. */
static u32 flash_send(const u8 *bytes, u32 count) {
  u32 sent = 0;
  u32 last = 0;
  for (u32 taken = 0; taken < count;) {
    if (sent < count && sent - taken < 14 && (REG(SSI + 0x28) & 2) != 0) {
      REG(SSI + 0x60) = bytes[sent++];
    }
    if (REG(SSI + 0x24) != 0) {
      last = REG(SSI + 0x60);
      taken++;
    }
  }
  return last;
}

static void flash_command(u32 command) {
  u8 byte = (u8)command;
  flash_command_mode();
  flash_select(2);
  flash_send(&byte, 1);
  flash_select(3);
}

/* A command with an address, and what is written there. */
static void flash_write(u32 command, u32 at, const u8 *bytes, u32 count) {
  u8 head[4] = {(u8)command, (u8)(at >> 16), (u8)(at >> 8), (u8)at};
  flash_command(FLASH_WRITE_ENABLE);
  flash_select(2);
  flash_send(head, 4);
  flash_send(bytes, count);
  flash_select(3);
}

/* The chip is still at the last program or erase. */
static bool flash_busy(void) {
  static const u8 status[2] = {FLASH_READ_STATUS, 0};
  if (!flash_commanded) return false;
  flash_select(2);
  u32 read = flash_send(status, 2);
  flash_select(3);
  return (read & 1) != 0;
}

static void flash_settle(void) {
  while (flash_busy()) {
  }
}

/* `at` and `bytes` in whole words, `to` aligned. Waits for what the chip is at. */
static void flash_read(u32 at, void *to, u32 bytes) {
  flash_settle();
  flash_memory_mode();
  for (u32 i = 0; i < bytes; i += 4) *(u32 *)((u8 *)to + i) = REG(FLASH_UNCACHED + at + i);
}

/* Any length, over any number of pages. Only turns ones into zeroes; what came of it, the caller
 * must read back. */
static void flash_program(u32 at, const void *from, u32 bytes) {
  const u8 *next = from;
  while (bytes > 0) {
    u32 part = FLASH_PAGE - (at & (FLASH_PAGE - 1));
    if (part > bytes) part = bytes;
    flash_settle();
    flash_write(FLASH_PAGE_PROGRAM, at, next, part);
    at += part;
    next += part;
    bytes -= part;
  }
  flash_settle();
}

/* Where the sector of a place begins. */
static inline u32 flash_sector_at(u32 at) { return at & ~(FLASH_SECTOR - 1); }

/* For the image that starts next: the flash reads as memory. */
static void flash_hand_over(void) {
  flash_settle();
  flash_memory_mode();
}

/* Returns at once; `flash_busy` tells when the sector is clear, up to 400 ms later. */
static void flash_erase_begin(u32 at) {
  flash_settle();
  flash_write(FLASH_SECTOR_ERASE, at, 0, 0);
}

/* The flash chip's own number, by which a Pico is told from every other (datasheet 8.2.27). */
static u32 board_id(u8 *id) {
  static const u8 ask[5] = {FLASH_UNIQUE_ID};
  static const u8 nothing;
  flash_settle();
  flash_command_mode();
  flash_select(2);
  flash_send(ask, 5);
  for (u32 i = 0; i < 8; i++) id[i] = (u8)flash_send(&nothing, 1);
  flash_select(3);
  return 8;
}
