// Changes of a unit's lifecycle in the store: measured by a rule of its profile, or declared in a
// claim that its chain includes. Works inside the store's transaction; what is refused is written
// down with the reason.
import { type Claim, type ClaimKind, verifyClaim } from '../../attestation/claim.ts'
import { type Detail, parseDisclosure } from '../../attestation/disclosure.ts'
import type { UnitEvent } from '../../core/delivery.ts'
import type { Machine } from '../../core/machine.ts'
import {
  actOfClaim,
  actOfEntry,
  acts,
  follow,
  refusedAuthor,
  type Work,
  workOf,
} from '../../lifecycle/acts.ts'
import { createLifeFold, type LifeFold } from '../../lifecycle/fold.ts'
import { type EndedPart, replaceParts } from '../../lifecycle/parts.ts'
import type { LifecycleState, Transition } from '../../lifecycle/states.ts'
import type { ClosedSpan } from '../../lifecycle/uptime.ts'
import type { Fault } from '../../pipeline/decode.ts'
import type { UnitState } from '../../pipeline/unit.ts'
import type { Incoming } from './chains.ts'
import type { Database, Row } from './database.ts'

/** A change that waits for the claim that declares it. */
const waiting = 'the claim that declares it has not come, and only its owner may'

export interface LifecycleParts {
  /** By name: those whose units' entries it is given. */
  readonly machines: ReadonlyMap<string, Machine>
  /** did:keys that may declare what they like. */
  readonly authorities: ReadonlySet<string>
}

export class LifecycleWriter {
  readonly #db: Database
  readonly #parts: LifecycleParts
  readonly #folds: ReadonlyMap<string, LifeFold>

  constructor(db: Database, parts: LifecycleParts) {
    this.#db = db
    this.#parts = parts
    this.#folds = new Map(
      Array.from(parts.machines, ([name, { profile }]) => [name, createLifeFold(profile)]),
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
    const { claim = null } = entry
    const author = claim === null ? undefined : this.#authorOf(claim, state)
    const refused = claim === null ? undefined : this.#refused(state, { kind: act.claim, author })
    const step =
      refused === undefined
        ? this.#enter(state, { path: act.path, timeUs })
        : ({ ok: false, state: from ?? 'made', reason: refused } as const)
    this.#db.run(
      `INSERT OR REPLACE INTO transition
        SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM unit WHERE unit = ?`,
      ...[offset, entry.type, timeUs, from, (step.ok ? step.state : act.path.at(-1)) ?? ''],
      ...[step.ok ? null : step.reason, entry.seq, claim, null, null],
      ...[JSON.stringify(entry.counters), state.unit],
    )
    if (claim !== null) this.#work(claim, state)
    return step
  }

  /** Leads the unit through a path, where that is allowed. */
  #enter(
    state: UnitState,
    { path, timeUs }: { path: readonly LifecycleState[]; timeUs: number },
  ): Transition {
    const step = follow(state.lifecycle, path)
    // A unit without a state is refused nothing.
    if (step.ok || state.lifecycle !== null) state.lifecycle = step.state
    const spans = this.#folds.get(state.machine)?.changed(state, timeUs) ?? []
    if (spans.length > 0) {
      const unit = this.#db.get('SELECT id FROM unit WHERE unit = ?', state.unit)
      this.spans(Number(unit?.['id']), spans)
    }
    return step
  }

  #refused(
    { lifecycle, life: { owner } }: UnitState,
    { kind, author }: { kind: ClaimKind; author: string | undefined },
  ): string | undefined {
    if (author === undefined) return owner === null ? undefined : waiting
    return refusedAuthor({ lifecycle, owner }, { kind, author }, this.#parts.authorities)
  }

  /** Why a claim does not count before it is in the chain, or undefined. */
  refusedClaim({ kind, author }: Claim, state: UnitState): Fault | undefined {
    const refused = this.#refused(state, { kind, author })
    if (refused !== undefined) return { reason: 'claim_unauthorised', detail: refused }
    const step = follow(state.lifecycle, actOfClaim(kind)?.path ?? [])
    return step.ok ? undefined : { reason: 'lifecycle_refused', detail: step.reason }
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

  #authorOf(hash: Uint8Array, { unit }: UnitState): string | undefined {
    const row = this.#claim(hash, unit)
    return row && verifyClaim(row['bytes'] as Uint8Array).author
  }

  #claim(hash: Uint8Array, unit: string): Row | undefined {
    return this.#db.get('SELECT bytes FROM claim WHERE digest = ? AND unit = ?', hash, unit)
  }

  /** What the claim says, where it has come already. */
  #work(hash: Uint8Array, state: UnitState): void {
    const row = this.#claim(hash, state.unit)
    if (row === undefined) return
    const { author } = verifyClaim(row['bytes'] as Uint8Array)
    const opened = this.#db.all('SELECT bytes FROM disclosure WHERE object = ?', hash)
    const details = opened.map(({ bytes }) => parseDisclosure(bytes as Uint8Array))
    this.#take(hash, { author, work: workOf(details), state })
  }

  /** Writes what is declared beside the change, and notes tasks done and parts replaced. */
  #take(
    claim: Uint8Array,
    { author, work, state }: { author: string; work: Work; state: UnitState },
  ): void {
    const rows = this.#db.all(
      'UPDATE transition SET author = ?, work = ? WHERE claim = ? RETURNING *',
      ...[author, JSON.stringify(work), claim],
    )
    for (const row of rows) {
      const refused = row['refused'] === waiting ? this.#judge(row, author, state) : row['refused']
      if (refused !== null) continue
      if (row['type'] === acts.accept.entry) state.life.owner = author
      const counters = JSON.parse(String(row['counters'])) as Record<string, number>
      const timeUs = Number(row['time_us'])
      for (const task of work.tasks) {
        // Claims may come in any order: the newest work counts.
        if ((state.life.done[task]?.timeUs ?? -1) > timeUs) continue
        state.life.done[task] = { timeUs, counters }
        delete state.life.reached[task]
      }
      const machine = this.#parts.machines.get(state.machine)
      if (machine === undefined) continue
      const ended = replaceParts(machine.profile, state, { work, timeUs, counters })
      for (const life of ended) this.#partEnded(Number(row['unit']), life)
    }
  }

  /** The claim of a change that waited for it has come; returns why not, or null. */
  #judge(row: Row, author: string, state: UnitState): string | null {
    const act = actOfEntry(String(row['type']))
    if (act === undefined) return waiting
    const from = state.lifecycle
    const refused = this.#refused(state, { kind: act.claim, author })
    const step =
      refused === undefined
        ? this.#enter(state, { path: act.path, timeUs: Number(row['time_us']) })
        : ({ ok: false, reason: refused } as const)
    const reason = step.ok ? null : step.reason
    this.#db.run(
      `UPDATE transition SET refused = ?, from_state = ?
        WHERE unit = ? AND "offset" = ? AND type = ?`,
      ...[reason, from, Number(row['unit']), Number(row['offset']), String(row['type'])],
    )
    return reason
  }

  #partEnded(unitId: number, life: EndedPart): void {
    const { part, serial, fromUs, toUs, fromHours, toHours, entryHours, failed } = life
    this.#db.run(
      'INSERT OR REPLACE INTO part_life VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[unitId, part, toUs, serial, fromUs, fromHours, toHours, entryHours, failed ? 1 : 0],
    )
  }
}
