/* What C made by wasm2c (wabt 1.0.39) needs of its host, without an operating system and without a
 * C library. A trap ends in `wasm_rt_trap`, which never returns. Loops have no memory, no table and
 * no indirect call; the types below are only named by the generated file, never used. */
#ifndef WASM_RT_H
#define WASM_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The names that wasm2c's output uses; drivers use them, too. */
#define WASM_RT_CORE_TYPES_DEFINED
typedef uint8_t u8;
typedef int8_t s8;
typedef uint16_t u16;
typedef int16_t s16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;
typedef float f32;
typedef double f64;

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
/* Fixed sizes of 2, 4 and 8 bytes are natural accesses: what AssemblyScript emits is aligned, and a
 * core that cannot do unaligned ones would otherwise copy byte by byte. */
#define wasm_rt_memcpy(to, from, size)                                                            \
  __builtin_memcpy(__builtin_assume_aligned((to), (size) == 8 ? 8 : (size) == 2 ? 2 : 4),         \
                   __builtin_assume_aligned((from), (size) == 8 ? 8 : (size) == 2 ? 2 : 4), (size))

#define WASM_RT_USE_SEGUE 0
#define WASM_RT_SANITY_CHECKS 0
#define WABT_BIG_ENDIAN 0
#define WASM_RT_MEMCHECK_GUARD_PAGES 0
#define WASM_RT_STACK_DEPTH_COUNT 0
#define WASM_RT_MAX_CALL_STACK_DEPTH 1

/* Kept over a reset as the reason, so the numbers are part of the format. */
typedef enum {
  WASM_RT_TRAP_NONE = 0,
  WASM_RT_TRAP_OOB = 1,
  WASM_RT_TRAP_INT_OVERFLOW = 2,
  WASM_RT_TRAP_DIV_BY_ZERO = 3,
  WASM_RT_TRAP_INVALID_CONVERSION = 4,
  WASM_RT_TRAP_UNREACHABLE = 5,
  WASM_RT_TRAP_CALL_INDIRECT = 6,
  WASM_RT_TRAP_UNCAUGHT_EXCEPTION = 7,
  WASM_RT_TRAP_UNALIGNED = 8,
  WASM_RT_TRAP_EXHAUSTION = 9,
  /* Ours: a fault of the processor, a step that took longer than its time, a trap in the kernel.
   * 18 is a watchdog that found no reason. */
  TRAP_FAULT = 16,
  TRAP_OVERRUN = 17,
  TRAP_KERNEL = 19,
} wasm_rt_trap_t;

typedef enum {
  WASM_RT_I32,
  WASM_RT_I64,
  WASM_RT_F32,
  WASM_RT_F64,
  WASM_RT_V128,
  WASM_RT_FUNCREF,
  WASM_RT_EXTERNREF,
  WASM_RT_EXNREF,
} wasm_rt_type_t;

typedef const char *wasm_rt_func_type_t;
typedef void (*wasm_rt_function_ptr_t)(void);
typedef struct wasm_rt_tailcallee_t {
  void (*fn)(void **instance, void *arguments, struct wasm_rt_tailcallee_t *next);
} wasm_rt_tailcallee_t;
typedef struct {
  wasm_rt_func_type_t func_type;
  wasm_rt_function_ptr_t func;
  wasm_rt_tailcallee_t func_tailcallee;
  void *module_instance;
} wasm_rt_funcref_t;
typedef void *wasm_rt_externref_t;
typedef struct {
  uint8_t *data;
  uint64_t pages;
  uint64_t max_pages;
  uint64_t size;
  bool is64;
} wasm_rt_memory_t;
typedef struct {
  wasm_rt_funcref_t *data;
  uint32_t max_size;
  uint32_t size;
} wasm_rt_funcref_table_t;
typedef struct {
  wasm_rt_externref_t *data;
  uint32_t max_size;
  uint32_t size;
} wasm_rt_externref_table_t;

static const wasm_rt_funcref_t wasm_rt_funcref_null_value;
static const wasm_rt_externref_t wasm_rt_externref_null_value;

/* Names the place at which a turn of a loop begins, each copy that the compiler makes of it anew,
 * so that the build finds it (firmware/step-bound.ts). No instruction. */
#define WASM_TURN(loop) __asm__ volatile("turn_" loop "_%=:" ::);

__attribute__((noreturn)) void wasm_rt_trap(wasm_rt_trap_t code);
static inline bool wasm_rt_is_initialized(void) { return true; }

#endif
