// When all that is in the log has reached the embedded store and a sink: the moment at which a
// unit's state stands for a place in the stream that it came from. Asks only; it moves nothing.
import { setTimeout } from 'node:timers/promises'
import type { Books } from '../core/delivery.ts'

const lookEveryMs = 25

/** As core Handover's `settled`, by the books of the sinks, of which the store's is the first. */
export const settled = async (
  health: () => Promise<readonly Pick<Books, 'sink' | 'received' | 'cursor'>[]>,
  { sink, signal }: { sink: string; signal: AbortSignal },
): Promise<boolean> => {
  let head: number | undefined
  while (!signal.aborted) {
    const all = await health()
    head ??= Math.max(...all.map(({ received }) => received))
    const [store, outside] = [all[0], all.find((one) => one.sink === sink)]
    if ((store?.cursor ?? 0) >= head && (outside?.cursor ?? 0) >= head) return true
    await setTimeout(lookEveryMs)
  }
  return false
}
