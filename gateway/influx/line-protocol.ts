// InfluxDB line protocol (docs.influxdata.com/influxdb/v1.6, "line protocol reference"), written by
// hand because exactness is the point: int64 with its suffix, floats that read back as the same
// double, nanoseconds as whole numbers. It refuses what the protocol cannot carry and never rounds.

/** A field's value as it stands in a line. */
export type FieldText = string

/** A double. Throws on NaN and infinities: absence is the absence of the field. */
export const floatField = (value: number): FieldText => {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not a number that can be written`)
  return Object.is(value, -0) ? '-0' : String(value)
}

/** An int64. Throws on what a double cannot hold as a whole number exactly. */
export const integerField = (value: number): FieldText => {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`${value} is not a whole number within 2^53 - 1`)
  }
  return `${value + 0}i`
}

export const booleanField = (value: boolean): FieldText => (value ? 'true' : 'false')

/** A text: quotes and backslashes escaped; every other character stands for itself. */
export const stringField = (value: string): FieldText =>
  `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`

export const escapeMeasurement = (name: string): string => {
  assertName(name)
  return name.replace(/[, ]/g, '\\$&')
}

/** A tag key, tag value or field key. */
export const escapeKey = (name: string): string => {
  assertName(name)
  return name.replace(/[,= ]/g, '\\$&')
}

/** Backslashes are ambiguous and line breaks end a line there: no escape exists for either. */
const assertName = (name: string): void => {
  if (name === '' || /[\\\n\r]/.test(name)) {
    throw new RangeError(`the name ${JSON.stringify(name.slice(0, 60))} cannot be written`)
  }
}

const spreadSize = 1000

/**
 * Nanoseconds since 1970, as text: the microsecond, and below it a place that follows from what the
 * reading is, so that a resend meets itself and another reading of the same microsecond does not.
 * Up to 1,000 consecutive sequences of one boot never meet; boots are kept apart by a stride.
 */
export const timestampOf = (timeUs: number, identity: { boot: number; sequence: number }): string =>
  String(BigInt(timeUs) * 1000n + BigInt(spreadOf(identity)))

const bootStride = 389

const spreadOf = ({ boot, sequence }: { boot: number; sequence: number }): number =>
  ((((sequence % spreadSize) + (boot + 1) * bootStride) % spreadSize) + spreadSize) % spreadSize
