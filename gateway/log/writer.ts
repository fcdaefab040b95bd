// Group commit: gathers appends while the disk works on the commit before, then one write and one
// fdatasync for all of them, then their acknowledgements. Nothing here acknowledges earlier, tries
// an fsync again, or acknowledges anything after one has failed.
import { join } from 'node:path'
import { copyOf, hashBytes, headerBytes, recordHeadBytes, segmentName } from './format.ts'
import { Group } from './group.ts'
import { SharedHead } from './head.ts'
import { type Done, LogError, type LogLimits, type LogOptions, type Segment } from './log.ts'
import type { LogState } from './recover.ts'

const overheadBytes = headerBytes + hashBytes

/** Error codes of "no room": nothing is broken, and the write can be taken back. */
const isFull = (cause: unknown): boolean => {
  const code = (cause as NodeJS.ErrnoException).code
  return code === 'ENOSPC' || code === 'EDQUOT'
}

export class Writer {
  readonly head = new SharedHead()
  readonly #options: LogOptions
  readonly #limits: LogLimits
  readonly #state: LogState
  #gathering: Group
  readonly #waiting: Group[] = []
  readonly #spare: Group[] = []
  #queuedBytes = 0
  #bytes = 0
  #seed: number
  /** Bytes beyond the durable end may be on disk; they go before the next write. */
  #dirty = false
  #running: Promise<void> | undefined
  #scheduled = false
  #cancelSeal: (() => void) | undefined
  #rotateNext = false
  #failed: LogError | undefined
  #closed = false
  /** Called when a new segment begins, and when an append found the log full. */
  onPressure: (rotated: boolean) => void = () => {}

  constructor(options: LogOptions, limits: LogLimits, state: LogState) {
    this.#options = options
    this.#limits = limits
    this.#state = state
    this.#seed = Buffer.from(options.random(4)).readUInt32LE()
    this.#gathering = this.#fresh()
    for (const segment of state.segments) this.#bytes += segment.bytes
    this.head.set('trimmedBelow', state.trimmedBelow)
    this.head.set('head', state.next)
    this.#sealLater()
  }

  get failed(): LogError | undefined {
    return this.#failed
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  append(body: Uint8Array, keep: boolean, done: Done): void {
    const need = recordHeadBytes + body.length
    const refusal = this.#refusal(need, keep)
    if (refusal !== undefined) {
      queueMicrotask(() => done(refusal, -1))
      return
    }
    let group = this.#gathering
    if (group.count > 0 && group.payload() + need > this.#limits.commitBytes) {
      this.#waiting.push(group)
      group = this.#fresh()
      this.#gathering = group
      this.#schedule(0)
    }
    group.add(body, group.count, keep)
    group.dones.push(done)
    this.#queuedBytes += need
    if (!this.#scheduled) this.#schedule(this.#limits.commitDelayMs)
  }

  /**
   * Commits the retention mark: what is below it and not kept may be removed once this resolves.
   */
  mark(below: number): Promise<void> {
    return this.#special((group) => {
      group.site = 'mark'
      group.mark = below
    })
  }

  /** Bytes that records may still take, by the bound of the log. */
  room(keep: boolean): number {
    const { maxBytes, reserveBytes } = this.#options.retention
    return maxBytes - (keep ? 0 : reserveBytes) - this.#bytes - this.#queuedBytes - overheadBytes
  }

  /** The next commit begins a new segment, so that the present one can be given up in time. */
  rotateNext(): void {
    this.#rotateNext = true
  }

  /** A segment has been replaced (its new length) or removed (undefined). */
  segmentChanged(segment: Segment, bytes: number | undefined): void {
    const { segments } = this.#state
    this.#bytes += (bytes ?? 0) - segment.bytes
    segment.bytes = bytes ?? 0
    if (bytes === undefined) segments.splice(segments.indexOf(segment), 1)
    this.head.filesChanged()
  }

  /** Commits and seals what is there; no append after it. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelSeal?.()
    if (this.#gathering.count > 0) this.#schedule(0)
    await this.#idle()
    if (this.#failed === undefined && this.#state.unsealed) {
      await this.#seal().catch(() => {
        // The seal only sharpens what recovery can tell; everybody has their acknowledgement.
      })
    }
    const { active } = this.#state
    if (active !== undefined) this.#options.files.close(active.file)
    this.#state.active = undefined
  }

  async #idle(): Promise<void> {
    while (this.#scheduled || this.#running !== undefined) {
      await (this.#running ?? new Promise((resolve) => setImmediate(resolve)))
    }
  }

  #refusal(need: number, keep: boolean): LogError | undefined {
    if (this.#failed !== undefined) return this.#failed
    if (this.#closed) return closedError()
    const { recordBytes, queuedBytes } = this.#limits
    if (need - recordHeadBytes > recordBytes) return tooLarge(need - recordHeadBytes, recordBytes)
    if (this.#queuedBytes + need > queuedBytes) return queueFull(queuedBytes)
    if (need <= this.room(keep)) return undefined
    this.onPressure(false)
    return boundReached(this.#options, keep)
  }

  /** A seed that no other commit of this run has: a Weyl sequence repeats after 2^32. */
  seed(): number {
    this.#seed = (this.#seed + 0x9e3779b9) >>> 0
    return this.#seed
  }

  #fresh(): Group {
    return (this.#spare.pop() ?? new Group()).begin(this.seed())
  }

  /** Commits a group of its own, after everything that waits. */
  #special(prepare: (group: Group) => void): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed)
    return new Promise((resolve, reject) => {
      if (this.#gathering.count > 0) {
        this.#waiting.push(this.#gathering)
        this.#gathering = this.#fresh()
      }
      const group = this.#fresh()
      prepare(group)
      group.dones.push((error) => (error === undefined ? resolve() : reject(error)))
      this.#waiting.push(group)
      this.#schedule(0)
    })
  }

  #seal(): Promise<void> {
    return this.#special((group) => {
      group.site = 'seal'
    })
  }

  #sealLater(): void {
    if (this.#cancelSeal !== undefined || this.#closed || !this.#state.unsealed) return
    this.#cancelSeal = this.#options.clock.after(this.#limits.sealAfterMs, () => {
      this.#cancelSeal = undefined
      const idle = !this.#scheduled && this.#running === undefined
      if (!idle || this.#failed !== undefined || !this.#state.unsealed) return this.#sealLater()
      this.#seal().catch(() => {
        // Sealing is tried again after the next commit; a failed disk shows in `failed`.
      })
    })
  }

  #schedule(delayMs: number): void {
    if (this.#running !== undefined) return
    if (delayMs > 0) {
      this.#scheduled = true
      this.#options.clock.after(delayMs, () => this.#start())
      return
    }
    this.#scheduled = true
    // At the end of this turn of the event loop: all that one turn received shares a commit.
    setImmediate(() => this.#start())
  }

  #start(): void {
    this.#scheduled = false
    if (this.#running !== undefined) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (this.#waiting.length > 0) this.#schedule(0)
      else if (this.#gathering.count > 0) this.#schedule(this.#limits.commitDelayMs)
      else if (this.#failed === undefined) this.#sealLater()
    })
  }

  #take(): Group | undefined {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) return waiting
    if (this.#gathering.count === 0) return undefined
    const group = this.#gathering
    this.#gathering = this.#fresh()
    return group
  }

  async #run(): Promise<void> {
    let finished: Group | undefined
    let first = 0
    for (;;) {
      // With a delay, later groups wait for theirs, unless they are full.
      const all = finished === undefined || this.#limits.commitDelayMs === 0
      const group = all ? this.#take() : this.#waiting.shift()
      const begun = this.#state.next
      // The disk starts on the next commit before the last one's acknowledgements go out.
      const work = group === undefined ? undefined : this.#commit(group)
      if (finished !== undefined) this.#release(finished, undefined, first)
      if (group === undefined || work === undefined) return
      const error = await work
      if (error !== undefined) return this.#fail(group, error)
      finished = group
      first = begun
    }
  }

  #release(group: Group, error: LogError | undefined, first: number): void {
    this.#queuedBytes -= group.payload()
    group.settle(error, first)
    const reusable = group.bytes.length <= 2 * this.#limits.commitBytes
    if (this.#spare.length < 2 && reusable) this.#spare.push(group)
  }

  /** Everything that waits fails with it: a later record must not overtake an earlier one. */
  #fail(group: Group, error: LogError): void {
    if (error.code === 'log_failed') this.#failed = error
    const groups = [group]
    for (let next = this.#take(); next !== undefined; next = this.#take()) groups.push(next)
    for (const each of groups) this.#release(each, error, -1)
  }

  /** Puts one group on the medium; the error if it may not be acknowledged. */
  async #commit(group: Group): Promise<LogError | undefined> {
    const { files, clock } = this.#options
    const state = this.#state
    try {
      const active = await this.#segmentFor(group.size())
      const trimmedBelow = group.mark ?? state.trimmedBelow
      const bytes = group.seal({
        flags: 0,
        id: state.id,
        first: state.next,
        span: group.count,
        trimmedBelow,
        timeUs: clock.nowUs(),
        previous: state.hash,
      })
      if (this.#dirty) await files.truncate(active.file, active.position)
      this.#dirty = true
      await files.write(active.file, bytes, active.position)
      await this.#unretryable(files.fdatasync(active.file, group.site))
      this.#dirty = false
      active.position += bytes.length
      state.hash = copyOf(bytes, bytes.length - hashBytes, bytes.length)
      state.next += group.count
      state.unsealed = group.site !== 'seal'
      state.trimmedBelow = trimmedBelow
      this.#grew(bytes.length)
      return undefined
    } catch (cause) {
      return cause instanceof LogError ? cause : this.#writeError(cause)
    }
  }

  #grew(bytes: number): void {
    const { segments, trimmedBelow, next } = this.#state
    const segment = segments.at(-1)
    if (segment !== undefined) segment.bytes += bytes
    this.#bytes += bytes
    this.head.set('trimmedBelow', trimmedBelow)
    this.head.set('head', next)
  }

  /** The segment to write to: a new one where this commit would outgrow the present one. */
  async #segmentFor(bytes: number): Promise<{ file: number; position: number }> {
    const { files, folder } = this.#options
    const state = this.#state
    const { active, next, segments } = state
    const last = segments.at(-1)
    const full = active !== undefined && active.position + bytes > this.#limits.segmentBytes
    if (active !== undefined) {
      // Bytes of a failed write go before anything else, and this commit's sync is theirs as well.
      const stay = this.#dirty || active.position === 0 || last?.first === next
      if (stay || !(full || this.#rotateNext)) return active
    }
    // From here on the file may exist, also after an error: nothing more may go into the one
    // before.
    this.#rotateNext = true
    const file = await files.open(join(folder, segmentName(next)))
    try {
      await this.#unretryable(files.fsyncFolder(folder, 'segment'))
    } catch (error) {
      files.close(file)
      throw error
    }
    if (active !== undefined) files.close(active.file)
    this.#rotateNext = false
    this.#dirty = files.size(file) > 0
    state.active = { file, position: 0 }
    segments.push({ first: next, bytes: 0, compacted: false })
    this.head.filesChanged()
    this.onPressure(true)
    return state.active
  }

  /** After a failed sync nothing is known about the pages; a second one would lie (fsyncgate). */
  async #unretryable(sync: Promise<void>): Promise<void> {
    try {
      await sync
    } catch (cause) {
      throw stopped(this.#options.folder, cause)
    }
  }

  #writeError(cause: unknown): LogError {
    const { folder } = this.#options
    if (!isFull(cause)) return stopped(folder, cause)
    return new LogError('disk_full', {
      message: `The disk under ${folder} is full: nothing is acknowledged until there is space.`,
      remedy: 'Free space on that disk, or lower log.bytesMax; the log goes on by itself.',
      cause,
    })
  }
}

const stopped = (folder: string, cause: unknown): LogError =>
  new LogError('log_failed', {
    message: `Writing the log in ${folder} failed, which ends it: ${(cause as Error).message}.`,
    remedy: 'Check the disk and its cable (dmesg, smartctl), then start the gateway again.',
    cause,
  })

const closedError = (): LogError =>
  new LogError('log_closed', { message: 'The log is closed.', remedy: 'Start the gateway again.' })

const tooLarge = (bytes: number, most: number): LogError =>
  new LogError('record_too_large', {
    message: `A record of ${bytes} bytes is longer than the log takes, ${most}.`,
    remedy: 'Send fewer values at once.',
  })

const queueFull = (bytes: number): LogError =>
  new LogError('log_full', {
    message: `${bytes} bytes wait for the disk already; this record is not acknowledged.`,
    remedy:
      'The disk is slower than the publishers: raise log.commitDelayMs, or use a faster disk.',
  })

const boundReached = ({ folder, retention }: LogOptions, keep: boolean): LogError =>
  new LogError('log_full', {
    message: `The log in ${folder} has reached its bound of ${retention.maxBytes} bytes${
      keep ? ', reserve included' : ''
    }, and nothing in it may be dropped.`,
    remedy: 'Check that the embedded store keeps up (tenfold doctor), or raise log.bytesMax.',
  })
