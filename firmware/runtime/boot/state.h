/* Which slot runs, which one is on trial, and the oldest version that may come: small records, each
 * in a page of its own, which is written once between two erases: that suits chips that write pages
 * and chips that write words. The newest whole one counts. A power cut leaves the old record or the
 * new one; which of the two a half-written page reads as may change from start to start, and both
 * are right. Every record is there twice, so that the damage of one page brings no older version
 * back. Bootloader and image both write here; neither while the other runs. */

#define STATE_AT FLASH_UPDATE_AT
/* Two sectors in turn; what is flashed with the board in hand clears both. */
#define STATE_PAGE 256u
#define STATE_PAGES (2 * FLASH_BOOT_SECTOR / STATE_PAGE)
#define STATE_MARK 0x54534654 /* "TFST" */

enum trial { TRIAL_NONE = 0, TRIAL_WANTED = 1, TRIAL_STARTED = 2 };

struct boot_state {
  u32 mark;
  u32 number; /* grows with every record */
  u32 active; /* the slot that is confirmed */
  u32 trial;  /* of the other slot */
  u32 floor;  /* no update with an older version */
  u32 check;  /* over all before it */
};

static u32 state_check(const struct boot_state *state) {
  const u8 *bytes = (const u8 *)state;
  u32 crc = 0xffffffff;
  for (u32 i = 0; i < offsetof(struct boot_state, check); i++) {
    crc ^= bytes[i];
    for (u32 bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
  }
  return ~crc;
}

static u32 state_page(u32 index) { return STATE_AT + index % STATE_PAGES * STATE_PAGE; }

static bool state_at(u32 index, struct boot_state *state) {
  flash_read(state_page(index), state, sizeof *state);
  return state->mark == STATE_MARK && state->check == state_check(state) && state->active < 2;
}

/* The newest record's page; a board without one starts with slot A. */
static u32 state_find(struct boot_state *newest) {
  u32 found = STATE_PAGES - 1;
  *newest = (struct boot_state){.mark = STATE_MARK};
  for (u32 i = 0; i < STATE_PAGES; i++) {
    struct boot_state state;
    if (state_at(i, &state) && state.number >= newest->number) {
      *newest = state;
      found = i;
    }
  }
  return found;
}

static bool state_page_is_blank(u32 index) {
  for (u32 at = 0; at < STATE_PAGE; at += 4) {
    u32 word;
    flash_read(state_page(index) + at, &word, 4);
    if (word != 0xffffffff) return false;
  }
  return true;
}

/* Writes one more record; true when it reads back. The sector with the newest record is never
 * erased: at most the other one. A page that a power cut has spoilt is left out, and its number. */
static bool state_write(struct boot_state *state) {
  struct boot_state newest, written;
  u32 at = state_find(&newest);
  state->mark = STATE_MARK;
  state->number = newest.number;
  const u32 per_sector = FLASH_BOOT_SECTOR / STATE_PAGE;
  for (u32 tries = 0; tries < STATE_PAGES - per_sector; tries++) {
    at++;
    state->number++;
    if (at % per_sector == 0) {
      flash_erase_begin(state_page(at));
      flash_settle();
    }
    if (!state_page_is_blank(at)) continue;
    state->check = state_check(state);
    flash_program(state_page(at), state, sizeof *state);
    if (state_at(at, &written) && written.number == state->number) return true;
  }
  return false;
}

/* The next record, and it once more. */
static bool state_put(struct boot_state *state) { return state_write(state) && state_write(state); }

static bool state_says_same(const struct boot_state *one, const struct boot_state *other) {
  return one->active == other->active && one->trial == other->trial && one->floor == other->floor;
}

/* Writes the newest record once more where the one before it says something else: power was cut
 * between the two, or one of them got lost. */
static void state_mend(void) {
  struct boot_state newest, before = {0}, state;
  u32 found = state_find(&newest);
  if (newest.number == 0) return;
  for (u32 i = 0; i < STATE_PAGES; i++) {
    if (i != found && state_at(i, &state) && state.number >= before.number) before = state;
  }
  if (before.number == 0 || !state_says_same(&before, &newest)) state_write(&newest);
}
