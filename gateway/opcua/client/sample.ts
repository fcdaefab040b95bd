// One DataValue of a server to what our report says of it: value, quality and source time. What
// does not fit the profile's type is marked so that it travels alone: the pipeline then keeps it
// aside with its reason, and the values beside it are not condemned with it. Pure; total on any
// DataValue.
import { DataType, type DataValue, type StatusCode } from 'node-opcua'
import type { NodePlan } from './plan.ts'

export interface Sample {
  readonly node: NodePlan
  /** Source time, microseconds since 1970. */
  readonly timeUs: number
  readonly value?: number | string | boolean
  /** Word of a report's "q"; absent = good. */
  readonly quality?: string
  /** Does not fit: goes into a report of its own. */
  readonly alone?: true
}

/** DataValue InfoBits: InfoType DataValue (10) and Overflow (OPC 10000-4, 7.39.1, table 177). */
const overflowMask = 0x0400 | 0x0080

/** True where the server has dropped older values of this item for want of room. */
export const hasOverflown = (status: StatusCode): boolean =>
  (status.value & overflowMask) === overflowMask

/** No machine of ours reported before; a clock that says so was never set. 2000-01-01T00:00Z. */
const earliestUs = 946_684_800_000_000

/** Source time, else the server's, microseconds since 1970; undefined where neither can be true. */
export const timeOf = (value: DataValue, latestUs: number): number | undefined => {
  const source = microseconds(value.sourceTimestamp, value.sourcePicoseconds)
  const server = microseconds(value.serverTimestamp, value.serverPicoseconds)
  return [source, server].find((timeUs) => timeUs >= earliestUs && timeUs <= latestUs)
}

const microseconds = (date: Date | null | undefined, picoseconds: number): number =>
  date ? date.getTime() * 1000 + Math.floor((picoseconds || 0) / 1e6) : Number.NaN

/** @param timeUs as `timeOf` says, or later where the value is only said again */
export const toSample = (value: DataValue, node: NodePlan, timeUs: number): Sample | undefined => {
  const quality = qualityOf(value.statusCode)
  if (quality?.startsWith('bad') === true) return bad(node, timeUs, quality)
  const { dataType, value: raw } = value.value ?? {}
  if (dataType === undefined || dataType === DataType.Null || raw === null || raw === undefined) {
    return bad(node, timeUs, 'bad')
  }
  const plain = plainOf(dataType, raw)
  if (typeof plain === 'number' && !Number.isFinite(plain)) {
    return bad(node, timeUs, 'bad:not_a_number')
  }
  const scaled = typeof plain === 'number' ? scale(plain, node) : plain
  const said = quality === undefined || node.type === 'counter' ? {} : { quality }
  if (!fits(scaled, node)) return { node, timeUs, value: text(scaled), alone: true }
  return { node, timeUs, value: scaled as number | string | boolean, ...said }
}

/** A counter has no quality of its own: where it is bad, nothing is said of it. */
export const bad = (node: NodePlan, timeUs: number, quality: string): Sample | undefined =>
  node.type === 'counter' ? undefined : { node, timeUs, quality }

const scale = (value: number, node: NodePlan): number =>
  node.type === 'number' ? value * node.scale + node.offset : value

const words: Readonly<Record<string, string>> = {
  BadOutOfRange: 'bad:out_of_range',
  BadSensorFailure: 'bad:implausible',
  UncertainSensorNotAccurate: 'uncertain',
}

/** Severity is the top two bits: 00 good, 01 uncertain, 1x bad (OPC 10000-4, 7.39.1). */
const qualityOf = (status: StatusCode): string | undefined => {
  const severity = status.value >>> 30
  if (severity === 0) return undefined
  return severity === 1 ? 'uncertain' : (words[status.name] ?? 'bad')
}

/** 64-bit numbers arrive as [high, low]; where a double cannot hold one it stays text. */
const plainOf = (type: DataType, raw: unknown): unknown => {
  if (type !== DataType.Int64 && type !== DataType.UInt64) return raw
  if (!Array.isArray(raw) || raw.length !== 2 || !raw.every(Number.isInteger)) return raw
  const bits = (BigInt(raw[0]) << 32n) | BigInt.asUintN(32, BigInt(raw[1]))
  const whole = type === DataType.Int64 ? BigInt.asIntN(64, bits) : BigInt.asUintN(64, bits)
  const number = Number(whole)
  return Number.isSafeInteger(number) ? number : String(whole)
}

const fits = (value: unknown, { type }: NodePlan): boolean => {
  if (type === 'boolean') return typeof value === 'boolean' || value === 0 || value === 1
  if (type === 'enum') return Number.isInteger(value) || typeof value === 'string'
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'counter') return Number.isSafeInteger(value) && (value as number) >= 0
  return typeof value === 'number' && Number.isFinite(value)
}

const textMax = 200

/**
 * What a person needs to see of a value that fits nothing: never a number, so that it is refused.
 */
const text = (value: unknown): string => {
  if (typeof value === 'string') return value.slice(0, textMax)
  try {
    return (JSON.stringify(value) ?? typeof value).slice(0, textMax)
  } catch {
    return typeof value
  }
}
