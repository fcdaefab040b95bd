/* Setpoints: what a gateway may ask of a machine. Each is an input of the loop that no pin feeds;
 * it rests at the profile's `rest` until a setpoint comes, and goes back when that expires, when
 * the machine is disarmed, or at a reset. One message gives all of them, with boot and a number
 * that grows. Refused whole where one value is beyond its limits. The step reads; thread mode
 * writes. */

#ifndef SETPOINT_MOST_MS
#define SETPOINT_MOST_MS 60000u
#endif

struct setpoint {
  u8 input;
  s32 low;
  s32 high;
  s32 rest;
};
static const struct setpoint setpoints[SETPOINTS + 1] = SETPOINT_TABLE;
static volatile s32 setpoint_value[SETPOINTS + 1];
static volatile u32 setpoint_until;
SEEN volatile bool setpoint_holds;
static u32 setpoint_number;

/* Whether a person has armed the machine at the machine; the safety kernel says so. */
#define STATE_ARMED 1
static inline bool link_armed(void) {
#ifdef GUARDED
  return told[TOLD_STATE] == STATE_ARMED;
#else
  return false;
#endif
}

static void link_setpoints_start(void) {
  for (u32 i = 0; i < SETPOINTS; i++) inputs[setpoints[i].input] = setpoints[i].rest;
}

/* In the step, before the loop. */
IN_STEP void link_tick(void) {
  link_steps++;
  if (SETPOINTS == 0) return;
  if (setpoint_holds && (!link_armed() || (s32)(board_micros() - setpoint_until) >= 0)) {
    setpoint_holds = false;
  }
  for (u32 i = 0; i < SETPOINTS; i++) {
    inputs[setpoints[i].input] = setpoint_holds ? setpoint_value[i] : setpoints[i].rest;
  }
}

static u32 link_on_setpoint(struct cbor *body) {
  s32 values[SETPOINTS + 1];
  u32 number = cbor_first(body);
  u32 boot = cbor_at(body, 1);
  u32 holds_ms = cbor_at(body, 2);
  cbor_key(body, 3);
  if (cbor_head(body, CBOR_LIST) != SETPOINTS) cbor_fail(body);
  for (u32 i = 0; i < SETPOINTS; i++) values[i] = cbor_int(body);
  if (!cbor_end(body) || SETPOINTS == 0) return LINK_MALFORMED;
  /* Without a boot count an old message could come again after a reset. */
  if (boot == 0 || boot != store_boot() || number <= setpoint_number) return LINK_STALE;
  if (holds_ms == 0 || holds_ms > SETPOINT_MOST_MS) return LINK_BEYOND;
  for (u32 i = 0; i < SETPOINTS; i++) {
    if (values[i] < setpoints[i].low || values[i] > setpoints[i].high) return LINK_BEYOND;
  }
  if (!link_armed()) return LINK_DISARMED;
  setpoint_number = number;
  /* Nothing is held while it is changed: a step in between sees the rest, never half of both. */
  setpoint_holds = false;
  for (u32 i = 0; i < SETPOINTS; i++) setpoint_value[i] = values[i];
  setpoint_until = board_micros() + holds_ms * 1000;
  setpoint_holds = true;
  return LINK_DONE;
}
