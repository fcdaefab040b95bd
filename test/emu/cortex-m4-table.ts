// How instructions are found and what their encodings share (ARMv7-M ARM, A5): a row says which
// bits must be what, and makes of the rest of the word what runs.
import type { Op, Shift, State } from './cortex-m4-state.ts'

/** First match counts; `make` gives undefined where the encoding is not this one after all. */
export type Row = readonly [mask: number, match: number, make: (word: number) => Op | undefined]

export const decode = (rows: readonly Row[], word: number): Op | undefined => {
  for (const [mask, match, make] of rows) {
    if ((word & mask) >>> 0 !== match) continue
    const op = make(word)
    if (op !== undefined) return op
  }
  return undefined
}

/** Bits `high` to `low` of a word. */
export const bits = (word: number, high: number, low: number): number =>
  (word >>> low) & (2 ** (high - low + 1) - 1)
export const bit = (word: number, at: number): boolean => ((word >>> at) & 1) !== 0
export const signed = (value: number, width: number): number =>
  (value << (32 - width)) >> (32 - width)

/** Cycles that a taken branch costs beyond one: 1 to 3 on silicon (Cortex-M4 TRM, table 3-1). */
export const refill = 2

/** Gives a value and leaves the carry of its shift in `carryOut`. */
export type Operand = (core: State) => number

/** A modified immediate of 12 bits (A5.3.2). */
export const immediateOperand = (word: number): Operand => {
  const imm = (bits(word, 26, 26) << 11) | (bits(word, 14, 12) << 8) | bits(word, 7, 0)
  const byte = imm & 255
  if (imm >>> 10 === 0) {
    const parts = [byte, byte * 0x10001, (byte * 0x1000100) | 0, (byte * 0x1010101) | 0]
    const value = parts[imm >>> 8] ?? 0
    return (core) => {
      core.carryOut = core.c
      return value
    }
  }
  const by = imm >>> 7
  const from = 0x80 | (imm & 127)
  const value = (from >>> by) | (from << (32 - by))
  return (core) => {
    core.carryOut = value < 0
    return value
  }
}

/** A register shifted by a constant (A7.4.2). */
export const shiftedOperand = (m: number, kind: number, amount: number): Operand => {
  if (kind === 0 && amount === 0) {
    return (core) => {
      core.carryOut = core.c
      return core.get(m)
    }
  }
  const type = (kind === 3 && amount === 0 ? 4 : kind) as Shift
  const by = amount === 0 ? 32 : amount
  return (core) => core.shift(type, core.get(m), by)
}

/** Of a base and a constant; the PC counts in whole words. */
export const offsetBy = (n: number, offset: number): Operand =>
  n === 15 ? (core) => (core.get(15) & ~3) + offset : (core) => core.get(n) + offset

/** Whether flags are set: 'outside': unless the instruction is in an IT block. */
export type Sets = boolean | 'outside'

const logical: Readonly<Record<number, (a: number, b: number) => number>> = {
  0: (a, b) => a & b,
  1: (a, b) => a & ~b,
  2: (a, b) => a | b,
  3: (a, b) => a | ~b,
  4: (a, b) => a ^ b,
}
/** What is added: first, second operand, carry. */
const sums: Readonly<
  Record<number, (core: State, a: number, b: number) => readonly [number, number, number]>
> = {
  10: (core, a, b) => [a, b, core.c ? 1 : 0],
  11: (core, a, b) => [a, ~b, core.c ? 1 : 0],
  14: (_, a, b) => [~a, b, 1],
}

export interface DataSpec {
  /** As in A5.3.1: 0 AND, 1 BIC, 2 ORR, 3 ORN, 4 EOR, 8 ADD, 10 ADC, 11 SBC, 13 SUB, 14 RSB. */
  op: number
  sets: Sets
  /** Undefined: the result is dropped (TST, TEQ, CMN, CMP). */
  d: number | undefined
  /** Undefined: there is none (MOV, MVN). */
  n: number | undefined
  operand: Operand
}

/** Data processing with any operand. */
export const dataOp = (spec: DataSpec): Op | undefined => {
  const { op } = spec
  if (op === 8) return addOp(spec)
  if (op === 13) return subtractOp(spec)
  const sum = sums[op]
  if (sum !== undefined) return carryOp(spec, sum)
  const how = logical[op]
  return how === undefined ? undefined : logicalOp(spec, how)
}

const setsNow = (core: State, sets: Sets): boolean => (sets === 'outside' ? !core.inBlock : sets)

const logicalOp = (spec: DataSpec, how: (a: number, b: number) => number): Op => {
  const { sets, d, n, operand } = spec
  return (core) => {
    const second = operand(core)
    const result = how(n === undefined ? 0 : core.get(n), second)
    if (setsNow(core, sets)) {
      core.setNz(result)
      core.c = core.carryOut
    }
    if (d !== undefined) core.set(d, result)
    return 1
  }
}

const addOp = ({ sets, d, n = 15, operand }: DataSpec): Op => {
  return (core) => {
    const second = operand(core)
    const first = core.get(n)
    const result = setsNow(core, sets) ? core.add(first, second, 0) : (first + second) | 0
    if (d !== undefined) core.set(d, result)
    return 1
  }
}

const subtractOp = ({ sets, d, n = 15, operand }: DataSpec): Op => {
  return (core) => {
    const second = operand(core)
    const first = core.get(n)
    const result = setsNow(core, sets) ? core.add(first, ~second, 1) : (first - second) | 0
    if (d !== undefined) core.set(d, result)
    return 1
  }
}

const carryOp = (
  { sets, d = 0, n = 15, operand }: DataSpec,
  sum: (core: State, a: number, b: number) => readonly [number, number, number],
): Op => {
  return (core) => {
    const second = operand(core)
    const [a, b, carry] = sum(core, core.get(n), second)
    core.set(d, setsNow(core, sets) ? core.add(a, b, carry) : (a + b + carry) | 0)
    return 1
  }
}
