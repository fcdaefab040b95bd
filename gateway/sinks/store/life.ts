// What the store knows of a unit's life, put together for a page: changes of its lifecycle with
// their reasons and parts, and what the pure folds make of its state. Reads only.

import type { Profile } from '../../../hardware-profiles/profile.ts'
import { limits } from '../../core/limits.ts'
import type { Machine } from '../../core/machine.ts'
import type { LifecycleStep, UnitLife } from '../../core/queries.ts'
import { reconcile } from '../../durability/reconcile.ts'
import type { Work } from '../../lifecycle/acts.ts'
import { uptimeFigures, uptimeSpans, wearFigures } from '../../lifecycle/figures.ts'
import { createLifeFold } from '../../lifecycle/fold.ts'
import { dueList } from '../../lifecycle/maintenance.ts'
import type { EndedPart } from '../../lifecycle/parts.ts'
import type { ClosedSpan } from '../../lifecycle/uptime.ts'
import type { UnitState } from '../../pipeline/unit.ts'
import type { Database, Row } from './database.ts'
import { readShifts } from './shifts.ts'

export interface LifeQuestion {
  readonly state: UnitState
  /** undefined where the unit's profile was taken away. */
  readonly machine: Machine | undefined
  readonly unitId: number
  readonly nowUs: number
}

export const readLife = (db: Database, question: LifeQuestion): UnitLife => {
  const { state, machine, nowUs, unitId } = question
  const steps = readSteps(db, question)
  if (machine === undefined) {
    const nothing = { maintenance: [], failures: [], parts: [], shifts: [], uptime: undefined }
    return { unit: state.unit, steps, ...nothing, wear: undefined }
  }
  const { profile } = machine
  const { life, totals } = state
  const asked = { profile, unit: state, spans: readSpans(db, question), nowUs }
  return {
    unit: state.unit,
    steps,
    maintenance: dueList({ profile, life, totals, nowUs }),
    failures: readFailures(db, question, { profile, steps }),
    parts: partsOf(db, question, machine),
    shifts: readShifts(db, { unit: state.unit, unitId, machine, spans: uptimeSpans(asked), nowUs }),
    uptime: uptimeFigures(asked),
    wear: wearFigures(profile, state),
  }
}

/** Parts that were taken out, by unit, the oldest first. */
export const endedParts = (db: Database, unit?: string): Map<string, EndedPart[]> => {
  const rows = db.all(
    `SELECT u.unit AS name, p.* FROM part_life p JOIN unit u ON u.id = p.unit
      ${unit === undefined ? '' : 'WHERE u.unit = ?'} ORDER BY p.to_us`,
    ...(unit === undefined ? [] : [unit]),
  )
  const found = new Map<string, EndedPart[]>()
  for (const row of rows) {
    const name = String(row['name'])
    const list = found.get(name) ?? []
    found.set(name, list)
    list.push({
      part: String(row['part']),
      serial: row['serial'] === null ? null : String(row['serial']),
      fromUs: row['from_us'] === null ? null : Number(row['from_us']),
      toUs: Number(row['to_us']),
      fromHours: Number(row['from_hours']),
      toHours: Number(row['to_hours']),
      entryHours: Number(row['entry_hours']),
      failed: row['failed'] === 1,
    })
  }
  return found
}

const partsOf = (
  db: Database,
  { state }: LifeQuestion,
  { profile }: Machine,
): UnitLife['parts'] => {
  const hours = createLifeFold(profile).hours(state)
  const now = Object.entries(state.life.parts).map(([part, life]) => ({
    ...{ part, serial: life.serial, fromUs: life.sinceUs ?? undefined, toUs: undefined },
    hours: (life.failed?.hours ?? hours) - life.hours,
    failed: life.failed !== null,
  }))
  const before = (endedParts(db, state.unit).get(state.unit) ?? []).map((life) => ({
    ...{ part: life.part, serial: life.serial, fromUs: life.fromUs ?? undefined, toUs: life.toUs },
    ...{ hours: life.toHours - life.fromHours, failed: life.failed },
  }))
  return [...now, ...before.reverse()].slice(0, limits.listRows)
}

const readSpans = (db: Database, { unitId }: LifeQuestion): ClosedSpan[] =>
  db
    .all('SELECT * FROM uptime_span WHERE unit = ? ORDER BY from_us', unitId)
    .map(({ from_us, to_us, state }) => ({
      ...{ fromUs: Number(from_us), toUs: Number(to_us) },
      state: String(state) as ClosedSpan['state'],
    }))

/** How long after a failure its record may come, microseconds: thirty days. */
const recordWithinUs = 30 * 86_400_000_000

/** Failures by the profile's rules, and work declared on the same part since. */
const readFailures = (
  db: Database,
  { state, unitId }: LifeQuestion,
  { profile, steps }: { profile: Profile; steps: readonly LifecycleStep[] },
): UnitLife['failures'] => {
  const partOf = new Map(profile.events.map(({ type, failure }) => [type, failure]))
  const types = [...partOf].flatMap(([type, part]) => (part === undefined ? [] : [type]))
  const rows = db.all(
    `SELECT type, time_us FROM event WHERE unit = ?
      AND type IN (${types.map(() => '?').join(', ')}) ORDER BY time_us DESC LIMIT ?`,
    ...[unitId, ...types, limits.listRows],
  )
  const found = rows.map((row) => {
    const type = String(row['type'])
    return { type, part: partOf.get(type) ?? '', timeUs: Number(row['time_us']) }
  })
  const at = (part: string, timeUs: number) => ({ unit: state.unit, part, at: timeUs })
  const { unreconciled } = reconcile(
    found.map(({ part, timeUs }) => at(part, timeUs)),
    steps.flatMap((step) => partsWorkedOn(step, profile).map((part) => at(part, step.timeUs))),
    recordWithinUs,
  )
  return found.map((failure, i) => ({ ...failure, reconciled: !unreconciled.includes(i) }))
}

/** Parts replaced, and parts of the tasks done. */
const partsWorkedOn = (step: LifecycleStep, { maintenance }: Profile): string[] => {
  if (step.refused !== undefined) return []
  const tasks = maintenance.flatMap(({ task, part }) =>
    part !== undefined && step.tasks.includes(task) ? [part] : [],
  )
  const parts = [...step.out, ...step.in].map(({ part }) => part)
  return [...new Set([...step.parts, ...parts, ...tasks])]
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
    parts: [...(work.parts ?? [])],
    tasks: [...(work.tasks ?? [])],
    failed: [...(work.failed ?? [])],
    out: [...(work.out ?? [])],
    in: [...(work.in ?? [])],
    counters: JSON.parse(String(row['counters'])) as Record<string, number>,
  }
}
