// Time as a parameter. Nothing on the path of a reading asks the operating system what time it is;
// composition roots pass a Clock in, tests pass one that they move by hand.

export interface Clock {
  /** Wall clock, integer microseconds since 1970-01-01 UTC. May jump in both directions. */
  nowUs(): number
  /** Milliseconds that only grow; the origin means nothing. */
  monotonicMs(): number
  /** Resolves after at least `ms`, or at once when the signal is aborted. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The operating system's clock. */
export const systemClock = (): Clock => ({
  nowUs: () => Date.now() * 1000,
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve()
      const done = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done, { once: true })
    }),
})
