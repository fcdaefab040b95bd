/* What lies in a slot of the flash: 256 bytes of signed head, then the image that is linked for
 * just this slot. Image and bootloader check both before a trial, each for itself. Needs
 * flash.h and crypto.h. */

#define SLOT_HEAD_BYTES 256
#define SLOT_SIGNED_BYTES 192
#define SLOT_MARK 0x4d494654 /* "TFIM" */
#define SLOT_FORMAT 1
#define NO_SLOT 0xff
/* What the smaller slot holds: an image fits both, or is none. */
#define SLOT_BYTES                                                                                \
  (FLASH_SLOT_A_BYTES < FLASH_SLOT_B_BYTES ? FLASH_SLOT_A_BYTES : FLASH_SLOT_B_BYTES)

/* As `firmware/signed-image.ts` writes it. */
struct slot_head {
  u32 mark;
  u32 format;
  u32 bytes;   /* of the image behind the head */
  u32 version; /* grows with every release */
  u32 slot;    /* 0 or 1: where it is linked to run */
  u8 board[28];
  u8 machine[32];
  u8 image[32];    /* SHA-256 of the image behind the head */
  u8 manifest[32]; /* SHA-256 of the manifest, which has both slots' digests */
  u8 profile[32];  /* SHA-256 of the machine file */
  u8 zero[16];
  u8 signature[64]; /* Ed25519 by the release key over all before it */
};

/* The bootloader's last sector, written only with the board in hand: who may sign. Blank where
 * nobody has said it yet. */
#define PIN_AT (FLASH_BOOT_AT + FLASH_BOOT_BYTES - FLASH_BOOT_SECTOR)
#define PIN_MARK 0x4e504654 /* "TFPN" */
struct pin {
  u32 mark;
  u8 key[32];
};

/* Answers of an update, numbers as on the wire. */
enum update_result {
  UPDATE_OK = 0,
  UPDATE_ARMED = 1,     /* the machine may move: later */
  UPDATE_NO_KEY = 2,    /* no release key is pinned on this board */
  UPDATE_FORMAT = 3,    /* not the head of an image */
  UPDATE_FOREIGN = 4,   /* for another board or machine */
  UPDATE_SLOT = 5,      /* linked for the slot that runs */
  UPDATE_TOO_LONG = 6,
  UPDATE_OLD = 7,       /* older than what has run here: only with the board in hand */
  UPDATE_SIGNATURE = 8,
  UPDATE_ORDER = 9,     /* not the bytes that are awaited */
  UPDATE_FLASH = 10,    /* what was written reads back otherwise */
  UPDATE_DIGEST = 11,   /* the image is not the one of its head */
  UPDATE_IDLE = 12,     /* no update has begun, or no trial runs */
  UPDATE_PINNED = 13,   /* another release key is pinned already */
  UPDATE_ABSENT = 14,   /* nobody holds the machine's own control since its start */
};

static u32 slot_at(u32 slot) { return slot == 0 ? FLASH_SLOT_A_AT : FLASH_SLOT_B_AT; }

static bool pinned_key(u8 *key) {
  struct pin pin;
  flash_read(PIN_AT, &pin, sizeof pin);
  copy_bytes(key, pin.key, 32);
  return pin.mark == PIN_MARK;
}

/* A text, padded with zeroes. */
static bool is_text(const u8 *field, const char *text, u32 bytes) {
  u32 different = 0;
  for (u32 i = 0; i < bytes; i++) {
    different |= field[i] ^ (u8)*text;
    if (*text != 0) text++;
  }
  return different == 0;
}

static enum update_result slot_check_form(const struct slot_head *head, u32 slot) {
  if (head->mark != SLOT_MARK || head->format != SLOT_FORMAT) return UPDATE_FORMAT;
  if (!is_text(head->board, BOARD_NAME, sizeof head->board) ||
      !is_text(head->machine, MACHINE_NAME, sizeof head->machine)) {
    return UPDATE_FOREIGN;
  }
  if (head->slot != slot) return UPDATE_SLOT;
  bool fits = head->bytes > 0 && head->bytes % 4 == 0 &&
              head->bytes <= SLOT_BYTES - SLOT_HEAD_BYTES;
  return fits ? UPDATE_OK : UPDATE_TOO_LONG;
}

/* Form and signature: everything but the image itself. */
static enum update_result slot_check_head(const struct slot_head *head, u32 slot) {
  u8 key[32];
  if (!pinned_key(key)) return UPDATE_NO_KEY;
  enum update_result found = slot_check_form(head, slot);
  if (found != UPDATE_OK) return found;
  bool good = ed25519_verify(head->signature, (const u8 *)head, SLOT_SIGNED_BYTES, key);
  return good ? UPDATE_OK : UPDATE_SIGNATURE;
}

/* The image as it lies in the flash, against its head. */
static bool slot_image_is(const struct slot_head *head) {
  struct sha256 hash;
  u8 part[128];
  u8 digest[32];
  u32 at = slot_at(head->slot) + SLOT_HEAD_BYTES;
  sha256_start(&hash);
  for (u32 left = head->bytes; left > 0;) {
    u32 bytes = left < sizeof part ? left : sizeof part;
    flash_read(at, part, bytes);
    sha256_add(&hash, part, bytes);
    at += bytes;
    left -= bytes;
  }
  sha256_end(&hash, digest);
  return same_bytes(digest, head->image, 32);
}

/* What lies in a slot is what was written there. Fills the head. */
static bool slot_is_whole(u32 slot, struct slot_head *head) {
  flash_read(slot_at(slot), head, sizeof *head);
  return slot_check_form(head, slot) == UPDATE_OK && slot_image_is(head);
}

/* What lies in a slot may be tried: it is whole, and signed. Fills the head. */
static enum update_result slot_check(u32 slot, struct slot_head *head) {
  if (!slot_is_whole(slot, head)) return UPDATE_DIGEST;
  return slot_check_head(head, slot);
}
