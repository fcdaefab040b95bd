/* Takes a signed image into the slot that does not run, and asks for its trial. Thread mode: an
 * erase takes up to 400 ms, on the STM32F405 2 s; the steps go on meanwhile. Whoever carries the
 * messages (link.h) calls begin, chunk after chunk, finish; after the trial has started, confirm.
 * Nothing of the running image is touched, and the head comes last: a transfer that breaks off at
 * any moment leaves no image that could be started. Must not write while anything is driven nor in
 * the second after, nor pin a key where one is pinned. */

static struct slot_head update_head;
static u32 update_next; /* bytes of the image that are in the flash */
static bool update_open;
/* What became of the last transfer that ended: asked for again where the answer was lost. */
static enum update_result update_ended = UPDATE_IDLE;

static u32 update_slot(void) { return RUNNING_SLOT ^ 1; }

/* @param head 256 bytes. @param in_use driven now, or in the last second. Refuses what could not
 * be started later, before anything is erased. */
static enum update_result update_begin(const void *head, bool in_use) {
  struct boot_state state;
  /* The same one again, after the line was down: it goes on where it was. */
  bool same = same_bytes(head, &update_head, sizeof update_head);
  if (update_open && !in_use && same) return UPDATE_OK;
  update_open = false;
  update_ended = UPDATE_IDLE;
  if (in_use) return UPDATE_ARMED;
  copy_bytes(&update_head, head, sizeof update_head);
  enum update_result found = slot_check_head(&update_head, update_slot());
  if (found != UPDATE_OK) return found;
  state_find(&state);
  if (state.active != RUNNING_SLOT) return UPDATE_IDLE; /* on trial itself: confirm first */
  if (update_head.version < state.floor) return UPDATE_OLD;
  if (state.trial != TRIAL_NONE) {
    state.trial = TRIAL_NONE;
    if (!state_put(&state)) return UPDATE_FLASH;
  }
  update_next = 0;
  update_open = true;
  return UPDATE_OK;
}

/* What is there already is taken as said; `update_next` is what comes next. A sector is erased when
 * the first byte for it comes. `bytes` in whole words. */
static enum update_result update_chunk(u32 offset, const void *data, u32 bytes, bool in_use) {
  if (!update_open) return UPDATE_IDLE;
  if (in_use) return UPDATE_ARMED;
  if (offset + bytes <= update_next && offset < update_next) return UPDATE_OK;
  if (offset != update_next || bytes % 4 != 0 || bytes == 0 ||
      bytes > update_head.bytes - offset) {
    return UPDATE_ORDER;
  }
  for (const u8 *from = data; bytes > 0;) {
    u32 at = slot_at(update_slot()) + SLOT_HEAD_BYTES + update_next;
    u32 part = FLASH_PAGE - at % FLASH_PAGE;
    if (part > bytes) part = bytes;
    u32 sector = flash_sector_at(at);
    if (update_next == 0 || at == sector) {
      flash_erase_begin(sector);
      flash_settle();
    }
    flash_program(at, from, part);
    for (u32 i = 0; i < part; i += 4) {
      u32 word;
      flash_read(at + i, &word, 4);
      if (!same_bytes(&word, from + i, 4)) {
        update_open = false;
        return UPDATE_FLASH;
      }
    }
    update_next += part;
    from += part;
    bytes -= part;
  }
  return UPDATE_OK;
}

/* The head, and the wish for a trial. */
static enum update_result update_close(void) {
  struct slot_head written;
  struct boot_state state;
  if (!slot_image_is(&update_head)) return UPDATE_DIGEST;
  flash_program(slot_at(update_slot()), &update_head, sizeof update_head);
  flash_read(slot_at(update_slot()), &written, sizeof written);
  if (!same_bytes(&written, &update_head, sizeof written)) return UPDATE_FLASH;
  state_find(&state);
  state.trial = TRIAL_WANTED;
  return state_put(&state) ? UPDATE_OK : UPDATE_FLASH;
}

/* Ends the transfer; the next reset begins the trial. */
static enum update_result update_finish(bool in_use) {
  if (!update_open) return update_ended;
  if (in_use) return UPDATE_ARMED;
  if (update_next != update_head.bytes) return UPDATE_ORDER;
  update_open = false;
  return update_ended = update_close();
}

/* This image runs on trial: it must be confirmed, or the next reset goes back. */
static bool update_on_trial(void) {
  struct boot_state state;
  state_find(&state);
  return state.trial == TRIAL_STARTED && state.active != RUNNING_SLOT;
}

/* The image works: from now on it is the one that starts, and nothing older may come. */
static enum update_result update_confirm(void) {
  struct boot_state state;
  struct slot_head head;
  state_find(&state);
  if (state.active == RUNNING_SLOT) return UPDATE_OK;
  if (state.trial != TRIAL_STARTED) return UPDATE_IDLE;
  flash_read(slot_at(RUNNING_SLOT), &head, sizeof head);
  state.active = RUNNING_SLOT;
  state.trial = TRIAL_NONE;
  if (head.version > state.floor) state.floor = head.version;
  return state_put(&state) ? UPDATE_OK : UPDATE_FLASH;
}

/* Pins the first release key of a board that was flashed without one. Key before mark: a power cut
 * leaves no key, or all of it. `present`: a person holds the machine's own control. */
static enum update_result update_trust(const u8 *key, bool present, bool in_use) {
  struct pin pin;
  flash_read(PIN_AT, &pin, sizeof pin);
  if (pin.mark == PIN_MARK) return same_bytes(pin.key, key, 32) ? UPDATE_OK : UPDATE_PINNED;
  if (in_use) return UPDATE_ARMED;
  if (!present) return UPDATE_ABSENT;
  flash_erase_begin(PIN_AT);
  flash_settle();
  flash_program(PIN_AT + offsetof(struct pin, key), key, 32);
  flash_read(PIN_AT, &pin, sizeof pin);
  if (!same_bytes(pin.key, key, 32)) return UPDATE_FLASH;
  pin.mark = PIN_MARK;
  flash_program(PIN_AT, &pin.mark, sizeof pin.mark);
  flash_read(PIN_AT, &pin, sizeof pin);
  return pin.mark == PIN_MARK ? UPDATE_OK : UPDATE_FLASH;
}
