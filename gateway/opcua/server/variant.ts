// Our values, units and qualities as OPC UA writes them. Pure.
// Nothing is rounded: a whole number travels in 64 bits.
import * as opcua from 'node-opcua'
import type { SignalSpec } from '../../../hardware-profiles/profile.ts'
import { unitOf } from '../../../hardware-profiles/units.ts'
import { quality } from '../../core/quality.ts'

/** What a node shows that has no usable value. */
export const nothing = new opcua.Variant({ dataType: opcua.DataType.Null })

/** OPC 10000-8, 5.6.4.3: the UNECE code as a number, and what a person reads. */
export const euOf = (ucum: string): ReturnType<typeof opcua.makeEUInformation> => {
  const { label, unece } = unitOf(ucum)
  return opcua.makeEUInformation(unece, label, ucum)
}

/** A whole number as the library writes 64 bits: [high, low]. */
export const int64 = (value: number): [number, number] => {
  const bits = BigInt.asUintN(64, BigInt(Math.trunc(value)))
  return [Number(bits >> 32n), Number(bits & 0xffff_ffffn)]
}

/** Value of a signal as its node's type wants it. */
export const variantOf = ({ type }: SignalSpec, value: number): opcua.Variant => {
  if (type === 'boolean') {
    return new opcua.Variant({ dataType: opcua.DataType.Boolean, value: value !== 0 })
  }
  if (type === 'enum') return new opcua.Variant({ dataType: opcua.DataType.UInt32, value })
  if (type === 'number') return new opcua.Variant({ dataType: opcua.DataType.Double, value })
  return new opcua.Variant({
    dataType: opcua.DataType.Int64,
    arrayType: opcua.VariantArrayType.Scalar,
    value: int64(value),
  })
}

/** Our quality as a status code. */
export const statusOf = (code: number): opcua.StatusCode => {
  if (code === quality.good) return opcua.StatusCodes.Good
  if (code === quality.uncertain) return opcua.StatusCodes.Uncertain
  if (code === quality.bad_out_of_range) return opcua.StatusCodes.BadOutOfRange
  return code === quality.bad_unspecified
    ? opcua.StatusCodes.Bad
    : opcua.StatusCodes.BadSensorFailure
}
