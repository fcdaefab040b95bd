// How long to wait for an answer. A connection whose other end has gone without a word (a cable, a
// restart of the other machine) looks like a slow server; waiting the whole time for it would keep
// data back long after the server is there again. So the first wait is short, and only a server
// that is shown to be slow is given more. Pure; in milliseconds.

const firstMs = 3000

export class Patience {
  readonly #mostMs: number
  #waitMs: number

  /** @param mostMs longest wait */
  constructor(mostMs: number) {
    this.#mostMs = mostMs
    this.#waitMs = this.shortMs
  }

  /** For what a server that is there answers at once. */
  get shortMs(): number {
    return Math.min(firstMs, this.#mostMs)
  }

  /** For a write. */
  get waitMs(): number {
    return this.#waitMs
  }

  /** A write was answered after this time: twice of it is enough for the next. */
  answered(afterMs: number): void {
    this.#waitMs = Math.min(this.#mostMs, Math.max(firstMs, Math.ceil(2 * afterMs)))
  }

  /** A write was not answered in time: if the server is there, it needs longer. */
  ranOut(): void {
    this.#waitMs = Math.min(this.#mostMs, 2 * this.#waitMs)
  }

  /** Nobody is there at all. */
  alone(): void {
    this.#waitMs = this.shortMs
  }
}
