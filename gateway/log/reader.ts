// Reads the log from its files, in any thread, up to the durable head. Every offset comes out once:
// as a record or inside a gap that says why there is none. Damage is reported, never mended, and
// never ends a read. One buffer per reader, whatever the backlog.
import { join } from 'node:path'
import { compactedFlag, RecordCursor, segmentName } from './format.ts'
import { SharedHead } from './head.ts'
import {
  type Batch,
  type GapReason,
  LogError,
  type LogReader,
  type ReadFiles,
  type ReadLimits,
  type ReadRecord,
} from './log.ts'
import { learnId, listSegments } from './recover.ts'
import { type Found, Walker, Window } from './scan.ts'

/**
 * A reader of the log in `folder`; `head` is the writer's `Log.head`. Opens files when it reads.
 */
export const openReader = (files: ReadFiles, folder: string, head: SharedArrayBuffer): LogReader =>
  new Reader(files, folder, new SharedHead(head))

class Reader implements LogReader {
  readonly #files: ReadFiles
  readonly #folder: string
  readonly #head: SharedHead
  readonly #window: Window
  readonly #cursor = new RecordCursor()
  #id: Uint8Array | undefined
  #firsts: number[] = []
  #generation = -1
  #file: number | undefined
  /** First offset of the open segment. */
  #segment = -1
  #walker: Walker | undefined
  /** The commit whose records are being handed out. */
  #commit: Found | undefined
  /** A record of it that did not fit into the last batch. */
  #held: ReadRecord | undefined
  /** Next offset to hand out. */
  #expected = -1
  /** Bytes in the window are those of a head at least this far. */
  #windowHead = 0
  #damaged = 0

  constructor(files: ReadFiles, folder: string, head: SharedHead) {
    this.#files = files
    this.#folder = folder
    this.#head = head
    this.#window = new Window(files, true)
  }

  head(): number {
    return this.#head.get('head')
  }

  wait(offset: number, timeoutMs: number): Promise<boolean> {
    return this.#head.wait(offset, timeoutMs)
  }

  damagedCommits(): number {
    return this.#damaged
  }

  close(): void {
    this.#leave()
    this.#expected = -1
  }

  read(from: number, limits: ReadLimits): Batch {
    const filling = new Filling(limits)
    try {
      this.#fill(from, filling)
    } catch (cause) {
      this.close()
      if (cause instanceof LogError) throw cause
      throw new LogError('log_unreadable', {
        message: `The log in ${this.#folder} cannot be read: ${(cause as Error).message}.`,
        remedy: 'Check the rights of the folder, open file limits and the disk; reading goes on.',
        cause,
      })
    }
    return { records: filling.records, gaps: filling.gaps, next: this.#expected }
  }

  #fill(from: number, filling: Filling): void {
    const head = this.head()
    if (from !== this.#expected) {
      this.#leave()
      this.#expected = from
    }
    while (this.#expected < head) {
      if (this.#commit !== undefined) {
        if (!this.#takeRecords(this.#commit, filling)) break
        this.#commit = undefined
      } else if (!this.#advance(head, filling)) {
        break
      }
    }
  }

  /** Hands out the rest of the commit; false when the batch is full before its end. */
  #takeRecords({ header, intact }: Found, filling: Filling): boolean {
    const trimmed = intact && (header.flags & compactedFlag) !== 0
    const reason = trimmed ? 'trimmed' : 'corrupt'
    for (;;) {
      const record = this.#held ?? this.#nextRecord(header.first)
      if (record === undefined) break
      this.#held = record
      if (record.offset >= this.#expected) {
        if (!filling.hasRoom(record.body.length)) return false
        this.#gapTo(record.offset, reason, filling)
        filling.add(record)
        this.#expected = record.offset + 1
      }
      this.#held = undefined
    }
    this.#gapTo(header.first + header.span, reason, filling)
    return true
  }

  #nextRecord(first: number): ReadRecord | undefined {
    const cursor = this.#cursor
    return cursor.next() ? { offset: first + cursor.delta, body: cursor.body } : undefined
  }

  #gapTo(offset: number, reason: GapReason, filling: Filling): void {
    if (offset <= this.#expected) return
    filling.gap(this.#expected, offset, reason)
    this.#expected = offset
  }

  /**
   * Goes to the next commit, or says that nothing more can be read; false also where bytes that the
   * batch still shows would have to give way.
   */
  #advance(head: number, filling: Filling): boolean {
    const walker = this.#walker
    const stale = this.#expected >= this.#windowHead
    if (filling.records.length > 0 && (walker === undefined || stale || !walker.ready())) {
      return false
    }
    if (walker === undefined) return this.#enter(this.#segmentFor(this.#expected), head, filling)
    if (stale) {
      // Beyond the head of that time may be bytes of a write that was taken back.
      this.#window.drop()
      this.#windowHead = head
    }
    const below = Math.min(head, this.#after(this.#segment) ?? head)
    const found = walker.next({ below })
    if (found === undefined) return this.#leaveFor(this.#after(this.#segment), head, filling)
    const { header, index, intact } = found
    if (found.damagedBefore) this.#damaged += 1
    if (!intact) this.#damaged += 1
    this.#gapTo(header.first, 'corrupt', filling)
    this.#cursor.start(this.#window.buffer, index, { header, intact })
    this.#commit = found
    return true
  }

  /** The open segment has no more: on to the next one, whose first offset is `next`. */
  #leaveFor(next: number | undefined, head: number, filling: Filling): boolean {
    if (next === undefined) {
      // Below the durable head there must be a commit; where it stood is something else. It is
      // counted with the commit that follows.
      this.#gapTo(head, 'corrupt', filling)
      return false
    }
    if (this.#expected < next && next > this.#head.get('trimmedBelow')) this.#damaged += 1
    this.#leave()
    return this.#enter(next, head, filling)
  }

  /** Opens the segment that begins at `first`; undefined: there is none at all. */
  #enter(first: number | undefined, head: number, filling: Filling): boolean {
    const trimmedBelow = this.#head.get('trimmedBelow')
    const until = Math.min(first ?? head, head)
    this.#gapTo(Math.min(until, trimmedBelow), 'trimmed', filling)
    this.#gapTo(until, 'corrupt', filling)
    if (first === undefined || this.#expected >= head) return false
    try {
      this.#file = this.#files.openRead(join(this.#folder, segmentName(first)))
    } catch (error) {
      // Given up by the retention since the list was read: read the list again.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      this.#generation = -1
      return true
    }
    this.#id ??= learnId(this.#files, this.#folder, this.#list())
    this.#window.attach(this.#file)
    this.#windowHead = head
    this.#segment = first
    this.#walker = new Walker(this.#window, first, this.#id)
    this.#walker.seek(this.#expected, Math.min(head, this.#after(first) ?? head))
    return true
  }

  #leave(): void {
    if (this.#file !== undefined) this.#files.close(this.#file)
    this.#file = undefined
    this.#walker = undefined
    this.#commit = undefined
    this.#held = undefined
  }

  #list(): number[] {
    const generation = this.#head.get('generation')
    if (generation !== this.#generation) {
      this.#firsts = listSegments(this.#files, this.#folder)
      this.#generation = generation
    }
    return this.#firsts
  }

  /** The segment that holds `offset`, or the next one after a missing one. */
  #segmentFor(offset: number): number | undefined {
    const firsts = this.#list()
    return firsts.findLast((first) => first <= offset) ?? firsts[0]
  }

  #after(first: number): number | undefined {
    const firsts = this.#list()
    let low = 0
    let high = firsts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((firsts[middle] ?? 0) > first) high = middle
      else low = middle + 1
    }
    return firsts[low]
  }
}

/** A batch on its way to its limits. At least one record always fits. */
class Filling {
  readonly records: ReadRecord[] = []
  readonly gaps: Batch['gaps'] = []
  readonly #limits: ReadLimits
  #bytes = 0

  constructor(limits: ReadLimits) {
    this.#limits = limits
  }

  hasRoom(bytes: number): boolean {
    const { records } = this
    if (records.length === 0) return true
    return records.length < this.#limits.records && this.#bytes + bytes <= this.#limits.bytes
  }

  add(record: ReadRecord): void {
    this.records.push(record)
    this.#bytes += record.body.length
  }

  gap(from: number, to: number, reason: GapReason): void {
    const last = this.gaps.at(-1)
    if (last !== undefined && last.to === from && last.reason === reason) last.to = to
    else this.gaps.push({ from, to, reason })
  }
}
