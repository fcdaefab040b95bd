// Notes of what the summaries do not hold yet: by unit and minute, from the first to the last new
// reading, so that summing reads what is new and not the whole minute again. It sums nothing.
import type { Database } from './database.ts'

export const minuteUs = 60_000_000

interface Stretch {
  readonly minute: number
  fromUs: number
  toUs: number
}

export class Unsummed {
  readonly #db: Database
  /** Of this batch, by unit: most readings of a unit fall into the same minute. */
  readonly #stretches = new Map<number, Stretch>()

  constructor(db: Database) {
    this.#db = db
  }

  /** A batch begins; what one before it has left that failed is forgotten. */
  begin(): void {
    this.#stretches.clear()
  }

  /** A new reading. */
  note(unitId: number, timeUs: number): void {
    const minute = Math.floor(timeUs / minuteUs)
    const known = this.#stretches.get(unitId)
    if (known?.minute === minute) {
      known.fromUs = Math.min(known.fromUs, timeUs)
      known.toUs = Math.max(known.toUs, timeUs)
      return
    }
    if (known !== undefined) this.#write(unitId, known)
    this.#stretches.set(unitId, { minute, fromUs: timeUs, toUs: timeUs })
  }

  /** Last in the batch's own transaction. */
  keep(): void {
    for (const [unitId, stretch] of this.#stretches) this.#write(unitId, stretch)
    this.#stretches.clear()
  }

  #write(unitId: number, { minute, fromUs, toUs }: Stretch): void {
    this.#db
      .prepare(
        `INSERT INTO unsummed (unit, minute, from_us, to_us) VALUES (?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET
            from_us = min(from_us, excluded.from_us), to_us = max(to_us, excluded.to_us)`,
      )
      .run(unitId, minute, fromUs, toUs)
  }
}
