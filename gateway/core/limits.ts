// Every maximum in one place. A queue, frame, topic or batch without a bound is a defect. Settings
// that a person chooses are in config-schema.ts; these are what the code is made and tested for.

export const limits = {
  /** Longest payload of one message, bytes; a longer one disconnects its publisher. */
  payloadBytes: 64 * 1024,
  /** Longest topic, bytes. */
  topicBytes: 256,
  /** MQTT topic levels; ours have five. */
  topicLevels: 8,
  /** How long a client may take for its TLS handshake, and then for its CONNECT, milliseconds. */
  connectMs: 10_000,
  /** Persistent MQTT sessions, and subscriptions of one client. */
  sessions: 10_000,
  subscriptionsPerClient: 64,
  /** Messages kept for a session that is away; the oldest go first. */
  queuedPerSession: 1000,
  /** ... and bytes of all of them together. */
  queuedBytes: 8 * 1024 * 1024,
  /** Retained messages of others: how many, and their bytes together. */
  retainedMessages: 10_000,
  retainedBytes: 4 * 1024 * 1024,
  /** Bytes waiting for the next commit of the log; beyond, acknowledgements are withheld. */
  appendQueueBytes: 32 * 1024 * 1024,
  /** One log segment, bytes. */
  segmentBytes: 64 * 1024 * 1024,
  /** Log records that a sink takes at once. */
  batchRecords: 4096,
  /** Bytes of log that a sink takes at once. */
  batchBytes: 1024 * 1024,
  /** The same for a database outside: each batch is a few requests that wait for each other. */
  outsideBatchRecords: 8192,
  outsideBatchBytes: 2 * 1024 * 1024,
  /** Missing sequence numbers remembered per unit and boot, as ranges. */
  gapRanges: 64,
  /** Boots of a unit whose clock and sequence are remembered. */
  bootsPerUnit: 8,
  /** Values of a counter that are held one by one until their order is settled. */
  trackedCounts: 16,
  /** How far ahead of its receipt a source time may lie and still say what came before what. */
  clockAheadUs: 60_000_000,
  /** How far the source's wall clock may be from the gateway's before gateway time is used. */
  clockSkewUs: 24 * 3_600_000_000,
  /** A wall clock that goes so much faster or slower than time passes was set. */
  clockStepUs: 60_000_000,
  /** Integers on the wire: exact in JSON and in a double. */
  integerMax: Number.MAX_SAFE_INTEGER,
  /** Quarantined payloads kept for inspection, bytes. */
  quarantineBytes: 64 * 1024 * 1024,
  /** Longest recording of a black box that is taken, bytes. */
  recordingBytes: 64 * 1024,
  /** Recordings kept of one unit, and bytes of all together; the oldest go first. */
  recordings: { perUnit: 32, bytes: 64 * 1024 * 1024 },
  /** Points of one series that a query returns. */
  seriesPoints: 2000,
  /** Daily points that a database sink remembers, one a unit and day. */
  dailyPoints: 20_000,
  /** Rows of any list that a query returns. */
  listRows: 500,
} as const
