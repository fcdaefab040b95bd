/* Included by wasm2c's output; nothing in it is used. */
