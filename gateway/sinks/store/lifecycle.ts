// Changes of a unit's lifecycle in the store: measured by a rule of its profile, or declared in a
// claim that its chain includes. Works inside the store's transaction; what is refused is written
// down with the reason.
import { type Claim, verifyClaim } from '../../attestation/claim.ts'
import { type Detail, parseDisclosure } from '../../attestation/disclosure.ts'
import type { UnitEvent } from '../../core/delivery.ts'
import type { Machine } from '../../core/machine.ts'
import { actOfEntry, follow, type Work, workOf } from '../../lifecycle/acts.ts'
import { createLifeFold, type LifeFold } from '../../lifecycle/fold.ts'
import type { Transition } from '../../lifecycle/states.ts'
import type { ClosedSpan } from '../../lifecycle/uptime.ts'
import type { UnitState } from '../../pipeline/unit.ts'
import type { Incoming } from './chains.ts'
import type { Database } from './database.ts'

export class LifecycleWriter {
  readonly #db: Database
  readonly #folds: ReadonlyMap<string, LifeFold>

  /** `machines` by name: those whose units' entries it is given. */
  constructor(db: Database, machines: ReadonlyMap<string, Machine>) {
    this.#db = db
    this.#folds = new Map(
      Array.from(machines, ([name, { profile }]) => [name, createLifeFold(profile)]),
    )
  }

  /** Closed stretches of uptime. */
  spans(unitId: number, spans: readonly ClosedSpan[]): void {
    const insert = this.#db.prepare('INSERT OR REPLACE INTO uptime_span VALUES (?, ?, ?, ?)')
    for (const { fromUs, toUs, state } of spans) insert.run(unitId, fromUs, toUs, state)
  }

  /** An entry that is now part of its chain; undefined where its type leads through no state. */
  entry({ entry, offset, timeUs }: Incoming, state: UnitState): Transition | undefined {
    const act = actOfEntry(entry.type)
    if (act === undefined) return undefined
    const from = state.lifecycle
    const step = follow(from, act.path)
    state.lifecycle = step.state
    const spans = this.#folds.get(state.machine)?.changed(state, timeUs) ?? []
    if (spans.length > 0) {
      const unit = this.#db.get('SELECT id FROM unit WHERE unit = ?', state.unit)
      this.spans(Number(unit?.['id']), spans)
    }
    const { claim = null } = entry
    this.#db.run(
      `INSERT OR REPLACE INTO transition
        SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM unit WHERE unit = ?`,
      ...[offset, entry.type, timeUs, from, act.path.at(-1) ?? step.state],
      ...[step.ok ? null : step.reason, entry.seq, claim, null, null],
      ...[JSON.stringify(entry.counters), state.unit],
    )
    if (claim !== null) this.#work(claim, state)
    return step
  }

  /** A claim whose entry came before it. */
  declared(
    { hash, author }: Pick<Claim, 'hash' | 'author'>,
    { details, state }: { details: readonly Detail[]; state: UnitState },
  ): void {
    this.#take(hash, { author, work: workOf(details), state })
  }

  /** A change that a rule of the profile has measured. */
  measured(unitId: number, { event, counters }: { event: UnitEvent; counters: string }): void {
    const { transition } = event
    if (transition === undefined) return
    const { from, to, refused } = transition
    this.#db.run(
      'INSERT OR REPLACE INTO transition VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, ?)',
      ...[unitId, event.offset, event.type, event.timeUs, from, to, refused ?? null, counters],
    )
  }

  /** What the claim says, where it has come already. */
  #work(hash: Uint8Array, state: UnitState): void {
    const row = this.#db.get(
      'SELECT bytes FROM claim WHERE digest = ? AND unit = ?',
      hash,
      state.unit,
    )
    if (row === undefined) return
    const { author } = verifyClaim(row['bytes'] as Uint8Array)
    const opened = this.#db.all('SELECT bytes FROM disclosure WHERE object = ?', hash)
    const details = opened.map(({ bytes }) => parseDisclosure(bytes as Uint8Array))
    this.#take(hash, { author, work: workOf(details), state })
  }

  /** Writes what is declared beside the change, and notes the tasks that are done. */
  #take(
    claim: Uint8Array,
    { author, work, state }: { author: string; work: Work; state: UnitState },
  ): void {
    const rows = this.#db.all(
      'UPDATE transition SET author = ?, work = ? WHERE claim = ? RETURNING *',
      ...[author, JSON.stringify(work), claim],
    )
    for (const row of rows) {
      if (row['refused'] !== null) continue
      const counters = JSON.parse(String(row['counters'])) as Record<string, number>
      const timeUs = Number(row['time_us'])
      for (const task of work.tasks) {
        // Claims may come in any order: the newest work counts.
        if ((state.life.done[task]?.timeUs ?? -1) > timeUs) continue
        state.life.done[task] = { timeUs, counters }
        delete state.life.reached[task]
      }
    }
  }
}
