// The floating-point instructions of a Cortex-M4F (ARMv7-M ARM, A6, A7.7): single precision, and
// moves of doubles. Each first asks whether the unit is on, and whether a frame is still to be
// saved. Half precision and other roundings than to nearest are not modelled: they end the run.
import { Arithmetic } from './cortex-m4-arithmetic.ts'
import type { Op, State } from './cortex-m4-state.ts'
import { bit, bits, offsetBy, type Row, signed } from './cortex-m4-table.ts'

const top = -(2 ** 31)
const cumulative = 0x9f
const sd = (word: number): number => (bits(word, 15, 12) << 1) | bits(word, 22, 22)
const sn = (word: number): number => (bits(word, 19, 16) << 1) | bits(word, 7, 7)
const sm = (word: number): number => (bits(word, 3, 0) << 1) | bits(word, 5, 5)

const read = (core: State, n: number): number => core.single[n] ?? 0

/** Runs with FPSCR's modes, and keeps what was raised. */
const counted =
  (cycles: number, run: (core: State, math: Arithmetic) => void, math = new Arithmetic()): Op =>
  (core) => {
    core.touchFloat()
    math.mode = core.fpscr
    math.flags = 0
    run(core, math)
    core.fpscr |= math.flags
    return cycles
  }
const plain =
  (cycles: number, run: (core: State) => void): Op =>
  (core) => {
    core.touchFloat()
    run(core)
    return cycles
  }

interface Three {
  cycles: number
  /** @param d what the destination holds, n and m the operands */
  of: (math: Arithmetic, values: { d: number; n: number; m: number }) => number
}
const chained = (negatesD: boolean, negatesProduct: boolean): Three['of'] => {
  const [one, two] = [negatesD ? top : 0, negatesProduct ? top : 0]
  return (math, { d, n, m }) => math.add(d ^ one, math.multiply(n, m) ^ two)
}
const fused = (negatesD: boolean, negatesN: boolean): Three['of'] => {
  const [one, two] = [negatesD ? top : 0, negatesN ? top : 0]
  return (math, { d, n, m }) => math.fused(d ^ one, n ^ two, m)
}
/** By bits 23, 21 and 20, then bit 6. */
const threes: Readonly<Record<number, Three>> = {
  0: { cycles: 3, of: chained(false, false) },
  1: { cycles: 3, of: chained(false, true) },
  2: { cycles: 3, of: chained(true, false) },
  3: { cycles: 3, of: chained(true, true) },
  4: { cycles: 1, of: (math, { n, m }) => math.multiply(n, m) },
  5: { cycles: 1, of: (math, { n, m }) => math.multiply(n, m) ^ top },
  6: { cycles: 1, of: (math, { n, m }) => math.add(n, m) },
  7: { cycles: 1, of: (math, { n, m }) => math.subtract(n, m) },
  8: { cycles: 14, of: (math, { n, m }) => math.divide(n, m) },
  10: { cycles: 3, of: fused(true, false) },
  11: { cycles: 3, of: fused(true, true) },
  12: { cycles: 3, of: fused(false, false) },
  13: { cycles: 3, of: fused(false, true) },
}
const threeOperands = (word: number): Op | undefined => {
  const kind = (bits(word, 23, 23) << 3) | (bits(word, 21, 20) << 1) | bits(word, 6, 6)
  const three = threes[kind]
  if (three === undefined) return undefined
  const [d, n, m] = [sd(word), sn(word), sm(word)]
  return counted(three.cycles, (core, math) => {
    core.single[d] = three.of(math, { d: read(core, d), n: read(core, n), m: read(core, m) })
  })
}

const moveImmediate = (word: number): Op => {
  const imm = (bits(word, 19, 16) << 4) | (word & 15)
  const sign = bit(imm, 7) ? top : 0
  const value = sign | (bit(imm, 6) ? 0x3e00_0000 : 0x4000_0000) | ((imm & 63) << 19)
  const d = sd(word)
  return plain(1, (core) => {
    core.single[d] = value
  })
}
/** VMOV, VABS, VNEG, VSQRT. */
const twoOperands = (word: number): Op => {
  const [d, m] = [sd(word), sm(word)]
  const kind = (bits(word, 16, 16) << 1) | bits(word, 7, 7)
  if (kind === 3) {
    return counted(14, (core, math) => {
      core.single[d] = math.root(read(core, m))
    })
  }
  const [and, xor] = [kind === 1 ? 0x7fff_ffff : -1, kind === 2 ? top : 0]
  return plain(1, (core) => {
    core.single[d] = (read(core, m) & and) ^ xor
  })
}
const compare = (word: number): Op => {
  const [d, m] = [sd(word), sm(word)]
  const [withZero, quiet] = [bit(word, 16), !bit(word, 7)]
  return counted(1, (core, math) => {
    const flags = math.compare(read(core, d), withZero ? 0 : read(core, m), quiet)
    core.fpscr = (core.fpscr & 0x0fff_ffff) | flags
  })
}

const range = (isSigned: boolean, width: number): { min: number; max: number } =>
  isSigned
    ? { min: -(2 ** (width - 1)), max: 2 ** (width - 1) - 1 }
    : { min: 0, max: 2 ** width - 1 }

const fromInteger = (word: number): Op => {
  const [d, m, isSigned] = [sd(word), sm(word), bit(word, 7)]
  return counted(1, (core, math) => {
    const value = read(core, m)
    core.single[d] = math.fromInteger(isSigned ? value : value >>> 0, 1)
  })
}
const toInteger = (word: number): Op => {
  const [d, m] = [sd(word), sm(word)]
  const limits = { ...range(bit(word, 16), 32), nearest: !bit(word, 7) }
  return counted(1, (core, math) => {
    core.single[d] = math.toInteger(read(core, m), 1, limits)
  })
}
/** Integers with a fraction of some bits. */
const fixed = (word: number): Op | undefined => {
  const d = sd(word)
  const width = bit(word, 7) ? 32 : 16
  const fraction = width - ((bits(word, 3, 0) << 1) | bits(word, 5, 5))
  if (fraction < 0) return undefined
  const [scale, isSigned] = [2 ** fraction, !bit(word, 16)]
  const limits = { ...range(isSigned, width), nearest: false }
  if (bit(word, 18)) {
    return counted(1, (core, math) => {
      core.single[d] = math.toInteger(read(core, d), scale, limits)
    })
  }
  return counted(1, (core, math) => {
    const value = read(core, d)
    const held = isSigned ? signed(value, width) : width === 16 ? value & 0xffff : value >>> 0
    core.single[d] = math.fromInteger(held, scale)
  })
}

/** VMOV between a core's register and one of these. */
const moveCore = (word: number): Op => {
  const [t, n, out] = [bits(word, 15, 12), sn(word), bit(word, 20)]
  return plain(1, (core) => {
    if (out) core.set(t, read(core, n))
    else core.single[n] = core.get(t)
  })
}
/** A half of a double. */
const moveHalf = (word: number): Op => {
  const [t, out] = [bits(word, 15, 12), bit(word, 20)]
  const n = 2 * ((bits(word, 7, 7) << 4) | bits(word, 19, 16)) + bits(word, 21, 21)
  return plain(1, (core) => {
    if (out) core.set(t, read(core, n))
    else core.single[n] = core.get(t)
  })
}
/** Two registers to or from two singles, or a double. */
const moveTwo = (double: boolean) => (word: number) => {
  const [u, t, out] = [bits(word, 19, 16), bits(word, 15, 12), bit(word, 20)]
  const m = double ? 2 * (bits(word, 3, 0) | (bits(word, 5, 5) << 4)) : sm(word)
  return plain(2, (core) => {
    if (out) {
      core.set(t, read(core, m))
      core.set(u, read(core, m + 1))
    } else {
      core.single[m] = core.get(t)
      core.single[m + 1] = core.get(u)
    }
  })
}

/** Bits of FPSCR that there are. */
const writable = 0xf7c0_0000 | cumulative
const status = (word: number): Op => {
  const [t, out] = [bits(word, 15, 12), bit(word, 20)]
  return plain(1, (core) => {
    if (!out) {
      const value = core.get(t) & writable
      if ((value & ((7 << 22) & ~(1 << 24))) !== 0)
        throw new Error('only rounding to nearest is modelled')
      core.fpscr = value
    } else if (t !== 15) core.set(t, core.fpscr)
    else {
      const q = core.q
      core.setFlags(core.fpscr)
      core.q = q
    }
  })
}

const where = (word: number): { first: number; words: number } =>
  bit(word, 8)
    ? { first: 2 * ((bits(word, 22, 22) << 4) | bits(word, 15, 12)), words: word & 0xfe }
    : { first: sd(word), words: word & 255 }
/** VLDR, VSTR. */
const single = (word: number): Op => {
  const [n, loads] = [bits(word, 19, 16), bit(word, 20)]
  const address = offsetBy(n, 4 * (bit(word, 23) ? word & 255 : -(word & 255)))
  const { first } = where(word)
  const words = bit(word, 8) ? 2 : 1
  return plain(1 + words, (core) => transfer(core, { first, words, loads }, address(core)))
}
/** VLDM, VSTM, VPUSH, VPOP. */
const multiple = (down: boolean) => (word: number) => {
  const [n, loads, writeback] = [bits(word, 19, 16), bit(word, 20), bit(word, 21)]
  const { first, words } = where(word)
  const bytes = 4 * (word & 255)
  if (first + words > 32 || words === 0) return undefined
  return plain(1 + words, (core) => {
    const base = core.get(n)
    transfer(core, { first, words, loads }, down ? base - bytes : base)
    if (writeback) core.set(n, down ? base - bytes : base + bytes)
  })
}
const transfer = (
  core: State,
  { first, words, loads }: { first: number; words: number; loads: boolean },
  from: number,
): void => {
  for (let i = 0; i < words; i += 1) {
    if (loads) core.single[first + i] = core.loadWord(from + 4 * i)
    else core.storeWord(from + 4 * i, read(core, first + i))
  }
}

export const floatRows: readonly Row[] = [
  [0xffbe_0f50, 0xeeb0_0a40, twoOperands],
  [0xffbe_0f50, 0xeeb4_0a40, compare],
  [0xffbf_0f50, 0xeeb8_0a40, fromInteger],
  [0xffbe_0f50, 0xeebc_0a40, toInteger],
  [0xffba_0f50, 0xeeba_0a40, fixed],
  [0xffb0_0ff0, 0xeeb0_0a00, moveImmediate],
  [0xff00_0f10, 0xee00_0a00, threeOperands],
  [0xffe0_0f7f, 0xee00_0a10, moveCore],
  [0xffc0_0f7f, 0xee00_0b10, moveHalf],
  [0xffe0_0fd0, 0xec40_0a10, moveTwo(false)],
  [0xffe0_0fd0, 0xec40_0b10, moveTwo(true)],
  [0xffef_0fff, 0xeee1_0a10, status],
  [0xff20_0e00, 0xed00_0a00, single],
  [0xffa0_0e00, 0xec80_0a00, multiple(false)],
  [0xffa0_0e00, 0xeca0_0a00, multiple(false)],
  [0xffa0_0e00, 0xed20_0a00, multiple(true)],
]
