// The few numbers that the writer's thread shows to the readers' threads. They are stored in the
// order that keeps a reader right at any moment: list of files, then mark, then head.

const slots = { head: 0, generation: 1, trimmedBelow: 2 } as const
type Slot = keyof typeof slots

export class SharedHead {
  readonly shared: SharedArrayBuffer
  readonly #slots: BigInt64Array

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8 * 3)) {
    this.shared = shared
    this.#slots = new BigInt64Array(shared)
  }

  get(slot: Slot): number {
    return Number(Atomics.load(this.#slots, slots[slot]))
  }

  set(slot: Slot, value: number): void {
    Atomics.store(this.#slots, slots[slot], BigInt(value))
    if (slot === 'head') Atomics.notify(this.#slots, slots.head)
  }

  /** A segment file came, went or was replaced. */
  filesChanged(): void {
    Atomics.add(this.#slots, slots.generation, 1n)
  }

  /** Resolves when the head has moved or after the time: whether it is beyond `offset` then. */
  async wait(offset: number, timeoutMs: number): Promise<boolean> {
    const head = this.get('head')
    if (head > offset) return true
    const change = Atomics.waitAsync(this.#slots, slots.head, BigInt(head), timeoutMs)
    if (change.async) {
      // The wait alone would not keep a thread up that has nothing else to do.
      const stay = setTimeout(() => {}, timeoutMs)
      await change.value
      clearTimeout(stay)
    }
    return this.get('head') > offset
  }
}
