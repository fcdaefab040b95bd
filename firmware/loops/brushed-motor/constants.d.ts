// Derived from loop.json: the names of `./constants`. Their values come from a profile.
/** steps per second */
export declare const RATE_HZ: i32
/** How far the trigger is pulled */
export declare const IN_TRIGGER: i32
/** plausible */
export declare const TRIGGER_MIN_DPCT: i32
/** plausible */
export declare const TRIGGER_MAX_DPCT: i32
/** Position of the direction switch */
export declare const IN_DIRECTION: i32
/** plausible */
export declare const DIRECTION_MIN: i32
/** plausible */
export declare const DIRECTION_MAX: i32
/** Motor current, sampled in the middle of the on-time; negative brakes */
export declare const IN_MOTOR_CURRENT: i32
/** plausible */
export declare const MOTOR_CURRENT_MIN_MA: i32
/** plausible */
export declare const MOTOR_CURRENT_MAX_MA: i32
/** Voltage at the battery's terminals */
export declare const IN_PACK_VOLTAGE: i32
/** plausible */
export declare const PACK_VOLTAGE_MIN_MV: i32
/** plausible */
export declare const PACK_VOLTAGE_MAX_MV: i32
/** Temperature of the motor can */
export declare const IN_MOTOR_TEMPERATURE: i32
/** plausible */
export declare const MOTOR_TEMPERATURE_MIN_CCEL: i32
/** plausible */
export declare const MOTOR_TEMPERATURE_MAX_CCEL: i32
/** Temperature of the battery pack */
export declare const IN_PACK_TEMPERATURE: i32
/** plausible */
export declare const PACK_TEMPERATURE_MIN_CCEL: i32
/** plausible */
export declare const PACK_TEMPERATURE_MAX_CCEL: i32
/** Torque at which the clutch lets go; 0 is off */
export declare const IN_CLUTCH_SETTING: i32
/** plausible */
export declare const CLUTCH_SETTING_MIN_MNM: i32
/** plausible */
export declare const CLUTCH_SETTING_MAX_MNM: i32
/** On-time of the motor bridge; never with brake */
export declare const OUT_DUTY: i32
/** Share of time the motor is shorted; never with duty */
export declare const OUT_BRAKE: i32
/** Which way the bridge drives */
export declare const OUT_BRIDGE: i32
/** What the loop is doing */
export declare const REPORT_STATE: i32
/** Why the loop stopped the motor */
export declare const REPORT_FAULT: i32
/** What holds the current below what the trigger asks */
export declare const REPORT_LIMITED_BY: i32
/** Motor speed, from back-EMF: estimated */
export declare const REPORT_MOTOR_SPEED: i32
/** Torque at the chuck, from current, gear and inertia: estimated */
export declare const REPORT_TORQUE: i32
/** Winding, from losses and the can: estimated */
export declare const REPORT_WINDING_TEMPERATURE: i32
/** Motor current allowed now */
export declare const REPORT_CURRENT_LIMIT: i32
/** Share of the I2t reserve that is used */
export declare const REPORT_OVERLOAD: i32
/** Times the motor was started */
export declare const REPORT_STARTS: i32
/** Time with the motor driven */
export declare const REPORT_RUN_TIME: i32
/** Motor revolutions, estimated */
export declare const REPORT_REVOLUTIONS: i32
/** Charge drawn from the pack */
export declare const REPORT_CHARGE: i32
/** Energy drawn from the pack */
export declare const REPORT_ENERGY: i32
/** Stops because the motor was blocked */
export declare const REPORT_STALLS: i32
/** Stops by the electronic clutch */
export declare const REPORT_CLUTCH_TRIPS: i32
export declare const DIRECTION_FORWARD: i32
export declare const DIRECTION_REVERSE: i32
export declare const BRIDGE_FORWARD: i32
export declare const BRIDGE_REVERSE: i32
export declare const STATE_WAIT_RELEASE: i32
export declare const STATE_IDLE: i32
export declare const STATE_RUN: i32
export declare const STATE_BRAKE: i32
export declare const STATE_FAULT: i32
export declare const FAULT_NONE: i32
export declare const FAULT_STALL: i32
export declare const FAULT_CLUTCH: i32
export declare const FAULT_OVER_TEMPERATURE: i32
export declare const FAULT_UNDER_VOLTAGE: i32
export declare const FAULT_SENSOR: i32
export declare const FAULT_OVERLOAD: i32
export declare const FAULT_REVERSAL: i32
export declare const LIMITED_BY_NONE: i32
export declare const LIMITED_BY_CURRENT: i32
export declare const LIMITED_BY_TEMPERATURE: i32
export declare const LIMITED_BY_VOLTAGE: i32
export declare const LIMITED_BY_OVERLOAD: i32
/** Trigger travel that starts the motor; 0.1 % */
export declare const TRIGGER_START_DPCT: i32
/** Trigger travel below which it counts as released; below trigger_start; 0.1 % */
export declare const TRIGGER_RELEASE_DPCT: i32
/** How long it must be released to count; 0.001 s */
export declare const RELEASE_TIME_MS: i32
/** How long a reading may be implausible before the motor stops; 0.001 s */
export declare const SENSOR_TIME_MS: i32
/** Duty at trigger_start; 0.01 % */
export declare const MIN_DUTY_CPCT: i32
/** Duty at full trigger; 0.01 % */
export declare const MAX_DUTY_CPCT: i32
/** Least time from standstill to full duty; 0.001 s */
export declare const SOFT_START_MS: i32
/** Pack voltage that the current control is tuned for; 0.001 V */
export declare const NOMINAL_VOLTAGE_MV: i32
/** Motor and bridge resistance at 20 Cel; 0.000001 Ohm */
export declare const WINDING_RESISTANCE_UOHM: i32
/** Motor inductance; 1e-9 H */
export declare const WINDING_INDUCTANCE_NH: i32
/** Torque per ampere, equal to back-EMF in V.s/rad; 0.000001 N.m/A */
export declare const TORQUE_CONSTANT_UNMA: i32
/** Inertia of rotor and gear, seen at the rotor; 1e-9 kg.m2 */
export declare const ROTOR_INERTIA_NKGM2: i32
/** Current that friction alone takes; 0.001 A */
export declare const NO_LOAD_CURRENT_MA: i32
/** Turns of the motor per turn of the chuck; 0.01 1 */
export declare const GEAR_RATIO_C: i32
/** Share of the torque that the gear passes on; 0.1 % */
export declare const GEAR_EFFICIENCY_DPCT: i32
/** Most motor current the loop asks for; 0.001 A */
export declare const CURRENT_LIMIT_MA: i32
/** Bandwidth of the current limit; at most a tenth of the rate; 1 Hz */
export declare const CURRENT_BANDWIDTH_HZ: i32
/** Motor current that may flow for ever; 0.001 A */
export declare const CONTINUOUS_CURRENT_MA: i32
/** What I2t above the continuous current may add up to; 1 A2.s */
export declare const OVERLOAD_RESERVE_A2S: i32
/** Least share of the current limit while folding back; 0.1 % */
export declare const FOLD_FLOOR_DPCT: i32
/** Current above which slow means blocked; 0.001 A */
export declare const STALL_CURRENT_MA: i32
/** Motor speed below which it is blocked; 0.1 {rev}/min */
export declare const STALL_SPEED_DREVMIN: i32
/** How long it may be blocked; 0.001 s */
export declare const STALL_TIME_MS: i32
/** Start-up in which the clutch is blind: the rotor is accelerating; 0.001 s */
export declare const CLUTCH_BLANKING_MS: i32
/** Time in which the brake closes; 0.001 s */
export declare const BRAKE_RAMP_MS: i32
/** Motor current at which the brake closes no further; 0.001 A */
export declare const BRAKE_CURRENT_MA: i32
/** How long the brake holds at standstill; 0.001 s */
export declare const BRAKE_HOLD_MS: i32
/** Motor speed below which it may be reversed; 0.1 {rev}/min */
export declare const REVERSAL_SPEED_DREVMIN: i32
/** Longest time from full speed to standstill with nothing driven; 0.001 s */
export declare const COAST_TIME_MS: i32
/** Pack voltage below which the current folds back; 0.001 V */
export declare const VOLTAGE_FOLD_MV: i32
/** Pack voltage at which the motor stops; below voltage_fold; 0.001 V */
export declare const VOLTAGE_STOP_MV: i32
/** How long the voltage may be below voltage_stop; 0.001 s */
export declare const VOLTAGE_STOP_TIME_MS: i32
/** Winding temperature above which the current folds back; 0.01 Cel */
export declare const WINDING_FOLD_CCEL: i32
/** Winding temperature at which the motor stops; above winding_fold; 0.01 Cel */
export declare const WINDING_STOP_CCEL: i32
/** Pack temperature above which the current folds back; 0.01 Cel */
export declare const PACK_FOLD_CCEL: i32
/** Pack temperature at which the motor stops; above pack_fold; 0.01 Cel */
export declare const PACK_STOP_CCEL: i32
/** Heat capacity of the winding; 0.001 J/K */
export declare const WINDING_HEAT_CAPACITY_MJK: i32
/** Thermal resistance from winding to can; 0.001 K/W */
export declare const WINDING_TO_CAN_MKW: i32
/** What the winding is assumed to be above the can after a reset; 0.01 K */
export declare const INITIAL_WINDING_RISE_CK: i32
/** index of `measured` */
export declare const MEASURED_WINDING_RESISTANCE: i32
/** sound, where a calibration measured it */
export declare const WINDING_RESISTANCE_LEAST_UOHM: i32
/** sound, where a calibration measured it */
export declare const WINDING_RESISTANCE_MOST_UOHM: i32
