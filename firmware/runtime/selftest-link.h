/* The self-test over the link: one request a message, one answer each. A request gives all readings
 * and all that the loop would ask for at once, so that a slow line changes no time: steps are
 * counted here. Thread mode. Must not move a pin, whatever is asked. */

static bool selftest_told_due;
static u32 selftest_number;

static u32 selftest_on_message(struct cbor *body) {
  struct selftest_given given = given_next;
  u32 number = cbor_first(body);
  u32 request = cbor_at(body, 1);
  if (request == SELFTEST_APPLY) {
    cbor_key(body, 2);
    if (cbor_head(body, CBOR_LIST) != INPUTS) cbor_fail(body);
    for (u32 i = 0; i < INPUTS; i++) given.readings[i] = cbor_int(body);
    cbor_key(body, 3);
    if (cbor_head(body, CBOR_LIST) != OUTPUTS) cbor_fail(body);
    for (u32 i = 0; i < OUTPUTS; i++) given.asks[i] = cbor_int(body);
    cbor_key(body, 4);
    given.still = cbor_uint(body);
  } else if (request != SELFTEST_BEGIN && request != SELFTEST_END && request != SELFTEST_STATE) {
    return LINK_MALFORMED;
  }
  if (!cbor_end(body)) return LINK_MALFORMED;
  if (selftest_told_due) return LINK_BUSY;
  selftest.refused = 0;
  if (selftest.on != 0) given_next = given;
  selftest_take(request, 0, 0);
  selftest_number = number;
  selftest_told_due = true;
  return LINK_ANSWERED;
}

/* In every round of the main loop: the answer, as soon as the line has room. */
static void selftest_tell(void) {
  if (!selftest_told_due || !link_begin(LINK_SELFTEST_REPORT, 64)) return;
  /* Before the steps: once it has ended, they stand. */
  u32 ended = selftest.ended;
  put_head(CBOR_MAP, 10);
  put_pair(0, selftest_number);
  put_pair(1, selftest.refused);
  put_pair(2, selftest.on);
  put_pair(3, (u32)told[TOLD_STATE]);
  put_pair(4, (u32)told[TOLD_CAUSE]);
  put_pair(5, (u32)told[TOLD_HINDRANCE]);
  put_pair(6, selftest.steps);
  put_pair(7, ended);
  put_pair(8, driven() != 0);
  put_pair(9, !kernel_reduced);
  if (link_end()) selftest_told_due = false;
}
