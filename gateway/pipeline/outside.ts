// The stage of a database outside: its own pipeline, delivery through a core Sink, bisecting of a
// batch that was refused as a whole. Cursor, states, books and quarantine are kept after the
// delivery, in one step: a crash in between delivers again, which a sink must bear.

import {
  BatchRefused,
  type DeliveryResult,
  type OutgoingBatch,
  type Reading,
  type Sink,
  type UnitEvent,
} from '../core/delivery.ts'
import type { QuarantineReason } from '../core/errors.ts'
import { decodeRecord } from '../core/record.ts'
import type { Batch } from '../log/log.ts'
import { totalsAt } from './counters.ts'
import { createLeaveOut, type ExceptionSettings, type LeaveOut } from './exception.ts'
import { type Aside, emptyTally, type Keeper, type Progress } from './keeper.ts'
import type { Outcome, Pipeline } from './pipeline.ts'
import { originOf } from './requeue.ts'
import type { Stage } from './runner.ts'

/** What one record brings to the far side. */
interface Item {
  readonly offset: number
  readonly reading: Reading | undefined
  readonly events: readonly UnitEvent[]
}

export interface OutsideParts {
  readonly sink: Sink
  readonly keeper: Keeper
  readonly pipeline: Pipeline
  /** Without it every reading is delivered. */
  readonly exception?: ExceptionSettings | undefined
}

export class OutsideStage implements Stage {
  readonly #sink: Sink
  readonly #keeper: Keeper
  readonly #pipeline: Pipeline
  readonly #leaveOut: LeaveOut | undefined

  constructor(parts: OutsideParts) {
    this.#leaveOut = parts.exception && createLeaveOut(parts.exception)
    this.#sink = parts.sink
    this.#keeper = parts.keeper
    this.#pipeline = parts.pipeline
  }

  get name(): string {
    return this.#sink.name
  }

  open(): Promise<void> {
    return this.#sink.open()
  }

  progress(): Progress {
    return this.#keeper.progress()
  }

  stop(): Promise<void> {
    return this.#sink.stop()
  }

  async take(batch: Batch): Promise<void> {
    try {
      const step = { tally: emptyTally(), aside: [] as Aside[] }
      for (const { from, to, reason } of batch.gaps) {
        step.tally.dropped[reason] = (step.tally.dropped[reason] ?? 0) + (to - from)
      }
      const items: Item[] = []
      for (const { offset, body } of batch.records) {
        const item = account(this.#pipeline.process(offset, body), {
          ...{ offset, step },
          leaveOut: this.#leaveOut,
        })
        if (item !== undefined) items.push(item)
      }
      const result = items.length === 0 ? nothing : await this.#deliver(items)
      this.#settle(batch, { step, result })
      const units = this.#pipeline.touched()
      this.#keeper.keep({ ...step, cursor: batch.next, units })
      this.#pipeline.commit()
    } catch (error) {
      this.#pipeline.rollBack()
      throw error
    }
  }

  /** Delivers all; a refusal of the whole is narrowed down to the records to blame. */
  async #deliver(items: readonly Item[]): Promise<DeliveryResult> {
    try {
      return await this.#sink.write(outgoing(items))
    } catch (error) {
      if (!(error instanceof BatchRefused)) throw error
      const [only] = items
      if (items.length === 1 && only !== undefined) {
        const reason: QuarantineReason = 'sink_refused'
        return { refused: [{ offset: only.offset, reason, detail: error.detail }], dropped: [] }
      }
      const middle = items.length >> 1
      const first = await this.#deliver(items.slice(0, middle))
      const second = await this.#deliver(items.slice(middle))
      return {
        refused: [...first.refused, ...second.refused],
        dropped: [...first.dropped, ...second.dropped],
      }
    }
  }

  /** What it refused it does not have: nothing may be left out for it. */
  #sendNext(unit: string | undefined): void {
    const state = unit === undefined ? undefined : this.#pipeline.unit(unit)
    if (state !== undefined) state.sent = null
  }

  /** Takes what the far side would not have out of what is stored, each record once. */
  #settle(batch: Batch, { step, result }: { step: Books; result: DeliveryResult }): void {
    const bodies = new Map(batch.records.map(({ offset, body }) => [offset, body]))
    const settled = new Set<number>()
    for (const { offset, reason, detail } of result.refused) {
      const body = bodies.get(offset)
      if (settled.has(offset) || body === undefined) continue
      settled.add(offset)
      const record = decodeRecord(body)
      const { receivedUs, topic, payload } = record
      const unit = topic.split('/')[3]
      const origin = originOf(record)?.offset
      step.aside.push({ offset, receivedUs, topic, payload, unit, reason, detail, origin })
      this.#sendNext(unit)
      step.tally.stored--
      step.tally.quarantined++
    }
    for (const { offset, reason } of result.dropped) {
      if (settled.has(offset) || !bodies.has(offset)) continue
      settled.add(offset)
      step.tally.stored--
      step.tally.dropped[reason] = (step.tally.dropped[reason] ?? 0) + 1
    }
  }
}

interface Books {
  readonly tally: ReturnType<typeof emptyTally>
  readonly aside: Aside[]
}

const nothing: DeliveryResult = { refused: [], dropped: [] }

/** Books a record by its outcome; returns what is to be delivered of it. */
const account = (
  outcome: Outcome,
  { offset, step, leaveOut }: { offset: number; step: Books; leaveOut: LeaveOut | undefined },
): Item | undefined => {
  const { tally, aside } = step
  if (outcome.kind === 'duplicate') tally.duplicate++
  else if (outcome.kind === 'foreign') tally.dropped.corrupt = (tally.dropped.corrupt ?? 0) + 1
  else if (outcome.kind === 'quarantine') {
    const { unit, reason, detail, record } = outcome
    const { receivedUs, topic, payload } = record
    const origin = originOf(record)?.offset
    aside.push({ offset, receivedUs, topic, payload, unit, reason, detail, origin })
    tally.quarantined++
  } else if (leaveOut !== undefined && isException(outcome, leaveOut)) {
    tally.dropped.exception = (tally.dropped.exception ?? 0) + 1
  } else {
    tally.stored++
    if (outcome.kind === 'signed' || outcome.kind === 'item') return undefined
    const reading = outcome.kind === 'reading' ? withTotals(outcome) : undefined
    if (reading !== undefined && outcome.kind === 'reading' && outcome.unsure) {
      // Written again it overwrites itself there; whether it was new is known to the embedded
      // store.
      outcome.state.readings++
    }
    if (reading !== undefined || outcome.events.length > 0) {
      return { offset, reading, events: outcome.events }
    }
  }
  return undefined
}

/** Whether a reading may be left out: never one that caused an event, or that came out of order. */
const isException = (outcome: Outcome, leaveOut: LeaveOut): boolean => {
  if (outcome.kind !== 'reading' || outcome.unsure) return false
  const { state, reading, events } = outcome
  return leaveOut(state, { reading, must: events.length > 0 })
}

const withTotals = ({ state, reading }: Extract<Outcome, { kind: 'reading' }>): Reading => ({
  ...reading,
  totals: totalsAt(state, reading),
})

const outgoing = (items: readonly Item[]): OutgoingBatch => ({
  readings: items.flatMap(({ reading }) => reading ?? []),
  events: items.flatMap(({ events }) => events),
})
