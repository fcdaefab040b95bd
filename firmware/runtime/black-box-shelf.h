/* Where whole recordings are kept: in the flash, the oldest goes first; or, where the flash has no
 * room for its large sectors, one in RAM that no start clears, until the supply goes. A place is
 * cleared in so many goes, then written piece by piece. Thread mode, with the motor off. */

#ifdef FLASH_BLACK_BOX_AT
#define SHELF_SLOT_BYTES ((BOX_BYTES + FLASH_SECTOR - 1) & ~(FLASH_SECTOR - 1))
#define SHELF_SLOTS (FLASH_BLACK_BOX_BYTES / SHELF_SLOT_BYTES)
#define SHELF_CLEARS (SHELF_SLOT_BYTES / FLASH_SECTOR)
#define SHELF_PIECE FLASH_PAGE
_Static_assert(SHELF_SLOTS >= 2, "a recording that is cut short must leave an older one");

static u32 shelf_at(u32 slot) { return FLASH_BLACK_BOX_AT + slot * SHELF_SLOT_BYTES; }
static bool shelf_busy(void) { return erasing != 0 || flash_busy(); }
static void shelf_read(u32 slot, u32 at, void *to, u32 bytes) {
  flash_read(shelf_at(slot) + at, to, bytes);
}
static void shelf_clear(u32 slot, u32 go) {
  flash_erase_begin(shelf_at(slot) + go * FLASH_SECTOR);
}
static void shelf_write(u32 slot, u32 at, const void *from, u32 bytes) {
  flash_program(shelf_at(slot) + at, from, bytes);
}
#else
#define SHELF_SLOT_BYTES BOX_BYTES
#define SHELF_SLOTS 1
#define SHELF_CLEARS 1
#define SHELF_PIECE 256u

SEEN u32 box_kept[SHELF_SLOT_BYTES / 4] __attribute__((section(".noinit.kept")));

static bool shelf_busy(void) { return false; }
static void shelf_read(u32 slot, u32 at, void *to, u32 bytes) {
  memcpy(to, (const u8 *)(box_kept + slot) + at, bytes);
}
static void shelf_clear(u32 slot, u32 go) { box_kept[slot + go] = 0; }
static void shelf_write(u32 slot, u32 at, const void *from, u32 bytes) {
  memcpy((u8 *)(box_kept + slot) + at, from, bytes);
}
#endif
