// All that a loop sees of the board it runs on. Every function is total: it never traps, never
// blocks and takes any i32. Values are integers in the scale that the loop's loop.json gives each
// channel. The runtime provides these (wasm module "board"); a loop must not import anything else.

/**
 * Latest reading of the input with this index, sampled once before the step. An unknown index reads
 * 0.
 */
export declare function readInput(index: i32): i32

/** Sets an output at once; the board keeps it within the channel's range. */
export declare function writeOutput(index: i32, value: i32): void

/**
 * Microseconds since power-up, wrapping at 2^32. Not needed for timing: a step lasts 1 / RATE_HZ.
 */
export declare function micros(): i32

/**
 * What a calibration measured of this very unit, in the integers of the constant that it replaces
 * (index as in `MEASURED_...`); 0 where it measured nothing. Changes only before `setup`.
 */
export declare function measured(index: i32): i32

/**
 * Tells the board a state or counter (index as in `REPORT_...`). A counter is reported modulo 2^32
 * since `setup`; the board adds the differences to the total that it keeps over power cuts.
 */
export declare function report(index: i32, value: i32): void
