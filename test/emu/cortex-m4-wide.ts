// Data processing in 32 bits (ARMv7-M ARM, A5.3.1, A5.3.3, A5.3.11, A5.3.12): immediate, shifted
// and plain registers, bit fields, extensions. Multiplications and lanes are cortex-m4-lanes.ts's.
import { CoreFault, faults, type Op, type Shift, type State } from './cortex-m4-state.ts'
import {
  bit,
  bits,
  dataOp,
  immediateOperand,
  type Operand,
  type Row,
  shiftedOperand,
  signed,
} from './cortex-m4-table.ts'

/** UDF: the encoding that is undefined for ever. */
export const undefinedOp = (): Op => () => {
  throw new CoreFault(faults.undefinedInstruction)
}

const tests = [0, 4, 8, 13]
const moves = [2, 3]
const data = (word: number, operand: Operand): Op | undefined => {
  const [op, sets] = [bits(word, 24, 21), bit(word, 20)]
  const [n, d] = [bits(word, 19, 16), bits(word, 11, 8)]
  if (d === 15 && !(sets && tests.includes(op))) return undefined
  return dataOp({
    ...{ op, sets, operand },
    d: d === 15 ? undefined : d,
    n: n === 15 && moves.includes(op) ? undefined : n,
  })
}
const modifiedImmediate = (word: number): Op | undefined => data(word, immediateOperand(word))

const shiftedRegister = (word: number): Op | undefined => {
  const amount = (bits(word, 14, 12) << 2) | bits(word, 7, 6)
  const [m, kind] = [word & 15, bits(word, 5, 4)]
  if (bits(word, 24, 21) === 6) return packHalves(word, shiftedOperand(m, kind & 2, amount))
  return data(word, shiftedOperand(m, kind, amount))
}

/** PKHBT, PKHTB. */
const packHalves = (word: number, operand: Operand): Op | undefined => {
  if (bit(word, 20) || bit(word, 4)) return undefined
  const [n, d, top] = [bits(word, 19, 16), bits(word, 11, 8), bit(word, 5)]
  return (core) => {
    const [second, first] = [operand(core), core.get(n)]
    const [high, bottom] = top ? [first, second] : [second, first]
    core.set(d, (high & ~0xffff) | (bottom & 0xffff))
    return 1
  }
}

const immediate16 = (word: number): number =>
  (bits(word, 19, 16) << 12) | (bits(word, 26, 26) << 11) | (bits(word, 14, 12) << 8) | (word & 255)
const moveWide = (top: boolean) => (word: number) => {
  const [d, value] = [bits(word, 11, 8), immediate16(word)]
  return (core: State): number => {
    core.set(d, top ? (core.get(d) & 0xffff) | (value << 16) : value)
    return 1
  }
}
/** ADDW, SUBW; of the PC (ADR) they count from its whole word. */
const addWide = (sign: 1 | -1) => (word: number) => {
  const [n, d] = [bits(word, 19, 16), bits(word, 11, 8)]
  const value = sign * (immediate16(word) & 0xfff)
  return (core: State): number => {
    core.set(d, (n === 15 ? core.get(15) & ~3 : core.get(n)) + value)
    return 1
  }
}

const field = (word: number): { n: number; d: number; lsb: number; low: number } => ({
  ...{ n: bits(word, 19, 16), d: bits(word, 11, 8) },
  ...{ lsb: (bits(word, 14, 12) << 2) | bits(word, 7, 6), low: word & 31 },
})
/** SBFX, UBFX. */
const extract = (isSigned: boolean) => (word: number) => {
  const { n, d, lsb, low } = field(word)
  const left = 31 - low - lsb
  if (left < 0) return undefined
  const right = 31 - low
  return (core: State): number => {
    const moved = core.get(n) << left
    core.set(d, isSigned ? moved >> right : moved >>> right)
    return 1
  }
}
/** BFI, BFC. */
const insert = (word: number): Op | undefined => {
  const { n, d, lsb, low: msb } = field(word)
  if (msb < lsb) return undefined
  const ones = (0xffff_ffff >>> (31 - msb + lsb)) << lsb
  return (core) => {
    const value = n === 15 ? 0 : core.get(n) << lsb
    core.set(d, (core.get(d) & ~ones) | (value & ones))
    return 1
  }
}

/** SSAT, USAT and their forms for halves, where a shift right of nothing says so. */
const saturate = (isSigned: boolean) => (word: number) => {
  const { n, d, lsb, low } = field(word)
  const right = bit(word, 21)
  const [min, max] = isSigned ? [-(2 ** low), 2 ** low - 1] : [0, 2 ** low - 1]
  const into = (core: State, value: number): number => {
    if (value >= min && value <= max) return value
    core.q = true
    return value < min ? min : max
  }
  if (right && lsb === 0) {
    return (core: State): number => {
      const value = core.get(n)
      const bottom = into(core, signed(value, 16))
      core.set(d, (into(core, value >> 16) << 16) | (bottom & 0xffff))
      return 1
    }
  }
  const operand = shiftedOperand(n, right ? 2 : 0, lsb)
  return (core: State): number => {
    core.set(d, into(core, operand(core)))
    return 1
  }
}

const shiftRegister = (word: number): Op | undefined => {
  const type = bits(word, 22, 21) as Shift
  const [n, m] = [bits(word, 19, 16), word & 15]
  const operand: Operand = (core) => core.shift(type, core.get(n), core.get(m) & 255)
  return dataOp({ op: 2, sets: bit(word, 20), d: bits(word, 11, 8), n: undefined, operand })
}

const extensions: readonly ((value: number) => number)[] = [
  (value) => (value << 16) >> 16,
  (value) => (value << 24) >> 24,
  (value) => value & 0xffff,
  (value) => value & 0xff,
]
/** @param kind 0 SXTH, 1 SXTB, 2 UXTH, 3 UXTB @param to added to `n`, if that is there */
export const extendOp = (
  kind: number,
  { d, m, n, by = 0 }: { d: number; m: number; n?: number; by?: number },
): Op | undefined => {
  const extend = extensions[kind]
  if (extend === undefined) return undefined
  return (core) => {
    const value = core.get(m)
    const turned = by === 0 ? value : (value >>> by) | (value << (32 - by))
    core.set(d, extend(turned) + (n === undefined ? 0 : core.get(n)))
    return 1
  }
}
/** SXTB16 and its like: bytes 0 and 2 into both halves. */
const extendHalves = (isSigned: boolean, where: { d: number; m: number; n?: number; by: number }) =>
  ((core) => {
    const { d, m, n, by } = where
    const value = core.get(m)
    const turned = by === 0 ? value : (value >>> by) | (value << (32 - by))
    const one = (at: number): number =>
      isSigned ? (turned << (24 - at)) >> 24 : (turned >>> at) & 255
    const base = n === undefined ? 0 : core.get(n)
    const high = (one(16) + (base >>> 16)) << 16
    core.set(d, high | ((one(0) + base) & 0xffff))
    return 1
  }) satisfies Op
const extensionKinds = [0, 2, undefined, undefined, 1, 3]
const extension = (word: number): Op | undefined => {
  const [kind, n] = [bits(word, 22, 20), bits(word, 19, 16)]
  const where = {
    ...{ d: bits(word, 11, 8), m: word & 15, by: 8 * bits(word, 5, 4) },
    ...(n !== 15 && { n }),
  }
  if (kind === 2 || kind === 3) return extendHalves(kind === 2, where)
  return extendOp(extensionKinds[kind] ?? 4, where)
}

const reverses: readonly ((value: number) => number)[] = [
  (x) => (x >>> 24) | ((x >>> 8) & 0xff00) | ((x & 0xff00) << 8) | (x << 24),
  (x) => ((x >>> 8) & 0x00ff_00ff) | ((x & 0x00ff_00ff) << 8),
  (x) => {
    let result = 0
    for (let i = 0; i < 32; i += 1) result = (result << 1) | ((x >>> i) & 1)
    return result
  },
  (x) => (((x & 0xff) << 24) >> 16) | ((x >>> 8) & 0xff),
]
/** @param kind 0 REV, 1 REV16, 2 RBIT, 3 REVSH */
export const reverseOp = (kind: number, d: number, m: number): Op | undefined => {
  const reverse = reverses[kind]
  if (reverse === undefined) return undefined
  return (core) => {
    core.set(d, reverse(core.get(m)))
    return 1
  }
}
const wideReverse = (word: number): Op | undefined =>
  reverseOp(bits(word, 5, 4), bits(word, 11, 8), word & 15)
const leadingZeroes = (word: number): Op => {
  const [d, m] = [bits(word, 11, 8), word & 15]
  return (core) => {
    core.set(d, Math.clz32(core.get(m)))
    return 1
  }
}

export const wideRows: readonly Row[] = [
  [0xfa00_8000, 0xf000_0000, modifiedImmediate],
  [0xfbf0_8000, 0xf200_0000, addWide(1)],
  [0xfbf0_8000, 0xf240_0000, moveWide(false)],
  [0xfbf0_8000, 0xf2a0_0000, addWide(-1)],
  [0xfbf0_8000, 0xf2c0_0000, moveWide(true)],
  [0xffd0_8020, 0xf300_0000, saturate(true)],
  [0xfff0_8020, 0xf340_0000, extract(true)],
  [0xfff0_8020, 0xf360_0000, insert],
  [0xffd0_8020, 0xf380_0000, saturate(false)],
  [0xfff0_8020, 0xf3c0_0000, extract(false)],
  [0xfe00_0000, 0xea00_0000, shiftedRegister],
  [0xff80_f0f0, 0xfa00_f000, shiftRegister],
  [0xff80_f0c0, 0xfa00_f080, extension],
  [0xfff0_f0c0, 0xfa90_f080, wideReverse],
  [0xfff0_f0f0, 0xfab0_f080, leadingZeroes],
]
