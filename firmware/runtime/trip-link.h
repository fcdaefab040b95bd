/* The service's reset of a trip, over the link. It names the cause that it means, so that no other
 * one is cleared by mistake. The kernel refuses it while the hand pulls; afterwards it waits, as
 * after a start, until it has seen the hand released: only a hand at the machine starts motion. */

/* Body: number, cause. */
static u32 trip_on_reset(struct cbor *body) {
  cbor_first(body);
  u32 cause = cbor_at(body, 1);
  if (!cbor_end(body) || cause == 0) return LINK_MALFORMED;
  if (selftest.on != 0) return LINK_BUSY;
  if (cause != (u32)told[TOLD_CAUSE]) return LINK_STALE;
  return trip_clear() ? LINK_DONE : LINK_BUSY;
}
