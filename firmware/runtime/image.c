/* One image is one translation unit, so that the loop, its imports and the board's drivers are
 * optimised together. config.h (from profile, loop.json and board.json), loop.c and kernel.c (their
 * wasm as C) are made by the build; board.h is the board's. */
#include "config.h"
#include "wasm-rt.h"
#include "wasm-product.h"

#ifndef EXERCISE
#define LINK
#endif
/* What runs in thread mode is made small, the step fast. */
#define SMALL_BEGIN                                                                               \
  _Pragma("GCC push_options")                                                                     \
  _Pragma("GCC optimize(\"Os\", \"no-tree-vrp\", \"no-move-loop-invariants\")")
#define SMALL_END _Pragma("GCC pop_options")
/* Part of the step, wherever it stands: goes into its caller, and is made fast with it. */
#define IN_STEP static inline __attribute__((always_inline))
#define RARELY static __attribute__((noinline))

/* What the build bounds the time of, by name (firmware/step-bound.ts). */
#define BOUNDED static __attribute__((noinline, noclone, no_icf))

#include "cortex-m.h"
#include "board.h"
#include "host.h"
#if defined(STORE_IN_FLASH) && (defined(FLASH_BLACK_BOX_AT) || defined(BLACK_BOX_ROOM))
#define BLACK_BOX
#endif
SMALL_BEGIN
#include "crc.h"
#include "store.h"
#include "usage.h"
SMALL_END

#ifdef LOOP_BY_HAND
#include LOOP_BY_HAND
#define loop_setup loop_start
#else
#include "loop.c"

static struct w2c_board imports;
static w2c_loop instance;
static inline void loop_setup(void) { w2c_loop_setup(&instance); }
static inline void loop_start(void) {
  wasm2c_loop_instantiate(&instance, &imports);
  loop_setup();
}
BOUNDED void loop_step(void) { w2c_loop_step(&instance); }
BOUNDED void loop_stop(void) { w2c_loop_stop(&instance); }
#endif
#include "safety.h"

#ifdef EXERCISE
#include "exercise.h"
#else
#include "memory.h"
SMALL_BEGIN
#include "cbor.h"
#include "link-frame.h"
SMALL_END
#ifndef RIG
static u32 selftest_on_message(struct cbor *body);
#define LINK_ON_SELFTEST(body) selftest_on_message(body)
static u32 calibration_on_message(struct cbor *body);
#define LINK_ON_CALIBRATE(body) calibration_on_message(body)
static u32 link_on_claim(struct cbor *body);
#define LINK_ON_CLAIM(body) link_on_claim(body)
static u32 trip_on_reset(struct cbor *body);
#define LINK_ON_RESET_TRIP(body) trip_on_reset(body)
#if defined(BLACK_BOX) && !defined(WITHOUT_CRYPTO)
static u32 box_on_ask(struct cbor *body);
#define LINK_ON_ASK_BLACK_BOX(body) box_on_ask(body)
#endif
#endif
#ifdef TEST_INPUTS
#define LINK_TEST_READINGS 63
static u32 link_on_test_readings(struct cbor *body);
#endif
#ifdef WITHOUT_CRYPTO
/* For the figures of sizes only: no key, no chain, and what asks for them is refused. */
#include "crypto/bytes.h"
static inline void identity_start(void) {}
#else
#include "crypto/crypto.h"
#include "crypto/identity.h"
#define LINK_PUBLIC_KEY(to) identity_public(to)
#define LINK_ON_CHALLENGE(body) link_on_challenge(body)
#define LINK_ON_MAKE_KEY(body) link_on_make_key(body)
static u32 link_on_challenge(struct cbor *body);
static u32 link_on_make_key(struct cbor *body);
#endif
SMALL_BEGIN
#ifdef RUNNING_SLOT
#include "boot/slot.h"
#include "boot/state.h"
#include "update.h"
#define LINK_ON_UPDATE(body) link_on_update(body)
static u32 link_on_update(struct cbor *body);
#endif
#include "link.h"
#ifndef WITHOUT_CRYPTO
#include "link-identity.h"
#endif
#ifdef RUNNING_SLOT
#include "link-update.h"
#else
static void update_poll(void) {}
#endif
SMALL_END
#ifdef RIG
#include "rig.h"
#else
#include "machine.h"
#endif
#endif
#include "start.h"
