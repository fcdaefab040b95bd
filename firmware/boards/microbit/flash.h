/* The nRF51's own flash (reference manual, 6; product specification, table 13). The core stands
 * still while it writes a word (46 us) or erases a page (22 ms): a write is short, and pages are
 * erased one at a time, so that late steps come in between. A word may be written twice between
 * erases: what is there already is not written again. Thread mode only. */

#define NVMC 0x4001e000
#define FLASH_PAGE 16u
/* Four pages, so that the longest value finds room in one. */
#define FLASH_SECTOR 4096u
#define NVMC_PAGE 1024u

/* The page that is erased next, and how many are left. */
static u32 erase_at;
static u32 erase_left;
static u32 erase_us;
/* Since it was taken last, the core stood still for longer than a step may be late. */
static volatile bool flash_stalled;
#define FLASH_STALLS 1

static void nvmc_wait(void) {
  while ((REG(NVMC + 0x400) & 1) == 0) {
  }
}

static void nvmc_erase_page(void) {
  REG(NVMC + 0x504) = 2;
  nvmc_wait();
  flash_stalled = true;
  REG(NVMC + 0x508) = erase_at;
  nvmc_wait();
  REG(NVMC + 0x504) = 0;
  erase_at += NVMC_PAGE;
  erase_left--;
  erase_us = board_micros();
}

/* While it is asked it goes on, a page at a time and no more than ten a second, so that four fifths
 * of the time are the steps' and the link's. */
#ifndef STORE_HASTY
#define ERASE_PAUSE_US 100000
#else
#define ERASE_PAUSE_US 100
#endif
static bool flash_busy(void) {
  if (erase_left == 0) return false;
  if (board_micros() - erase_us >= ERASE_PAUSE_US) nvmc_erase_page();
  return erase_left != 0;
}

/* At start there is nothing to hold up. */
static void flash_settle(void) {
  while (erase_left != 0) nvmc_erase_page();
}

/* `at` and `bytes` in whole words, `to` aligned. */
static void flash_read(u32 at, void *to, u32 bytes) {
  for (u32 i = 0; i < bytes; i += 4) *(u32 *)((u8 *)to + i) = REG(at + i);
}

/* From the start of a word, any length. Only turns ones into zeroes; what came of it, the caller
 * must read back. */
static void flash_program(u32 at, const void *from, u32 bytes) {
  const u8 *next = from;
  for (u32 done = 0; done < bytes; done += 4) {
    u32 word = 0xffffffff;
    for (u32 i = 0; i < 4 && done + i < bytes; i++) {
      word ^= (u32)(next[done + i] ^ 0xff) << 8 * i;
    }
    if ((REG(at + done) & word) == REG(at + done)) continue;
    REG(NVMC + 0x504) = 1;
    nvmc_wait();
    REG(at + done) = word;
    nvmc_wait();
    REG(NVMC + 0x504) = 0;
  }
}

/* `flash_busy` erases the pages, one a call. */
static void flash_erase_begin(u32 at) {
  flash_settle();
  erase_at = at;
  erase_left = FLASH_SECTOR / NVMC_PAGE;
}
