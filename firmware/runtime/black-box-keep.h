/* A frozen recording of the black box is put onto its shelf: in thread mode, with the motor off, a
 * piece at a time. The oldest goes first, and one that is cut short leaves the others. Its head
 * says what firmware/twin/black-box.ts must know to read it. */

/* The number in a slot's head, which is in `box_head` then; 0: it is no head. */
static u32 box_head_number(u32 index) {
  shelf_read(index, 0, &box_head, sizeof box_head);
  u32 crc = crc32_of(~0u, &box_head, sizeof box_head - 4);
  if (box_head.magic != BOX_MAGIC || box_head.crc != crc) return 0;
  return box_head.body_bytes > SHELF_SLOT_BYTES - BOX_BODY_AT ? 0 : box_head.number;
}

/* The number of the recording that lies whole in a slot; 0: none does. */
static u32 box_number(u32 index) {
  u32 part[16];
  if (box_head_number(index) == 0) return 0;
  u32 crc = ~0u;
  for (u32 done = 0; done < box_head.body_bytes; done += sizeof part) {
    u32 left = box_head.body_bytes - done;
    u32 bytes = left < sizeof part ? left : sizeof part;
    shelf_read(index, BOX_BODY_AT + done, part, bytes);
    crc = crc32_of(crc, part, bytes);
  }
  return crc == box_head.body_crc ? box_head.number : 0;
}

/* Where the next one goes: over the oldest, or where none is. */
static u32 box_target;
static u32 box_next_number;
static u32 box_written;
static bool box_writing;
/* What a gateway is shown (black-box-link.h): number, 0 for none, and where it lies. */
static u32 box_shown;
static u32 box_shown_slot;
static u32 box_shown_bytes;

static void box_choose(void) {
  u32 oldest = ~0u;
  box_next_number = 1;
  for (u32 i = 0; i < SHELF_SLOTS; i++) {
    u32 number = box_number(i);
    if (number >= box_next_number) box_next_number = number + 1;
    if (number < oldest) {
      oldest = number;
      box_target = i;
    }
  }
}

static void box_fill_head(void) {
  static const u8 profile[32] = PROFILE_DIGEST;
  box_head = (struct box_head){
      .magic = BOX_MAGIC,
      .format = 1,
      .head_bytes = sizeof box_head,
      .number = box_next_number,
      .boot = box.boot,
      .cause = box.cause,
      .flags = box.flags,
      .rate_hz = RATE_HZ,
      .body_bytes = sizeof box.blocks,
      .body_crc = box.crc,
      .newest = box.newest,
      .blocks = BOX_BLOCKS,
      .block_bytes = sizeof box.blocks[0],
      .steps_most = BOX_STEPS,
      .loop_bytes = sizeof(w2c_loop),
      .kernel_bytes = sizeof(w2c_kernel),
      .inputs = INPUTS,
      .outputs = OUTPUTS,
      .setpoints = SETPOINTS,
      .analogues = ANALOGUES,
      .digitals = BOX_DIGITALS,
      .after_steps = BOX_AFTER_STEPS,
  };
  for (u32 i = 0; i < 32; i++) {
    box_head.loop[i] = box_loop[i];
    box_head.kernel[i] = box_kernel[i];
    box_head.profile[i] = profile[i];
  }
  for (u32 i = 0; i < SETPOINTS; i++) box_head.setpoint_inputs[i] = setpoints[i].input;
  u32 place = 0;
#define BOX_PLACE(input, pin, level) box_head.digital_inputs[place++] = input;
  DIGITAL_INPUTS(BOX_PLACE)
  (void)place;
  for (u32 i = 0; i < ANALOGUES; i++) box_head.lines[i] = box.lines[i];
  box_head.crc = crc32_of(~0u, &box_head, sizeof box_head - 4);
}

/* A piece of a frozen recording at a time: its place is cleared, then it is written, its head last.
 * A cut before that leaves all older ones but the oldest. */
static void box_poll(void) {
  if (box.phase != BOX_FROZEN) return;
  if (box.summed == 0) {
    box.crc = box_sum();
    box.summed = 1;
  }
  if (!store_idle() || shelf_busy()) return;
  if (!box_writing) {
    box_choose();
    if (box_shown_slot == box_target) box_shown = 0;
    box_writing = true;
    box_written = 0;
  }
  if (box_written < SHELF_CLEARS) {
    shelf_clear(box_target, box_written);
    box_written++;
    return;
  }
  u32 done = (box_written - SHELF_CLEARS) * SHELF_PIECE;
  if (done < sizeof box.blocks) {
    u32 left = sizeof box.blocks - done;
    shelf_write(box_target, BOX_BODY_AT + done, (const u8 *)box.blocks + done,
                left < SHELF_PIECE ? left : SHELF_PIECE);
    box_written++;
    return;
  }
  box_fill_head();
  shelf_write(box_target, 0, &box_head, sizeof box_head);
  box_writing = false;
  /* What does not read back is written once more, elsewhere or again. */
  if (box_number(box_target) != 0) box_clear();
}
