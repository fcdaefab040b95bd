/* The unit's key on the wire: made once when a gateway asks for it, and put to the proof by a
 * challenge. No message reads it. Thread mode: the steps go on while it signs. */

static const u8 challenge_purpose[20] = "tenfold challenge 1";
#define CHALLENGE_NONCE 32
/* What is signed: purpose with its zero, nonce, boot (4 bytes), uptime (8 bytes, both least
 * significant byte first). */
#define CHALLENGE_BYTES (sizeof challenge_purpose + CHALLENGE_NONCE + 12)

/* Body: number, entropy of the host. */
static u32 link_on_make_key(struct cbor *body) {
  u32 bytes;
  cbor_first(body);
  cbor_key(body, 1);
  const u8 *host = cbor_string(body, CBOR_BYTES, &bytes);
  if (!cbor_end(body)) return LINK_MALFORMED;
  u32 found = identity_make(host, bytes);
  if (found == IDENTITY_THERE) return LINK_STALE;
  if (found != IDENTITY_MADE) return LINK_FAILED;
  link_hello_due = true;
  return LINK_DONE;
}

/* Body: number, nonce. Answers with boot, uptime and signature. */
static u32 link_on_challenge(struct cbor *body) {
  u8 signed_bytes[CHALLENGE_BYTES], signature[64];
  u32 bytes;
  u32 number = cbor_first(body);
  cbor_key(body, 1);
  const u8 *nonce = cbor_string(body, CBOR_BYTES, &bytes);
  if (!cbor_end(body) || bytes != CHALLENGE_NONCE) return LINK_MALFORMED;
  u32 boot = store_boot();
  u64 uptime = link_uptime();
  u32 words[3] = {boot, (u32)uptime, (u32)(uptime >> 32)};
  u8 *at = signed_bytes;
  copy_bytes(at, challenge_purpose, sizeof challenge_purpose);
  copy_bytes(at + sizeof challenge_purpose, nonce, CHALLENGE_NONCE);
  at += CHALLENGE_BYTES - 12;
  bytes_of(at, words, 3);
  if (!identity_sign(signature, signed_bytes, sizeof signed_bytes)) return LINK_FAILED;
  if (!link_begin(LINK_RESPONSE, 96)) return LINK_BUSY;
  put_head(CBOR_MAP, 2);
  put_pair(0, number);
  put_keyed(1, CBOR_BYTES, 12 + 64);
  for (u32 i = 0; i < 12; i++) put_byte(at[i]);
  for (u32 i = 0; i < 64; i++) put_byte(signature[i]);
  link_end();
  return LINK_ANSWERED;
}
