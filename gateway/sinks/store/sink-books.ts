// Cursor, books, unit states and quarantine of every sink, kept in one transaction a step. This is
// where "received = stored + pending + quarantined + duplicate + dropped" is held true.
import assert from 'node:assert/strict'
import type { Tally } from '../../core/delivery.ts'
import {
  type Aside,
  addTally,
  emptyTally,
  type Keeper,
  type Progress,
  type Step,
  tallied,
} from '../../pipeline/keeper.ts'
import type { UnitState } from '../../pipeline/unit.ts'
import type { Database, Row } from './database.ts'

export interface BooksBounds {
  /** Most bytes of quarantined telemetry of one sink. */
  quarantineBytes: number
}

/** One row of table sink. */
interface Kept {
  cursor: number
  tally: Tally
  asideBytes: number
  forgotten: number
}

export class SinkBooks implements Keeper {
  readonly #db: Database
  readonly #name: string
  readonly #bounds: BooksBounds
  #cursor: number
  #tally: Tally
  #asideBytes: number
  #forgotten: number

  constructor(db: Database, name: string, bounds: BooksBounds) {
    this.#db = db
    this.#name = name
    this.#bounds = bounds
    const row = db.get('SELECT * FROM sink WHERE name = ?', name)
    const read = readSink(row)
    this.#cursor = read.cursor
    this.#tally = read.tally
    this.#asideBytes = Number(row?.['quarantine_bytes'] ?? 0)
    this.#forgotten = Number(row?.['quarantine_forgotten'] ?? 0)
  }

  progress(): Progress {
    return { cursor: this.#cursor, tally: this.#tally }
  }

  loadUnit(unit: string): UnitState | undefined {
    const row = this.#db.get(
      'SELECT state FROM unit_state WHERE sink = ? AND unit = ?',
      this.#name,
      unit,
    )
    return row === undefined ? undefined : (JSON.parse(String(row['state'])) as UnitState)
  }

  keep(step: Step): void {
    this.keepWith(step, () => {})
  }

  /** The same, with more work in the transaction: the embedded store's rows. */
  keepWith(step: Step | (() => Step), work: () => void): void {
    const kept = this.#db.transaction(() => {
      work()
      return this.#write(typeof step === 'function' ? step() : step)
    })
    this.#follow(kept)
  }

  /**
   * Ends records that came out of quarantine and are in the log again: each is dropped(requeued)
   * from now on. One that is not there any more, or is evidence, is passed over.
   */
  endAside(offsets: readonly number[]): void {
    const kept = this.#db.transaction(() => {
      let asideBytes = this.#asideBytes
      let ended = 0
      for (const offset of offsets) {
        const row = this.#db.get(
          `DELETE FROM quarantine WHERE sink = ? AND "offset" = ? AND keep = 0
            RETURNING topic, payload, detail`,
          ...([this.#name, offset] as const),
        )
        if (row === undefined) continue
        ended++
        asideBytes -= sizeOfRow(row)
      }
      const tally = addTally(emptyTally(), this.#tally)
      if (ended > 0) addTally(tally, endedBy(ended))
      assert.equal(tallied(tally), this.#cursor, `books of ${this.#name} do not balance`)
      return this.#writeSink({
        ...{ cursor: this.#cursor, tally, asideBytes, forgotten: this.#forgotten },
      })
    })
    this.#follow(kept)
  }

  /** Memory follows only after the commit: a failed one leaves both as they were. */
  #follow({ cursor, tally, asideBytes, forgotten }: Kept): void {
    this.#cursor = cursor
    this.#tally = tally
    this.#asideBytes = asideBytes
    this.#forgotten = forgotten
  }

  #write({ cursor, tally: more, units, aside }: Step): Kept {
    const tally = addTally(addTally(emptyTally(), this.#tally), more)
    assert.equal(tallied(tally), cursor, `books of ${this.#name} do not balance`)
    const state = this.#db.prepare('INSERT OR REPLACE INTO unit_state VALUES (?, ?, ?)')
    for (const unit of units) state.run(this.#name, unit.unit, JSON.stringify(unit))
    const room = this.#setAside(aside)
    return this.#writeSink({ cursor, tally, ...room })
  }

  #writeSink(kept: Kept): Kept {
    const { cursor, tally } = kept
    this.#db
      .prepare('INSERT OR REPLACE INTO sink VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(
        this.#name,
        cursor,
        tally.stored,
        tally.duplicate,
        tally.quarantined,
        JSON.stringify(tally.dropped),
        kept.asideBytes,
        kept.forgotten,
      )
    return kept
  }

  #setAside(aside: readonly Aside[]): { asideBytes: number; forgotten: number } {
    let asideBytes = this.#asideBytes
    let forgotten = this.#forgotten
    if (aside.length > 0) {
      const insert = this.#db.prepare(
        'INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      for (const one of aside) {
        const { offset, receivedUs, topic, unit, payload, reason, detail, origin } = one
        const keep = evidence.has(reason) ? 1 : 0
        const payloadBytes = payload.length === 0 ? empty : payload
        insert.run(
          ...([this.#name, offset, receivedUs, topic, unit ?? null, payloadBytes] as const),
          ...([reason, detail, keep, origin ?? null] as const),
        )
        if (keep === 0) asideBytes += sizeOf(topic, payload, detail)
      }
    }
    while (asideBytes > this.#bounds.quarantineBytes) {
      const oldest = this.#db.all(
        `SELECT "offset", topic, payload, detail FROM quarantine
          WHERE sink = ? AND keep = 0 ORDER BY "offset" LIMIT 64`,
        this.#name,
      )
      if (oldest.length === 0) break
      for (const row of oldest) {
        if (asideBytes <= this.#bounds.quarantineBytes) break
        this.#db.run(
          'DELETE FROM quarantine WHERE sink = ? AND "offset" = ?',
          this.#name,
          row['offset'] as number,
        )
        asideBytes -= sizeOfRow(row)
        forgotten++
      }
    }
    return { asideBytes, forgotten }
  }
}

/** Signed by the unit's own key, yet not in its chain: kept whatever the bound on bytes. */
const evidence: ReadonlySet<string> = new Set(['entry_gap', 'entry_fork', 'entry_order'])

const empty = new Uint8Array(0)

/** Room that a quarantined record takes, about. */
const sizeOf = (topic: string, payload: Uint8Array, detail: string): number =>
  64 + topic.length + payload.length + detail.length

const sizeOfRow = (row: Row): number =>
  sizeOf(String(row['topic']), row['payload'] as Uint8Array, String(row['detail']))

/** Out of quarantine, and let go: the record counts where it came in again. */
const endedBy = (count: number): Tally => ({
  ...emptyTally(),
  quarantined: -count,
  dropped: { requeued: count },
})

/** Cursor and tally of a row of table sink; zero where there is none yet. */
export const readSink = (row: Row | undefined): { cursor: number; tally: Tally } => {
  if (row === undefined) return { cursor: 0, tally: emptyTally() }
  return {
    cursor: Number(row['cursor']),
    tally: {
      stored: Number(row['stored']),
      duplicate: Number(row['duplicate']),
      quarantined: Number(row['quarantined']),
      dropped: JSON.parse(String(row['dropped'])) as Tally['dropped'],
    },
  }
}
