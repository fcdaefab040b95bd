// The embedded store as a stage: rows, events, entries, leaves, checkpoint, unit states,
// quarantine, books and cursor of a batch in one transaction, so that every record counts exactly
// once whatever happens.
import type { Reading, Tally, UnitEvent } from '../../core/delivery.ts'
import type { Machine } from '../../core/machine.ts'
import type { Batch } from '../../log/log.ts'
import { type Aside, emptyTally, type Progress } from '../../pipeline/keeper.ts'
import type { Outcome, Pipeline } from '../../pipeline/pipeline.ts'
import { originOf } from '../../pipeline/requeue.ts'
import type { Stage } from '../../pipeline/runner.ts'
import type { Database } from './database.ts'
import { LifecycleWriter } from './lifecycle.ts'
import { type ReportTable, ReportWriter } from './report-tables.ts'
import type { SinkBooks } from './sink-books.ts'
import type { UnitIds } from './unit-ids.ts'
import { Unsummed } from './unsummed.ts'

export const storeName = 'store'

type Signed = Extract<Outcome, { kind: 'signed' }>
type Greeting = Extract<Outcome, { kind: 'hello' }>

/** Changes to the books by the signed part of a batch. */
export interface SignedStep {
  readonly tally: Tally
  readonly aside: Aside[]
}

/**
 * The signed part of the path, inside the store's transaction; memory of its own must be given up
 * on `rollBack`.
 */
export interface Attestor {
  hello(offset: number, greeting: Greeting): void
  event(event: UnitEvent): void
  signed(offset: number, outcome: Signed, step: SignedStep): void
  /** Last in the transaction: the checkpoint over new leaves. */
  finish(): void
  commit(): void
  rollBack(): void
}

export interface LocalStageParts {
  readonly db: Database
  readonly books: SinkBooks
  readonly pipeline: Pipeline
  readonly ids: UnitIds
  readonly tables: ReadonlyMap<Machine, ReportTable>
  readonly attestor: Attestor | undefined
  /** Called after a batch was kept, with the newest reading in it of each unit. */
  readonly onKept: (newest: ReadonlyMap<string, Reading>) => void
}

export class LocalStage implements Stage {
  readonly name = storeName
  readonly #parts: LocalStageParts
  readonly #writers = new Map<Machine, ReportWriter>()
  readonly #unsummed: Unsummed
  readonly #newest = new Map<string, Reading>()
  readonly #lifecycle: LifecycleWriter

  constructor(parts: LocalStageParts) {
    this.#parts = parts
    this.#unsummed = new Unsummed(parts.db)
    this.#lifecycle = new LifecycleWriter(parts.db, { machines: new Map(), authorities: new Set() })
    for (const [machine, table] of parts.tables) {
      this.#writers.set(machine, new ReportWriter(parts.db, table))
    }
  }

  async open(): Promise<void> {}
  async stop(): Promise<void> {}

  progress(): Progress {
    return this.#parts.books.progress()
  }

  async take(batch: Batch): Promise<void> {
    const { pipeline, books, attestor, onKept } = this.#parts
    const step = { tally: emptyTally(), aside: [] as Aside[] }
    this.#newest.clear()
    this.#unsummed.begin()
    try {
      books.keepWith(
        () => ({ ...step, cursor: batch.next, units: pipeline.touched() }),
        () => this.#write(batch, step),
      )
    } catch (error) {
      pipeline.rollBack()
      this.#parts.ids.rollBack()
      attestor?.rollBack()
      throw error
    }
    pipeline.commit()
    attestor?.commit()
    onKept(this.#newest)
  }

  #write(batch: Batch, step: SignedStep): void {
    const { tally } = step
    for (const { from, to, reason } of batch.gaps) {
      tally.dropped[reason] = (tally.dropped[reason] ?? 0) + (to - from)
    }
    for (const { offset, body } of batch.records) {
      const outcome = this.#parts.pipeline.process(offset, body)
      if (outcome.kind === 'reading') this.#reading(outcome, tally)
      else if (outcome.kind === 'duplicate') tally.duplicate++
      else if (outcome.kind === 'quarantine') setAside(offset, outcome, step)
      else if (outcome.kind === 'foreign') tally.dropped.corrupt = (tally.dropped.corrupt ?? 0) + 1
      else {
        if (outcome.kind === 'signed') {
          this.#signed(offset, outcome, step)
        } else if (outcome.kind === 'item') {
          this.#item(outcome, tally)
        } else {
          tally.stored++
          this.#parts.ids.idOf(outcome.state.unit, outcome.machine)
          if (outcome.kind === 'hello') this.#parts.attestor?.hello(offset, outcome)
          this.#events(outcome.events)
        }
      }
    }
    this.#unsummed.keep()
    this.#parts.attestor?.finish()
  }

  #reading(outcome: Extract<Outcome, { kind: 'reading' }>, tally: Tally): void {
    const { reading, state, unsure, past, events, spans } = outcome
    const writer = this.#writers.get(reading.machine) as ReportWriter
    const unitId = this.#parts.ids.idOf(reading.unit, reading.machine)
    if (!unsure) {
      writer.write(unitId, reading)
      tally.stored++
    } else if (writer.writeIfAbsent(unitId, reading)) {
      state.readings++
      tally.stored++
    } else {
      state.duplicates++
      tally.duplicate++
      return
    }
    if (!past) this.#newest.set(reading.unit, reading)
    this.#unsummed.note(unitId, reading.timeUs)
    if (spans.length > 0) this.#lifecycle.spans(unitId, spans)
    if (events.length > 0) this.#events(events)
  }

  #events(events: readonly UnitEvent[]): void {
    for (const event of events) {
      const names = event.machine.counterIndex.keys()
      const counters = Object.fromEntries(
        Array.from(names, (name, i) => [name, event.counters[i]] as const),
      )
      const unitId = this.#parts.ids.idOf(event.unit, event.machine)
      const text = JSON.stringify(counters)
      this.#parts.db
        .prepare('INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)')
        .run(
          ...([unitId, event.offset, event.type] as const),
          ...([event.severity, event.timeUs, event.cause, event.rule.description, text] as const),
        )
      this.#lifecycle.measured(unitId, { event, counters: text })
      this.#parts.attestor?.event(event)
    }
  }

  /** Once, however often it comes: a board says it again until it knows that it was heard. */
  #item(outcome: Extract<Outcome, { kind: 'item' }>, tally: Tally): void {
    const { machine, state, item, record, events } = outcome
    const { db, ids } = this.#parts
    const { number, boot, kind, data } = item
    const { changes } = db
      .prepare('INSERT OR IGNORE INTO item VALUES (?, ?, ?, ?, ?, ?)')
      .run(
        ...([ids.idOf(state.unit, machine), number, boot, kind] as const),
        ...([record.receivedUs, Buffer.from(data, 'base64')] as const),
      )
    if (Number(changes) === 0) {
      tally.duplicate++
      return
    }
    tally.stored++
    if (events.length > 0) this.#events(events)
  }

  #signed(offset: number, outcome: Signed, step: SignedStep): void {
    const { attestor } = this.#parts
    if (attestor === undefined) throw new Error('a signed record, and no attestor to check it')
    this.#parts.pipeline.touch(outcome.state)
    attestor.signed(offset, outcome, step)
  }
}

const setAside = (
  offset: number,
  outcome: Extract<Outcome, { kind: 'quarantine' }>,
  { tally, aside }: SignedStep,
): void => {
  const { unit, reason, detail, record } = outcome
  const { receivedUs, topic, payload } = record
  const origin = originOf(record)?.offset
  aside.push({ offset, receivedUs, topic, payload, unit, reason, detail, origin })
  tally.quarantined++
}
