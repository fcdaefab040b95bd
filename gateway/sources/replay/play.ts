// Plays messages to a broker: in order, at least once, a bounded number of them in flight, at the
// pace of the records or as fast as they are acknowledged. It knows no file and no form.
import type { Clock } from '../../core/clock.ts'
import type { Message } from './messages.ts'

export interface PlayOptions {
  /** Resolves when the broker has acknowledged. */
  readonly publish: (topic: string, payload: string) => Promise<void>
  readonly clock: Clock
  /** How many times faster than the records were made; Infinity does not wait. */
  readonly speed: number
  readonly signal: AbortSignal
}

/** Messages sent and not yet acknowledged. */
export const inFlightMax = 512

/** Resolves when all is acknowledged, with how many; early when the signal is aborted. */
export const play = async (
  messages: AsyncIterable<Message> | Iterable<Message>,
  { publish, clock, speed, signal }: PlayOptions,
): Promise<number> => {
  let inFlight = 0
  let sent = 0
  let failure: { error: unknown } | undefined
  let wake = (): void => {}
  signal.addEventListener('abort', () => wake(), { once: true })
  const isOver = (): boolean => signal.aborted || failure !== undefined
  /** Waits until fewer than `count` are in flight. What is lost is sent again by the next play. */
  const fewerThan = async (count: number): Promise<void> => {
    while (inFlight >= count && !isOver()) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const send = async (topic: string, payload: string): Promise<void> => {
    inFlight++
    try {
      await publish(topic, payload)
      sent++
    } catch (error) {
      failure ??= { error }
    }
    inFlight--
    wake()
  }
  const pace = paceOf({ clock, speed, signal })
  for await (const { topic, payload, timeUs } of messages) {
    await pace(timeUs)
    await fewerThan(inFlightMax)
    if (isOver()) break
    void send(topic, payload)
  }
  await fewerThan(1)
  if (failure !== undefined && !signal.aborted) throw failure.error
  return sent
}

/** Waits until a message is due, counted from the first. */
const paceOf = ({ clock, speed, signal }: Omit<PlayOptions, 'publish'>) => {
  if (!Number.isFinite(speed)) return async (): Promise<void> => {}
  let first: { timeUs: number; atMs: number } | undefined
  return async (timeUs: number): Promise<void> => {
    first ??= { timeUs, atMs: clock.monotonicMs() }
    const dueMs = first.atMs + (timeUs - first.timeUs) / 1000 / speed
    const waitMs = dueMs - clock.monotonicMs()
    if (waitMs >= 1) await clock.sleep(waitMs, signal)
  }
}
