/* SHA-256 (FIPS 180-4): digests of images and of entries. It takes a message in pieces. Nothing
 * that it hashes here is secret. */

struct sha256 {
  u32 state[8];
  u32 bytes; /* so far; a message has at most 512 MB */
  u8 block[64];
};

static const u32 sha256_round[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
static const u32 sha256_initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static inline u32 turned32(u32 x, u32 by) { return x >> by | x << (32 - by); }

__attribute__((noinline)) static void sha256_block(struct sha256 *hash) {
  u32 w[16], v[8];
  for (u32 i = 0; i < 8; i++) v[i] = hash->state[i];
  for (u32 i = 0; i < 16; i++) {
    const u8 *at = hash->block + 4 * i;
    w[i] = (u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
  }
  for (u32 i = 0; i < 64; i++) {
    u32 e = v[4], a = v[0];
    u32 t1 = v[7] + (turned32(e, 6) ^ turned32(e, 11) ^ turned32(e, 25)) +
             (v[6] ^ (e & (v[5] ^ v[6]))) + sha256_round[i] + w[i & 15];
    u32 t2 =
        (turned32(a, 2) ^ turned32(a, 13) ^ turned32(a, 22)) + ((a & v[1]) | (v[2] & (a | v[1])));
    for (u32 n = 7; n > 0; n--) v[n] = v[n - 1];
    v[4] += t1;
    v[0] = t1 + t2;
    u32 low = w[(i + 1) & 15], high = w[(i + 14) & 15];
    w[i & 15] += (turned32(low, 7) ^ turned32(low, 18) ^ low >> 3) + w[(i + 9) & 15] +
                 (turned32(high, 17) ^ turned32(high, 19) ^ high >> 10);
  }
  for (u32 i = 0; i < 8; i++) hash->state[i] += v[i];
}

static void sha256_start(struct sha256 *hash) {
  for (u32 i = 0; i < 8; i++) hash->state[i] = sha256_initial[i];
  hash->bytes = 0;
}

static void sha256_add(struct sha256 *hash, const void *data, u32 bytes) {
  for (const u8 *from = data; bytes-- > 0;) {
    hash->block[hash->bytes++ & 63] = *from++;
    if ((hash->bytes & 63) == 0) sha256_block(hash);
  }
}

static void sha256_end(struct sha256 *hash, u8 *digest) {
  u8 length[8];
  static const u8 pad[2] = {0x80, 0};
  put_big_endian(length, (u64)hash->bytes << 3);
  sha256_add(hash, pad, 1);
  while ((hash->bytes & 63) != 56) sha256_add(hash, pad + 1, 1);
  sha256_add(hash, length, 8);
  for (u32 i = 0; i < 32; i++) digest[i] = (u8)(hash->state[i / 4] >> (24 - 8 * (i & 3)));
}
