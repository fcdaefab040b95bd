// What is asked of the quarantine by whoever takes records out of it, and what is told. Plain data
// for the message port between the two threads.

/** Exactly one of offset and reason; at most `limit` records. */
export interface AsideAsked {
  offset?: number
  reason?: string
  limit: number
}

/** A quarantined record, whole, with every sink that has it aside. Ascending by offset. */
export interface AsideRow {
  offset: number
  /** Offset at which it was received first. */
  origin: number
  receivedUs: number
  topic: string
  payload: Uint8Array
  sinks: string[]
  /** Evidence in a unit's signed chain: it never leaves. */
  kept: boolean
}
