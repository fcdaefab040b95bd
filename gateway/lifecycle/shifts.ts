// A booked shift: what its author declares, and what it comes to with what the unit has measured.
// Pure. OEE is there only where a shift is booked and all three of its factors are known.
import type { UnitShift } from '../core/queries.ts'
import { oee } from '../durability/uptime.ts'

/** Names of the details of a claim of kind `shift`. Times in microseconds since 1970. */
export const shiftDetails = {
  ...{ from: 'from_us', to: 'to_us', made: 'made', good: 'good' },
  idealS: 'ideal_s',
} as const

/** Longest shift, microseconds: 24 hours. */
export const longestShiftUs = 86_400_000_000

export interface Booking {
  readonly fromUs: number
  readonly toUs: number
  readonly author: string
  /** When it was declared; of two that overlap the later one holds. */
  readonly timeUs: number
  readonly made: number | undefined
  readonly good: number | undefined
  readonly idealS: number | undefined
}

/** What a claim books, or undefined where its details have another form. */
export const bookingOf = (
  details: readonly { name: string; value: string | number | boolean }[],
  { author, timeUs }: { author: string; timeUs: number },
): Booking | undefined => {
  const number = (name: string): number | undefined => {
    const value = Number(details.find((detail) => detail.name === name)?.value ?? Number.NaN)
    return value >= 0 && Number.isFinite(value) ? value : undefined
  }
  const [fromUs, toUs] = [number(shiftDetails.from), number(shiftDetails.to)]
  if (fromUs === undefined || toUs === undefined) return undefined
  if (!(toUs > fromUs && toUs - fromUs <= longestShiftUs)) return undefined
  const [made, good] = [number(shiftDetails.made), number(shiftDetails.good)]
  const idealS = number(shiftDetails.idealS)
  return { fromUs, toUs, author, timeUs, made, good, idealS }
}

/** Without those that a later booking corrects, the newest first. */
export const standing = (bookings: readonly Booking[]): Booking[] => {
  const kept: Booking[] = []
  for (const booking of [...bookings].sort((a, b) => b.timeUs - a.timeUs)) {
    const { fromUs, toUs } = booking
    if (kept.every((other) => other.toUs <= fromUs || other.fromUs >= toUs)) kept.push(booking)
  }
  return kept.sort((a, b) => b.fromUs - a.fromUs)
}

/** What the unit itself shows of the time of a shift. */
export interface Measured {
  readonly ranS: number | undefined
  readonly unknownS: number
  /** By the counter that the machine file names. */
  readonly made: number | undefined
  /** By the machine file. */
  readonly idealS: number | undefined
}

export const shiftFigures = (booking: Booking, measured: Measured, nowUs: number): UnitShift => {
  const { fromUs, toUs, author, good } = booking
  const plannedS = (Math.min(toUs, Math.max(fromUs, nowUs)) - fromUs) / 1e6
  const count = measured.made ?? booking.made
  const made = count === undefined ? undefined : { count, measured: measured.made !== undefined }
  const idealS = booking.idealS ?? measured.idealS
  const missing = missingOf({ plannedS, good, made, idealS, ranS: measured.ranS })
  const shift = { fromUs, toUs, author, plannedS, good, made, idealS, missing }
  const { unknownS } = measured
  if (measured.ranS === undefined || !(plannedS > 0)) {
    return { ...shift, ...nothing, ranS: measured.ranS, unknownS }
  }
  // The counter's granularity can pass the clock's by a little.
  const ranS = Math.min(measured.ranS, plannedS)
  const mostS = Math.min(plannedS, ranS + unknownS)
  const ratio = (a: number, b: number): number | undefined => (b > 0 ? a / b : undefined)
  const ideal = made === undefined || idealS === undefined ? undefined : idealS * made.count
  const [slow, fast] = [mostS, ranS].map((s) => (ideal === undefined ? ideal : ratio(ideal, s)))
  const isWhole = missing.length === 0 && made !== undefined && good !== undefined
  const figures = isWhole
    ? oee({
        plannedBusyS: plannedS,
        producedS: ranS,
        plannedS: idealS ?? 0,
        made: made.count,
        good,
      })
    : undefined
  return {
    ...shift,
    ...{ ranS, unknownS },
    availability: { lower: ranS / plannedS, upper: mostS / plannedS },
    effectiveness:
      slow === undefined || fast === undefined ? undefined : { lower: slow, upper: fast },
    quality: made === undefined || good === undefined ? undefined : ratio(good, made.count),
    oee: figures?.oee,
  }
}

const nothing = {
  ...{ availability: undefined, effectiveness: undefined, quality: undefined, oee: undefined },
}

const missingOf = ({
  plannedS,
  good,
  made,
  idealS,
  ranS,
}: Pick<UnitShift, 'plannedS' | 'good' | 'made' | 'idealS' | 'ranS'>): string[] => [
  ...(plannedS > 0 ? [] : ['it has not begun']),
  ...(ranS === undefined ? ['run time was not measured'] : []),
  ...(ranS === 0 ? ['the unit has not run in it'] : []),
  ...(made === undefined ? ['pieces made are neither measured nor declared'] : []),
  ...(idealS === undefined ? ['the ideal time of a piece is not declared'] : []),
  ...(good === undefined ? ['good pieces are not declared'] : []),
  ...(made !== undefined && good !== undefined && good > made.count
    ? ['more good pieces than made: the booking does not add up']
    : []),
]
