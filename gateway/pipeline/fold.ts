// What a checked message does to its unit: identity, time, counters, newest values. The state is
// changed in place and nothing else is looked at, so that the same log gives the same state and the
// same readings in every sink and every replay.
import type { Reading } from '../core/delivery.ts'
import { limits } from '../core/limits.ts'
import type { Machine } from '../core/machine.ts'
import { quality } from '../core/quality.ts'
import type { LogRecord } from '../core/record.ts'
import type { Checked } from './check.ts'
import { bootOf, foldCounters, foldUncounted } from './counters.ts'
import { type Fault, fault, type Hello, isFault, type RawReport } from './decode.ts'
import { remap } from './remap.ts'
import type { Origin } from './requeue.ts'
import { mark, type Seen } from './sequence.ts'
import { foldSkew } from './skew.ts'
import { identityOf } from './stream-place.ts'
import type { BootState, UnitState } from './unit.ts'

/** Where in the log a message stands, and what it is about. */
export interface Place {
  readonly offset: number
  /** What it was, where it comes out of quarantine. */
  readonly origin: Origin | undefined
  readonly machine: Machine
  readonly record: LogRecord
}

export interface Folded {
  readonly reading: Reading
  readonly seen: Seen
  /** Quality of each signal, bad where a newer value is known: of the past no rule is asked. */
  readonly usable?: Uint8Array
}

/** No machine of ours reported before; a clock that says so was never set. 2000-01-01T00:00Z. */
export const earliestUs = 946_684_800_000_000

/** Returns the hello's own time, microseconds since 1970. */
export const foldHello = (state: UnitState, hello: Hello, record: Received): number => {
  const { receivedUs } = record
  const boot = mappedBoot(state, { boot: hello.boot, t: hello.t, record })
  // Once simulated, always: a twin must not become a machine by leaving a word out.
  state.simulated ||= hello.simulated === true
  if (hello.key !== undefined) {
    state.key ??= hello.key
    if (state.key !== hello.key) state.otherKey = hello.key
    if (state.key === hello.key) state.custody = hello.custody ?? 'controller_flash'
  }
  if (boot !== undefined && boot !== state.boots.at(-1)) return boot.epochUs + hello.t
  state.profile = hello.profile ?? state.profile
  state.firmware = hello.firmware ?? state.firmware
  state.finds = hello.finds ?? null
  return (boot?.epochUs ?? receivedUs - hello.t) + hello.t
}

/**
 * A report to a reading, or the reason why its time cannot be. Counts nothing: the caller settles.
 */
export const foldReport = (
  state: UnitState,
  { report, checked }: { report: RawReport; checked: Checked },
  place: Place,
): Folded | Fault => {
  const { boot, seq, t } = report
  if (boot === undefined || seq === undefined || t === undefined) {
    return foldUnnumbered(state, { report, checked }, place)
  }
  const known = mappedBoot(state, { boot, t, ...place })
  const isNewest = known !== undefined && known === state.boots.at(-1)
  const seen = known === undefined ? 'unsure' : mark(known, seq)
  const epochUs = known?.epochUs ?? place.record.receivedUs - t
  const time = timeOf(report, { uptimeUs: epochUs + t, receivedUs: place.record.receivedUs })
  if (isFault(time)) return time
  const reading = readingOf(state, {
    ...{ checked, place, time, boot, sequence: seq },
    bootUs: known?.epochUs,
  })
  if (isNewest && seen === 'fresh' && place.origin === undefined) {
    const sourceUs = report.time ?? epochUs + t
    state.skew = foldSkew(state.skew, { sourceUs, receivedUs: place.record.receivedUs })
  }
  if (known === undefined) state.late++
  else if (seen !== 'duplicate') {
    const { counters } = checked
    foldCounters(state, known, { counters, wraps: place.machine.counterWraps, sequence: seq })
  }
  if (seen === 'fresh' && isNewest) takeNewest(state, reading)
  return { reading, seen: seen === 'fresh' && !isNewest ? 'late' : seen }
}

type Received = Pick<LogRecord, 'receivedUs' | 'steppedUs'>

/** The boot with its mapping as this record leaves it; undefined where it is forgotten. */
const mappedBoot = (
  state: UnitState,
  parts: { boot: number; t: number; record: Received; origin?: Origin | undefined },
): BootState | undefined => {
  const { boot, t, record, origin } = parts
  const { receivedUs, steppedUs } = record
  const known = bootOf(state, { boot, epochUs: receivedUs - t, steppedUs })
  // What comes out of quarantine was received by a clock that may have been set since.
  if (known !== undefined && origin === undefined) remap(known, { t, record })
  return known
}

/**
 * A publisher without a sequence: the place in the log is the identity, so that nothing is doubled.
 */
const foldUnnumbered = (
  state: UnitState,
  { report, checked }: { report: RawReport; checked: Checked },
  place: Place,
): Folded | Fault => {
  const { receivedUs, retained } = place.record
  const time = timeOf(report, { uptimeUs: undefined, receivedUs })
  if (isFault(time)) return time
  const { origin, offset } = place
  const sequence = origin?.offset ?? identityOf(place.record) ?? offset
  const reading = readingOf(state, { checked, place, time, boot: -1, sequence })
  // Its turn among the counters has passed; those that came after it say all that it does.
  if (origin !== undefined) return { reading, seen: 'unsure' }
  // A retained delivery is a state that was sent before, not a new sample.
  const orderUs = orderOf(report, receivedUs)
  if (retained) {
    if (state.lastUs === null) takePresent(state, { reading, orderUs, receivedUs })
    return { reading, seen: 'duplicate' }
  }
  if (report.time !== undefined) {
    state.skew = foldSkew(state.skew, { sourceUs: report.time, receivedUs })
  }
  const { counters } = checked
  foldUncounted(state, { counters, wraps: place.machine.counterWraps }, orderUs)
  return { reading, ...takePresent(state, { reading, orderUs, receivedUs }) }
}

/**
 * Where a report without a sequence stands among the others of its unit. A clock that runs ahead
 * would hold back all that comes once it is put right: then it is the order of receipt.
 */
const orderOf = ({ time }: RawReport, receivedUs: number): number | undefined =>
  time === undefined ? undefined : Math.min(time, receivedUs + limits.clockAheadUs)

type Time = Pick<Reading, 'timeUs' | 'timeSource'>

/**
 * The source's wall clock where it is plausible, else the uptime on the boot's fixed mapping, else
 * the gateway's clock. A wall clock that is wrong and alone is a fault: its meaning is unclear.
 */
const timeOf = (
  { time }: RawReport,
  { uptimeUs, receivedUs }: { uptimeUs: number | undefined; receivedUs: number },
): Time | Fault => {
  const latestUs = receivedUs + limits.clockSkewUs
  if (time !== undefined && time >= earliestUs && time <= latestUs) {
    return { timeUs: time, timeSource: 'source' }
  }
  if (time !== undefined && uptimeUs === undefined) {
    const detail = `time ${time} against ${receivedUs} here (microseconds since 1970)`
    return fault(time > latestUs ? 'time_future' : 'time_past', detail)
  }
  if (uptimeUs !== undefined && uptimeUs >= earliestUs && uptimeUs <= latestUs) {
    return { timeUs: uptimeUs, timeSource: 'uptime' }
  }
  return { timeUs: receivedUs, timeSource: 'gateway' }
}

const readingOf = (
  state: UnitState,
  parts: Pick<Reading, 'boot' | 'sequence' | 'bootUs'> & {
    checked: Checked
    place: Place
    time: Time
  },
): Reading => {
  const { checked, place, time, boot, sequence, bootUs } = parts
  return {
    machine: place.machine,
    unit: state.unit,
    simulated: state.simulated,
    offset: place.offset,
    receivedUs: place.record.receivedUs,
    boot,
    sequence,
    timeUs: time.timeUs,
    timeSource: time.timeSource,
    bootUs,
    values: checked.values,
    quality: checked.quality,
    counters: checked.counters,
  }
}

interface Arrived {
  readonly reading: Reading
  readonly orderUs: number | undefined
  readonly receivedUs: number
}

/**
 * Each signal by itself: an OPC UA server gives every node the time at which it changed last. One
 * without a source time is newest by its place in the log; a bad quality without a value is, too,
 * for whatever is newer than the value before it, since it may bear the gateway's clock.
 */
const takePresent = (
  state: UnitState,
  { reading, orderUs, receivedUs }: Arrived,
): Pick<Folded, 'seen' | 'usable'> => {
  if (orderUs === undefined) {
    takeNewest(state, reading)
    return { seen: 'fresh' }
  }
  const { lastUs } = state
  const isPast =
    lastUs !== null && reading.timeUs < lastUs && lastUs <= receivedUs + limits.clockAheadUs
  if (!isPast) state.lastUs = reading.timeUs
  const usable = Uint8Array.from(reading.quality)
  let taken = 0
  usable.forEach((code, i) => {
    if (code === quality.absent) return
    if (orderUs < (state.valueUs?.[i] ?? Number.NEGATIVE_INFINITY)) {
      usable[i] = quality.bad_unspecified
      return
    }
    taken++
    takeOne(state, reading, i)
    if (reading.values[i] === undefined) return
    state.valueUs ??= state.signalNames.map(() => null)
    state.valueUs[i] = orderUs
  })
  return { seen: taken > 0 || !isPast ? 'fresh' : 'late', usable }
}

const takeNewest = (state: UnitState, reading: Reading): void => {
  state.lastUs = reading.timeUs
  for (let i = 0; i < reading.values.length; i++) {
    // A report may carry some signals only; what it leaves out stays as it was.
    if (reading.quality[i] !== quality.absent) takeOne(state, reading, i)
  }
}

const takeOne = (state: UnitState, reading: Reading, i: number): void => {
  state.values[i] = reading.values[i] ?? null
  state.quality[i] = reading.quality[i] as number
}
