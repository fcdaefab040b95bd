/* The test build of a whole machine, for emulators without a converter: all is as in its image,
 * but the readings come over the link, in the loop's integers, instead of from the pins. Readings
 * of a converter get a little noise, as a sound sensor has. It states another profile than the
 * machine's, so that no gateway takes it for one. */

static s32 test_readings[INPUTS];
static u32 test_turn;

static void sample_all(void) {
  u32 odd = test_turn++ >> 2 & 1;
  for (u32 i = 0; i < ANALOGUES; i++) {
    u32 input = analogue_table[i].input;
    inputs[input] = sampled[input] = test_readings[input] + (s32)odd;
  }
#define TEST_PIN(input, pin, level) inputs[input] = sampled[input] = test_readings[input];
  DIGITAL_INPUTS(TEST_PIN)
}

static u32 sample_begin(void) {
  close_step();
  sample_all();
  return 0;
}
static u32 sample_end(void) { return 0; }

static u32 link_on_test_readings(struct cbor *body) {
  s32 values[INPUTS];
  cbor_first(body);
  cbor_key(body, 1);
  if (cbor_head(body, CBOR_LIST) != INPUTS) cbor_fail(body);
  for (u32 i = 0; i < INPUTS; i++) values[i] = cbor_int(body);
  if (!cbor_end(body)) return LINK_MALFORMED;
  interrupts_off();
  for (u32 i = 0; i < INPUTS; i++) test_readings[i] = values[i];
  interrupts_on();
  return LINK_DONE;
}
