/* The test build's commands for the store; hex words in, hex words out.
 *   "B"                 starts the store: boot count
 *   "P kind word ..."   kv_put of these words: 1 or 0      "G kind"  bytes, words
 *   "O kind word ..."   outbox_put: number or 0            "A number" outbox_ack
 *   "N after"           outbox_next: number, boot, kind, words; 0 where there is none
 *   "C armed value ..." counters as the loop reports them, a round of the main loop: totals
 *   "W rounds"          so many rounds of the main loop
 *   "U seed steps"      so many steps in which what is counted as usage jumps about
 *   "V"                 keeps usage, and puts it into the outbox: last number
 *   "L"                 usage as kept */

static u32 exercise_words[1024];

/* Words up to the end of the line. */
static u32 take_words(void) {
  u32 count = 0;
  for (;;) {
    u32 word = 0;
    u8 c;
    u32 digits = 0;
    while ((c = board_uart_take()) > ' ') {
      word = word << 4 | (c <= '9' ? c - '0' : (c - 'a' + 10) & 15);
      digits++;
    }
    if (digits > 0 && count < 1024) exercise_words[count++] = word;
    if (c == '\n') return count;
  }
}

static void put_totals(void) {
  for (u32 i = 0; i < REPORTS - STATES; i++) {
    u64 total = store_counter(i);
    put_word((u32)(total >> 32));
    put_word((u32)total);
  }
}

static void exercise_item(u32 after) {
  struct outbox_item item;
  if (!outbox_next(after, &item)) {
    put_word(0);
    return;
  }
  put_word(item.number);
  put_word(item.boot);
  put_word(item.kind);
  bool whole = outbox_read(&item, 0, exercise_words, item.bytes);
  for (u32 i = 0; whole && i < item.bytes / 4; i++) put_word(exercise_words[i]);
}

#ifdef USAGE_BANDS
/* A little beyond both ends of its range; in use three times of four. */
static void exercise_usage(u32 seed, u32 steps) {
  random_state = seed;
  for (; steps > 0; steps--) {
    for (u32 i = 0; i < USAGE_BANDS + USAGE_CYCLES; i++) {
      const struct usage_source *source =
          i < USAGE_BANDS ? &usage_bands[i] : &usage_loads[i - USAGE_BANDS];
      u32 span = source->span + source->span / 8;
      *(s32 *)source->from =
          source->low - (s32)(source->span / 16) + (s32)((u64)span * random_word() >> 32);
    }
    reported[0] = (s32)(random_word() >> 29);
    usage_tick();
    usage_fold();
  }
}
#endif

static void exercise_store(u8 command) {
  u32 *words = exercise_words;
  u32 count = take_words();
  u8 kind = (u8)words[0];
  if (command == 'B') {
    store_start();
    put_word(store_boot());
  } else if (command == 'P') {
    put_word(kv_put(kind, words + 1, 4 * (count - 1)));
  } else if (command == 'G') {
    u32 bytes = kv_get(kind, words, sizeof exercise_words);
    put_word(bytes);
    for (u32 i = 0; i < bytes / 4; i++) put_word(words[i]);
  } else if (command == 'O') {
    put_word(outbox_put(kind, words + 1, 4 * (count - 1)));
  } else if (command == 'A') {
    outbox_ack(words[0]);
  } else if (command == 'N') {
    exercise_item(words[0]);
  } else if (command == 'C') {
    store_driven(words[0] != 0, board_micros());
    for (u32 i = 1; i < count && i <= REPORTS - STATES; i++) {
      reported[STATES + i - 1] = (s32)words[i];
    }
    store_poll();
    put_totals();
  } else if (command == 'W') {
    for (u32 i = words[0]; i > 0; i--) store_poll();
  }
#ifdef USAGE_BANDS
  if (command == 'U') {
    exercise_usage(words[0], words[1]);
  } else if (command == 'V') {
    while (!usage_tell()) store_poll();
    usage_keep();
    put_word(out_log.number - 1);
  } else if (command == 'L') {
    usage_start();
  }
#endif
  board_uart_put('\n');
}
