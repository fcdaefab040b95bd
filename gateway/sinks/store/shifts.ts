// Shifts that claims have booked for a unit, with what its readings show of their time. Reads only:
// a few look-ups a shift, however many readings it has.
import { verifyClaim } from '../../attestation/claim.ts'
import { parseDisclosure } from '../../attestation/disclosure.ts'
import type { Machine } from '../../core/machine.ts'
import type { UnitShift } from '../../core/queries.ts'
import { type StateSpan, timePerState } from '../../durability/uptime.ts'
import { hoursPer } from '../../lifecycle/fold.ts'
import { type Booking, bookingOf, shiftFigures, standing } from '../../lifecycle/shifts.ts'
import type { Database } from './database.ts'
import { reportTable } from './report-tables.ts'

export interface ShiftQuestion {
  readonly unit: string
  readonly unitId: number
  readonly machine: Machine
  /** All that is known of its uptime, seconds since 1970, ascending. */
  readonly spans: readonly StateSpan[]
  readonly nowUs: number
}

const mostShifts = 20
const mostClaims = 200

export const readShifts = (db: Database, question: ShiftQuestion): UnitShift[] => {
  const { machine, nowUs, spans } = question
  const { counters, uptime } = machine.profile
  const piece = uptime?.piece
  const specs = Object.entries(counters)
  const runTime = specs.findIndex(([, { role }]) => role === 'run_time')
  const pieces = specs.findIndex(([name]) => name === piece?.counter)
  const secondsPer = 3600 * (hoursPer[specs[runTime]?.[1].unit ?? ''] ?? 0)
  return standing(readBookings(db, question.unit))
    .slice(0, mostShifts)
    .map((booking) => {
      const ran = growth(db, question, { booking, counter: runTime })
      const measured = {
        ranS: ran === undefined ? undefined : ran * secondsPer,
        unknownS: unknownIn(spans, booking, nowUs),
        made: growth(db, question, { booking, counter: pieces }),
        idealS: piece?.idealS,
      }
      return shiftFigures(booking, measured, nowUs)
    })
}

const readBookings = (db: Database, unit: string): Booking[] =>
  db
    .all(
      `SELECT digest, bytes FROM claim WHERE unit = ? AND kind = 'shift'
        ORDER BY "offset" DESC LIMIT ?`,
      unit,
      mostClaims,
    )
    .flatMap((row) => {
      const { author, timeUs } = verifyClaim(row['bytes'] as Uint8Array)
      const opened = db.all(
        'SELECT bytes FROM disclosure WHERE object = ?',
        row['digest'] as Uint8Array,
      )
      const details = opened.map(({ bytes }) => parseDisclosure(bytes as Uint8Array))
      return bookingOf(details, { author, timeUs }) ?? []
    })

/** Time in a shift, up to now, in which nobody knows what the unit did, seconds. */
const unknownIn = (
  spans: readonly StateSpan[],
  { fromUs, toUs }: Booking,
  nowUs: number,
): number => {
  const [fromS, toS] = [fromUs / 1e6, Math.min(toUs, nowUs) / 1e6]
  const inside = spans.flatMap((span) => {
    const [from, to] = [Math.max(span.fromS, fromS), Math.min(span.toS, toS)]
    return to > from ? [{ fromS: from, toS: to, state: span.state }] : []
  })
  const seen = inside.reduce((sum, span) => sum + span.toS - span.fromS, 0)
  // Before the first contact nobody knew it at all.
  return Math.max(0, toS - fromS - seen) + timePerState(inside).unknown
}

/** By how much a counter grew in a shift, boot by boot; undefined without a reading of it. */
const growth = (
  db: Database,
  { unitId, machine }: ShiftQuestion,
  { booking, counter }: { booking: Booking; counter: number },
): number | undefined => {
  const { name, counters } = reportTable(machine)
  const column = counters[counter]
  if (column === undefined) return undefined
  const { fromUs, toUs } = booking
  const select = `SELECT boot, sequence, ${column} AS c FROM ${name}
    WHERE unit = ? AND ${column} >= 0`
  let first = db.get(
    `${select} AND time_us >= ? AND time_us <= ? ORDER BY time_us LIMIT 1`,
    ...[unitId, fromUs, toUs],
  )
  // Where it stood when the shift began, if that is known.
  const before = db.get(
    `${select} AND time_us >= ? AND time_us <= ? ORDER BY time_us DESC LIMIT 1`,
    ...[unitId, fromUs - lookBackUs, fromUs],
  )
  if (first === undefined) return undefined
  let sum = 0
  let stood = before?.['boot'] === first['boot'] ? Number(before?.['c']) : Number(first['c'])
  while (first !== undefined) {
    const boot = Number(first['boot'])
    const last = db.get(
      `${select} AND boot = ? AND time_us <= ? ORDER BY sequence DESC LIMIT 1`,
      ...[unitId, boot, toUs],
    )
    const ends = Number(last?.['c'] ?? first['c'])
    sum += Math.max(0, ends - stood)
    first = db.get(
      `${select} AND boot > ? AND time_us <= ? ORDER BY boot, sequence LIMIT 1`,
      ...[unitId, boot, toUs],
    )
    // A controller that was swapped or reset counts from its own beginning.
    const begins = Number(first?.['c'] ?? 0)
    stood = Math.min(begins, ends)
  }
  return sum
}

/** How long before a shift its counter is looked for. */
const lookBackUs = 3_600_000_000
