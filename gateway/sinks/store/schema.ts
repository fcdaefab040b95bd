// The store's tables, except those that follow a machine's profile (report-tables.ts), and how an
// older file becomes the present form. A step here is never changed once it was published: a new
// one follows.
import { OperatingError } from '../../core/errors.ts'
import type { Database } from './database.ts'

/** Each step takes the file from the version of its index to the next, inside one transaction. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE unit (
    id INTEGER PRIMARY KEY,
    unit TEXT NOT NULL UNIQUE,
    machine TEXT NOT NULL
  ) STRICT;

  -- Books and cursor of each sink; dropped is JSON, reason -> count.
  CREATE TABLE sink (
    name TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    duplicate INTEGER NOT NULL,
    quarantined INTEGER NOT NULL,
    dropped TEXT NOT NULL,
    quarantine_bytes INTEGER NOT NULL DEFAULT 0,
    quarantine_forgotten INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE unit_state (
    sink TEXT NOT NULL,
    unit TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (sink, unit)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE quarantine (
    sink TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    topic TEXT NOT NULL,
    unit TEXT,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    -- Entries with a right signature are kept whatever the bound on bytes.
    keep INTEGER NOT NULL,
    PRIMARY KEY (sink, "offset")
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX quarantine_unit ON quarantine (unit, "offset");

  CREATE TABLE event (
    unit INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    type TEXT NOT NULL,
    severity TEXT NOT NULL,
    time_us INTEGER NOT NULL,
    cause TEXT NOT NULL,
    description TEXT NOT NULL,
    counters TEXT NOT NULL,
    -- Sequence of the entry that attests it, where the gateway signs for the unit.
    entry_seq INTEGER,
    PRIMARY KEY (unit, "offset", type)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX event_time ON event (unit, time_us);

  -- Minutes of readings that the summaries do not hold yet.
  CREATE TABLE unsummed (
    unit INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    PRIMARY KEY (unit, minute)
  ) STRICT, WITHOUT ROWID;

  -- Signed entries that are part of a chain, and those that disagree with one (fork = 1).
  CREATE TABLE entry (
    hash BLOB PRIMARY KEY,
    -- did:key of the chain; unit is the id of its topic.
    key TEXT NOT NULL,
    unit TEXT NOT NULL,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    time_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    leaf INTEGER,
    fork INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    -- Digest of the claim that it includes.
    claim BLOB
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX entry_claim ON entry (claim) WHERE claim IS NOT NULL;
  CREATE INDEX entry_chain ON entry (key, seq);
  CREATE INDEX entry_unit ON entry (unit, seq);
  CREATE UNIQUE INDEX entry_leaf ON entry (leaf) WHERE leaf IS NOT NULL;

  -- Entries in quarantine whose predecessor has not come, to be found again when it does.
  CREATE TABLE waiting_entry (
    key TEXT NOT NULL,
    seq INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    PRIMARY KEY (key, seq, "offset")
  ) STRICT, WITHOUT ROWID;

  -- Head of each chain as JSON: what the next entry is checked against.
  CREATE TABLE chain (
    key TEXT PRIMARY KEY,
    unit TEXT NOT NULL,
    head TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE claim (
    digest BLOB PRIMARY KEY,
    unit TEXT NOT NULL,
    kind TEXT NOT NULL,
    bytes BLOB NOT NULL,
    received_us INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    -- Sequence of the entry that includes it.
    entry_seq INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claim_unit ON claim (unit);

  -- Opened details of entries and claims; object is the hash of what signs their digests.
  CREATE TABLE disclosure (
    object BLOB NOT NULL,
    digest BLOB NOT NULL,
    unit TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (object, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX disclosure_unit ON disclosure (unit);

  CREATE TABLE leaf (
    "index" INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
  ) STRICT;
  CREATE TABLE leaf_node (
    level INTEGER NOT NULL,
    "index" INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, "index")
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL,
    time_us INTEGER NOT NULL
  ) STRICT;

  -- Profiles that units were seen with, by digest: a claim's weights must stay readable.
  CREATE TABLE profile (
    digest TEXT PRIMARY KEY,
    machine TEXT NOT NULL,
    json TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Small things by name: key of the log, heads of chains that the gateway writes.
  CREATE TABLE fact (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Changes of a unit's lifecycle, by rule or as declared in a claim, refused ones included.
  CREATE TABLE transition (
    unit INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    type TEXT NOT NULL,
    time_us INTEGER NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    refused TEXT,
    entry_seq INTEGER,
    -- Digest and author of the claim that declares it; null where a rule has measured it.
    claim BLOB,
    author TEXT,
    -- Work declared, JSON: reason, tasks, parts out and in, counters.
    work TEXT,
    -- Counters as the unit has signed them, JSON.
    counters TEXT NOT NULL,
    PRIMARY KEY (unit, "offset", type)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX transition_claim ON transition (claim) WHERE claim IS NOT NULL;

  -- What an older gateway noted as events only; from where it came was not kept.
  INSERT INTO transition
    SELECT e.unit, e."offset", e.type, e.time_us, NULL,
      CASE e.type WHEN 'repaired' THEN 'in_use' WHEN 'first_used' THEN 'in_use' ELSE e.type END,
      CASE WHEN e.cause LIKE '%(refused: %' THEN e.cause END, e.entry_seq, NULL, NULL, NULL,
      e.counters
    FROM event e
    WHERE e.type IN
      ('made', 'first_used', 'accepted', 'repaired', 'transferred', 'stored', 'retired');

  -- Closed stretches of a unit in one state of uptime; the open one is in its state.
  CREATE TABLE uptime_span (
    unit INTEGER NOT NULL,
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (unit, from_us)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Lives of parts that were replaced: hours of the unit at both ends; the ones there now are in
  -- its state.
  CREATE TABLE part_life (
    unit INTEGER NOT NULL,
    part TEXT NOT NULL,
    to_us INTEGER NOT NULL,
    serial TEXT,
    from_us INTEGER,
    from_hours REAL NOT NULL,
    to_hours REAL NOT NULL,
    entry_hours REAL NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (unit, part, to_us)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE INDEX event_fault ON event ("offset") WHERE severity = 'fault';
  `,
  `
  -- What boards kept until a gateway came: events and snapshots of usage, in the firmware's layout.
  CREATE TABLE item (
    unit INTEGER NOT NULL,
    number INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    kind TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (unit, number)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Where a record was received first that had been in quarantine before and came in again.
  ALTER TABLE quarantine ADD COLUMN origin INTEGER;
  `,
  `
  -- From the first to the last reading of the minute that is new: only that is read again.
  ALTER TABLE unsummed ADD COLUMN from_us INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE unsummed ADD COLUMN to_us INTEGER NOT NULL DEFAULT 0;
  UPDATE unsummed SET from_us = minute * 60000000, to_us = minute * 60000000 + 59999999;
  `,
]

export const schemaVersion = migrations.length

export const versionOf = (db: Database): number =>
  Number(db.get('PRAGMA user_version')?.['user_version'] ?? 0)

/** Brings the file to the present form. Throws store_version where a newer program wrote it. */
export const migrate = (db: Database, path: string): void => {
  const version = checkVersion(db, path)
  for (let step = version; step < schemaVersion; step++) {
    db.transaction(() => {
      db.exec(migrations[step] as string)
      db.exec(`PRAGMA user_version = ${step + 1}`)
    })
  }
}

export const checkVersion = (db: Database, path: string): number => {
  const version = versionOf(db)
  if (version <= schemaVersion) return version
  throw new OperatingError('store_version', {
    message: `${path} has version ${version}; this program knows ${schemaVersion}`,
    remedy: 'Start the newer program that wrote it; an older one cannot read it.',
  })
}
