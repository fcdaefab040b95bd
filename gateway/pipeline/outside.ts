// The stage of a database outside: its own pipeline, delivery through a core Sink, bisecting of a
// batch that was refused as a whole. Cursor, states, books and quarantine are kept after the
// delivery, in one step: a crash in between delivers again, which a sink must bear.
import assert from 'node:assert/strict'
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
import { createDoor, type HeldReading, readingOfHeld } from './door.ts'
import { type Choose, createBand, type ExceptionSettings } from './exception.ts'
import { type Aside, emptyTally, type Keeper, type Progress } from './keeper.ts'
import type { Outcome, Pipeline } from './pipeline.ts'
import { originOf } from './requeue.ts'
import type { Stage } from './runner.ts'

/** What one record brings to the far side. */
interface Item {
  readonly offset: number
  readonly reading: Reading | undefined
  readonly events: readonly UnitEvent[]
  /** It was left out of an earlier batch, and is sent now. */
  readonly held?: HeldReading
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
  readonly #choose: Choose | undefined

  constructor(parts: OutsideParts) {
    const { exception } = parts
    const create = exception?.between === 'line' ? createDoor : createBand
    this.#choose = exception && create(exception)
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
        const outcome = this.#pipeline.process(offset, body)
        const chosen = this.#choice(outcome, body)
        if (chosen?.first !== undefined) items.push(this.#afterAll(chosen.first, { outcome, step }))
        if (chosen?.out === true) countOut(step, 1)
        else items.push(...account(outcome, { offset, step }))
      }
      const result = items.length === 0 ? nothing : await this.#deliver(items)
      this.#settle({ batch, items }, { step, result })
      const units = this.#pipeline.touched()
      this.#keeper.keep({ ...step, cursor: batch.next, units })
      this.#pipeline.commit()
    } catch (error) {
      this.#pipeline.rollBack()
      throw error
    }
  }

  /** A reading that caused an event is sent, and so is one that came out of order. */
  #choice(outcome: Outcome, body: Uint8Array): ReturnType<Choose> | undefined {
    if (this.#choose === undefined || outcome.kind !== 'reading' || outcome.unsure) return undefined
    const { state, reading, events } = outcome
    const [record, totals] = [decodeRecord(body), totalsAt(state, reading)]
    return this.#choose(state, { reading, must: events.length > 0, record, totals })
  }

  /** What was left out before is stored now. */
  #afterAll(held: HeldReading, { outcome, step }: { outcome: Outcome; step: Books }): Item {
    assert(outcome.kind === 'reading')
    step.tally.stored++
    countOut(step, -1)
    return { offset: held.offset, reading: readingOfHeld(held, outcome.reading), events: [], held }
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
    if (state === undefined) return
    state.sent = null
    if (state.door != null) state.door.ended = true
  }

  /** Takes what the far side would not have out of what is stored, each record once. */
  #settle(
    { batch, items }: { batch: Batch; items: readonly Item[] },
    { step, result }: { step: Books; result: DeliveryResult },
  ): void {
    if (result.refused.length + result.dropped.length === 0) return
    const bodies = new Map<number, Uint8Array | HeldReading>()
    for (const { offset, body } of batch.records) bodies.set(offset, body)
    for (const { offset, held } of items) if (held !== undefined) bodies.set(offset, held)
    const settled = new Set<number>()
    for (const { offset, reason, detail } of result.refused) {
      const body = bodies.get(offset)
      if (settled.has(offset) || body === undefined) continue
      settled.add(offset)
      const record = body instanceof Uint8Array ? decodeRecord(body) : undefined
      const { receivedUs, topic } = record ?? (body as HeldReading)
      const payload = record?.payload ?? Buffer.from((body as HeldReading).payload)
      const unit = topic.split('/')[3]
      const origin = record && originOf(record)?.offset
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

const countOut = ({ tally }: Books, count: number): void => {
  tally.dropped.exception = (tally.dropped.exception ?? 0) + count
}

/** Books a record by its outcome; returns what is to be delivered of it. */
const account = (outcome: Outcome, { offset, step }: { offset: number; step: Books }): Item[] => {
  const { tally, aside } = step
  if (outcome.kind === 'duplicate') tally.duplicate++
  else if (outcome.kind === 'foreign') tally.dropped.corrupt = (tally.dropped.corrupt ?? 0) + 1
  else if (outcome.kind === 'quarantine') {
    const { unit, reason, detail, record } = outcome
    const { receivedUs, topic, payload } = record
    const origin = originOf(record)?.offset
    aside.push({ offset, receivedUs, topic, payload, unit, reason, detail, origin })
    tally.quarantined++
  } else {
    tally.stored++
    if (outcome.kind === 'signed') return []
    const reading = outcome.kind === 'reading' ? withTotals(outcome) : undefined
    if (reading !== undefined && outcome.kind === 'reading' && outcome.unsure) {
      // Written again it overwrites itself there; whether it was new is known to the embedded
      // store.
      outcome.state.readings++
    }
    if (reading !== undefined || outcome.events.length > 0) {
      return [{ offset, reading, events: outcome.events }]
    }
  }
  return []
}

const withTotals = ({ state, reading }: Extract<Outcome, { kind: 'reading' }>): Reading => ({
  ...reading,
  totals: totalsAt(state, reading),
})

const outgoing = (items: readonly Item[]): OutgoingBatch => ({
  readings: items.flatMap(({ reading }) => reading ?? []),
  events: items.flatMap(({ events }) => events),
})
