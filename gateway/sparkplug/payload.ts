// Sparkplug B payloads to and from bytes. Uses the package's generated protobuf classes, not its
// friendly layer: that one loses every value whose datatype is left out, as data messages should
// leave it out, and writes a datatype of 0 where there is none. Says "item" for what Sparkplug
// calls a metric. Never throws on what arrives: it says what is wrong with it.
import proto from 'sparkplug-payload/lib/sparkplugPayloadProto.js'

const { Payload } = proto.org.eclipse.tahu.protobuf

/** Codes of specification 3.0, 6.4.16. */
export const datatypes = {
  ...{ Int8: 1, Int16: 2, Int32: 3, Int64: 4, UInt8: 5, UInt16: 6, UInt32: 7, UInt64: 8 },
  ...{ Float: 9, Double: 10, Boolean: 11, String: 12, DateTime: 13, Text: 14, UUID: 15 },
  ...{ DataSet: 16, Bytes: 17, File: 18, Template: 19, PropertySet: 20, PropertySetList: 21 },
} as const
export type Datatype = keyof typeof datatypes

/** Quality codes of the property "Quality". */
export const qualityCodes = { bad: 0, good: 192, stale: 500 } as const

/** What is sent; `value` null is a value that is not known now. */
export interface Outgoing {
  name?: string | undefined
  alias?: number | undefined
  /** Milliseconds since 1970. */
  timestampMs: number
  datatype: Datatype
  /** In births and commands; data leave it out. */
  withDatatype: boolean
  value: number | boolean | string | null
  historical?: boolean
  quality?: number | undefined
  /** Property "engUnit". */
  unit?: string | undefined
}

/** A scalar as it came; its datatype says what it means. undefined: none, or none we read. */
export type Raw = number | bigint | boolean | string | null | undefined

export interface Item {
  name: string | undefined
  alias: number | undefined
  timestampMs: number | undefined
  datatype: number | undefined
  raw: Raw
  /** A template, whatever its datatype says. */
  template: boolean
  historical: boolean
  /** Value of the property "Quality", where it is one. */
  quality: number | undefined
}

export interface Incoming {
  timestampMs: number | undefined
  seq: number | undefined
  items: Item[]
}

export interface Sending {
  timestampMs?: number
  seq?: number
  items: readonly Outgoing[]
}

export const encode = ({ timestampMs, seq, items }: Sending): Buffer =>
  Buffer.from(
    Payload.encode({
      ...(timestampMs === undefined ? {} : { timestamp: timestampMs }),
      ...(seq === undefined ? {} : { seq }),
      metrics: items.map(encodeItem),
    }).finish(),
  )

const encodeItem = (item: Outgoing) => {
  const { name, alias, timestampMs, datatype, withDatatype, value, historical, quality } = item
  const properties = propertiesOf(quality, item.unit)
  return {
    ...(name === undefined ? {} : { name }),
    ...(alias === undefined ? {} : { alias }),
    timestamp: timestampMs,
    ...(withDatatype ? { datatype: datatypes[datatype] } : {}),
    ...(historical === true ? { isHistorical: true } : {}),
    ...(properties === undefined ? {} : { properties }),
    ...(value === null ? { isNull: true } : { [fieldOf(datatype)]: value }),
  }
}

const propertiesOf = (quality: number | undefined, unit: string | undefined) => {
  const all: [string, { type: number; intValue?: number; stringValue?: string }][] = []
  if (quality !== undefined) all.push(['Quality', { type: datatypes.Int32, intValue: quality }])
  if (unit !== undefined) all.push(['engUnit', { type: datatypes.String, stringValue: unit }])
  if (all.length === 0) return undefined
  return { keys: all.map(([key]) => key), values: all.map(([, value]) => value) }
}

const fieldOf = (datatype: Datatype): string => {
  const code = datatypes[datatype]
  if (code === datatypes.Int64 || code === datatypes.UInt64 || code === datatypes.DateTime) {
    return 'longValue'
  }
  if (code <= datatypes.UInt32) return 'intValue'
  if (code === datatypes.Float) return 'floatValue'
  if (code === datatypes.Double) return 'doubleValue'
  return code === datatypes.Boolean ? 'booleanValue' : 'stringValue'
}

/** What the bytes say, or in words why they say nothing. */
export const decode = (bytes: Uint8Array): Incoming | string => {
  try {
    const payload = Payload.decode(bytes)
    const own = payload as unknown as Fields
    return {
      timestampMs: safe(given(own, 'timestamp')),
      seq: safe(given(own, 'seq')),
      items: payload.metrics.map((item) => decodeItem(item as unknown as Fields)),
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

type Fields = Readonly<Record<string, unknown>>

const decodeItem = (item: Fields): Item => ({
  name: text(given(item, 'name')),
  alias: safe(given(item, 'alias')),
  timestampMs: safe(given(item, 'timestamp')),
  datatype: safe(given(item, 'datatype')),
  raw: given(item, 'isNull') === true ? null : rawOf(item),
  template: given(item, 'templateValue') !== undefined,
  historical: given(item, 'isHistorical') === true,
  quality: qualityOf(given(item, 'properties') as Fields | undefined),
})

/** Defaults sit on the prototype: only what is the object's own was sent. */
const given = (fields: Fields, name: string): unknown =>
  Object.hasOwn(fields, name) ? fields[name] : undefined

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const scalars = ['intValue', 'floatValue', 'doubleValue', 'booleanValue', 'stringValue'] as const

const rawOf = (item: Fields): Raw => {
  for (const field of scalars) {
    const value = given(item, field)
    if (value !== undefined) return value as Raw
  }
  return whole(given(item, 'longValue'))
}

/** Halves of an unsigned 64-bit number, as protobuf.js keeps them. */
interface Halves {
  low: number
  high: number
}

const whole = (value: unknown): number | bigint | undefined => {
  if (typeof value === 'number') return value
  if (typeof value !== 'object' || value === null || !('low' in value)) return undefined
  const { low, high } = value as Halves
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}

const safe = (value: unknown): number | undefined => {
  const found = whole(value)
  const number = found === undefined ? Number.NaN : Number(found)
  return Number.isSafeInteger(number) ? number : undefined
}

const qualityOf = (properties: Fields | undefined): number | undefined => {
  const keys = properties === undefined ? undefined : given(properties, 'keys')
  const values = properties === undefined ? undefined : given(properties, 'values')
  if (!Array.isArray(keys) || !Array.isArray(values)) return undefined
  const at = keys.findIndex((key) => String(key).toLowerCase() === 'quality')
  return at < 0 || values[at] === undefined ? undefined : safe(given(values[at], 'intValue'))
}

/** Bits of the signed types up to 32: protobuf carries them without a sign. */
const signedBits = new Map<number, number>([
  [datatypes.Int8, 8],
  [datatypes.Int16, 16],
  [datatypes.Int32, 32],
])

/**
 * What a scalar means under its datatype; undefined where the two do not go together, or a whole
 * number is beyond 2^53.
 */
export const meaningOf = (
  raw: Raw,
  datatype: number | undefined,
): number | boolean | string | null | undefined => {
  if (raw === null) return null
  if (datatype === datatypes.Boolean) return typeof raw === 'boolean' ? raw : undefined
  if (datatype === datatypes.Float || datatype === datatypes.Double) {
    return typeof raw === 'number' ? raw : undefined
  }
  const isText =
    datatype === datatypes.String || datatype === datatypes.Text || datatype === datatypes.UUID
  if (isText) return typeof raw === 'string' ? raw : undefined
  if (typeof raw === 'bigint') return wholeOf(raw, datatype)
  return typeof raw === 'number' && Number.isInteger(raw)
    ? wholeOf(BigInt(raw), datatype)
    : undefined
}

const wholeOf = (raw: bigint, datatype: number | undefined): number | undefined => {
  if (datatype === undefined) return undefined
  const bits = datatype === datatypes.Int64 ? 64 : signedBits.get(datatype)
  const unsigned = datatype >= datatypes.UInt8 && datatype <= datatypes.UInt64
  if (bits === undefined && !unsigned && datatype !== datatypes.DateTime) return undefined
  const number = Number(bits === undefined ? raw : BigInt.asIntN(bits, raw))
  return Number.isSafeInteger(number) ? number : undefined
}
