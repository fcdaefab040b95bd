// Derived from loop.json: the names of `./constants`. Their values come from a profile.
/** steps per second */
export declare const RATE_HZ: i32
/** Hold-to-run control; an open wire reads released */
export declare const IN_HOLD: i32
/** plausible */
export declare const HOLD_MIN: i32
/** plausible */
export declare const HOLD_MAX: i32
/** Contact of the emergency stop; open, or its wire broken, is stopped */
export declare const IN_EMERGENCY_STOP: i32
/** plausible */
export declare const EMERGENCY_STOP_MIN: i32
/** plausible */
export declare const EMERGENCY_STOP_MAX: i32
/** Main cylinder up: flush with the table, the block is out */
export declare const IN_MAIN_TOP: i32
/** plausible */
export declare const MAIN_TOP_MIN: i32
/** plausible */
export declare const MAIN_TOP_MAX: i32
/** Main cylinder down: the chamber is open */
export declare const IN_MAIN_BOTTOM: i32
/** plausible */
export declare const MAIN_BOTTOM_MIN: i32
/** plausible */
export declare const MAIN_BOTTOM_MAX: i32
/** Drawer out: the block pushed off, the hopper over the chamber */
export declare const IN_DRAWER_OUT: i32
/** plausible */
export declare const DRAWER_OUT_MIN: i32
/** plausible */
export declare const DRAWER_OUT_MAX: i32
/** Drawer in the middle: the chamber is closed */
export declare const IN_DRAWER_MIDDLE: i32
/** plausible */
export declare const DRAWER_MIDDLE_MIN: i32
/** plausible */
export declare const DRAWER_MIDDLE_MAX: i32
/** Drawer in: the chamber is open above */
export declare const IN_DRAWER_IN: i32
/** plausible */
export declare const DRAWER_IN_MIN: i32
/** plausible */
export declare const DRAWER_IN_MAX: i32
/** Pressure behind the pump */
export declare const IN_PRESSURE: i32
/** plausible */
export declare const PRESSURE_MIN_CBAR: i32
/** plausible */
export declare const PRESSURE_MAX_CBAR: i32
/** Temperature of the oil in the tank */
export declare const IN_OIL_TEMPERATURE: i32
/** plausible */
export declare const OIL_TEMPERATURE_MIN_CCEL: i32
/** plausible */
export declare const OIL_TEMPERATURE_MAX_CCEL: i32
/** Solenoid: main cylinder up; never with main_down */
export declare const OUT_MAIN_UP: i32
/** Solenoid: main cylinder down */
export declare const OUT_MAIN_DOWN: i32
/** Solenoid: drawer out; never with drawer_pull */
export declare const OUT_DRAWER_PUSH: i32
/** Solenoid: drawer in */
export declare const OUT_DRAWER_PULL: i32
/** Vibrator of the hopper */
export declare const OUT_SHAKER: i32
/** Unloading valve: the pump gives pressure */
export declare const OUT_PUMP: i32
/** What the loop is doing */
export declare const REPORT_STATE: i32
/** Where in the making of a block it is */
export declare const REPORT_STAGE: i32
/** Why the loop stopped everything */
export declare const REPORT_FAULT: i32
/** Highest pressure while the last block was compressed */
export declare const REPORT_PEAK_PRESSURE: i32
/** How long the last block took to compress */
export declare const REPORT_PRESS_TIME: i32
/** How long the last block took, while held */
export declare const REPORT_BLOCK_TIME: i32
/** Times a block was begun */
export declare const REPORT_STARTS: i32
/** Blocks made */
export declare const REPORT_BLOCKS: i32
/** Compressions of the main cylinder */
export declare const REPORT_STROKES: i32
/** Time with the pump under load */
export declare const REPORT_RUN_TIME: i32
/** Stops because a cylinder was blocked */
export declare const REPORT_JAMS: i32
/** All stops by a fault */
export declare const REPORT_FAULTS: i32
export declare const HOLD_RELEASED: i32
export declare const HOLD_HELD: i32
export declare const EMERGENCY_STOP_STOPPED: i32
export declare const EMERGENCY_STOP_CLOSED: i32
export declare const MAIN_TOP_AWAY: i32
export declare const MAIN_TOP_REACHED: i32
export declare const MAIN_BOTTOM_AWAY: i32
export declare const MAIN_BOTTOM_REACHED: i32
export declare const DRAWER_OUT_AWAY: i32
export declare const DRAWER_OUT_REACHED: i32
export declare const DRAWER_MIDDLE_AWAY: i32
export declare const DRAWER_MIDDLE_REACHED: i32
export declare const DRAWER_IN_AWAY: i32
export declare const DRAWER_IN_REACHED: i32
export declare const MAIN_UP_OFF: i32
export declare const MAIN_UP_ON: i32
export declare const MAIN_DOWN_OFF: i32
export declare const MAIN_DOWN_ON: i32
export declare const DRAWER_PUSH_OFF: i32
export declare const DRAWER_PUSH_ON: i32
export declare const DRAWER_PULL_OFF: i32
export declare const DRAWER_PULL_ON: i32
export declare const SHAKER_OFF: i32
export declare const SHAKER_ON: i32
export declare const PUMP_OFF: i32
export declare const PUMP_ON: i32
export declare const STATE_WAIT_RELEASE: i32
export declare const STATE_IDLE: i32
export declare const STATE_RUN: i32
export declare const STATE_PAUSED: i32
export declare const STATE_DONE: i32
export declare const STATE_FAULT: i32
export declare const STAGE_HOME_DRAWER: i32
export declare const STAGE_HOME_MAIN: i32
export declare const STAGE_PUSH: i32
export declare const STAGE_FILL: i32
export declare const STAGE_CLOSE: i32
export declare const STAGE_COMPRESS: i32
export declare const STAGE_DWELL: i32
export declare const STAGE_RELIEVE: i32
export declare const STAGE_OPEN: i32
export declare const STAGE_LIFT: i32
export declare const FAULT_NONE: i32
export declare const FAULT_BLOCKED: i32
export declare const FAULT_TIMEOUT: i32
export declare const FAULT_OVER_PRESSURE: i32
export declare const FAULT_SWITCHES: i32
export declare const FAULT_SEQUENCE: i32
export declare const FAULT_NO_SOIL: i32
export declare const FAULT_SENSOR: i32
export declare const FAULT_OVER_TEMPERATURE: i32
/** A block is compressed up to this pressure; 0.01 bar */
export declare const PRESS_PRESSURE_CBAR: i32
/** More than this where nothing is compressed: something is in the way; 0.01 bar */
export declare const MOVE_PRESSURE_CBAR: i32
/** More than this is too much anywhere; 0.01 bar */
export declare const MAX_PRESSURE_CBAR: i32
/** How long the control must be released to count; 0.001 s */
export declare const RELEASE_TIME_MS: i32
/** How long a reading may be implausible, or a switch wrong; 0.001 s */
export declare const SENSOR_TIME_MS: i32
/** All valves off between two moves: longer than a solenoid takes to let go; 0.001 s */
export declare const VALVE_PAUSE_MS: i32
/** Longest move from end to end; 0.001 s */
export declare const MOVE_TIMEOUT_MS: i32
/** By then a cylinder has left the switch it came from; 0.001 s */
export declare const LEAVE_TIME_MS: i32
/** How long the hopper is shaken with the chamber open; 0.001 s */
export declare const SHAKE_TIME_MS: i32
/** How long a block is kept under pressure; 0.001 s */
export declare const DWELL_TIME_MS: i32
/** Hotter oil stops the press; 0.01 Cel */
export declare const OIL_STOP_CCEL: i32
/** How long the main cylinder goes down to free the lid after compressing; 0.001 s */
export declare const RELIEVE_TIME_MS: i32
