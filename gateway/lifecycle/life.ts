// What a gateway remembers of a unit's life beside its lifecycle state: what maintenance, uptime
// and wear are worked out from. Plain JSON data of bounded size, kept in one transaction with a
// cursor.

/** When a task of the maintenance plan was last done. */
export interface Done {
  timeUs: number
  /** Totals as the unit signed them in the entry that includes the work. */
  counters: Record<string, number>
}

export interface LifeState {
  /** By task. */
  done: Record<string, Done>
}

export const newLife = (): LifeState => ({ done: {} })
