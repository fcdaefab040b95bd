/* Milestones of a life, as entries of the unit's own chain: what the profile attests when a counter
 * passes a value, and every 100 hours of its run time. By the counters as they are in the flash,
 * which never go back. Which one comes next, and the number that its entry will have, is in the
 * flash before it is signed: after a cut it is the very next entry, or it is there already. So each
 * comes once. Starts of the controller are none: a pack that is pulled would fill the chain. */

#define MILESTONE_HOURS 31u
/* A u64 division or two are no work for every round. */
#define MILESTONE_LOOK_US 1000000u

struct milestone {
  u32 entry;    /* the number of its entry; 0: none yet */
  u32 type;     /* which one, or MILESTONE_HOURS */
  u32 passed;   /* a bit for each that was passed, this one included */
  u32 hundreds; /* of hours, this one included */
};
static struct milestone milestone;
static u32 milestone_us;

static void milestone_start(void) {
  bool kept = kv_get(KV_MILESTONE, &milestone, sizeof milestone) == sizeof milestone;
  if (!kept) milestone = (struct milestone){0};
}

/* In the flash and not yet signed: nothing else may take its number. */
static bool milestone_open(void) {
  return milestone.entry != 0 && milestone.entry == chain.entries;
}

/* One that was passed since; false: none. */
static bool milestone_next(struct milestone *next) {
  *next = milestone;
  next->entry = chain.entries;
#define MILESTONE_PASSED(bit, type_text, index, times, parts, at)                                 \
  if ((next->passed >> bit & 1) == 0 && store_counter(index) * times / parts >= at) {             \
    next->type = bit;                                                                             \
    next->passed |= 1u << bit;                                                                    \
    return true;                                                                                  \
  }
  MILESTONES(MILESTONE_PASSED)
#ifdef MILESTONE_EVERY
  u32 hundreds = (u32)(store_counter(MILESTONE_RUN_TIME) / MILESTONE_EVERY);
  if (hundreds > next->hundreds) {
    next->type = MILESTONE_HOURS;
    next->hundreds = hundreds;
    return true;
  }
#endif
  return false;
}

/* Whether there is one to be signed now. */
static bool milestone_due(void) {
  struct milestone next;
  if (milestone_open()) return true;
  if (board_micros() - milestone_us < MILESTONE_LOOK_US) return false;
  milestone_us = board_micros();
  if (!milestone_next(&next) || !kv_put(KV_MILESTONE, &next, sizeof next)) return false;
  milestone = next;
  return true;
}

static bool milestone_append(void) {
#define MILESTONE_SIGN(bit, type_text, index, times, parts, at)                                   \
  if (milestone.type == bit) return CHAIN_APPEND(type_text, chain.cause);
  MILESTONES(MILESTONE_SIGN)
  return CHAIN_APPEND("hours_run", chain.cause);
}
