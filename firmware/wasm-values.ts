// What an instruction of WebAssembly makes of whole numbers of which only a range is known (core
// specification 2.0, section 4.3.2); of all else nothing is known. A range is of numbers with their
// sign. It may be wider than what can be, never narrower.

/** From, to; undefined: anything. */
export type Value = readonly [low: bigint, high: bigint] | undefined
type Bits = 32 | 64

export const exactly = (x: bigint): Value => [x, x]
/** The range that holds both. */
export const hull = (a: Value, b: Value): Value => {
  if (a === undefined || b === undefined) return undefined
  const { low, high } = ends([...a, ...b])
  return [low, high]
}
/** Least and greatest. */
const ends = (all: readonly bigint[]): { low: bigint; high: bigint } => {
  const sorted = all.toSorted((a, b) => (a < b ? -1 : 1))
  return { low: sorted[0] ?? 0n, high: sorted.at(-1) ?? 0n }
}
/** As a condition: whether it is so, or undefined where nobody knows. */
export const isSo = (x: Value): boolean | undefined => {
  if (x === undefined) return undefined
  if (x[0] === 0n && x[1] === 0n) return false
  return x[0] > 0n || x[1] < 0n ? true : undefined
}

const truth = (yes: boolean, no: boolean): Value =>
  yes ? exactly(1n) : no ? exactly(0n) : [0n, 1n]
const negated = (x: Value): Value => (x === undefined ? [0n, 1n] : [1n - x[1], 1n - x[0]])

/** Of all numbers that are given, as a range that the width has room for. */
const range = (bits: Bits, ...all: bigint[]): Value => {
  const { low, high } = ends(all)
  const fits = BigInt.asIntN(bits, low) === low && BigInt.asIntN(bits, high) === high
  if (fits) return [low, high]
  return low === high ? exactly(BigInt.asIntN(bits, low)) : undefined
}

/** eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u, as they are numbered. */
const compare = (index: number, a: Value, b: Value): Value => {
  if (a === undefined || b === undefined) return [0n, 1n]
  const isEqual = truth(a[0] === a[1] && b[0] === b[1] && a[0] === b[0], a[1] < b[0] || b[1] < a[0])
  if (index < 2) return index === 0 ? isEqual : negated(isEqual)
  const isUnsigned = index % 2 === 1
  if (isUnsigned && (a[0] < 0n || b[0] < 0n)) return [0n, 1n]
  const less = truth(a[1] < b[0], a[0] >= b[1])
  const more = truth(a[0] > b[1], a[1] <= b[0])
  return [less, more, negated(more), negated(less)][Math.floor(index / 2) - 1]
}

/** add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u, as they are numbered. */
const compute = (index: number, [a, b]: readonly [Value, Value], bits: Bits): Value => {
  const fixed = b !== undefined && b[0] === b[1] ? b[0] : undefined
  if (fixed !== undefined) {
    const known = withFixed(index, [a, fixed], bits)
    if (known !== undefined) return known
  }
  if (index === 7) return both(a, b)
  if (a === undefined || b === undefined) return undefined
  if (index === 0) return range(bits, a[0] + b[0], a[1] + b[1])
  if (index === 1) return range(bits, a[0] - b[1], a[1] - b[0])
  if (index === 2) return range(bits, a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1])
  if (a[0] !== a[1] || fixed === undefined) {
    return index === 8 && a[0] >= 0n && b[0] >= 0n ? either(a, b) : undefined
  }
  if (index === 8) return exactly(a[0] | fixed)
  return index === 9 ? exactly(a[0] ^ fixed) : undefined
}

/** a & b: no more than either that has no sign. */
const both = (a: Value, b: Value): Value => {
  if (a !== undefined && b !== undefined && a[0] === a[1] && b[0] === b[1]) {
    return exactly(a[0] & b[0])
  }
  const plain = [a, b].filter((one) => one !== undefined && one[0] >= 0n)
  return plain.length > 0 ? [0n, ends(plain.map((one) => one?.[1] ?? 0n)).low] : undefined
}
/** a | b, both without a sign: no less than either, no more bits than both. */
const either = (a: readonly [bigint, bigint], b: readonly [bigint, bigint]): Value => {
  const most = ends([a[1], b[1]]).high
  return [ends([a[0], b[0]]).high, (1n << BigInt(most === 0n ? 0 : most.toString(2).length)) - 1n]
}

/** What says something even of a number that nobody knows: a remainder, a shift. */
const withFixed = (index: number, [a, b]: readonly [Value, bigint], bits: Bits): Value => {
  const isPlain = a !== undefined && a[0] >= 0n
  const by = BigInt.asUintN(bits, b) % BigInt(bits)
  if ((index === 5 || index === 6) && b > 0n) {
    const high = isPlain && a[1] < b ? a[1] : b - 1n
    return isPlain || index === 6 ? [0n, high] : [1n - b, b - 1n]
  }
  if (index === 12 && by > 0n && !isPlain) return [0n, (1n << (BigInt(bits) - by)) - 1n]
  if (a === undefined) return undefined
  if ((index === 3 || (index === 4 && isPlain)) && b > 0n) return range(bits, a[0] / b, a[1] / b)
  if (index === 10) return range(bits, a[0] << by, a[1] << by)
  return index === 11 || (index === 12 && isPlain) ? [a[0] >> by, a[1] >> by] : undefined
}

/** How many values an instruction of arithmetic takes; each gives one. undefined: it is another. */
export const takenBy = (opcode: number): 1 | 2 | undefined => {
  if (opcode >= 0xfc00 && opcode <= 0xfc07) return 1
  if (opcode < 0x45 || opcode > 0xc4) return undefined
  const one = [0x45, 0x50, 0x67, 0x68, 0x69, 0x79, 0x7a, 0x7b]
  const isOne = (opcode >= 0x8b && opcode <= 0x91) || (opcode >= 0x99 && opcode <= 0x9f)
  return isOne || opcode >= 0xa7 || one.includes(opcode) ? 1 : 2
}

/** Of one value: eqz, and what only changes the width. */
export const ofOne = (opcode: number, x: Value): Value => {
  if (opcode === 0x45 || opcode === 0x50) return compare(0, x, exactly(0n))
  if (x === undefined) return undefined
  if (opcode === 0xac || (opcode === 0xad && x[0] >= 0n)) return x
  const narrow = { 167: 32, 192: 8, 193: 16, 194: 8, 195: 16, 196: 32 }[opcode]
  if (narrow === undefined) return undefined
  const [low, high] = [BigInt.asIntN(narrow, x[0]), BigInt.asIntN(narrow, x[1])]
  return low === x[0] && high === x[1] ? x : x[0] === x[1] ? exactly(low) : undefined
}

/** Of two values of the same width. */
export const ofTwo = (opcode: number, a: Value, b: Value): Value => {
  if (opcode >= 0x46 && opcode <= 0x4f) return compare(opcode - 0x46, a, b)
  if (opcode >= 0x51 && opcode <= 0x5a) return compare(opcode - 0x51, a, b)
  if (opcode >= 0x5b && opcode <= 0x66) return [0n, 1n]
  if (opcode >= 0x6a && opcode <= 0x78) return compute(opcode - 0x6a, [a, b], 32)
  return opcode >= 0x7c && opcode <= 0x8a ? compute(opcode - 0x7c, [a, b], 64) : undefined
}
