// Bounds the size of an MQTT packet before it is buffered. The broker's parser waits for as many
// bytes as a packet's head announces, up to 256 MB; this reads nothing but the heads (MQTT 3.1.1,
// 2.2.3) as chunks pass by, and says when one announces too much.

/** Watches one connection's incoming bytes. */
export class FrameGuard {
  readonly #bytesMax: number
  /** Bytes of the current packet's body that are still to come. */
  #skip = 0
  /** Place within a head: 0 = first byte, then 1 to 4 for the remaining-length bytes. */
  #place = 0
  #length = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** False when a packet in this chunk is longer than allowed, or its length is malformed. */
  accepts(chunk: Uint8Array): boolean {
    let at = 0
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at)
        this.#skip -= step
        at += step
      } else if (!this.#head(chunk[at++] ?? 0)) return false
    }
    return true
  }

  #head(byte: number): boolean {
    if (this.#place === 0) {
      this.#length = 0
      this.#place = 1
      return true
    }
    this.#length += (byte & 0x7f) * 128 ** (this.#place - 1)
    if ((byte & 0x80) === 0) {
      this.#skip = this.#length
      this.#place = 0
      return this.#length <= this.#bytesMax
    }
    this.#place += 1
    return this.#place <= 4
  }
}
