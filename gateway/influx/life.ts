// What a life has come to as a line: one a unit, or a machine's cohort, and UTC day. Tags are those
// of the daily point; a cohort has no unit. Floats all: a count here is a figure, not a counter.
import {
  cohortMeasurement,
  lifeMeasurement,
  machineColumn,
  simulatedField,
  unitColumn,
} from '../../hardware-profiles/names.ts'
import type { LifeFigures } from '../core/delivery.ts'
import { booleanField, escapeKey, escapeMeasurement, floatField } from './line-protocol.ts'
import type { Point } from './points.ts'

export const lifePoint = ({ machine, unit, simulated, dayUs, fields }: LifeFigures): Point => {
  const measurement = unit === undefined ? cohortMeasurement : lifeMeasurement
  const head = [
    escapeMeasurement(measurement),
    `${machineColumn}=${escapeKey(machine)}`,
    ...(unit === undefined ? [] : [`${unitColumn}=${escapeKey(unit)}`]),
  ].join(',')
  const values = [
    `${simulatedField}=${booleanField(simulated)}`,
    ...Object.entries(fields).map(([name, value]) => `${escapeKey(name)}=${floatField(value)}`),
  ]
  return { line: `${head} ${values.join(',')} ${BigInt(dayUs) * 1000n}`, offsets: [] }
}
