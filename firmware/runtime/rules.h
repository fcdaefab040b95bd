/* Events by the profile's rules about signals, found here whether a gateway hears it or not. Looked
 * at in thread mode in every moment of which a report is or would be made, in its very values, so
 * that the decision is the gateway's. The event goes into the outbox; the hello says which rules
 * are looked at here, and the gateway leaves those alone. What stands when the board starts counts
 * as having begun in this boot. Numbers and comparisons are made by board-rules.ts. */

#if defined(STORE_IN_FLASH) && defined(RULES) && !defined(RIG)
/* So many events at once, and then one in so long: what flaps must not wear out the flash. */
#ifndef RULES_AT_ONCE
#define RULES_AT_ONCE 32
#define RULES_EVERY_US 30000000u
#endif

enum rule_kind { RULE_BECOMES, RULE_ABOVE, RULE_BELOW };

static const struct rule {
  u32 number;
  s32 low, high;
  s32 on, off;
  u8 place;
  u8 kind;
  s8 power;
} rules[RULES] = RULE_TABLE;

/* 0: nothing seen yet. Of a value the newest and 1; of a threshold 2 while it is passed, else 1. */
static u32 rule_memory[RULES];
static u32 rules_room = RULES_AT_ONCE;
static u32 rules_us;
/* Events that found no room since the one that was told last. */
static u32 rules_lost;

/* Which rules are found here, a bit for each event of the profile. None where nothing is kept. */
static u32 rules_found(void) { return store_boot() == 0 ? 0 : RULE_BITS; }

/* Form and kind, number, value, its power of ten, uptime (2 words), events let go before it.
 * gateway/pipeline/ruled.ts reads it. Refused before trips and entries where the outbox is full. */
static void rule_tell(const struct rule *rule, s32 value) {
  u64 at = link_moment_us;
  u32 words[7] = {1 | 2 << 8, rule->number, (u32)value, (u32)(s32)rule->power,
                  (u32)at,    (u32)(at >> 32), rules_lost};
  if (rules_room == 0 || outbox_put_spare(OUTBOX_EVENT, words, sizeof words) == 0) {
    rules_lost++;
    return;
  }
  rules_room--;
  rules_lost = 0;
}

/* As compile in hardware-profiles/rules.ts. */
static bool rule_begins(const struct rule *rule, u32 *memory, s32 value) {
  if (rule->kind == RULE_BECOMES) {
    if (*memory == (u32)value + 1) return false;
    *memory = (u32)value + 1;
    return value == rule->on;
  }
  bool above = rule->kind == RULE_ABOVE;
  if (*memory != 2) {
    bool begins = above ? value >= rule->on : value <= rule->on;
    *memory = begins ? 2 : 1;
    return begins;
  }
  if (above ? value <= rule->off : value >= rule->off) *memory = 1;
  return false;
}

/* Steps after which every input has been sampled anew. */
#define RULES_STALE_STEPS 64

/* `held`: a self-test injects readings; some of them outlast it until their turn comes. */
static void rules_poll(bool held) {
  static u32 seen, held_step;
  static bool stale;
  u32 now = board_micros();
  if (rules_room == RULES_AT_ONCE) rules_us = now;
  else if (now - rules_us >= RULES_EVERY_US) {
    rules_us += RULES_EVERY_US;
    rules_room++;
  }
  if (held) held_step = link_steps;
  stale = held || (stale && link_steps - held_step <= RULES_STALE_STEPS);
  if (seen == link_moments) return;
  seen = link_moments;
  for (u32 i = 0; i < RULES && !stale; i++) {
    const struct rule *rule = &rules[i];
    s32 value = link_values[rule->place];
    if (!link_knows(rule->place) || value < rule->low || value > rule->high) continue;
    if (rule_begins(rule, &rule_memory[i], value)) rule_tell(rule, value);
  }
}
#else
static u32 rules_found(void) { return 0; }
static void rules_poll(bool held) { (void)held; }
#endif
