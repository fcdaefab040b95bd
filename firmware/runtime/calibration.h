/* The calibration: another line, gain and offset, for each analogue input. It is made by
 * `tenfold commission`, kept in the flash with the digest of its signed record, and applied where
 * counts become readings, before the kernel. A line far from the profile's is refused, here and at
 * every start; so is one that was made for another wiring. Without one the kernel's limits
 * are reduced. What it measured of the unit itself (`measured` of loop.json) the loop takes at its
 * next setup; beyond the bounds it is refused in the same way. */

#define CALIBRATION_MARK 0x43414c31u /* "CAL1" */
/* Farthest from the profile's line: a share of its gain, and of its whole span. */
#define CALIBRATION_FAR 8

struct calibration {
  u32 mark;
  u32 wiring; /* CRC of the table that it was made for */
  struct {
    s32 gain;
    s32 offset;
  } line[ANALOGUES];
  u8 record[32];
  /* 0: not measured. Not there in what earlier firmware kept. */
  s32 measured[MEASURED];
};
#define CALIBRATION_EARLIER (sizeof(struct calibration) - 4 * MEASURED)
static const s32 measured_least[MEASURED + 1] = MEASURED_LEAST;
static const s32 measured_most[MEASURED + 1] = MEASURED_MOST;
static struct calibration calibration;

static u32 calibration_wiring(void) {
  return crc32_of(~0u, analogue_table, sizeof(analogue_table));
}

static bool calibration_near(s32 value, s32 nominal, s32 most) {
  return value >= nominal - most && value <= nominal + most;
}

static bool calibration_sound(const struct calibration *given) {
  if (given->mark != CALIBRATION_MARK || given->wiring != calibration_wiring()) return false;
  for (u32 i = 0; i < ANALOGUES; i++) {
    s32 gain = analogue_table[i].gain;
    s32 size = gain < 0 ? -gain : gain;
    s32 span = ANALOGUE_COUNTS * size >> analogue_table[i].shift;
    if (!calibration_near(given->line[i].gain, gain, size / CALIBRATION_FAR)) return false;
    if (!calibration_near(given->line[i].offset, analogue_table[i].offset, span / CALIBRATION_FAR))
      return false;
  }
  for (u32 i = 0; i < MEASURED; i++) {
    s32 value = given->measured[i];
    if (value != 0 && (value < measured_least[i] || value > measured_most[i])) return false;
  }
  return true;
}

/* For the loop's next setup. */
static void calibration_give_measured(void) {
  for (u32 i = 0; i < MEASURED; i++) unit_measured[i] = calibration.measured[i];
}

/* `nominal`: as the profile says, for measuring. */
static void calibration_apply(bool nominal) {
  interrupts_off();
  box_restart();
  for (u32 i = 0; i < ANALOGUES; i++) {
    analogues[i] = analogue_table[i];
    if (nominal) continue;
    analogues[i].gain = calibration.line[i].gain;
    analogues[i].offset = calibration.line[i].offset;
  }
  interrupts_on();
}

/* Before the first sample, the kernel's start and the loop's. */
static void calibration_start(void) {
  u32 bytes = kv_get(KV_CALIBRATION, &calibration, sizeof(calibration));
  bool kept = bytes == sizeof(calibration) || bytes == CALIBRATION_EARLIER;
  kernel_reduced = !kept || !calibration_sound(&calibration);
  if (!kernel_reduced) calibration_give_measured();
  for (u32 i = 0; i < ANALOGUES; i++) {
    analogues[i] = analogue_table[i];
    if (kernel_reduced) continue;
    analogues[i].gain = calibration.line[i].gain;
    analogues[i].offset = calibration.line[i].offset;
  }
}

enum calibration_request {
  CALIBRATION_READ,
  CALIBRATION_REST, /* no pin moves from now on, and readings are by the profile's lines */
  CALIBRATION_STORE,
  CALIBRATION_END,
};

static bool calibration_told_due;
static u32 calibration_number;
/* At rest, readings are by the profile's lines. */
static bool calibration_nominal;

static u32 calibration_store(const struct calibration *given) {
  if (selftest.on == 0) return LINK_DISARMED;
  if (!calibration_sound(given)) return LINK_BEYOND;
  if (!kv_put(KV_CALIBRATION, given, sizeof(*given))) return LINK_BUSY;
  calibration = *given;
  kernel_reduced = false;
  /* The loop rests: it sets up as after power-up, by what was measured. */
  calibration_give_measured();
  interrupts_off();
  if (MEASURED > 0) loop_setup();
  interrupts_on();
  return LINK_DONE;
}

static u32 calibration_on_message(struct cbor *body) {
  struct calibration given = {.mark = CALIBRATION_MARK, .wiring = calibration_wiring()};
  u32 number = cbor_first(body);
  u32 request = cbor_at(body, 1);
  if (request == CALIBRATION_STORE) {
    cbor_key(body, 2);
    if (cbor_head(body, CBOR_LIST) != ANALOGUES) cbor_fail(body);
    for (u32 i = 0; i < ANALOGUES; i++) given.line[i].gain = cbor_int(body);
    cbor_key(body, 3);
    if (cbor_head(body, CBOR_LIST) != ANALOGUES) cbor_fail(body);
    for (u32 i = 0; i < ANALOGUES; i++) given.line[i].offset = cbor_int(body);
    cbor_key(body, 4);
    u32 bytes;
    const u8 *record = cbor_string(body, CBOR_BYTES, &bytes);
    if (bytes != sizeof(given.record)) cbor_fail(body);
    else for (u32 i = 0; i < bytes; i++) given.record[i] = record[i];
    if (MEASURED > 0 && body->at != body->end) {
      cbor_key(body, 5);
      if (cbor_head(body, CBOR_LIST) != MEASURED) cbor_fail(body);
      for (u32 i = 0; i < MEASURED; i++) given.measured[i] = cbor_int(body);
    }
  }
  if (!cbor_end(body) || request > CALIBRATION_END) return LINK_MALFORMED;
  selftest_us = board_micros();
  if (request == CALIBRATION_STORE) return calibration_store(&given);
  if (calibration_told_due) return LINK_BUSY;
  if (request == CALIBRATION_REST && selftest.on == 0) {
    selftest_begin(true);
    calibration_nominal = selftest.on != 0;
    if (calibration_nominal) calibration_apply(true);
  } else if (request == CALIBRATION_END && selftest.on != 0) selftest_end();
  calibration_number = number;
  calibration_told_due = true;
  return LINK_ANSWERED;
}

#define CALIBRATION_SAID (18 + 5 * (INPUTS + OUTPUTS + MEASURED))
static void calibration_tell(void) {
  /* However the rest ended, by a request or by silence. */
  if (selftest.on == 0 && calibration_nominal) {
    calibration_apply(kernel_reduced);
    calibration_nominal = false;
  }
  if (!calibration_told_due || !link_begin(LINK_CALIBRATION, CALIBRATION_SAID)) return;
  put_head(CBOR_MAP, MEASURED > 0 ? 7 : 6);
  put_pair(0, calibration_number);
  put_pair(1, !kernel_reduced);
  put_pair(2, selftest.on);
  put_pair(3, (u32)told[TOLD_CAUSE]);
  put_keyed(4, CBOR_LIST, INPUTS);
  for (u32 i = 0; i < INPUTS; i++) put_int(sampled[i]);
  put_keyed(5, CBOR_LIST, OUTPUTS);
  for (u32 i = 0; i < OUTPUTS; i++) put_int(passed[i]);
  if (MEASURED > 0) {
    put_keyed(6, CBOR_LIST, MEASURED);
    for (u32 i = 0; i < MEASURED; i++) put_int(unit_measured[i]);
  }
  if (link_end()) calibration_told_due = false;
}
