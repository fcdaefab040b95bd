/* The unit's key: made once, on the board, and kept in its flash. No command reads it, and none
 * makes it anew: a unit's history is signed by one key. Whoever can read the flash can copy it, so
 * its custody is `controller_flash`. Thread mode. */

static struct ed25519_key unit_key;
static bool unit_key_there;

enum identity {
  IDENTITY_MADE = 0,
  /* 1 to 3: as `enum entropy` */
  IDENTITY_THERE = 4,    /* the unit has a key already */
  IDENTITY_NOT_KEPT = 5, /* the flash did not take it; no key was made */
};

/* After `store_start`. */
static void identity_start(void) {
  unit_key_there = kv_get(KV_KEY, &unit_key, sizeof unit_key) == sizeof unit_key;
  if (!unit_key_there) wipe(&unit_key, sizeof unit_key);
}

/* At commissioning, with at least 32 bytes of the host's entropy. A key is in use only when it can
 * be read back after a power cut. */
static u32 identity_make(const u8 *host, u32 host_bytes) {
  u8 seed[32];
  if (unit_key_there) return IDENTITY_THERE;
  u32 found = entropy_seed(seed, host, host_bytes);
  if (found != ENTROPY_GOOD) return found;
  ed25519_key_of(&unit_key, seed);
  wipe(seed, sizeof seed);
  unit_key_there = kv_put(KV_KEY, &unit_key, sizeof unit_key);
  if (unit_key_there) return IDENTITY_MADE;
  wipe(&unit_key, sizeof unit_key);
  return IDENTITY_NOT_KEPT;
}

/* False: there is no key yet. */
static bool identity_public(u8 *public) {
  copy_bytes(public, unit_key.public, 32);
  return unit_key_there;
}

/* False: there is no key yet. Takes as long as a signature does; the steps go on. */
static bool identity_sign(u8 *signature, const u8 *message, u32 bytes) {
  if (unit_key_there) ed25519_sign(signature, message, bytes, &unit_key);
  return unit_key_there;
}
