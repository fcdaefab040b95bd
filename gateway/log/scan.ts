// Walks the commits of one segment file through a bounded buffer. Recovery, readers, retention and
// verification all see damage the same way because they all walk with this. It never writes.
import {
  type CommitHeader,
  commitBytes,
  findMagic,
  headerBytes,
  isIntact,
  readHeader,
} from './format.ts'
import type { ReadFiles } from './log.ts'

const chunkBytes = 512 * 1024
const sectorBytes = 4096

/** A part of a file in memory. What `load` returned is valid until the next `load`. */
export class Window {
  buffer: Buffer = Buffer.alloc(0)
  start = 0
  length = 0
  readonly #files: ReadFiles
  readonly #lenient: boolean
  #file = -1

  /** `lenient`: sectors that the disk cannot read are taken as zeros, that is, as damage. */
  constructor(files: ReadFiles, lenient: boolean) {
    this.#files = files
    this.#lenient = lenient
  }

  /** Turns to another file (or the same one, whose bytes may have changed). */
  attach(file: number): void {
    this.#file = file
    this.drop()
  }

  drop(): void {
    this.length = 0
  }

  holds(position: number, bytes: number): boolean {
    return position >= this.start && position + bytes <= this.start + this.length
  }

  /**
   * Index in `buffer` of `bytes` bytes at `position`, or -1 when the file ends before them. Reads
   * `ahead` bytes where it has to read.
   */
  load(position: number, bytes: number, ahead = chunkBytes): number {
    if (this.holds(position, bytes)) return position - this.start
    const wanted = Math.max(bytes, Math.min(ahead, this.size() - position))
    // Whole chunks for a commit that is longer than one: the next is likely to be as long, and a
    // buffer for each would pile up faster than they are collected.
    const room =
      wanted > chunkBytes / 2
        ? Math.ceil(wanted / chunkBytes) * chunkBytes
        : Math.min(chunkBytes, 2 * wanted)
    // Shrinks only after one that was very long.
    const most = 4 * Math.max(bytes, chunkBytes)
    const fits = this.buffer.length >= wanted && this.buffer.length <= most
    if (!fits) this.buffer = Buffer.allocUnsafeSlow(room)
    this.start = position
    this.length = 0
    while (this.length < wanted) {
      const read = this.#read(this.buffer.subarray(this.length, wanted), position + this.length)
      if (read === 0) break
      this.length += read
    }
    return this.length < bytes ? -1 : 0
  }

  size(): number {
    return this.#files.size(this.#file)
  }

  #read(into: Uint8Array, position: number): number {
    try {
      return this.#files.read(this.#file, into, position)
    } catch (error) {
      if (!this.#lenient || (error as NodeJS.ErrnoException).code !== 'EIO') throw error
      return this.#readSector(into, position)
    }
  }

  #readSector(into: Uint8Array, position: number): number {
    const bytes = Math.min(into.length, sectorBytes - (position % sectorBytes))
    try {
      return this.#files.read(this.#file, into.subarray(0, bytes), position)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
      const filled = Math.max(0, Math.min(bytes, this.size() - position))
      into.fill(0, 0, filled)
      return filled
    }
  }
}

/** A commit as it stands in a file. */
export interface Found {
  /** Position in the file, and in the window's buffer (when its payload was loaded). */
  at: number
  index: number
  header: CommitHeader
  bytes: number
  /** The chain hash fits its content. */
  intact: boolean
  /** Something that is no commit lies between the one before and this one. */
  damagedBefore: boolean
}

/** What a commit must be to count as the next one. */
export interface Expectation {
  /** It ends at or below this offset (durable head, or the first offset of the next segment). */
  below: number
  /** It states this previous hash, if nothing damaged lies before it. */
  previous?: Uint8Array | undefined
}

export class Walker {
  readonly window: Window
  position = 0
  /** Offsets below this have been passed. A commit that starts below it is stale bytes. */
  expected: number
  readonly #id: Uint8Array | undefined

  /** `first`: first offset of the segment. Without `id`, any log's commits are taken. */
  constructor(window: Window, first: number, id: Uint8Array | undefined) {
    this.window = window
    this.expected = first
    this.#id = id
  }

  /** The next commit, its hash checked; undefined when none follows in this file. */
  next(expectation: Expectation): Found | undefined {
    const found = this.#find(expectation, true)
    if (found !== undefined) this.#pass(found)
    return found
  }

  /** Passes commits that end at or below `offset`, looking at headers only. */
  seek(offset: number, below: number): void {
    for (;;) {
      const found = this.#find({ below }, false)
      if (found === undefined || found.header.first + found.header.span > offset) return
      this.#pass(found)
    }
  }

  /** Whether `next` will find an undamaged commit without changing the window's bytes. */
  ready(): boolean {
    const { window, position } = this
    if (!window.holds(position, headerBytes)) return false
    const header = readHeader(window.buffer, position - window.start, this.#id)
    return header !== undefined && window.holds(position, commitBytes(header))
  }

  #pass(found: Found): void {
    this.position = found.at + found.bytes
    this.expected = found.header.first + found.header.span
  }

  #find(expectation: Expectation, whole: boolean): Found | undefined {
    const found = this.#at(this.position, expectation, whole)
    if (found !== undefined) return found
    const { window } = this
    let from = this.position + 1
    for (;;) {
      const index = window.load(from, headerBytes)
      if (index < 0) return undefined
      const hit = findMagic(window.buffer.subarray(0, window.length), index)
      if (hit < 0) {
        from = window.start + window.length - headerBytes + 1
        continue
      }
      from = window.start + hit
      const next = this.#at(from, { below: expectation.below }, whole)
      if (next !== undefined) return { ...next, damagedBefore: true }
      from += 1
    }
  }

  #at(at: number, { below, previous }: Expectation, whole: boolean): Found | undefined {
    const { window } = this
    const place = window.load(at, headerBytes, whole ? chunkBytes : sectorBytes)
    if (place < 0) return undefined
    const header = readHeader(window.buffer.subarray(0, window.length), place, this.#id)
    if (header === undefined) return undefined
    if (header.first < this.expected || header.first + header.span > below) return undefined
    if (previous !== undefined && Buffer.compare(previous, header.previous) !== 0) return undefined
    const bytes = commitBytes(header)
    if (!whole) {
      if (at + bytes > window.size()) return undefined
      return { at, index: -1, header, bytes, intact: true, damagedBefore: false }
    }
    const index = window.load(at, bytes)
    if (index < 0) return undefined
    const intact = isIntact(window.buffer.subarray(index, index + bytes))
    return { at, index, header, bytes, intact, damagedBefore: false }
  }
}
