// All that the kernel sees of the machine. Every function is total. The runtime provides these
// (wasm module "raw"), and no loop can reach them: readings come straight from the pins, in the
// integers of the channel, neither filtered nor limited.

/** Latest raw reading of the input with this index. */
export declare function reading(index: i32): i32

/** What the loop asked of the output with this index in its last step. */
export declare function asked(index: i32): i32

/** Says something about the kernel (index as in `TELL_...`) to whoever reports it. */
export declare function tell(index: i32, value: i32): void
