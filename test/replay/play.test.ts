// Playing messages: in order, with a bound on what is in flight, at the right pace, and with an
// end.
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../gateway/core/clock.ts'
import type { Message } from '../../gateway/sources/replay/messages.ts'
import { inFlightMax, play } from '../../gateway/sources/replay/play.ts'

const messages = (count: number, stepUs = 1_000_000): Message[] =>
  Array.from({ length: count }, (_, i) => ({
    topic: 't',
    payload: String(i),
    timeUs: 1e15 + i * stepUs,
  }))

/** A clock that moves only when somebody sleeps. */
const handClock = (): Clock & { slept: number[] } => {
  let nowMs = 5
  const slept: number[] = []
  return {
    slept,
    nowUs: () => nowMs * 1000,
    monotonicMs: () => nowMs,
    sleep: async (ms) => {
      slept.push(ms)
      nowMs += ms
    },
  }
}

const fast = { clock: handClock(), speed: Number.POSITIVE_INFINITY }
const forever = new AbortController().signal
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('play', () => {
  test('sends everything in order and says how much was acknowledged', async () => {
    const seen: string[] = []
    const publish = async (_: string, payload: string): Promise<void> => {
      seen.push(payload)
      await turn()
    }
    expect(await play(messages(2000), { ...fast, publish, signal: forever })).toBe(2000)
    expect(seen).toEqual(messages(2000).map(({ payload }) => payload))
  })

  test('never has more in flight than allowed', async () => {
    const waiting: (() => void)[] = []
    let most = 0
    const publish = (): Promise<void> =>
      new Promise((resolve) => {
        waiting.push(resolve)
        most = Math.max(most, waiting.length)
      })
    const count = 3 * inFlightMax
    const played = play(messages(count), { ...fast, publish, signal: forever })
    for (let acknowledged = 0; acknowledged < count; ) {
      await turn()
      expect(waiting.length).toBeLessThanOrEqual(inFlightMax)
      const next = waiting.shift()
      if (next === undefined) continue
      next()
      acknowledged++
    }
    expect(await played).toBe(count)
    expect(most).toBe(inFlightMax)
  })

  test('keeps the pace of the records, or so many times it', async () => {
    const publish = async (): Promise<void> => {}
    for (const [speed, stepMs] of [
      [1, 1000],
      [4, 250],
    ] as const) {
      const clock = handClock()
      await play(messages(4), { clock, speed, publish, signal: forever })
      expect(clock.slept).toEqual([stepMs, stepMs, stepMs])
    }
  })

  test('ends at the first failure and throws it', async () => {
    let calls = 0
    const publish = async (): Promise<void> => {
      if (++calls === 3) throw new Error('refused')
    }
    const played = play(messages(1000), { ...fast, publish, signal: forever })
    await expect(played).rejects.toThrow('refused')
    expect(calls).toBeLessThan(1000)
  })

  test('ends when it is told to, though nothing is acknowledged any more', async () => {
    const stop = new AbortController()
    const played = play(messages(10), {
      ...fast,
      publish: () => new Promise<void>(() => {}),
      signal: stop.signal,
    })
    await turn()
    stop.abort()
    expect(await played).toBe(0)
  })
})
