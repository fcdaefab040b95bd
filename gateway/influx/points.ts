// What a reading and an event look like in InfluxDB: measurement, tags, fields, timestamp. Names
// come from hardware-profiles/names.ts alone. The only tags are unit, machine and event type, all
// bounded; whatever changes is a field. Pure: the same reading gives the same line, byte for byte.
import {
  bootField,
  counterAtOf,
  eventMeasurement,
  machineColumn,
  measurementOf,
  qualityFieldOf,
  sequenceField,
  simulatedField,
  typeColumn,
  unitColumn,
} from '../../hardware-profiles/names.ts'
import type { Reading, UnitEvent } from '../core/delivery.ts'
import type { Machine } from '../core/machine.ts'
import { quality } from '../core/quality.ts'
import {
  booleanField,
  escapeKey,
  escapeMeasurement,
  type FieldText,
  floatField,
  integerField,
  stringField,
  timestampOf,
} from './line-protocol.ts'

/** One line, and the log records that end with it. */
export interface Point {
  readonly line: string
  readonly offsets: readonly number[]
}

/** A machine's names as they stand in a line; worked out once a machine. */
export interface Layout {
  /** Up to the unit's id. */
  readonly head: string
  readonly signals: readonly SignalLayout[]
  readonly counters: readonly string[]
}

export interface SignalLayout {
  readonly key: string
  readonly qualityKey: string
  readonly expected: number
  readonly write: (value: number) => FieldText
  /** Whether its smallest and greatest value mean anything. */
  readonly isQuantity: boolean
}

export const layoutOf = (machine: Machine): Layout => ({
  head: `${escapeMeasurement(measurementOf(machine.profile.machine))},${escapeKey(unitColumn)}=`,
  signals: Object.values(machine.profile.signals).map(({ type }, i) => {
    const field = machine.signalFields[i] ?? ''
    const isQuantity = type === 'number' || type === 'integer'
    return {
      key: escapeKey(field),
      qualityKey: escapeKey(qualityFieldOf(field)),
      expected: machine.defaultQuality[i] ?? quality.good,
      // An enum by its index and a boolean as 0 or 1: they can be summed, and names can be mapped.
      write: type === 'number' ? floatField : integerField,
      isQuantity,
    }
  }),
  counters: machine.counterFields.map(escapeKey),
})

/** The value of a signal, where it may be used: present, and not of bad quality. */
export const usable = (reading: Reading, i: number): number | undefined =>
  (reading.quality[i] ?? quality.absent) <= quality.uncertain ? reading.values[i] : undefined

/** The line of a report. Throws a RangeError on a value that InfluxDB cannot hold. */
export const reportPoint = (reading: Reading, layout: Layout): Point => {
  const { boot, sequence, offset } = reading
  const fields = [
    `${bootField}=${integerField(boot)}`,
    `${sequenceField}=${integerField(sequence)}`,
  ]
  for (let i = 0; i < layout.signals.length; i++) {
    const code = reading.quality[i] ?? quality.absent
    if (code === quality.absent) continue
    const { key, qualityKey, expected, write } = layout.signals[i] as SignalLayout
    const value = code <= quality.uncertain ? reading.values[i] : undefined
    if (value !== undefined) fields.push(`${key}=${write(value)}`)
    if (code !== expected) fields.push(`${qualityKey}=${code}i`)
  }
  for (let i = 0; i < layout.counters.length; i++) {
    const count = reading.counters[i]
    if (count !== undefined) fields.push(`${layout.counters[i]}=${integerField(count)}`)
  }
  const unit = escapeKey(reading.unit)
  const time = timestampOf(reading.timeUs, { boot, sequence })
  return { line: `${layout.head}${unit} ${fields.join(',')} ${time}`, offsets: [offset] }
}

/** The line of an event; its record's offset is its identity. */
export const eventPoint = (event: UnitEvent, layout: Layout): Point => {
  const { unit, offset } = event
  const fields = [
    `severity=${stringField(event.severity)}`,
    `cause=${stringField(event.cause)}`,
    `description=${stringField(event.rule.description)}`,
    `${simulatedField}=${booleanField(event.simulated)}`,
  ]
  layout.counters.forEach((key, i) => {
    const count = event.counters[i]
    if (count !== undefined) fields.push(`${counterAtOf(key)}=${integerField(count)}`)
  })
  const head = [
    escapeMeasurement(eventMeasurement),
    `${machineColumn}=${escapeKey(event.machine.profile.machine)}`,
    `${typeColumn}=${escapeKey(event.type)}`,
    `${unitColumn}=${escapeKey(unit)}`,
  ].join(',')
  const time = timestampOf(event.timeUs, { boot: -1, sequence: event.identity ?? offset })
  return { line: `${head} ${fields.join(',')} ${time}`, offsets: [offset] }
}
