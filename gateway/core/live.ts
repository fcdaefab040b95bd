// Readings on their way to whoever is looking right now. What passes here is already stored or will
// be: it may be thinned or dropped at any point, and nothing is counted.

/** One report as a page sees it, plain data. Positions are those of the machine's profile. */
export interface LiveReading {
  machine: string
  unit: string
  /** Wall clock, microseconds since 1970; the same as in the store. */
  timeUs: number
  /** null = absent. Enums by index, booleans as 0 or 1. */
  values: readonly (number | null)[]
  /** Quality code of each value (quality.ts). */
  quality: readonly number[]
  /** Absolute counters of this boot as reported. */
  counters: readonly (number | null)[]
}

export interface LiveFeed {
  /**
   * Calls `listener` with new readings, oldest first, until the returned function is called. A
   * source need not produce anything while nobody listens. The listener returns at once and never
   * throws.
   */
  subscribe(listener: (readings: readonly LiveReading[]) => void): () => void
}
