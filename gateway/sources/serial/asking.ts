// Questions to a board that are under way, by their number, each with a moment until which its
// answer is waited for. Reads no clock and sends nothing.
import type { UnitReply } from '../../core/source.ts'
import type { BoardMessage } from './messages.ts'

/** Longer than a signature or its check takes on the slowest board, and an erase of the flash. */
export const answerMs = 10_000

export class Asking {
  readonly #open = new Map<number, { untilMs: number; settle: (message?: BoardMessage) => void }>()

  get size(): number {
    return this.#open.size
  }

  /** The answer to this number, or undefined where none came until then. */
  wait(number: number, untilMs: number): Promise<BoardMessage | undefined> {
    return new Promise((settle) => {
      this.#open.set(number, { untilMs, settle })
    })
  }

  /** Whether it was the answer to a question. */
  heard(message: BoardMessage): boolean {
    if (message.is === 'item' || !('number' in message)) return false
    const asked = this.#open.get(message.number)
    if (asked === undefined) return false
    this.#open.delete(message.number)
    asked.settle(message)
    return true
  }

  expire(nowMs: number): void {
    for (const [number, { untilMs, settle }] of this.#open) {
      if (nowMs < untilMs) continue
      this.#open.delete(number)
      settle()
    }
  }
}

/** An answer as the rest of the gateway reads it. */
export const replyOf = (message: BoardMessage | undefined): UnitReply | undefined => {
  if (message?.is === 'result') return { code: message.code }
  if (message?.is !== 'update') return undefined
  const { result, next, slot, trial, version, floor, pinned } = message
  return {
    code: result,
    update: {
      ...{ next, slot, trial },
      ...(version !== undefined && { version }),
      ...(floor !== undefined && { floor }),
      ...(pinned !== undefined && { pinned }),
    },
  }
}
