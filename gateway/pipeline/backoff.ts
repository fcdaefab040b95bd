// How long to wait before the next attempt: exponential, capped, with full jitter, so that a
// thousand gateways do not come back to a database in step. Pure but for the injected random.

export interface BackoffOptions {
  firstMs: number
  capMs: number
}

/** Milliseconds before attempt `attempt` + 1; `random` gives 0 to 1. */
export const backoffMs = (
  attempt: number,
  { firstMs, capMs }: BackoffOptions,
  random: () => number,
): number => random() * Math.min(capMs, firstMs * 2 ** Math.min(attempt, 30))
