// Uptime the way a cooperative needs it: time per state, availability, time between failures and to
// repair, OEE where a shift is booked. A silent machine is unknown: neither up nor down, so that
// every figure it touches comes as two bounds.
import { Refusal, refuse } from './refusal.ts'
import { laplaceTrend, type Trend } from './repairable.ts'

/** up: working or ready; repair: down for repair; planned: planned work; stored: not wanted. */
export type UptimeState = 'up' | 'repair' | 'planned' | 'stored' | 'unknown'

/** One machine in one state over [fromS, toS), seconds on one clock. */
export interface StateSpan {
  readonly fromS: number
  readonly toS: number
  readonly state: UptimeState
}

/** Refuses spans that overlap, run backwards or are not in order. */
const checkSpans = (spans: readonly StateSpan[]): void => {
  spans.forEach(({ fromS, toS }, i) => {
    const before = spans[i - 1]
    if (!(toS >= fromS) || (before && fromS < before.toS)) {
      refuse(
        'unsorted_interval',
        `span ${i} runs from ${fromS} to ${toS} s, after one that ends at ${before?.toS ?? '-'} s`,
        'Give the spans of one machine in order and without overlap',
      )
    }
  })
}

/**
 * Turns state changes and contacts into spans. After a contact the state is taken as held for
 * `silenceS`; from then until the next contact it is unknown, back to the last contact.
 * Changes and contacts in seconds, ascending; a change is a contact too.
 * Refuses: unsorted_interval.
 */
export const spansOf = ({
  changes,
  contactsS,
  silenceS,
  endS,
}: {
  changes: readonly { atS: number; state: UptimeState }[]
  contactsS: ArrayLike<number>
  silenceS: number
  endS: number
}): StateSpan[] => {
  const marks = [
    ...changes.map((c) => ({ atS: c.atS, state: c.state as UptimeState | undefined })),
    ...Array.from(contactsS, (atS) => ({ atS, state: undefined })),
  ].sort((p, q) => p.atS - q.atS)
  const spans: StateSpan[] = []
  const put = (span: StateSpan) => {
    const last = spans[spans.length - 1]
    if (span.toS <= span.fromS) return
    if (last && last.state === span.state && last.toS === span.fromS)
      spans[spans.length - 1] = { ...last, toS: span.toS }
    else spans.push(span)
  }
  let state: UptimeState = 'unknown'
  marks.forEach((mark, i) => {
    state = mark.state ?? state
    const toS = Math.min(endS, marks[i + 1]?.atS ?? endS)
    // A stored machine is expected to be silent: nobody doubts that it is in its box.
    const silent = toS - mark.atS > silenceS && state !== 'stored'
    put({ fromS: mark.atS, toS, state: silent ? 'unknown' : state })
  })
  checkSpans(spans)
  return spans
}

/** Seconds per state. Refuses: unsorted_interval. */
export const timePerState = (spans: readonly StateSpan[]): Record<UptimeState, number> => {
  checkSpans(spans)
  const out = { up: 0, repair: 0, planned: 0, stored: 0, unknown: 0 }
  for (const { fromS, toS, state } of spans) out[state] += toS - fromS
  return out
}

/** Two bounds: what is so if the silent time was down (lower) and if it was up (upper). */
export interface BothBounds {
  readonly lower: number
  readonly upper: number
}

/**
 * Operational availability, up / (up + repair), over machines: unknown time counted as repair gives
 * the lower bound, as up the upper. Planned and stored time is left out. Undefined without any
 * time.
 * Source: ISO 22400-2:2014 has planned busy time instead, which a drill without a shift has not.
 */
export const availability = (
  machines: readonly (readonly StateSpan[])[],
): BothBounds | undefined => {
  let [up, repair, unknown] = [0, 0, 0]
  for (const spans of machines) {
    const time = timePerState(spans)
    up += time.up
    repair += time.repair
    unknown += time.unknown
  }
  const all = up + repair + unknown
  return all > 0 ? { lower: up / all, upper: (up + unknown) / all } : undefined
}

/** Mean times, or why there are none. Hours. */
export interface MeanTimes {
  readonly failures: number
  /** Bounds: unknown time as down, and as up. Absent when the trend rejects a constant rate. */
  readonly mtbfH?: BothBounds
  readonly mttrH?: number
  readonly trend?: Trend
  /** A sentence when MTBF is not shown. */
  readonly hidden?: string
}

/** Failures of one machine at its up-time, in seconds, with the whole up-time. */
const failuresOf = (
  spans: readonly StateSpan[],
): { ages: number[]; upS: number; repairs: number[] } => {
  const ages: number[] = []
  const repairs: number[] = []
  let upS = 0
  let working = true
  for (const { fromS, toS, state } of spans) {
    if (state === 'up') {
      upS += toS - fromS
      working = true
    } else if (state === 'repair') {
      if (working) {
        ages.push(upS)
        repairs.push(toS - fromS)
      } else if (repairs.length > 0) {
        repairs[repairs.length - 1] = (repairs[repairs.length - 1] as number) + toS - fromS
      }
      working = false
    }
  }
  return { ages, upS, repairs }
}

/**
 * MTBF = up time / failures, MTTR = repair time / repairs, over machines. A failure is a change
 * into repair. MTBF is hidden, with the trend in its place, when Laplace's test rejects a constant
 * rate: a mean of a changing rate describes no machine. Refuses: unsorted_interval, bad_argument.
 * Source: ISO 22400-2:2014 (MTBF, MTTR); Cox and Lewis (1966) for the test.
 */
export const meanTimes = (
  machines: readonly (readonly StateSpan[])[],
  confidence = 0.95,
): MeanTimes => {
  const histories = machines.map(failuresOf)
  const failures = histories.reduce((n, h) => n + h.ages.length, 0)
  if (failures === 0) return { failures, hidden: 'no failure yet: no mean time between failures' }
  const upS = histories.reduce((t, h) => t + h.upS, 0)
  const unknownS = machines.reduce((t, spans) => t + timePerState(spans).unknown, 0)
  const repairs = histories.flatMap((h) => h.repairs)
  const mttrH = repairs.reduce((a, b) => a + b, 0) / repairs.length / 3600
  const trend = trendOf(histories, confidence)
  if (trend && trend.trend !== 'constant') {
    const way = trend.trend === 'worsening' ? 'more and more often' : 'less and less often'
    const p = trend.p < 0.001 ? 'p < 0.001' : `p = ${trend.p.toFixed(3)}`
    return {
      failures,
      mttrH,
      trend,
      hidden: `fails ${way} (U = ${trend.u.toFixed(2)}, ${p}): a mean would mislead`,
    }
  }
  const mtbfH = { lower: upS / failures / 3600, upper: (upS + unknownS) / failures / 3600 }
  return { failures, mttrH, mtbfH, ...(trend && { trend }) }
}

const trendOf = (
  histories: { ages: number[]; upS: number }[],
  confidence: number,
): Trend | undefined => {
  const usable = histories
    .filter((h) => h.upS > 0)
    .map((h) => ({ events: h.ages.filter((t) => t > 0), end: h.upS }))
  try {
    return usable.length > 0 ? laplaceTrend(usable, confidence) : undefined
  } catch (error) {
    if (error instanceof Refusal && error.code === 'too_few_failures') return undefined
    throw error
  }
}

/** A booked shift: seconds, and pieces made in it. */
export interface Shift {
  readonly plannedBusyS: number
  readonly producedS: number
  /** Seconds that one piece should take. */
  readonly plannedS: number
  readonly made: number
  readonly good: number
}

/** Overall equipment effectiveness and its three factors, fractions. */
export interface Oee {
  readonly availability: number
  readonly effectiveness: number
  readonly quality: number
  readonly oee: number
}

/**
 * OEE = availability (APT/PBT) x effectiveness (PRI PQ/APT) x quality (GQ/PQ); undefined where no
 * shift is booked, because then there is no planned busy time to measure against.
 * Source: ISO 22400-2:2014. Refuses: bad_argument (more produced than planned, more good than
 * made).
 */
export const oee = (shift: Shift | undefined): Oee | undefined => {
  if (!shift || !(shift.plannedBusyS > 0)) return undefined
  const { plannedBusyS, producedS, plannedS, made, good } = shift
  if (producedS > plannedBusyS || good > made || producedS < 0 || good < 0 || plannedS < 0) {
    refuse(
      'bad_argument',
      'the shift does not add up',
      'Check produced <= planned time, good <= made',
    )
  }
  const ratio = (a: number, b: number) => (b > 0 ? a / b : 0)
  const parts = {
    availability: ratio(producedS, plannedBusyS),
    effectiveness: ratio(plannedS * made, producedS),
    quality: ratio(good, made),
  }
  return { ...parts, oee: parts.availability * parts.effectiveness * parts.quality }
}
