// What the durable log is to the rest of the gateway: its interfaces, its limits and its errors.
// Records are opaque bytes with offsets 0, 1, 2 ...; what they mean is not the log's business. An
// append is acknowledged after fdatasync and never before.

/**
 * Called once per append. Without an error the record is durable at `offset`; with one it is not.
 */
export type Done = (error: LogError | undefined, offset: number) => void

export type LogErrorCode =
  /** A write or fsync failed: nothing is acknowledged any more until the process starts again. */
  | 'log_failed'
  /** No space on the file system. Later appends work again once there is space. */
  | 'disk_full'
  /** The log's own bound (queue, or bytes on disk) is reached. */
  | 'log_full'
  | 'log_closed'
  | 'record_too_large'
  /** Another gateway holds the folder. */
  | 'log_locked'
  | 'log_read_only'
  | 'log_unreadable'
  /** Written by a newer version. */
  | 'log_version'

/** An error that a person can do something about. */
export class LogError extends Error {
  readonly code: LogErrorCode
  /** What to check or do, in words for the person who runs the gateway. */
  readonly remedy: string

  constructor(code: LogErrorCode, what: { message: string; remedy: string; cause?: unknown }) {
    super(what.message, what.cause === undefined ? {} : { cause: what.cause })
    this.name = 'LogError'
    this.code = code
    this.remedy = what.remedy
  }
}

/** Time, as far as the log needs it; tests pass their own. */
export interface LogClock {
  /**
   * Wall clock, integer microseconds since 1970. Only the age bound of the retention looks at it.
   */
  nowUs(): number
  /**
   * Runs `task` once, after at least `delayMs`; the result cancels it. Must not keep a process up.
   */
  after(delayMs: number, task: () => void): () => void
}

/** Why a place in the code syncs. Each is needed: the power cut test removes them one by one. */
export type SyncSite =
  /** The entry of the log's folder in its parents. */
  | 'folder'
  /** The entries in the folder, as an earlier run may have left them. */
  | 'entries'
  /** The last commit of an earlier run, before a reader may see it. */
  | 'recover'
  /** The entry of a new segment, before its first record is acknowledged. */
  | 'segment'
  /** Records, before they are acknowledged. */
  | 'commit'
  /** The seal of the last commit: what is written after it must find it on disk. */
  | 'seal'
  /** The retention mark, before what it gives up is removed. */
  | 'mark'
  /** A compacted segment, before it takes the place of the whole one. */
  | 'compact'
  /** The entry of a compacted or removed segment, before the next one goes. */
  | 'removed'

/**
 * What the log needs of a file system. Effects are asynchronous and reject with an error that has a
 * `code` (ENOSPC, EIO ...); reads are synchronous. `write` writes all of it or rejects.
 */
export interface FileSystem {
  /** Makes the folder and its parents where absent. */
  makeFolder(path: string): Promise<void>
  /** Opens for reading and writing; makes an empty file where there is none. */
  open(path: string): Promise<number>
  write(file: number, bytes: Uint8Array, position: number): Promise<void>
  truncate(file: number, bytes: number): Promise<void>
  /** Data and length of the file are on the medium. After a failure nothing is known about them. */
  fdatasync(file: number, site: SyncSite): Promise<void>
  /** The entries of the folder are on the medium. */
  fsyncFolder(path: string, site: SyncSite): Promise<void>
  /** Replaces `to` in one step. */
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  list(folder: string): string[]
  openRead(path: string): number
  size(file: number): number
  /** Bytes read, 0 at the end of the file. */
  read(file: number, into: Uint8Array, position: number): number
  close(file: number): void
}

export type ReadFiles = Pick<FileSystem, 'list' | 'openRead' | 'size' | 'read' | 'close'>

export interface LogLimits {
  /** A segment is closed before it grows beyond this, or an eighth of the bound if that is less. */
  segmentBytes: number
  /** Records gathered into one commit: one write, one fdatasync. */
  commitBytes: number
  /** Records waiting for a commit; beyond, an append fails with log_full. */
  queuedBytes: number
  recordBytes: number
  /** Waits this long for more records before a commit (SD cards: fewer, larger writes). */
  commitDelayMs: number
  /** Idle time after which the last commit is sealed (README, "Torn tail or corruption"). */
  sealAfterMs: number
}

export const defaultLimits: LogLimits = {
  segmentBytes: 64 * 1024 * 1024,
  commitBytes: 1024 * 1024,
  queuedBytes: 32 * 1024 * 1024,
  recordBytes: 256 * 1024,
  commitDelayMs: 0,
  sealAfterMs: 1000,
}

export interface LogRetention {
  /** Bound of all segments together. */
  maxBytes: number
  /** Only records appended with `keep` may use the last `reserveBytes` of `maxBytes`. */
  reserveBytes: number
  /** Records without `keep` may be dropped when older; Infinity = never for their age. */
  maxAgeMs: number
  /** The next offset that the embedded store will read; what is not below it is never dropped. */
  floor(): number
}

export interface LogOptions {
  folder: string
  files: FileSystem
  clock: LogClock
  /** Secure random bytes: the log's id and the seeds of its checksums, which no publisher knows. */
  random(bytes: number): Uint8Array
  limits?: Partial<LogLimits>
  retention: LogRetention
  /**
   * Takes the folder for this process, or throws log_locked. Tests of one process may leave it out.
   */
  lock?: (folder: string) => { release(): void }
}

/** What recovery found and did, for the start-up message and the gateway's counters. */
export interface Recovery {
  /** Bytes cut off behind the last valid commit: an unfinished write, never acknowledged. */
  tornBytes: number
  /** Damaged commits in the last segment that are followed by a valid one: corruption. */
  damagedCommits: number
  /** Offsets that were acknowledged and are lost at the end of the log. */
  lostOffsets: number
}

/** A retention pass that could not finish; it is tried again. The log itself is not affected. */
export interface RetentionTrouble {
  failures: number
  last: unknown
}

export interface LogStatus {
  /** Next offset; everything below is durable. */
  next: number
  segments: number
  /** Bytes of all segments. */
  bytes: number
  queuedBytes: number
  /** Records without `keep` below this offset may be gone. */
  trimmedBelow: number
  recovery: Recovery
  retention: RetentionTrouble
  /** Why acknowledgements stopped for good. */
  failed: LogError | undefined
}

export interface Log {
  /**
   * Copies `body` and calls `done` once it is durable, in the order of the appends. `keep`: never
   * dropped by the retention (events, entries, claims). Main thread only.
   */
  append(body: Uint8Array, keep: boolean, done: Done): void
  /** Durable head for readers in other threads: pass it to `openReader`. */
  readonly head: SharedArrayBuffer
  /** SHA-256 (hex) of the last durable commit: stands for all commits before it, too. */
  headHash(): { next: number; hash: string }
  status(): LogStatus
  /** Looks whether something is too old or too much. Runs by itself at rotation; call it hourly. */
  retain(): Promise<void>
  /** Commits what is queued, seals, closes. Appends after it fail with log_closed. */
  close(): Promise<void>
}

export type GapReason = 'corrupt' | 'trimmed'

/** Offsets `from` to `to` (exclusive) that no read will ever return. */
export interface Gap {
  from: number
  to: number
  reason: GapReason
}

/** `body` is a view: valid until the next call of `read` or `close` of its reader. */
export interface ReadRecord {
  offset: number
  body: Uint8Array
}

/** Records and gaps, both ascending; together they cover every offset from `from` up to `next`. */
export interface Batch {
  records: ReadRecord[]
  gaps: Gap[]
  /** Where to go on. */
  next: number
}

export interface ReadLimits {
  records: number
  bytes: number
}

export interface LogReader {
  /** Never waits. Reading on from the last `next` is sequential; any other offset is a seek. */
  read(from: number, limits: ReadLimits): Batch
  /** Durable head: the offset at which `read` has nothing more to give. */
  head(): number
  /** Resolves when the head has moved, or after the time: whether it is beyond `offset` then. */
  wait(offset: number, timeoutMs: number): Promise<boolean>
  /** Damaged commits met so far by this reader. */
  damagedCommits(): number
  close(): void
}

/** Mutable while the log runs; the last one is being written to. */
export interface Segment {
  first: number
  bytes: number
  /** Holds only its `keep` records any more; undefined = not looked at yet. */
  compacted: boolean | undefined
}
