// Frames of the serial link: version, kind, a CBOR body and a CRC-32, in COBS between zero bytes.
// The reader takes bytes as they come, in any pieces, and gives only whole frames with a right CRC;
// whatever else comes is counted and let go, in a memory that does not grow.
import { crc32 } from 'node:zlib'

export interface Frame {
  version: number
  kind: number
  body: Uint8Array
}

/** Longest frame that is taken, stuffed; a board's are shorter. */
export const frameBytesMax = 1024
/** Version and kind before the body, the CRC after it. */
const aroundBytes = 6

/** Bytes for the line, both delimiters included. */
export const encodeFrame = ({ version, kind, body }: Frame): Uint8Array => {
  const bytes = Buffer.alloc(body.length + aroundBytes)
  bytes[0] = version
  bytes[1] = kind
  bytes.set(body, 2)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4)
  return Buffer.concat([Uint8Array.of(0), stuff(bytes), Uint8Array.of(0)])
}

/** COBS (Cheshire and Baker, IEEE/ACM Transactions on Networking 7, 1999). */
const stuff = (bytes: Uint8Array): Uint8Array => {
  const out = [0]
  let at = 0
  const close = (): void => {
    out[at] = out.length - at
    at = out.length
    out.push(0)
  }
  for (const byte of bytes) {
    if (byte !== 0) out.push(byte)
    if (byte === 0 || out.length - at === 255) close()
  }
  out[at] = out.length - at
  return Uint8Array.from(out)
}

/** The bytes before stuffing, or undefined where a block is cut. */
const unstuff = (stuffed: Uint8Array): Uint8Array | undefined => {
  const out = Buffer.allocUnsafe(stuffed.length)
  let length = 0
  for (let at = 0; at < stuffed.length; ) {
    const code = stuffed[at] ?? 0
    const end = at + code
    if (end > stuffed.length) return undefined
    for (let i = at + 1; i < end; i += 1) out[length++] = stuffed[i] ?? 0
    at = end
    if (code < 255 && at < stuffed.length) out[length++] = 0
  }
  return out.subarray(0, length)
}

export class FrameReader {
  readonly #gathered = Buffer.allocUnsafe(frameBytesMax)
  #length = 0
  #tooLong = false
  /** Whole frames that were given. */
  frames = 0
  /** What stood between zero bytes and was no frame: cut, too long, or with a wrong CRC. */
  damaged = 0

  /** Gives every frame that ends in these bytes, in order. */
  push(bytes: Uint8Array, found: (frame: Frame) => void): void {
    let from = 0
    while (from < bytes.length) {
      const zero = bytes.indexOf(0, from)
      const end = zero < 0 ? bytes.length : zero
      this.#gather(bytes.subarray(from, end))
      if (zero < 0) return
      const frame = this.#take()
      if (frame !== undefined) found(frame)
      from = zero + 1
    }
  }

  #gather(bytes: Uint8Array): void {
    if (this.#length + bytes.length > frameBytesMax) this.#tooLong = true
    if (this.#tooLong) return
    this.#gathered.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #take(): Frame | undefined {
    const length = this.#length
    const isTooLong = this.#tooLong
    this.#length = 0
    this.#tooLong = false
    if (length === 0 && !isTooLong) return undefined
    const bytes = isTooLong ? undefined : unstuff(this.#gathered.subarray(0, length))
    if (bytes === undefined || bytes.length < aroundBytes || !isSound(bytes)) {
      this.damaged += 1
      return undefined
    }
    this.frames += 1
    const body = Uint8Array.from(bytes.subarray(2, -4))
    return { version: bytes[0] ?? 0, kind: bytes[1] ?? 0, body }
  }
}

const isSound = (bytes: Uint8Array): boolean => {
  const at = bytes.length - 4
  const stated = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(at)
  return crc32(bytes.subarray(0, at)) === stated
}
