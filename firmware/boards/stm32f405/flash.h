/* The STM32F405's own flash (RM0090 3.6; datasheet table 47). While it programs or erases, every
 * read of it stalls the core: code, constants and vectors run from RAM, so that the steps go on,
 * and nothing here reads before it is done. Words of 32 bits, which needs 2.7 V; none is programmed
 * twice but to zero. Thread mode only: a step must not touch the flash. No sector is protected
 * against writes or reads: whoever calls must not name those of what runs. */

#define FLASH_MAPPED 0x08000000
#define FLASH_STATUS REG(FLASH_REGISTERS + 0xc)
#define FLASH_CONTROL REG(FLASH_REGISTERS + 0x10)
#define FLASH_LOCKED (1u << 31)
#define FLASH_WORDS (2u << 8)
/* Of what the store keeps, and of bootloader, pinned key and update state. */
#define FLASH_SECTOR 131072u
#define FLASH_BOOT_SECTOR 16384u
/* Nothing is programmed in pages; after a power cut this much is left out. */
#define FLASH_PAGE 16u
/* Of two large sectors none is kept back: room within the newest is. */
#define KV_SPARE 0

static inline bool flash_busy(void) { return (FLASH_STATUS & 1u << 16) != 0; }

static void flash_settle(void) {
  while (flash_busy()) {
  }
}

static void flash_unlock(void) {
  flash_settle();
  if ((FLASH_CONTROL & FLASH_LOCKED) != 0) {
    REG(FLASH_REGISTERS + 4) = 0x45670123;
    REG(FLASH_REGISTERS + 4) = 0xcdef89ab;
  }
  FLASH_STATUS = 0xf2; /* errors of before */
}

/* `at` and `bytes` in whole words, `to` aligned. Waits for what the flash is at. */
static void flash_read(u32 at, void *to, u32 bytes) {
  flash_settle();
  for (u32 i = 0; i < bytes; i += 4) *(u32 *)((u8 *)to + i) = REG(FLASH_MAPPED + at + i);
}

/* From the start of a word, any length. Only turns ones into zeroes; what came of it, the caller
 * must read back. */
static void flash_program(u32 at, const void *from, u32 bytes) {
  const u8 *next = from;
  flash_unlock();
  FLASH_CONTROL = FLASH_WORDS | 1;
  for (u32 done = 0; done < bytes; done += 4) {
    u32 word = 0xffffffff;
    for (u32 i = 0; i < 4 && done + i < bytes; i++) {
      word ^= (u32)(next[done + i] ^ 0xff) << 8 * i;
    }
    REG(FLASH_MAPPED + at + done) = word;
    flash_settle();
  }
  FLASH_CONTROL = FLASH_LOCKED;
}

/* Sectors 0 to 3 have 16 KB, 4 has 64, 5 to 11 have 128 (table 5). */
static inline u32 flash_sector_at(u32 at) {
  return at & ~(at < 0x10000 ? 0x3fffu : at < 0x20000 ? 0xffffu : 0x1ffffu);
}

/* For the image that starts next: nothing is under way. */
static inline void flash_hand_over(void) { flash_settle(); }

/* Returns at once; `flash_busy` tells when the sector is clear, up to 2 s later. */
static void flash_erase_begin(u32 at) {
  flash_unlock();
  u32 sector = at < 0x10000 ? at >> 14 : 4 + (at >> 17);
  FLASH_CONTROL = FLASH_WORDS | sector << 3 | 2;
  FLASH_CONTROL = FLASH_WORDS | sector << 3 | 2 | 1u << 16;
}
