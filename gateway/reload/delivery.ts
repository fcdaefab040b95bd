// A delivery that can be started anew with other settings. Questions that come meanwhile wait for
// the new one; what is acknowledged waits in the log. Receiving goes on all the while.

import type { Queries } from '../core/queries.ts'
import type { Delivery, DeliveryListeners, DeliveryOptions } from '../pipeline/client.ts'

export interface ReplaceableDelivery extends Delivery {
  /** Rejects where the new one does not start; the old settings are in use again then. */
  replace(options: DeliveryOptions): Promise<void>
}

type Start = (options: DeliveryOptions, listeners: DeliveryListeners) => Promise<Delivery>

/** Rejects where it does not start. @param start startDelivery, or what stands for it in tests */
export const startReplaceable = async (
  options: DeliveryOptions,
  listeners: DeliveryListeners,
  start: Start,
): Promise<ReplaceableDelivery> => {
  let [inUse, isHeard, isStopped] = [options, false, false]
  const first = await start(options, listeners)
  let current = Promise.resolve(first)
  const swap = async (next: DeliveryOptions): Promise<Delivery> => {
    await (await current).stop()
    try {
      const started = await start(next, listeners)
      inUse = next
      return started
    } catch (error) {
      refused = error
      return start(inUse, listeners)
    }
  }
  let refused: unknown
  const replace = async (next: DeliveryOptions): Promise<void> => {
    if (isStopped) return
    refused = undefined
    current = swap(next)
    current.catch(listeners.fault)
    const started = await current
    started.listen(isHeard)
    if (refused !== undefined) throw refused
  }
  return {
    queries: waiting(first.queries, () => current),
    health: async () => (await current).health(),
    aside: async (asked) => (await current).aside(asked),
    endAside: async (rows) => (await current).endAside(rows),
    handover: {
      chainKey: async () => (await current).handover.chainKey(),
      settled: async (sink, signal) => (await current).handover.settled(sink, signal),
      give: async (asked) => (await current).handover.give(asked),
      take: async (kept) => (await current).handover.take(kept),
      forget: async (unit) => (await current).handover.forget(unit),
    },
    listen: (on) => {
      isHeard = on
      current.then((one) => one.listen(on)).catch(() => {})
    },
    replace,
    stop: async () => {
      isStopped = true
      await (await current).stop()
    },
  }
}

/** Every question, to whichever delivery is there when its turn comes. */
const waiting = (first: Queries, current: () => Promise<Delivery>): Queries =>
  Object.fromEntries(
    Object.keys(first).map((method) => [
      method,
      async (...args: unknown[]) => {
        const { queries } = await current()
        return Reflect.apply(Reflect.get(queries, method), queries, args)
      },
    ]),
  ) as unknown as Queries
