/* The one assertion in wasm2c's output is about its runtime being set up; ours always is. */
#define assert(condition) ((void)0)
