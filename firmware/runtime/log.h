/* Sectors of flash that hold records in the order in which they were put. The next sector in use is
 * the nearest one that is erased, so that all wear alike. A record counts when its header is there
 * and its CRC fits; what a power cut tore is passed over. Knows no kinds; erases when told to.
 *
 * Sector: { magic, erases, check, free, order, ~order, free, free }, then records. The first half
 * is written when an erase has ended: a sector without it may be half erased, however empty it
 * looks. The second half is written when the sector begins to be used. A sector in nobody's use has
 * its mark zeroed. Record: { kind << 24 | bytes,
 * number, boot, CRC over these, its place and its data }, data, up to the next 16 bytes. */

#define LOG_MAGIC 0x4c464e54u
#define LOG_HEAD 32u
#define LOG_RECORD 16u
#define LOG_MOST (FLASH_SECTOR - LOG_HEAD - LOG_RECORD)
#define LOG_BLANK 0xffffffffu

struct record {
  u32 mark;
  u32 number;
  u32 boot;
  u32 crc;
};

struct log {
  u32 at;
  u16 sectors;
  /* The newest sector in use; how many are erased, how many must be. */
  u16 head;
  u16 ready;
  u16 stale;
  /* Where the next record goes in the head, and where the first one goes in the next sector. */
  u32 next;
  u32 begin;
  u32 order;
  u32 number;
};

static u32 log_boot;

static inline u32 log_sector(const struct log *log, u32 index) {
  return log->at + index % log->sectors * FLASH_SECTOR;
}
static inline u32 log_bytes(const struct record *record) { return record->mark & 0xffffff; }
static inline u32 log_size(u32 bytes) { return (LOG_RECORD + bytes + 15) & ~15u; }

static u32 log_crc_head(const struct record *record, u32 at) {
  u32 crc = crc32_of(~at, &record->mark, 4);
  return crc32_of(crc, &record->number, 8);
}

/* CRC of a record as it is in the flash. */
static u32 log_crc_flash(const struct record *record, u32 at) {
  u32 part[16];
  u32 crc = log_crc_head(record, at);
  u32 left = log_bytes(record);
  for (u32 from = at + LOG_RECORD; left > 0;) {
    u32 bytes = left < sizeof part ? left : sizeof part;
    flash_read(from, part, (bytes + 3) & ~3u);
    crc = crc32_of(crc, part, bytes);
    from += bytes;
    left -= bytes;
  }
  return crc;
}

static bool log_valid(u32 at, struct record *record) {
  flash_read(at, record, sizeof *record);
  u32 room = FLASH_SECTOR - at % FLASH_SECTOR;
  if (record->mark == LOG_BLANK || log_bytes(record) > LOG_MOST) return false;
  return log_size(log_bytes(record)) <= room && log_crc_flash(record, at) == record->crc;
}

/* The first record at `at` or after it in its sector; false: there is none. */
static bool log_find(u32 *at, struct record *record) {
  u32 end = (*at & ~(FLASH_SECTOR - 1)) + FLASH_SECTOR;
  for (; *at < end; *at += 16) {
    if (log_valid(*at, record)) return true;
  }
  return false;
}
static inline u32 log_after(u32 at, const struct record *record) {
  return at + log_size(log_bytes(record));
}

/* State of a sector: in use (its order), or one of these. */
#define LOG_READY 0u
#define LOG_STALE 0xffffffffu

static bool log_marked(const u32 *head) {
  return head[0] == LOG_MAGIC && head[2] == ~(head[0] ^ head[1]);
}
static u32 log_state(const struct log *log, u32 index) {
  u32 head[6];
  flash_read(log_sector(log, index), head, sizeof head);
  if (!log_marked(head)) return LOG_STALE;
  if (head[4] == LOG_BLANK && head[5] == LOG_BLANK) return LOG_READY;
  return head[4] == ~head[5] && head[4] != 0 ? head[4] : LOG_STALE;
}
static inline bool log_in_use(u32 state) { return state != LOG_READY && state != LOG_STALE; }

/* The nearest sector after the head with that state; `sectors` where there is none. */
static u32 log_nearest(const struct log *log, u32 state) {
  for (u32 i = 1; i <= log->sectors; i++) {
    u32 index = (log->head + i) % log->sectors;
    if (log_state(log, index) == state) return index;
  }
  return log->sectors;
}

/* Nobody needs it any more. The mark goes before the erase: half erased, the sector could look like
 * one that is ready. What it is worth as a count of erases stays. */
static void log_release(struct log *log, u32 index) {
  static const u32 none = 0;
  flash_program(log_sector(log, index), &none, sizeof none);
  log->stale++;
}

/* Behind the last byte that is not blank, and behind the page after it: what a cut left unseen lies
 * there at the most, and is not written on. */
static u32 log_resume(u32 sector) {
  u32 last = 0;
  u32 part[16];
  for (u32 i = 0; i < FLASH_SECTOR; i += sizeof part) {
    flash_read(sector + i, part, sizeof part);
    for (u32 j = 0; j < 16; j++) {
      if (part[j] != LOG_BLANK) last = i + 4 * j + 4;
    }
  }
  u32 next = ((last + FLASH_PAGE - 1) & ~(FLASH_PAGE - 1)) + FLASH_PAGE;
  return next < FLASH_SECTOR ? next : FLASH_SECTOR;
}

/* A cut within the program of the newest record may have left bits that can be read this once and
 * not the next time. Each of them should be a zero, and becomes one where it is seen as one. */
static void log_refresh(u32 at, u32 bytes) {
  u32 part[16];
  for (u32 pass = 0; pass < 12; pass++) {
    for (u32 i = 0; i < bytes; i += sizeof part) {
      u32 some = bytes - i < sizeof part ? bytes - i : sizeof part;
      flash_read(at + i, part, some);
      flash_program(at + i, part, some);
    }
  }
}

/* Finds what is there. A sector that was begun but has no record yet is given up. */
static void log_start(struct log *log, u32 at, u32 bytes) {
  struct record record;
  log->at = at;
  log->sectors = (u16)(bytes / FLASH_SECTOR);
  log->begin = 2 * FLASH_PAGE;
  log->order = 0;
  log->ready = 0;
  log->stale = 0;
  for (u32 i = 0; i < log->sectors; i++) {
    u32 state = log_state(log, i);
    u32 first = log_sector(log, i) + LOG_HEAD;
    if (state == LOG_READY) {
      log->ready++;
    } else if (state == LOG_STALE) {
      log->stale++;
    } else if (!log_find(&first, &record)) {
      log_release(log, i);
    } else if (state > log->order) {
      log->order = state;
      log->head = (u16)i;
    }
  }
  log->number = 1;
  log->next = FLASH_SECTOR;
  if (log->order == 0) return;
  u32 start = log_sector(log, log->head);
  log->next = log_resume(start);
  u32 newest = 0;
  u32 size = 0;
  for (u32 place = start + LOG_HEAD; place < start + FLASH_SECTOR && log_find(&place, &record);) {
    log->number = record.number + 1;
    newest = place;
    size = log_size(log_bytes(&record));
    place = log_after(place, &record);
  }
  log_refresh(newest, size);
}

/* Takes the next erased sector into use. `keep`: so many must be left. */
static bool log_open(struct log *log, u32 keep) {
  u32 head[8];
  if (log->ready <= keep) return false;
  u32 index = log_nearest(log, LOG_READY);
  if (index == log->sectors) {
    log->ready = 0;
    return false;
  }
  log->head = (u16)index;
  log->ready--;
  log->order++;
  log->next = log->begin;
  log->begin = LOG_HEAD;
  u32 sector = log_sector(log, index);
  flash_read(sector, head, sizeof head);
  head[4] = log->order;
  head[5] = ~log->order;
  /* The mark once more: a cut may have left it just readable. */
  flash_program(sector, head, sizeof head);
  if (log_state(log, index) != log->order) log->next = FLASH_SECTOR;
  return true;
}

/* From RAM, or where `ram` is 0 from the flash at `flash`. */
struct log_data {
  const void *ram;
  u32 flash;
};

static void log_copy(u32 to, u32 from, u32 bytes) {
  u32 part[16];
  while (bytes > 0) {
    u32 some = bytes < sizeof part ? bytes : sizeof part;
    flash_read(from, part, (some + 3) & ~3u);
    flash_program(to, part, some);
    from += some;
    to += some;
    bytes -= some;
  }
}

/* Puts a record; gives where it lies, or 0 where there is no room. Data first, then the header: it
 * is there when the header is. What does not read back is left behind. */
static u32 log_put(struct log *log, u32 mark, const struct log_data *data, u32 keep) {
  u32 bytes = mark & 0xffffff;
  u32 size = log_size(bytes);
  struct record record = {.mark = mark, .number = log->number, .boot = log_boot};
  struct record back;
  for (u32 tries = 0; tries < 4;) {
    if (log->next + size > FLASH_SECTOR) {
      if (!log_open(log, keep)) return 0;
      continue;
    }
    u32 at = log_sector(log, log->head) + log->next;
    if (data->ram != 0) {
      flash_program(at + LOG_RECORD, data->ram, bytes);
      record.crc = crc32_of(log_crc_head(&record, at), data->ram, bytes);
    } else {
      log_copy(at + LOG_RECORD, data->flash, bytes);
      record.crc = log_crc_flash(&record, at);
    }
    flash_program(at, &record, sizeof record);
    log->next += size;
    if (log_valid(at, &back) && back.crc == record.crc) {
      log->number++;
      return at;
    }
    tries++;
  }
  return 0;
}

/* Begins to erase a sector that is in nobody's use; gives which, or `sectors`. */
static u32 log_erase_begin(struct log *log, u32 *erases) {
  u32 head[3];
  u32 index = log->stale == 0 ? log->sectors : log_nearest(log, LOG_STALE);
  if (index == log->sectors) {
    log->stale = 0;
    return index;
  }
  u32 sector = log_sector(log, index);
  flash_read(sector, head, sizeof head);
  *erases = head[2] == ~(LOG_MAGIC ^ head[1]) ? head[1] + 1 : 1;
  flash_erase_begin(sector);
  return index;
}

/* The erase has ended: the sector is marked and ready. */
static void log_erase_end(struct log *log, u32 index, u32 erases) {
  u32 mark[3] = {LOG_MAGIC, erases, ~(LOG_MAGIC ^ erases)};
  flash_program(log_sector(log, index), mark, sizeof mark);
  log->stale--;
  log->ready++;
}

/* At start, when there is nothing to write on yet: the only erases that are waited for. */
static void log_prepare(struct log *log, u32 sectors) {
  while (log->ready < sectors) {
    u32 erases;
    u32 index = log_erase_begin(log, &erases);
    if (index == log->sectors) return;
    flash_settle();
    log_erase_end(log, index, erases);
  }
}

/* The oldest sector in use; `sectors` where there is none. */
static u32 log_oldest(const struct log *log) {
  u32 oldest = log->sectors;
  u32 least = LOG_STALE;
  for (u32 i = 0; i < log->sectors; i++) {
    u32 state = log_state(log, i);
    if (!log_in_use(state) || state >= least) continue;
    least = state;
    oldest = i;
  }
  return oldest;
}
