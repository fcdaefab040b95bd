// Keeps the log within its bounds of bytes and age: lets go of the oldest records that the embedded
// store has read, never of those appended with `keep`. A mark in the log says so before a file
// changes; a pass that was cut short is finished by the next one.
import { join } from 'node:path'
import { compact } from './compact.ts'
import {
  type CommitHeader,
  compactedFlag,
  headerBytes,
  readHeader,
  segmentName,
  unfinishedSuffix,
} from './format.ts'
import {
  LogError,
  type LogLimits,
  type LogOptions,
  type RetentionTrouble,
  type Segment,
} from './log.ts'
import type { LogState } from './recover.ts'
import type { Writer } from './writer.ts'

/**
 * The active segment is closed at this part of the age bound, so that it can be given up in time.
 */
const agesPerSegment = 4
/** Room that is made ahead: while one segment is written, there is time to let go of another. */
const segmentsAhead = 2

export class Retention {
  readonly trouble: RetentionTrouble = { failures: 0, last: undefined }
  readonly #options: LogOptions
  readonly #limits: LogLimits
  readonly #state: LogState
  readonly #writer: Writer
  #running: Promise<void> | undefined
  /** The store's position at which the last pass found nothing to let go. */
  #futileFloor = -1
  #stopped = false

  constructor(options: LogOptions, limits: LogLimits, log: { state: LogState; writer: Writer }) {
    this.#options = options
    this.#limits = limits
    this.#state = log.state
    this.#writer = log.writer
    log.writer.onPressure = (rotated) => {
      if (!rotated && this.#options.retention.floor() === this.#futileFloor) return
      void this.run()
    }
  }

  /** One pass; resolves at its end. Never rejects: trouble is kept for the status. */
  run(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    this.#running ??= this.#pass()
      .catch((error: unknown) => {
        this.trouble.failures += 1
        this.trouble.last = error
      })
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #pass(): Promise<void> {
    const active = this.#state.segments.at(-1)
    if (active !== undefined && this.#isOlder(active, 1 / agesPerSegment)) this.#writer.rotateNext()
    while (!this.#stopped) {
      const victims = this.#victims()
      const below = victims.at(-1)?.end
      if (below === undefined) {
        this.#futileFloor = this.#options.retention.floor()
        return
      }
      if (below > this.#state.trimmedBelow) await this.#writer.mark(below)
      for (const victim of victims) {
        if (!this.#stopped) await this.#letGo(victim)
      }
    }
  }

  /** The oldest whole segments that have to go, and those that an earlier pass did not finish. */
  #victims(): { segment: Segment; end: number }[] {
    const { segments, trimmedBelow } = this.#state
    const { maxBytes, reserveBytes, floor } = this.#options.retention
    const consumed = floor()
    const goal = maxBytes - reserveBytes - segmentsAhead * this.#limits.segmentBytes
    let bytes = this.#writer.bytes
    const victims: { segment: Segment; end: number }[] = []
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1]
      if (next === undefined) break
      if (this.#isCompacted(segment)) continue
      const end = next.first
      const wanted = bytes > goal || this.#isOlder(next, 1)
      if (end > trimmedBelow && (!wanted || end > consumed)) break
      victims.push({ segment, end })
      bytes -= segment.bytes
    }
    return victims
  }

  async #letGo({ segment, end }: { segment: Segment; end: number }): Promise<void> {
    const { folder, files } = this.#options
    const path = join(folder, segmentName(segment.first))
    const { id, trimmedBelow } = this.#state
    const task = { files, path, unfinished: `${path}${unfinishedSuffix}`, id, end, trimmedBelow }
    const seed = (): number => this.#writer.seed()
    const bytes = await compact({ ...task, first: segment.first, seed })
    segment.compacted = true
    this.#writer.segmentChanged(segment, bytes)
    // In this order on the medium, too: if a later segment were gone and this one whole again, its
    // end would look like damage.
    await files.fsyncFolder(folder, 'removed')
  }

  #isCompacted(segment: Segment): boolean {
    segment.compacted ??= ((this.#firstHeader(segment)?.flags ?? 0) & compactedFlag) !== 0
    return segment.compacted
  }

  /** Whether the segment's first commit is older than this part of the age bound. */
  #isOlder(segment: Segment, part: number): boolean {
    const { clock, retention } = this.#options
    if (retention.maxAgeMs === Number.POSITIVE_INFINITY) return false
    const timeUs = this.#firstHeader(segment)?.timeUs
    return timeUs !== undefined && clock.nowUs() - timeUs > retention.maxAgeMs * 1000 * part
  }

  #firstHeader(segment: Segment): CommitHeader | undefined {
    const { folder, files } = this.#options
    const bytes = Buffer.alloc(headerBytes)
    let file: number | undefined
    try {
      file = files.openRead(join(folder, segmentName(segment.first)))
      const read = files.read(file, bytes, 0)
      return readHeader(bytes.subarray(0, read), 0, this.#state.id)
    } catch (error) {
      // A bad sector or a file that is gone must not keep the log from letting go of others.
      if (error instanceof LogError) throw error
      return undefined
    } finally {
      if (file !== undefined) files.close(file)
    }
  }
}
