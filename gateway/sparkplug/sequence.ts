// Sequence numbers of an edge node, 0 to 255: what the next is, and which of them a host has not
// seen. Pure.

export const following = (number: number): number => (number + 1) % 256

/** Counts what one edge node sends, over its own messages and those of its units. */
export class Sequence {
  #next = 0

  /** For an NBIRTH: begins anew. */
  restart(): number {
    this.#next = 1
    return 0
  }

  next(): number {
    const number = this.#next
    this.#next = following(number)
    return number
  }
}

/** How a message's number stands to those before it. */
export type Order = 'next' | 'early' | 'late' | 'wrong'

/** More than this many missing at once are not waited for: half of the numbers that there are. */
const missingMax = 128

/** What a host has heard of one node since its birth. */
export class Heard {
  #expected: number
  readonly #missing = new Set<number>()

  constructor(birth: number) {
    this.#expected = following(birth)
  }

  get missing(): number {
    return this.#missing.size
  }

  /** early: others are missing before it; late: one of those; wrong: neither, as after a loss. */
  take(number: number | undefined): Order {
    if (number === undefined || !Number.isInteger(number) || number < 0 || number > 255) {
      return 'wrong'
    }
    if (number === this.#expected) {
      this.#expected = following(number)
      return 'next'
    }
    if (this.#missing.delete(number)) return 'late'
    const ahead = (number - this.#expected + 256) % 256
    if (ahead + this.#missing.size > missingMax) return 'wrong'
    while (this.#expected !== number) {
      this.#missing.add(this.#expected)
      this.#expected = following(this.#expected)
    }
    this.#expected = following(number)
    return 'early'
  }
}
