// Report by exception for a sink outside: a reading is left out while every value in it lies within
// the dead band of what the sink was sent last. Whoever holds the last sent value over the time
// between is never off by more than the band. Pure; what was sent is part of the unit's state.
import type { Reading } from '../core/delivery.ts'
import type { Machine } from '../core/machine.ts'
import { quality } from '../core/quality.ts'
import type { LogRecord } from '../core/record.ts'
import type { DoorState, HeldReading } from './door.ts'

export interface ExceptionSettings {
  /** How what was left out is told from what was sent: by holding it, or by lines between. */
  between?: 'hold' | 'line'
  /** Dead band of a number without one of its own in the profile, fraction of its range. */
  bandOfRange: number
  /** A value is sent at least this often while readings come, seconds. */
  heartbeatS: number
}

/** What the sink was sent last, by signal; null where it never was. */
export interface SentState {
  boot: number
  sequence: number
  values: (number | null)[]
  quality: number[]
  timesUs: (number | null)[]
}

/** The unit's state as far as this is concerned: null = send the next one, whatever it says. */
export interface WithSent {
  sent?: SentState | null
  door?: DoorState | null
}

/** A reading on its way to the sink. */
export interface Offered {
  reading: Reading
  /** It has to be sent, whatever it says. */
  must: boolean
  record: Pick<LogRecord, 'receivedUs' | 'topic' | 'payload'>
  /** Its counters over the unit's life. */
  totals: Reading['totals']
}

export interface Choice {
  /** The reading is left out, at least for now. */
  out: boolean
  /** One that was left out before and is to be sent after all, ahead of the reading. */
  first: HeldReading | undefined
}

/** Decides on a reading and notes in the unit's state what the sink will have. */
export type Choose = (state: WithSent, offered: Offered) => Choice

/** The dead band. */
export const createBand = ({ bandOfRange, heartbeatS }: ExceptionSettings): Choose => {
  const known = new WeakMap<Machine, readonly number[]>()
  const heartbeatUs = heartbeatS * 1e6
  return (state, { reading, must }) => {
    const { machine } = reading
    const bands = known.get(machine) ?? bandsOf(machine, bandOfRange)
    known.set(machine, bands)
    const { sent } = state
    // Names at these positions may have changed with the profile; a new boot begins anew.
    const fits = sent != null && sent.values.length === bands.length
    if (fits && isLate(reading, sent)) return { out: false, first: undefined }
    const isSame = fits && sent.boot === reading.boot
    if (isSame && !must && isWithin(reading, { sent, bands, heartbeatUs })) {
      return { out: true, first: undefined }
    }
    state.sent = withReading(isSame ? sent : blank(bands.length), reading)
    return { out: false, first: undefined }
  }
}

/**
 * Dead band by signal: the profile's own, else the fraction of the range. 0 for what has no
 * between: every change of an enum, a boolean or a whole number counts.
 */
export const bandsOf = ({ profile }: Machine, bandOfRange: number): number[] =>
  Object.values(profile.signals).map(({ type, deadband, range }) => {
    if (type !== 'number') return 0
    if (deadband !== undefined) return deadband
    return bandOfRange * width(range)
  })

const width = ([low, high]: readonly number[] = [0, 0]): number => (high ?? 0) - (low ?? 0)

/** It belongs before what was sent: it is sent too, and says nothing of what comes next. */
const isLate = ({ boot, sequence }: Reading, sent: SentState): boolean =>
  boot < sent.boot || (boot === sent.boot && sequence < sent.sequence)

interface Against {
  readonly sent: SentState
  readonly bands: readonly number[]
  readonly heartbeatUs: number
}

const isWithin = (reading: Reading, { sent, bands, heartbeatUs }: Against): boolean => {
  for (let i = 0; i < bands.length; i++) {
    const code = reading.quality[i] as number
    if (code === quality.absent) continue
    const ageUs = reading.timeUs - (sent.timesUs[i] ?? Number.NEGATIVE_INFINITY)
    // A time before the sent one cannot be put between two that were sent.
    if (code !== sent.quality[i] || ageUs < 0 || ageUs >= heartbeatUs) return false
    const [value, last] = [reading.values[i] ?? null, sent.values[i] ?? null]
    if (value === last) continue
    const apart = value === null || last === null ? Infinity : Math.abs(value - last)
    if (apart > (bands[i] as number)) return false
  }
  return true
}

const blank = (signals: number): SentState => ({
  ...{ boot: 0, sequence: 0 },
  values: new Array(signals).fill(null),
  quality: new Array(signals).fill(quality.absent),
  timesUs: new Array(signals).fill(null),
})

const withReading = (sent: SentState, reading: Reading): SentState => {
  const { boot, sequence, timeUs, values } = reading
  const isPresent = (i: number): boolean => reading.quality[i] !== quality.absent
  return {
    ...{ boot, sequence },
    values: sent.values.map((last, i) => (isPresent(i) ? (values[i] ?? null) : last)),
    quality: sent.quality.map((last, i) => (isPresent(i) ? (reading.quality[i] as number) : last)),
    timesUs: sent.timesUs.map((last, i) => (isPresent(i) ? timeUs : last)),
  }
}
