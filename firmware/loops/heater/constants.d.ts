// Derived from loop.json: the names of `./constants`. Their values come from a profile.
/** steps per second */
export declare const RATE_HZ: i32
/** Switch at the machine; an open wire reads off */
export declare const IN_ENABLE: i32
/** plausible */
export declare const ENABLE_MIN: i32
/** plausible */
export declare const ENABLE_MAX: i32
/** Temperature at the heater */
export declare const IN_TEMPERATURE: i32
/** plausible */
export declare const TEMPERATURE_MIN_CCEL: i32
/** plausible */
export declare const TEMPERATURE_MAX_CCEL: i32
/** What is asked for; it must be renewed, or it is 0 */
export declare const IN_TARGET: i32
/** plausible */
export declare const TARGET_MIN_CCEL: i32
/** plausible */
export declare const TARGET_MAX_CCEL: i32
/** Heater, on for a share of each tenth of a second */
export declare const OUT_HEATER: i32
/** What the loop is doing */
export declare const REPORT_STATE: i32
/** Why the loop switched off */
export declare const REPORT_FAULT: i32
/** Share of time the heater is on */
export declare const REPORT_POWER: i32
/** Mean of the last tenth of a second: what PID and checks see */
export declare const REPORT_MEAN_TEMPERATURE: i32
/** Share of max_error that is used up: so near it is to be given up */
export declare const REPORT_HEATING_ERROR: i32
/** Times a target was given */
export declare const REPORT_STARTS: i32
/** Times a target was reached from below */
export declare const REPORT_HEAT_CYCLES: i32
/** Time with a target */
export declare const REPORT_RUN_TIME: i32
/** Time with the heater on */
export declare const REPORT_HEATER_TIME: i32
/** Energy of the heater, by its rated power */
export declare const REPORT_ENERGY: i32
/** Stops by a fault */
export declare const REPORT_FAULTS: i32
export declare const ENABLE_OFF: i32
export declare const ENABLE_ON: i32
export declare const HEATER_OFF: i32
export declare const HEATER_ON: i32
export declare const STATE_WAIT_RELEASE: i32
export declare const STATE_IDLE: i32
export declare const STATE_HEATING: i32
export declare const STATE_AT_TARGET: i32
export declare const STATE_FAULT: i32
export declare const FAULT_NONE: i32
export declare const FAULT_NOT_HEATING: i32
export declare const FAULT_HEATER_STUCK: i32
export declare const FAULT_TOO_HOT: i32
export declare const FAULT_TOO_COLD: i32
export declare const FAULT_SENSOR: i32
/** PID: power per error; 0.01 %/K */
export declare const KP_CPCTK: i32
/** PID: power per error and second; 0.001 %/K/s */
export declare const KI_MPCTKS: i32
/** PID: power per change of the temperature; 0.01 %.s/K */
export declare const KD_CPCTSK: i32
/** Time constant of the filter on that change; 0.001 s */
export declare const FILTER_TIME_MS: i32
/** Most power; 0.1 % */
export declare const MAX_POWER_DPCT: i32
/** A target up to this is none; 0.01 Cel */
export declare const REST_CCEL: i32
/** Colder than this nothing is heated: the sensor is wrong; 0.01 Cel */
export declare const MIN_TEMPERATURE_CCEL: i32
/** Hotter than this is too hot; 0.01 Cel */
export declare const MAX_TEMPERATURE_CCEL: i32
/** How long a reading may be implausible, or beyond these two; 0.001 s */
export declare const SENSOR_TIME_MS: i32
/** How long the switch must be off to count; 0.001 s */
export declare const RELEASE_TIME_MS: i32
/** So near a target it counts as reached; 0.01 K */
export declare const HYSTERESIS_CK: i32
/** Sum of what is short of the target, past hysteresis, that is too much; 0.01 K.s */
export declare const MAX_ERROR_CKS: i32
/** On the way up it must gain within this time; 0.001 s */
export declare const CHECK_GAIN_TIME_MS: i32
/** so much, or it no longer counts as on its way; 0.01 K */
export declare const HEATING_GAIN_CK: i32
/** With the heater off it may get hotter for so long; 0.001 s */
export declare const SETTLE_TIME_MS: i32
/** After that it must not, in this time,; 0.001 s */
export declare const STUCK_TIME_MS: i32
/** by so much: the heater is on by itself; 0.01 K */
export declare const STUCK_RISE_CK: i32
/** Rated power, for counting energy; 0.1 W */
export declare const HEATER_POWER_DW: i32
