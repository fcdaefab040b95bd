// The bytes of a commit: header, records, chain hash; and the names of segment files. README.md has
// the table. Pure functions over buffers: no file is opened here.
import assert from 'node:assert/strict'
import { hash as digest } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { LogError } from './log.ts'

export const headerBytes = 104
export const hashBytes = 32
export const recordHeadBytes = 12
export const idBytes = 16
export const commitOverheadBytes = headerBytes + hashBytes
/** Longest payload that a reader accepts; bounds its memory whatever a damaged header says. */
export const payloadBytesMax = 64 * 1024 * 1024
/** Most offsets that one compacted commit may span (the delta has 31 bits). */
export const spanMax = 2 ** 31 - 1

/** Header flag: rewritten by the retention; offsets of its span that are missing were trimmed. */
export const compactedFlag = 1

const magic = 0x31_4c_46_54 // "TFL1"
const version = 1
const keepBit = 0x8000_0000
const at = {
  version: 4,
  flags: 6,
  id: 8,
  payloadBytes: 24,
  count: 28,
  first: 32,
  span: 40,
  trimmedBelow: 48,
  timeUs: 56,
  seed: 64,
  previous: 68,
  crc: 100,
} as const

export interface CommitHeader {
  flags: number
  id: Uint8Array
  payloadBytes: number
  /** Records in the payload. */
  count: number
  /**
   * Offset of the first record, and how many offsets the commit covers (count, if not compacted).
   */
  first: number
  span: number
  /** Retention mark: records without `keep` below it may be gone. */
  trimmedBelow: number
  /** Gateway's wall clock at the commit, microseconds since 1970. */
  timeUs: number
  /** Seed of the record checksums of this commit. */
  seed: number
  /** Chain hash of the commit before; of a compacted one, of the last commit that it replaces. */
  previous: Uint8Array
}

/** A copy; `slice` of a Buffer would be a view. */
export const copyOf = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  new Uint8Array(bytes.subarray(from, to))

const put64 = (view: DataView, position: number, value: number): void => {
  view.setUint32(position, value % 2 ** 32, true)
  view.setUint32(position + 4, value / 2 ** 32, true)
}

const get64 = (view: DataView, position: number): number =>
  view.getUint32(position, true) + view.getUint32(position + 4, true) * 2 ** 32

/** Writes the header at the start of `bytes`. */
export const writeHeader = (bytes: Uint8Array, header: CommitHeader): void => {
  assert(header.payloadBytes <= payloadBytesMax && header.span <= spanMax)
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes)
  view.setUint32(0, magic, true)
  view.setUint16(at.version, version, true)
  view.setUint16(at.flags, header.flags, true)
  bytes.set(header.id, at.id)
  view.setUint32(at.payloadBytes, header.payloadBytes, true)
  view.setUint32(at.count, header.count, true)
  put64(view, at.first, header.first)
  put64(view, at.span, header.span)
  put64(view, at.trimmedBelow, header.trimmedBelow)
  put64(view, at.timeUs, header.timeUs)
  view.setUint32(at.seed, header.seed, true)
  bytes.set(header.previous, at.previous)
  view.setUint32(at.crc, crc32(bytes.subarray(0, at.crc)), true)
}

/**
 * The header at `position` of `bytes`, or undefined if there is none with an intact checksum. `id`
 * is the log's id, unless it is still to be learned. Throws log_version for a header of a later
 * version.
 */
export const readHeader = (
  bytes: Uint8Array,
  position: number,
  id?: Uint8Array,
): CommitHeader | undefined => {
  if (position + headerBytes > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, headerBytes)
  if (view.getUint32(0, true) !== magic) return undefined
  const raw = bytes.subarray(position, position + headerBytes)
  if (id !== undefined && Buffer.compare(raw.subarray(at.id, at.id + idBytes), id) !== 0) {
    return undefined
  }
  if (view.getUint32(at.crc, true) !== crc32(raw.subarray(0, at.crc))) return undefined
  if (view.getUint16(at.version, true) !== version) throw newerVersion(raw[at.version])
  const header = {
    flags: view.getUint16(at.flags, true),
    id: copyOf(raw, at.id, at.id + idBytes),
    payloadBytes: view.getUint32(at.payloadBytes, true),
    count: view.getUint32(at.count, true),
    first: get64(view, at.first),
    span: get64(view, at.span),
    trimmedBelow: get64(view, at.trimmedBelow),
    timeUs: get64(view, at.timeUs),
    seed: view.getUint32(at.seed, true),
    previous: copyOf(raw, at.previous, at.previous + hashBytes),
  }
  const plausible =
    header.payloadBytes <= payloadBytesMax &&
    header.payloadBytes >= header.count * recordHeadBytes &&
    header.span >= header.count &&
    header.span <= spanMax &&
    Number.isSafeInteger(header.first)
  return plausible ? header : undefined
}

const newerVersion = (found: number | undefined): LogError =>
  new LogError('log_version', {
    message: `The log was written in format ${found}; this gateway reads format ${version}.`,
    remedy: 'Start the newer gateway again, or give this one another data folder.',
  })

/** The first place from `position` on where a header could start, or -1. */
export const findMagic = (bytes: Buffer, position: number): number =>
  bytes.indexOf(magicBytes, position)

const magicBytes = Buffer.from([magic & 255, (magic >> 8) & 255, (magic >> 16) & 255, magic >> 24])

/** Bytes of the whole commit. */
export const commitBytes = (header: CommitHeader): number =>
  headerBytes + header.payloadBytes + hashBytes

/** SHA-256 over header (it holds the previous hash) and payload. */
export const chainHash = (headerAndPayload: Uint8Array): Buffer =>
  digest('sha256', headerAndPayload, 'buffer')

/** Whether `commit`, all its bytes, ends in the hash of its content. */
export const isIntact = (commit: Uint8Array): boolean => {
  const end = commit.length - hashBytes
  return Buffer.compare(chainHash(commit.subarray(0, end)), commit.subarray(end)) === 0
}

/**
 * What the next commit states as `previous`. A compacted one hands on the hash that it stands for.
 */
export const carriedHash = (header: CommitHeader, commit: Uint8Array): Uint8Array =>
  (header.flags & compactedFlag) !== 0
    ? header.previous
    : copyOf(commit, commit.length - hashBytes, commit.length)

// Length, delta and keep flag go into the initial value of the CRC, multiplied by odd numbers: any
// change of one of them alone changes the sum, and a record costs a single native call. The seed,
// secret and different in each commit, keeps bytes of other commits or of a payload from passing.
const recordSum = (body: Uint8Array, place: number, seed: number): number =>
  crc32(body, (seed ^ Math.imul(place, 0x9e3779b1) ^ Math.imul(body.length, 0x85ebca6b)) >>> 0)

const placeOf = (delta: number, keep: boolean): number => (keep ? delta | keepBit : delta) >>> 0

/** Where a record goes in its commit, and how it is summed. */
export interface RecordPlace {
  delta: number
  keep: boolean
  seed: number
}

/** Writes a record at `position`; it takes recordHeadBytes + body.length. */
export const writeRecord = (
  into: { bytes: Uint8Array; view: DataView; position: number },
  body: Uint8Array,
  { delta, keep, seed }: RecordPlace,
): void => {
  const { bytes, view, position } = into
  const place = placeOf(delta, keep)
  view.setUint32(position, body.length, true)
  view.setUint32(position + 4, recordSum(body, place, seed), true)
  view.setUint32(position + 8, place, true)
  bytes.set(body, position + recordHeadBytes)
}

/**
 * Goes through the records of one commit. Lengths are followed even past a record with a wrong sum:
 * in a damaged commit the later ones may be intact. Searching byte by byte instead could take bytes
 * inside a body for a record.
 */
export class RecordCursor {
  delta = 0
  keep = false
  body: Uint8Array = new Uint8Array(0)
  #bytes: Buffer = Buffer.alloc(0)
  #position = 0
  #end = 0
  #header: CommitHeader | undefined
  #checked = false
  #least = 0

  /** `bytes` holds the commit from `position` on; `checked`: its hash was right, skip the sums. */
  start(bytes: Buffer, position: number, commit: { header: CommitHeader; intact: boolean }): void {
    this.#bytes = bytes
    this.#header = commit.header
    this.#checked = commit.intact
    this.#position = position + headerBytes
    this.#end = this.#position + commit.header.payloadBytes
    this.#least = 0
  }

  /** Moves to the next intact record; false at the end of the commit. */
  next(): boolean {
    const header = this.#header
    while (header !== undefined && this.#position + recordHeadBytes <= this.#end) {
      const length = this.#bytes.readUInt32LE(this.#position)
      const place = this.#bytes.readUInt32LE(this.#position + 8)
      const start = this.#position + recordHeadBytes
      if (start + length > this.#end) break
      const sum = this.#bytes.readUInt32LE(this.#position + 4)
      this.#position = start + length
      const delta = (place & ~keepBit) >>> 0
      if (delta < this.#least || delta >= header.span) continue
      const body = this.#bytes.subarray(start, start + length)
      if (!this.#checked && recordSum(body, place, header.seed) !== sum) continue
      this.#least = delta + 1
      this.delta = delta
      this.keep = (place & keepBit) !== 0
      this.body = body
      return true
    }
    return false
  }
}

const digits = 20
const suffix = '.seg'
/** Unfinished files of the retention; removed at start. */
export const unfinishedSuffix = '.tmp'

export const segmentName = (first: number): string =>
  String(first).padStart(digits, '0').concat(suffix)

/** First offset of a segment file, or undefined if it is another file. */
export const segmentFirst = (name: string): number | undefined => {
  if (name.length !== digits + suffix.length || !name.endsWith(suffix)) return undefined
  const stem = name.slice(0, digits)
  return /^\d+$/.test(stem) && Number.isSafeInteger(Number(stem)) ? Number(stem) : undefined
}
