// What the store knows of a unit's life, put together for a page: changes of its lifecycle with
// their reasons and parts, and what the pure folds make of its state. Reads only.

import { limits } from '../../core/limits.ts'
import type { Machine } from '../../core/machine.ts'
import type { LifecycleStep, UnitLife } from '../../core/queries.ts'
import type { Work } from '../../lifecycle/acts.ts'
import type { UnitState } from '../../pipeline/unit.ts'
import type { Database, Row } from './database.ts'

export interface LifeQuestion {
  readonly state: UnitState
  /** undefined where the unit's profile was taken away. */
  readonly machine: Machine | undefined
  readonly unitId: number
  readonly nowUs: number
}

export const readLife = (db: Database, question: LifeQuestion): UnitLife => {
  const { state } = question
  const steps = readSteps(db, question)
  return { unit: state.unit, steps }
}

/** Newest first. A rule's change is signed where the unit's chain has an entry of its kind. */
const readSteps = (db: Database, { state, unitId }: LifeQuestion): LifecycleStep[] =>
  db
    .all(
      `SELECT t.*, coalesce(t.entry_seq, (SELECT min(n.seq) FROM entry n
          WHERE n.unit = ? AND n.type = t.type AND n.fork = 0
          AND abs(n.time_us - t.time_us) < 600000000)) AS seq
        FROM transition t WHERE t.unit = ? ORDER BY t.time_us DESC, t."offset" DESC LIMIT ?`,
      ...[state.unit, unitId, limits.listRows],
    )
    .map(stepOf)

const stepOf = (row: Row): LifecycleStep => {
  const text = (name: string): string | undefined =>
    row[name] === null ? undefined : String(row[name])
  const work = JSON.parse(text('work') ?? '{}') as Partial<Work>
  return {
    type: String(row['type']),
    timeUs: Number(row['time_us']),
    from: text('from_state') ?? null,
    to: String(row['to_state']),
    refused: text('refused'),
    declared: row['claim'] !== null,
    author: text('author'),
    entrySeq: row['seq'] === null ? undefined : Number(row['seq']),
    reason: work.reason,
    tasks: [...(work.tasks ?? [])],
    out: [...(work.out ?? [])],
    in: [...(work.in ?? [])],
    counters: JSON.parse(String(row['counters'])) as Record<string, number>,
  }
}
