// Does every failure have its maintenance record? Matches failures to records of the same unit and
// part; what stays unmatched is shown, never dropped. One record answers for one failure.
import { refuse } from './refusal.ts'

/** A failure or a maintenance record. Time in any one unit, equal for both lists. */
export interface PartEvent {
  readonly unit: string
  readonly part: string
  readonly at: number
}

/** A failure with its record (row numbers in the lists given). */
export interface Match {
  failure: number
  record: number
}

/** Outcome of a reconciliation, by row numbers; all lists in order of the failures' rows. */
export interface Reconciliation {
  readonly matched: readonly Match[]
  /** Failures without a maintenance record: to be explained. */
  readonly unreconciled: readonly number[]
  /** Records without a failure: planned work, or a failure nobody reported. */
  readonly planned: readonly number[]
}

const keyOf = ({ unit, part }: PartEvent): string => JSON.stringify([unit, part])

/**
 * Each failure takes the earliest free record of its unit and part within [at, at + within], in
 * order of time, which matches as many as can be matched (intervals of one length, greedy).
 * Refuses: bad_argument (a window below 0, a time that is no number).
 */
export const reconcile = (
  failures: readonly PartEvent[],
  records: readonly PartEvent[],
  within = 0,
): Reconciliation => {
  if (!(within >= 0)) refuse('bad_argument', `a window of ${within}`, 'Use 0 or more')
  for (const event of [...failures, ...records]) {
    if (!Number.isFinite(event.at)) {
      refuse('bad_time', `an event of unit ${event.unit} has no time`, 'Give every event a time')
    }
  }
  const free = new Map<string, number[]>()
  records.forEach((record, i) => {
    const key = keyOf(record)
    const rows = free.get(key)
    if (rows) rows.push(i)
    else free.set(key, [i])
  })
  const time = (row: number) => (records[row] as PartEvent).at
  for (const rows of free.values()) rows.sort((p, q) => time(p) - time(q))
  const next = new Map<string, number>()
  const matched: Match[] = []
  const unreconciled: number[] = []
  const order = failures.map((_, i) => i)
  order.sort((p, q) => (failures[p] as PartEvent).at - (failures[q] as PartEvent).at)
  for (const failure of order) {
    const event = failures[failure] as PartEvent
    const key = keyOf(event)
    const rows = free.get(key) ?? []
    let i = next.get(key) ?? 0
    while (i < rows.length && time(rows[i] as number) < event.at) i++
    const record = rows[i]
    const found = record !== undefined && time(record) <= event.at + within
    if (found) matched.push({ failure, record })
    else unreconciled.push(failure)
    next.set(key, found ? i + 1 : i)
  }
  const used = new Set(matched.map((m) => m.record))
  return {
    matched: matched.sort((p, q) => p.failure - q.failure),
    unreconciled: unreconciled.sort((p, q) => p - q),
    planned: records.map((_, i) => i).filter((i) => !used.has(i)),
  }
}
