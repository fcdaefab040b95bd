// Durable items of a board, put together from their parts. One at a time, in order: a part that
// does not fit begins nothing new and ends nothing. Knows which topic an item's kind belongs to.
import type { BoardMessage } from './messages.ts'

export interface Item {
  number: number
  boot: number
  /** As enum outbox_kind in firmware/runtime/store.h. */
  kind: 'event' | 'usage' | 'entry'
  topic: 'item' | 'entry'
  bytes: Uint8Array
}

/** As OUTBOX_MOST_BYTES in firmware/runtime/store.h. */
export const itemBytesMax = 1024
const kinds = { 1: 'event', 2: 'usage', 3: 'entry' } as const

export class ItemTray {
  #number = 0
  #total = 0
  #parts: Uint8Array[] = []
  #gathered = 0
  /** On its way to the log: said again, it is not logged again. */
  #flying: number | undefined
  /** The newest that the log has: said again, it is only acknowledged again. */
  #durable: number | undefined

  isDurable(part: { number: number }): boolean {
    return part.number === this.#durable
  }

  /** The whole item, when this was its last part. */
  add(part: Extract<BoardMessage, { is: 'item' }>): Item | undefined {
    const kind = kinds[part.kind as keyof typeof kinds]
    const isSound = part.total <= itemBytesMax && part.at + part.bytes.length <= part.total
    if (kind === undefined || !isSound || part.number === this.#flying) return undefined
    if (part.at === 0) {
      this.#number = part.number
      this.#total = part.total
      this.#parts = []
      this.#gathered = 0
    }
    const fits = part.number === this.#number && part.total === this.#total
    if (!fits || part.at !== this.#gathered) return undefined
    this.#parts.push(part.bytes)
    this.#gathered += part.bytes.length
    if (this.#gathered < this.#total) return undefined
    this.#flying = part.number
    const bytes = Buffer.concat(this.#parts)
    this.#parts = []
    this.#number = 0
    return {
      ...{ number: part.number, boot: part.boot, kind, bytes },
      topic: kind === 'entry' ? 'entry' : 'item',
    }
  }

  /** The log has taken it, or has not. */
  done(number: number, isDurable: boolean): void {
    if (this.#flying === number) this.#flying = undefined
    if (isDurable) this.#durable = number
  }
}
