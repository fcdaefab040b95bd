/* Updates on the wire (update.h says what becomes of them). Body: number, what (0 begin, 1 chunk,
 * 2 finish, 3 confirm, 4 restart, 5 state, 6 trust), offset, bytes. The answer: number, result, how
 * many bytes are there, the slot that runs, whether on trial; to the question for the state also
 * the version that runs, the oldest that may come, and the pinned key. Every message may come
 * twice. */

enum { DO_BEGIN, DO_CHUNK, DO_FINISH, DO_CONFIRM, DO_RESTART, DO_STATE, DO_TRUST };

/* present.h */
static bool present(void);

static bool restart_due;
static u32 restart_us;

static u32 update_do(u32 what, u32 offset, const u8 *data, u32 bytes) {
  bool in_use = !store_idle();
  switch (what) {
    case DO_BEGIN:
      return bytes == SLOT_HEAD_BYTES ? update_begin(data, in_use) : UPDATE_FORMAT;
    case DO_CHUNK: return update_chunk(offset, data, bytes, in_use);
    case DO_FINISH: return update_finish(in_use);
    case DO_CONFIRM: return update_confirm();
    case DO_STATE: return UPDATE_OK;
    case DO_TRUST:
      return bytes == 32 ? update_trust(data, present(), in_use) : UPDATE_FORMAT;
    default: break;
  }
  if (in_use) return UPDATE_ARMED;
  restart_due = true;
  restart_us = board_micros();
  return UPDATE_OK;
}

static u32 link_on_update(struct cbor *body) {
  u32 bytes;
  u32 number = cbor_first(body);
  u32 what = cbor_at(body, 1);
  u32 offset = cbor_at(body, 2);
  cbor_key(body, 3);
  const u8 *data = cbor_string(body, CBOR_BYTES, &bytes);
  if (!cbor_end(body) || what > DO_TRUST) return LINK_MALFORMED;
  u32 result = update_do(what, offset, data, bytes);
  struct boot_state state;
  u32 version = 0;
  u8 key[32];
  bool all = what == DO_STATE, pinned = all && pinned_key(key);
  if (all) {
    state_find(&state);
    flash_read(slot_at(RUNNING_SLOT) + offsetof(struct slot_head, version), &version, 4);
  }
  if (!link_begin(LINK_UPDATE_STATE, 96)) return LINK_BUSY;
  put_head(CBOR_MAP, all ? 7u + pinned : 5);
  put_pair(0, number);
  put_pair(1, result);
  put_pair(2, update_next);
  put_pair(3, RUNNING_SLOT);
  put_pair(4, update_on_trial());
  if (all) {
    put_pair(5, version);
    put_pair(6, state.floor);
  }
  if (pinned) {
    put_bytes(7, key, 32);
  }
  link_end();
  return LINK_ANSWERED;
}

/* A trial that nobody confirms within a minute is over; a restart lets its answer out first. Only
 * while nothing moves. */
static void update_poll(void) {
  static bool on_trial, asked;
  if (!asked) {
    asked = true;
    on_trial = update_on_trial();
    restart_us = board_micros();
  }
  u32 waits = restart_due ? 100000 : 60000000;
  if (!restart_due && !on_trial) return;
  if (board_micros() - restart_us < waits || !store_idle()) return;
  if (restart_due || update_on_trial()) board_restart();
  on_trial = false;
}
