/* The drill's loop in C as one would write it by hand, from the loop's specification and with its
 * arithmetic: what the same loop in AssemblyScript is measured against. Bit-equal with it (tested),
 * compiled with the same flags into the same image. constants.h is made by the bench. Not part of
 * any product. */
#include "constants.h"

typedef s32 i32;
typedef s64 i64;
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

static inline i32 clamp(i32 x, i32 low, i32 high) { return x < low ? low : x > high ? high : x; }
static inline i32 mul_q16(i32 x, i32 q) { return (i32)(((i64)x * q) >> 16); }
static inline i32 mul_q24(i32 x, i32 q) { return (i32)(((i64)x * q) >> 24); }
static inline i32 approach(i32 from, i32 to, i32 share) { return from + mul_q16(to - from, share); }
static inline void write_output(u32 index, i32 value) {
  w2c_board_writeOutput(0, index, (u32)value);
}
static inline void report(u32 index, i32 value) { w2c_board_report(0, index, (u32)value); }

/* inputs */
#define SENSOR_STEPS (SENSOR_TIME_MS * RATE_HZ / 1000)

static struct {
  i32 trigger, direction, current, voltage, can, pack, clutch;
  i32 implausible_steps;
} in;

static inline i32 take(u32 index, i32 low, i32 high, bool *implausible) {
  i32 raw = inputs[index];
  i32 value = clamp(raw, low, high);
  if (raw != value) *implausible = true;
  return value;
}

static void sample_inputs(void) {
  bool bad = false;
  in.trigger = take(IN_TRIGGER, TRIGGER_MIN_DPCT, TRIGGER_MAX_DPCT, &bad);
  in.direction = take(IN_DIRECTION, DIRECTION_MIN, DIRECTION_MAX, &bad);
  in.current = take(IN_MOTOR_CURRENT, MOTOR_CURRENT_MIN_MA, MOTOR_CURRENT_MAX_MA, &bad);
  in.voltage = take(IN_PACK_VOLTAGE, PACK_VOLTAGE_MIN_MV, PACK_VOLTAGE_MAX_MV, &bad);
  in.can = take(IN_MOTOR_TEMPERATURE, MOTOR_TEMPERATURE_MIN_CCEL, MOTOR_TEMPERATURE_MAX_CCEL, &bad);
  in.pack = take(IN_PACK_TEMPERATURE, PACK_TEMPERATURE_MIN_CCEL, PACK_TEMPERATURE_MAX_CCEL, &bad);
  in.clutch = take(IN_CLUTCH_SETTING, CLUTCH_SETTING_MIN_MNM, CLUTCH_SETTING_MAX_MNM, &bad);
  in.implausible_steps = bad ? MIN(in.implausible_steps + 1, SENSOR_STEPS) : 0;
}

/* estimate */
#define FULL 10000
#define SPEED_Q24 ((i32)(6258227010 / TORQUE_CONSTANT_UNMA))
#define FASTEST_Q8 (NOMINAL_VOLTAGE_MV * 320)
#define COAST_Q8 ((i32)((i64)FASTEST_Q8 * 1000 / ((i64)COAST_TIME_MS * RATE_HZ)) + 1)
#define IDLE_MA (NO_LOAD_CURRENT_MA / 2)
#define INERTIA_Q16                                                                               \
  ((i64)ROTOR_INERTIA_NKGM2 * 62500 * 65536 / ((i64)TORQUE_CONSTANT_UNMA * TORQUE_CONSTANT_UNMA))
#define TORQUE_Q16                                                                                \
  ((i32)((i64)TORQUE_CONSTANT_UNMA * GEAR_RATIO_C * GEAR_EFFICIENCY_DPCT * 65536 / 100000000000))

static i32 current_q8, voltage_q8, emf_q8, torque_mnm, trend_q8, resistance_q16, cold_q16;

static void estimate(i32 duty, i32 brake) {
  current_q8 = approach(current_q8, in.current << 8, 32768000 / RATE_HZ);
  voltage_q8 = approach(voltage_q8, in.voltage << 8, 13107200 / RATE_HZ);
  i32 coasted = MAX(emf_q8 - COAST_Q8, 0);
  if (duty == 0 && brake == 0) {
    emf_q8 = coasted;
  } else {
    i32 share = duty > 0 ? duty : FULL - brake;
    i32 applied = mul_q24(share * in.voltage, 429497);
    i32 emf = clamp(applied - mul_q16(in.current, resistance_q16), 0, 40000 << 8);
    i32 filtered = approach(emf_q8, emf, 16384000 / RATE_HZ);
    if (duty > 0 && in.current < IDLE_MA) emf_q8 = MAX(coasted, filtered);
    else if (duty == 0 && in.current > -IDLE_MA) emf_q8 = MIN(coasted, applied);
    else emf_q8 = filtered;
  }
  i32 rising = emf_q8 - trend_q8;
  trend_q8 += mul_q16(rising, 4096000 / RATE_HZ);
  i32 useful = (current_q8 >> 8) - NO_LOAD_CURRENT_MA - (i32)((i64)rising * INERTIA_Q16 >> 24);
  torque_mnm = duty > 0 ? mul_q16(MAX(useful, 0), TORQUE_Q16) : 0;
}

/* heat */
#define CONTINUOUS_MA2 ((i64)CONTINUOUS_CURRENT_MA * CONTINUOUS_CURRENT_MA)
#define RESERVE ((i64)OVERLOAD_RESERVE_A2S * 1000000 * RATE_HZ)
#define HEAT_DIVISOR ((i64)RATE_HZ * WINDING_HEAT_CAPACITY_MJK / 256)
#define COOL_Q28 (10000 * (i64)268435456 / ((i64)WINDING_TO_CAN_MKW * WINDING_HEAT_CAPACITY_MJK))
#define RISE_MAX_NK ((i64)300 * 1000000000)

static i64 squares, overload, resistance_uohm, rise_nk;
static i32 winding_mcel, winding_uohm, overload_dpct;

static inline void heat(void) {
  i64 square = (i64)in.current * in.current;
  squares += square;
  i64 next = overload + square - CONTINUOUS_MA2;
  overload = next < 0 ? 0 : next > 2 * RESERVE ? 2 * RESERVE : next;
}

static inline void fold_heat(void) {
  i64 gained = (squares >> 8) * resistance_uohm / HEAT_DIVISOR;
  i64 rise = rise_nk + gained - (rise_nk * COOL_Q28 >> 28);
  rise_nk = rise < 0 ? 0 : rise > RISE_MAX_NK ? RISE_MAX_NK : rise;
  squares = 0;
}

/* protection */
#define FLOOR_MA (CURRENT_LIMIT_MA * FOLD_FLOOR_DPCT / 1000)
#define FOLD_MA (CURRENT_LIMIT_MA - FLOOR_MA)
#define STALL_EMF_Q8 ((i32)(((i64)STALL_SPEED_DREVMIN << 24) / SPEED_Q24))
#define STEPS(ms) ((ms)*RATE_HZ / 1000)

static i32 allowed_ma, allowed_by, slow_ma, slow_by;
static i32 driving_steps, stalled_steps, low_steps;

static inline i32 fold(i32 floor, i32 margin, i32 slope_q8) {
  return clamp(floor + (i32)((i64)margin * slope_q8 >> 8), floor, CURRENT_LIMIT_MA);
}

static void fold_limits(void) {
  i32 winding = fold(FLOOR_MA, WINDING_STOP_CCEL - winding_mcel / 10,
                     FOLD_MA * 256 / (WINDING_STOP_CCEL - WINDING_FOLD_CCEL));
  i32 pack =
      fold(FLOOR_MA, PACK_STOP_CCEL - in.pack, FOLD_MA * 256 / (PACK_STOP_CCEL - PACK_FOLD_CCEL));
  i32 cool = MIN(winding, pack);
  i32 rested = fold(CONTINUOUS_CURRENT_MA, 1000 - overload_dpct,
                    (CURRENT_LIMIT_MA - CONTINUOUS_CURRENT_MA) * 256 / 250);
  slow_ma = MIN(cool, rested);
  slow_by = slow_ma == CURRENT_LIMIT_MA ? LIMITED_BY_CURRENT
            : cool <= rested            ? LIMITED_BY_TEMPERATURE
                                        : LIMITED_BY_OVERLOAD;
}

static inline void limit_current(void) {
  i32 by_voltage = fold(FLOOR_MA, (voltage_q8 >> 8) - VOLTAGE_STOP_MV,
                        FOLD_MA * 256 / (VOLTAGE_FOLD_MV - VOLTAGE_STOP_MV));
  allowed_ma = MIN(slow_ma, by_voltage);
  allowed_by = by_voltage < slow_ma ? LIMITED_BY_VOLTAGE : slow_by;
}

static i32 hindrance(void) {
  if (winding_mcel >= WINDING_STOP_CCEL * 10 || in.pack >= PACK_STOP_CCEL)
    return FAULT_OVER_TEMPERATURE;
  if (voltage_q8 < VOLTAGE_STOP_MV << 8) return FAULT_UNDER_VOLTAGE;
  return overload_dpct >= 1000 ? FAULT_OVERLOAD : FAULT_NONE;
}

static i32 reason_to_stop(bool limited) {
  driving_steps = MIN(driving_steps + 1, STEPS(CLUTCH_BLANKING_MS));
  bool blocked = emf_q8 < STALL_EMF_Q8 && (limited || current_q8 > STALL_CURRENT_MA << 8);
  stalled_steps = blocked ? stalled_steps + 1 : 0;
  low_steps = voltage_q8 < VOLTAGE_STOP_MV << 8 ? low_steps + 1 : 0;
  if (stalled_steps >= STEPS(STALL_TIME_MS)) return FAULT_STALL;
  if (in.clutch > 0 && driving_steps >= STEPS(CLUTCH_BLANKING_MS) && torque_mnm > in.clutch)
    return FAULT_CLUTCH;
  if (low_steps >= STEPS(VOLTAGE_STOP_TIME_MS)) return FAULT_UNDER_VOLTAGE;
  i32 hindered = hindrance();
  return hindered == FAULT_UNDER_VOLTAGE ? FAULT_NONE : hindered;
}

/* bridge */
#define FULL_Q15 (FULL << 15)
#define MAX_Q15 (MAX_DUTY_CPCT << 15)
#define RAMP_Q15 ((i32)((i64)FULL_Q15 * 1000 / ((i64)SOFT_START_MS * RATE_HZ)))
#define BRAKE_RAMP_Q15 ((i32)((i64)FULL_Q15 * 1000 / ((i64)BRAKE_RAMP_MS * RATE_HZ)))
#define TRIGGER_Q15 (((MAX_DUTY_CPCT - MIN_DUTY_CPCT) << 15) / (1000 - TRIGGER_START_DPCT))
#define KP_Q15                                                                                    \
  ((i64)CURRENT_BANDWIDTH_HZ * WINDING_INDUCTANCE_NH * 2058874 /                                  \
   ((i64)NOMINAL_VOLTAGE_MV * 1000000))
#define KI_Q15                                                                                    \
  ((i64)CURRENT_BANDWIDTH_HZ * WINDING_RESISTANCE_UOHM * 2058874 /                                \
   ((i64)NOMINAL_VOLTAGE_MV * RATE_HZ * 1000))

static i32 duty, brake, reversed, duty_q15, brake_q15;
static i64 integral_q15;
static bool limited;

static void apply(i32 next_duty, i32 next_brake) {
  duty = next_duty;
  brake = next_brake;
  write_output(OUT_DUTY, duty);
  write_output(OUT_BRAKE, brake);
}

static void off(void) {
  duty_q15 = brake_q15 = 0;
  integral_q15 = 0;
  limited = false;
  apply(0, 0);
}

static void drive(i32 limit_ma) {
  if (brake > 0) {
    off();
    return;
  }
  i32 asked = clamp((MIN_DUTY_CPCT << 15) + (in.trigger - TRIGGER_START_DPCT) * TRIGGER_Q15, 0,
                    MAX_Q15);
  i64 error = limit_ma - in.current;
  i64 proportional = error * KP_Q15;
  i32 ramped = MIN(asked, duty_q15 + RAMP_Q15);
  i64 held = duty_q15 + RAMP_Q15 - proportional;
  i64 integral = integral_q15 + error * KI_Q15;
  integral = MIN(integral, held);
  i64 sum = integral + proportional;
  i32 ceiling = sum < 0 ? 0 : sum > MAX_Q15 ? MAX_Q15 : (i32)sum;
  integral_q15 = MAX(integral, -(i64)FULL_Q15);
  limited = ceiling < ramped;
  duty_q15 = MIN(ramped, ceiling);
  apply(duty_q15 >> 15, 0);
}

static void slow(void) {
  limited = false;
  duty_q15 = 0;
  integral_q15 = 0;
  if (duty > 0) {
    off();
    return;
  }
  bool too_much = -in.current > BRAKE_CURRENT_MA;
  brake_q15 = clamp(brake_q15 + (too_much ? -2 * BRAKE_RAMP_Q15 : BRAKE_RAMP_Q15), 0, FULL_Q15);
  apply(0, brake_q15 >> 15);
}

static bool turn_bridge(i32 direction) {
  if (duty > 0 || brake > 0) return false;
  reversed = direction;
  write_output(OUT_BRIDGE, direction);
  return true;
}

/* usage */
#define COULOMB (((i64)10000 * 1000 * RATE_HZ) >> 4)
#define JOULE (((i64)10000 * 1000000 * RATE_HZ) >> 18)
#define TURN ((i64)TORQUE_CONSTANT_UNMA * 6283185 * 256 * (RATE_HZ / 1000) / 1000000)

static i32 starts, stalls, clutch_trips;
static i64 driven_steps, charge, energy, turns;

static inline void count(void) {
  if (duty > 0 || brake > 0) turns += emf_q8;
  if (duty == 0) return;
  driven_steps++;
  i32 drawn = duty * MAX(in.current, 0);
  charge += drawn >> 4;
  energy += (i64)drawn * in.voltage >> 18;
}

/* the loop */
#define REVERSAL_EMF_Q8 ((i32)(((i64)REVERSAL_SPEED_DREVMIN << 24) / SPEED_Q24))
#define BRAKE_STEPS ((4 * BRAKE_RAMP_MS + BRAKE_HOLD_MS) * RATE_HZ / 1000)

static i32 state, fault_code, released_steps, braking_steps, held_steps, slow_steps;
static i32 told = -1;
static bool braking;

static void begin_braking(void) {
  braking = true;
  braking_steps = held_steps = 0;
}

static void trip(i32 reason) {
  if (state == STATE_RUN) begin_braking();
  if (reason == FAULT_STALL) stalls++;
  if (reason == FAULT_CLUTCH) clutch_trips++;
  fault_code = reason;
  state = STATE_FAULT;
}

static void start(void) {
  i32 hindered = hindrance();
  if (hindered != FAULT_NONE) {
    trip(hindered);
  } else if (in.direction != reversed && emf_q8 >= REVERSAL_EMF_Q8) {
    trip(FAULT_REVERSAL);
  } else if (in.direction == reversed || turn_bridge(in.direction)) {
    braking = false;
    state = STATE_RUN;
    driving_steps = stalled_steps = low_steps = 0;
    starts++;
  }
}

static void decide(void) {
  if (in.implausible_steps >= SENSOR_STEPS) {
    if (fault_code != FAULT_SENSOR) trip(FAULT_SENSOR);
    braking = false;
    emf_q8 = FASTEST_Q8;
    return;
  }
  bool released = released_steps >= STEPS(RELEASE_TIME_MS);
  switch (state) {
    case STATE_RUN: {
      i32 reason = in.direction != reversed ? FAULT_REVERSAL : reason_to_stop(limited);
      if (reason != FAULT_NONE) trip(reason);
      else if (in.trigger < TRIGGER_RELEASE_DPCT) {
        begin_braking();
        state = STATE_BRAKE;
      }
      break;
    }
    case STATE_WAIT_RELEASE: if (released && emf_q8 < REVERSAL_EMF_Q8) state = STATE_IDLE; break;
    case STATE_FAULT:
      if (!released) break;
      state = fault_code == FAULT_SENSOR ? STATE_WAIT_RELEASE : braking ? STATE_BRAKE : STATE_IDLE;
      fault_code = FAULT_NONE;
      break;
    default:
      if (!braking) state = STATE_IDLE;
      if (in.trigger >= TRIGGER_START_DPCT) start();
  }
}

static void keep_braking(void) {
  braking_steps++;
  held_steps = emf_q8 < REVERSAL_EMF_Q8 ? held_steps + 1 : 0;
  if (held_steps > STEPS(BRAKE_HOLD_MS) || braking_steps > BRAKE_STEPS) {
    braking = false;
    off();
  } else {
    slow();
  }
}

static void tell(void) {
  i32 both = fault_code << 8 | state;
  if (both == told) return;
  told = both;
  report(REPORT_STATE, state);
  report(REPORT_FAULT, fault_code);
}

static void slow_slice(void) {
  slow_steps = slow_steps + 1 < RATE_HZ / 100 ? slow_steps + 1 : 0;
  i32 warm = winding_mcel - 20000;
  switch (slow_steps) {
    case 0:
      overload_dpct = (i32)(overload / (RESERVE / 1000));
      report(REPORT_LIMITED_BY, limited ? allowed_by : LIMITED_BY_NONE);
      if (state != STATE_WAIT_RELEASE && fault_code != FAULT_SENSOR)
        report(REPORT_MOTOR_SPEED, mul_q24(emf_q8, SPEED_Q24));
      report(REPORT_TORQUE, torque_mnm);
      report(REPORT_CURRENT_LIMIT, allowed_ma);
      report(REPORT_OVERLOAD, overload_dpct);
      break;
    case 1:
      warm = 1000000 + warm * 393 / 100;
      resistance_uohm = (i64)winding_uohm * warm / 1000000;
      break;
    case 2: fold_heat(); break;
    case 3:
      winding_mcel = in.can * 10 + (i32)(rise_nk / 1000000);
      report(REPORT_WINDING_TEMPERATURE, winding_mcel);
      break;
    case 4: resistance_q16 = cold_q16 + (i32)((i64)cold_q16 * warm * 393 / 100000000); break;
    case 5: fold_limits(); break;
    case 6:
      report(REPORT_RUN_TIME, (i32)(driven_steps / (RATE_HZ / 1000)));
      report(REPORT_STARTS, starts);
      report(REPORT_STALLS, stalls);
      report(REPORT_CLUTCH_TRIPS, clutch_trips);
      break;
    case 7: report(REPORT_REVOLUTIONS, (i32)(turns / TURN)); break;
    case 8: report(REPORT_CHARGE, (i32)(charge / COULOMB)); break;
    case 9: report(REPORT_ENERGY, (i32)(energy / JOULE));
  }
}

static void loop_stop(void) {
  off();
  fault_code = FAULT_NONE;
  state = STATE_WAIT_RELEASE;
  braking = false;
  tell();
}

static void loop_start(void) {
  loop_stop();
  turn_bridge(BRIDGE_FORWARD);
  emf_q8 = FASTEST_Q8;
  cold_q16 = (i32)((i64)(winding_uohm = WINDING_RESISTANCE_UOHM) * 16777216 / 1000000);
  rise_nk = (i64)INITIAL_WINDING_RISE_CK * 10000000;
  slow_steps = RATE_HZ / 100 - 1;
}

static void loop_step(void) {
  sample_inputs();
  estimate(duty, brake);
  heat();
  count();
  limit_current();
  bool let_go = in.trigger < TRIGGER_RELEASE_DPCT && in.implausible_steps == 0;
  released_steps = let_go ? MIN(released_steps + 1, STEPS(RELEASE_TIME_MS)) : 0;
  decide();
  if (state == STATE_RUN) drive(allowed_ma);
  else if (braking) keep_braking();
  else off();
  tell();
  slow_slice();
}
