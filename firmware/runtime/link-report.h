/* Live reports: readings, outputs as they passed, states and counters as whole numbers in the order
 * of the schema, at REPORT_US, and at once when an urgent state changes. All of one report are of
 * one step: the step counts itself, and a copy that a step has interrupted is taken again. */

#define LINK_COUNTERS (REPORTS - STATES)
#define LINK_SIGNALS (INPUTS + OUTPUTS + STATES)
/* Map, boot, sequence, uptime, both lists, with every number as long as it can get. */
#define LINK_REPORT_BYTES (1 + 6 + 6 + 10 + 4 + 5 * LINK_SIGNALS + 4 + 9 * LINK_COUNTERS)
_Static_assert(LINK_REPORT_BYTES + 6 <= LINK_FRAME, "a report does not fit into a frame");

/* Steps since power-up; written by the step only. */
SEEN volatile u32 link_steps;
static u32 link_report_us;
static u32 link_urgent_us;
static u32 link_sequence;
static s32 link_values[LINK_SIGNALS];
static u32 link_known[(REPORTS + 31) / 32];
/* The copy's: how many there were, its uptime, and whether it is still to be said. */
static u32 link_moments;
static u64 link_moment_us;
static bool link_moment_waits;

static const u8 link_urgent[URGENT_STATES + 1] = URGENT_TABLE;
static s32 link_urgent_seen[URGENT_STATES + 1];

static void link_copy(void) {
  u32 before;
  do {
    before = link_steps;
    __asm__ volatile("" ::: "memory");
    for (u32 i = 0; i < INPUTS; i++) link_values[i] = inputs[i];
    for (u32 i = 0; i < OUTPUTS; i++) link_values[INPUTS + i] = passed[i];
    for (u32 i = 0; i < STATES; i++) link_values[INPUTS + OUTPUTS + i] = reported[i];
    for (u32 i = 0; i < sizeof(known) / 4; i++) link_known[i] = known[i];
    __asm__ volatile("" ::: "memory");
  } while (link_steps != before);
}

static bool link_is_urgent(void) {
  bool moved = false;
  for (u32 i = 0; i < URGENT_STATES; i++) {
    s32 now = *(volatile s32 *)&reported[link_urgent[i]];
    if (now != link_urgent_seen[i]) moved = true;
    link_urgent_seen[i] = now;
  }
  return moved;
}

static bool link_knows(u32 place) {
  u32 state = place - INPUTS - OUTPUTS;
  return place < INPUTS + OUTPUTS || (link_known[state / 32] >> (state & 31) & 1) != 0;
}

/* Takes the copy when it is time for a report, whether anybody hears one or not. */
static void link_moment(u32 now) {
  static bool urgent;
  if (link_is_urgent()) urgent = true;
  bool due = now - link_report_us >= REPORT_US;
  if (!due && !(urgent && now - link_urgent_us >= LINK_URGENT_GAP_US)) return;
  if (due) link_report_us = now - link_report_us < 2 * REPORT_US ? link_report_us + REPORT_US : now;
  link_urgent_us = now;
  urgent = false;
  link_copy();
  link_moment_us = link_uptime();
  link_moments++;
  link_moment_waits = true;
}

static void link_report(void) {
  if (!link_moment_waits || !link_begin(LINK_REPORT, LINK_REPORT_BYTES)) return;
  link_moment_waits = false;
  put_head(CBOR_MAP, 5);
  put_pair(0, store_boot());
  put_pair(1, ++link_sequence);
  put_head(CBOR_UINT, 2);
  put_long(link_moment_us);
  put_keyed(3, CBOR_LIST, LINK_SIGNALS);
  for (u32 i = 0; i < LINK_SIGNALS; i++) {
    if (link_knows(i)) put_int(link_values[i]);
    else put_null();
  }
  put_keyed(4, CBOR_LIST, LINK_COUNTERS);
  for (u32 i = 0; i < LINK_COUNTERS; i++) put_long(store_counter(i));
  link_end();
}
