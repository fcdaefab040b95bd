// Report by exception with a swinging door (after E. Bristol, "Swinging door trending", ISA 1990):
// a reading is left out while a straight line from what was sent last to it passes every one that
// lies between within the dead band. The newest is held until the line ends; whoever draws lines
// between what was sent is never off by more than the band. Pure; the state is part of the unit's.
import type { Reading } from '../core/delivery.ts'
import type { Machine } from '../core/machine.ts'
import { quality } from '../core/quality.ts'
import type { LogRecord } from '../core/record.ts'
import { bandsOf, type Choose, type ExceptionSettings } from './exception.ts'

/** A reading as plain JSON data; absent numbers are null. */
interface Point {
  readonly boot: number
  readonly sequence: number
  readonly timeUs: number
  readonly values: readonly (number | null)[]
  readonly quality: readonly number[]
}

/** One that is left out as long as the line goes on. */
export interface HeldReading extends Point {
  readonly offset: number
  readonly simulated: boolean
  readonly timeSource: Reading['timeSource']
  readonly bootUs?: number | undefined
  readonly counters: readonly (number | null)[]
  readonly totals: readonly (number | null)[]
  /** Its record, for the case that the sink refuses it. */
  readonly receivedUs: number
  readonly topic: string
  readonly payload: string
}

export interface DoorState {
  /** What the sink was sent last: the hinge. */
  readonly kept: Point
  held: HeldReading | null
  /** The sink does not have what was sent: no line goes on from here. */
  ended?: boolean
  /**
   * Slopes, in units a microsecond, of the lines that pass all since `kept`; null = not limited.
   */
  readonly low: (number | null)[]
  readonly high: (number | null)[]
}

export const createDoor = ({ bandOfRange, heartbeatS }: ExceptionSettings): Choose => {
  const known = new WeakMap<Machine, readonly number[]>()
  const heartbeatUs = heartbeatS * 1e6
  return (state, { reading, must, record, totals }) => {
    const { machine } = reading
    const bands = known.get(machine) ?? bandsOf(machine, bandOfRange)
    known.set(machine, bands)
    const { door } = state
    if (door == null || door.kept.values.length !== bands.length) {
      state.door = hinge(pointOf(reading))
      return { out: false, first: undefined }
    }
    if (isLate(reading, door.held ?? door.kept)) return { out: false, first: undefined }
    const mayWait = ({ kept }: DoorState): boolean =>
      !must && reading.timeUs - kept.timeUs < heartbeatUs
    if (goesOn(reading, door)) {
      // On the line itself: what lies between is told by it, the held one too.
      if (!mayWait(door)) return sent(state, reading, undefined)
      hold(door, { reading, record, totals, bands })
      return { out: true, first: undefined }
    }
    if (door.held === null) return sent(state, reading, undefined)
    const first = door.held
    const next = hinge(first)
    if (!goesOn(reading, next) || !mayWait(next)) return sent(state, reading, first)
    hold(next, { reading, record, totals, bands })
    state.door = next
    return { out: true, first }
  }
}

/** The reading itself ends the line, and begins the next. */
const sent = (
  state: { door?: DoorState | null },
  reading: Reading,
  first: HeldReading | undefined,
): ReturnType<Choose> => {
  state.door = hinge(pointOf(reading))
  return { out: false, first }
}

/** A held reading as it was. */
export const readingOfHeld = (
  held: HeldReading,
  at: Pick<Reading, 'machine' | 'unit'>,
): Reading => {
  const numbers = (list: readonly (number | null)[]) => list.map((value) => value ?? undefined)
  const { offset, boot, sequence, timeUs, timeSource, bootUs, simulated } = held
  return {
    ...{ machine: at.machine, unit: at.unit, simulated, offset, boot, sequence },
    ...{
      timeUs,
      timeSource,
      bootUs,
      values: numbers(held.values),
      quality: Uint8Array.from(held.quality),
    },
    ...{ counters: numbers(held.counters), totals: numbers(held.totals) },
  }
}

const hinge = (kept: Point): DoorState => ({
  kept,
  held: null,
  low: kept.values.map(() => null),
  high: kept.values.map(() => null),
})

const pointOf = ({ boot, sequence, timeUs, values, quality: codes }: Reading): Point => ({
  ...{ boot, sequence, timeUs, quality: [...codes] },
  values: values.map((value) => value ?? null),
})

/** It belongs before what is known: it is sent as it is, and no line is drawn over its gap. */
const isLate = ({ boot, sequence }: Reading, last: Point): boolean =>
  boot < last.boot || (boot === last.boot && sequence < last.sequence)

/** Whether one line from the hinge to the reading passes all that lies between. */
const goesOn = (reading: Reading, { kept, held, low, high, ended }: DoorState): boolean => {
  const last = held ?? kept
  const { boot, sequence, timeUs, machine } = reading
  // What is missing may still come, and with it a value that no line knows of.
  const follows = boot === -1 || sequence === last.sequence + 1
  if (ended === true || boot !== last.boot || !follows || timeUs <= last.timeUs) return false
  for (let i = 0; i < kept.values.length; i++) {
    if (reading.quality[i] !== kept.quality[i]) return false
    const [value, from] = [reading.values[i] ?? null, kept.values[i] ?? null]
    if (!isSteady(reading, i, machine)) {
      if (value !== from) return false
    } else {
      const slope = ((value as number) - (from as number)) / (timeUs - kept.timeUs)
      if (slope < (low[i] ?? -Infinity) || slope > (high[i] ?? Infinity)) return false
    }
  }
  return true
}

/** Whether there is something between two values of it: a number that may be used. */
const isSteady = (reading: Reading, i: number, { profile, signalNames }: Machine): boolean =>
  profile.signals[signalNames[i] as string]?.type === 'number' &&
  (reading.quality[i] as number) <= quality.uncertain &&
  reading.values[i] !== undefined

interface Holding {
  reading: Reading
  record: Pick<LogRecord, 'receivedUs' | 'topic' | 'payload'>
  totals: Reading['totals']
  bands: readonly number[]
}

/** Holds the reading, and narrows the door to the lines that pass it. */
const hold = (door: DoorState, { reading, record, totals, bands }: Holding): void => {
  const { kept, low, high } = door
  const apartUs = reading.timeUs - kept.timeUs
  for (let i = 0; i < bands.length; i++) {
    if (!isSteady(reading, i, reading.machine)) continue
    const apart = (reading.values[i] as number) - (kept.values[i] as number)
    const band = bands[i] as number
    low[i] = Math.max(low[i] ?? -Infinity, (apart - band) / apartUs)
    high[i] = Math.min(high[i] ?? Infinity, (apart + band) / apartUs)
  }
  const { offset, simulated, timeSource, bootUs, counters } = reading
  const { receivedUs, topic, payload } = record
  door.held = {
    ...pointOf(reading),
    ...{ offset, simulated, timeSource, bootUs, receivedUs, topic },
    counters: counters.map((count) => count ?? null),
    totals: (totals ?? []).map((count) => count ?? null),
    payload: Buffer.from(payload).toString(),
  }
}
