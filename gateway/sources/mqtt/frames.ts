// Cuts a connection's incoming bytes into MQTT packets (MQTT 3.1.1, 2.2.3) before the broker parses
// them: one that announces too much is found before it fills memory, and a run of plain reports is
// offered to who can take it at less cost. It reads heads only and knows no topic.

/**
 * Offered whole packets: packet i of `bytes` ends at `ends[i]`. Returns how many of them, from the
 * first, were taken; less than all of them.
 */
export type TakeRun = (bytes: Buffer, ends: readonly number[]) => number

/** A packet up to this size is waited for here; a longer one is the broker's parser's to gather. */
const heldBytesMax = 4096

const nothing = Buffer.alloc(0)

/** First bytes of SUBSCRIBE and UNSUBSCRIBE: the broker's parser takes a packet id of 0 in them. */
const subscribe = 0x82
const unsubscribe = 0xa2

/** Total length of the packet at `at`; 0 = its head is not all there; -1 = malformed. */
const lengthAt = (bytes: Buffer, at: number): number => {
  let length = 0
  for (let place = 1; place <= 4; place++) {
    if (at + place >= bytes.length) return 0
    const byte = bytes[at + place] as number
    length += (byte & 127) * 128 ** (place - 1)
    if (byte < 128) {
      const head = 1 + place
      if (bytes[at] !== subscribe && bytes[at] !== unsubscribe) return head + length
      const id = at + head
      if (id + 2 > bytes.length) return 0
      // MQTT 3.1.1, 2.3.1-1.
      return bytes[id] === 0 && bytes[id + 1] === 0 ? -1 : head + length
    }
  }
  return -1
}

export class Frames {
  readonly #bytesMax: number
  readonly #take: TakeRun
  /** The beginning of a packet whose end has not come. */
  #rest: Buffer = nothing
  /** Bytes of a long packet that are still to come; its beginning was handed on. */
  #skip = 0

  constructor(bytesMax: number, take: TakeRun) {
    this.#bytesMax = bytesMax
    this.#take = take
  }

  /**
   * What of the bytes the broker has to see: null = nothing yet; a word = a packet is longer than
   * allowed, or none. It sees at least one packet of a run, and that after what was
   * taken: so its own keep-alive and its own back-pressure go on working.
   */
  pass(chunk: Buffer): Buffer | null | 'oversize' | 'malformed' {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    this.#rest = nothing
    if (this.#skip >= bytes.length) {
      this.#skip -= bytes.length
      return bytes
    }
    // What the broker has half of comes before anything else: nothing may overtake it.
    const isWhole = this.#skip === 0
    const ends: number[] = []
    const end = this.#cut(bytes, ends)
    if (end < 0) return end === -1 ? 'malformed' : 'oversize'
    const taken = isWhole && ends.length > 1 ? this.#take(bytes, ends) : 0
    const start = taken === 0 ? 0 : (ends[taken - 1] as number)
    return start === end ? null : bytes.subarray(start, end)
  }

  /**
   * Ends of the whole packets into `ends`; returns where what may be handed on ends; -1 where one
   * is malformed, -2 where one is longer than allowed.
   */
  #cut(bytes: Buffer, ends: number[]): number {
    let at = this.#skip
    this.#skip = 0
    while (at < bytes.length) {
      const length = lengthAt(bytes, at)
      if (length < 0) return -1
      if (length > this.#bytesMax) return -2
      if (length > 0 && at + length <= bytes.length) {
        at += length
        ends.push(at)
      } else if (length > heldBytesMax) {
        this.#skip = at + length - bytes.length
        return bytes.length
      } else {
        // A copy: the chunk that it is a view of is much longer.
        this.#rest = Buffer.from(bytes.subarray(at))
        return at
      }
    }
    return at
  }
}
