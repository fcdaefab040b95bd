/* Ed25519 (RFC 8032): a key from its seed, signing, and checking by the project's one rule: A and R
 * canonical, S below the order, A not of small order, and the equation without cofactor
 * (R = SB - kA, compared as bytes). What is secret decides no branch and no address: the time of a
 * signature depends on the length of the message only. Thread mode; the steps go on meanwhile. */

/* On the curve -x^2 + y^2 = 1 + d x^2 y^2: x = X/Z, y = Y/Z, xy = T/Z (Hisil and others, 2008). */
struct point {
  field x, y, z, t;
};
/* A point with Z = 1, as it is added: y - x, y + x, 2dxy. */
struct addend {
  field minus, plus, product;
};

struct ed25519_key {
  u8 seed[32];
  u8 public[32];
};

static const field curve_d = {{0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d, 0x7779e898,
                               0x8cc74079, 0x2b6ffe73, 0x52036cee}};
static const field curve_root_of_minus_1 = {{0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806,
                                             0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480}};
static const struct addend base_point = {
    {{0xd740913e, 0x9d103905, 0xd140beb3, 0xfd399f05, 0x688f8a09, 0xa5c18434, 0x98f81267,
      0x44fd2f92}},
    {{0xf58c3b85, 0x2fbc93c6, 0xfb8c0e19, 0xcf932dc6, 0x643d42c2, 0x270b4898, 0x33d4ba65,
      0x07cf9d3a}},
    {{0x877aaa68, 0xabc91205, 0xccaac49e, 0x26d9e823, 0xdd43598c, 0x5a1b7dcb, 0x9f0c65a8,
      0x6f117b68}}};

static const struct point point_zero = {{{0}}, {{1}}, {{1}}, {{0}}};

/* Both sums end like this: X = EF, Y = GH, Z = FG, T = EH. */
static void point_close(struct point *r, const field *e, const field *f, const field *g,
                        const field *h) {
  field_multiply(&r->x, e, f);
  field_multiply(&r->y, g, h);
  field_multiply(&r->z, f, g);
  field_multiply(&r->t, e, h);
}

/* Complete: it holds for every two points, also equal ones and zero. */
__attribute__((noinline)) static void point_add(struct point *r, const struct addend *q) {
  field e, f, g, h;
  field_subtract(&e, &r->y, &r->x);
  field_multiply(&e, &e, &q->minus);
  field_add(&h, &r->y, &r->x);
  field_multiply(&h, &h, &q->plus);
  field_multiply(&g, &r->t, &q->product);
  field_add(&r->z, &r->z, &r->z);
  field_subtract(&f, &r->z, &g);
  field_add(&g, &r->z, &g);
  field_subtract(&r->t, &h, &e);
  field_add(&h, &h, &e);
  e = r->t;
  point_close(r, &e, &f, &g, &h);
}

__attribute__((noinline)) static void point_double(struct point *r) {
  field e, f, g, h;
  field_add(&e, &r->x, &r->y);
  field_multiply(&e, &e, &e);
  field_multiply(&f, &r->x, &r->x);
  field_multiply(&g, &r->y, &r->y);
  field_add(&h, &f, &g);
  field_subtract(&e, &h, &e);
  field_subtract(&g, &f, &g);
  field_multiply(&f, &r->z, &r->z);
  field_add(&f, &f, &f);
  field_add(&f, &f, &g);
  point_close(r, &e, &f, &g, &h);
}

/* RFC 8032, 5.1.2. */
static void point_bytes(u8 *bytes, const struct point *a) {
  field inverse, x, y;
  field_invert(&inverse, &a->z);
  field_multiply(&x, &a->x, &inverse);
  field_multiply(&y, &a->y, &inverse);
  field_reduce(&x);
  field_reduce(&y);
  y.word[7] |= x.word[0] << 31;
  bytes_of(bytes, y.word, 8);
}

/* RFC 8032, 5.1.3; false where the bytes are no point, or not the one form of it. */
static bool point_of(struct point *r, const u8 *bytes) {
  field u, v, check;
  words_of(r->y.word, bytes, 8);
  u32 sign = r->y.word[7] >> 31;
  r->y.word[7] &= 0x7fffffff;
  u = r->y;
  if (subtract_if_not_less(u.word, field_p) != 0) return false;
  r->z = field_one;
  field_multiply(&u, &r->y, &r->y);
  field_multiply(&v, &u, &curve_d);
  field_subtract(&u, &u, &field_one);
  field_add(&v, &v, &field_one);
  /* x = u v^3 (u v^7)^((p - 5) / 8) */
  field_multiply(&check, &v, &v);
  field_multiply(&check, &check, &v);
  field_multiply(&r->x, &check, &u);
  field_multiply(&check, &check, &v);
  field_multiply(&check, &check, &r->x);
  field_root_power(&check, &check);
  field_multiply(&r->x, &r->x, &check);
  field_multiply(&check, &r->x, &r->x);
  field_multiply(&check, &check, &v);
  if (!field_equal(&check, &u)) {
    field_multiply(&r->x, &r->x, &curve_root_of_minus_1);
    field_add(&check, &check, &u);
    if (!field_is_zero(&check)) return false;
  }
  if (field_is_zero(&r->x) && sign != 0) return false;
  field_reduce(&r->x);
  if ((r->x.word[0] & 1) != sign) field_subtract(&r->x, &field_zero, &r->x);
  field_multiply(&r->t, &r->x, &r->y);
  return true;
}

/* Eight times a point of small order is zero. */
static bool point_is_small(const struct point *a) {
  struct point eight = *a;
  for (u32 i = 0; i < 3; i++) point_double(&eight);
  return field_is_zero(&eight.x) && field_equal(&eight.y, &eight.z);
}

/* scalar * base point. In each round the base point or zero is added, chosen by mask. */
static void point_from_scalar(struct point *r, const u32 *scalar) {
  struct addend chosen;
  const u32 *base = (const u32 *)&base_point;
  u32 *to = (u32 *)&chosen;
  *r = point_zero;
  for (u32 bit = 256; bit-- > 0;) {
    point_double(r);
    u32 mask = 0 - (scalar[bit / 32] >> (bit & 31) & 1);
    for (u32 i = 0; i < sizeof chosen / 4; i++) to[i] = base[i] & mask;
    chosen.minus.word[0] |= 1 & ~mask;
    chosen.plus.word[0] |= 1 & ~mask;
    point_add(r, &chosen);
  }
  wipe(&chosen, sizeof chosen);
}

static void scalar_of_hash(u32 *scalar, struct sha512 *hash) {
  u8 digest[64];
  u32 wide[16];
  sha512_end(hash, digest);
  words_of(wide, digest, 16);
  scalar_reduce(scalar, wide);
  wipe(digest, sizeof digest);
  wipe(wide, sizeof wide);
}

/* RFC 8032, 5.1.5: the secret scalar; where asked for, what nonces are made of, too. */
static void secret_of(u32 *scalar, u8 *prefix, const u8 *seed) {
  struct sha512 hash;
  u8 digest[64];
  sha512_start(&hash);
  sha512_add(&hash, seed, 32);
  sha512_end(&hash, digest);
  digest[0] &= 248;
  digest[31] = (digest[31] & 127) | 64;
  words_of(scalar, digest, 8);
  if (prefix != 0) copy_bytes(prefix, digest + 32, 32);
  wipe(digest, sizeof digest);
}

static void ed25519_key_of(struct ed25519_key *key, const u8 *seed) {
  struct point a;
  u32 scalar[8];
  secret_of(scalar, 0, seed);
  point_from_scalar(&a, scalar);
  point_bytes(key->public, &a);
  copy_bytes(key->seed, seed, 32);
  wipe(scalar, sizeof scalar);
  wipe(&a, sizeof a);
}

/* k of RFC 8032: hash of R, A and the message. */
static void challenge_of(u32 *k, const u8 *r, const u8 *public, const u8 *message, u32 bytes) {
  struct sha512 hash;
  sha512_start(&hash);
  sha512_add(&hash, r, 32);
  sha512_add(&hash, public, 32);
  sha512_add(&hash, message, bytes);
  scalar_of_hash(k, &hash);
}

/* 64 bytes of signature. The public key must be that of the seed: `ed25519_key_of` made it. */
static void ed25519_sign(u8 *signature, const u8 *message, u32 bytes,
                         const struct ed25519_key *key) {
  struct point point;
  struct sha512 hash;
  u32 secret[8], nonce[8], k[8];
  u8 prefix[32];
  secret_of(secret, prefix, key->seed);
  sha512_start(&hash);
  sha512_add(&hash, prefix, 32);
  sha512_add(&hash, message, bytes);
  scalar_of_hash(nonce, &hash);
  point_from_scalar(&point, nonce);
  point_bytes(signature, &point);
  challenge_of(k, signature, key->public, message, bytes);
  scalar_multiply_add(k, k, secret, nonce);
  bytes_of(signature + 32, k, 8);
  wipe(secret, sizeof secret);
  wipe(nonce, sizeof nonce);
  wipe(prefix, sizeof prefix);
  wipe(&point, sizeof point);
}

/* By the rule above. Nothing here is secret, so it may take the shorter way. */
static bool ed25519_verify(const u8 *signature, const u8 *message, u32 bytes, const u8 *public) {
  struct point point;
  struct addend minus_a;
  u32 s[8], k[8];
  u8 r[32];
  words_of(s, signature + 32, 8);
  if (!scalar_is_canonical(s)) return false;
  if (!point_of(&point, public) || point_is_small(&point)) return false;
  field_add(&minus_a.minus, &point.y, &point.x);
  field_subtract(&minus_a.plus, &point.y, &point.x);
  field_multiply(&minus_a.product, &point.t, &curve_d);
  field_add(&minus_a.product, &minus_a.product, &minus_a.product);
  field_subtract(&minus_a.product, &field_zero, &minus_a.product);
  challenge_of(k, signature, public, message, bytes);
  point = point_zero;
  for (u32 bit = 256; bit-- > 0;) {
    point_double(&point);
    if ((s[bit / 32] >> (bit & 31) & 1) != 0) point_add(&point, &base_point);
    if ((k[bit / 32] >> (bit & 31) & 1) != 0) point_add(&point, &minus_a);
  }
  point_bytes(r, &point);
  return same_bytes(r, signature, 32);
}
