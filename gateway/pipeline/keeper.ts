// What a runner asks of whatever keeps its progress: cursor, books, states of units and quarantine,
// all in one step, so that the books balance after a crash at any moment. Implemented by the
// embedded store.
import type { Quarantined, Tally } from '../core/delivery.ts'
import type { UnitState } from './unit.ts'

/** How far a sink has come, as it is durable. */
export interface Progress {
  /** Next offset that the sink will read; equals the sum of the tally. */
  readonly cursor: number
  readonly tally: Readonly<Tally>
}

/** A quarantined record with the unit of its topic, where the topic is one of ours. */
export interface Aside extends Quarantined {
  readonly unit: string | undefined
}

/** What one delivered batch changes. */
export interface Step {
  readonly cursor: number
  /** Added to the books. */
  readonly tally: Readonly<Tally>
  readonly units: Iterable<UnitState>
  readonly aside: readonly Aside[]
}

export interface Keeper {
  progress(): Progress
  loadUnit(unit: string): UnitState | undefined
  /** All of it, durable when this returns, or nothing: throws OperatingError then. */
  keep(step: Step): void
}

export const emptyTally = (): Tally => ({ stored: 0, duplicate: 0, quarantined: 0, dropped: {} })

/** Adds `more` to `tally`, in place. */
export const addTally = (tally: Tally, more: Readonly<Tally>): Tally => {
  tally.stored += more.stored
  tally.duplicate += more.duplicate
  tally.quarantined += more.quarantined
  for (const [reason, count] of Object.entries(more.dropped) as [
    keyof Tally['dropped'],
    number,
  ][]) {
    tally.dropped[reason] = (tally.dropped[reason] ?? 0) + count
  }
  return tally
}

/** Records that the tally speaks of. */
export const tallied = ({ stored, duplicate, quarantined, dropped }: Readonly<Tally>): number =>
  Object.values(dropped).reduce((sum, count) => sum + count, stored + duplicate + quarantined)
