// Multiplications, divisions and what works on bytes or halves of a register (ARMv7-M ARM, A5.3.13
// to A5.3.17). Products of 64 bits are made of halves of 16 bits or of BigInt where they are rare.
import { CoreFault, faults, type Op, type State } from './cortex-m4-state.ts'
import { bit, bits, type Row } from './cortex-m4-table.ts'

const half = (value: number, top: boolean): number => (top ? value >> 16 : (value << 16) >> 16)
const fields = (word: number) => ({
  n: bits(word, 19, 16),
  a: bits(word, 15, 12),
  d: bits(word, 11, 8),
  m: word & 15,
})
/** Sets Q where a sum of 32 bits was more than that. */
const wrap = (core: State, exact: number): number => {
  if (exact !== (exact | 0)) core.q = true
  return exact | 0
}

/** MUL, MLA, MLS. */
const multiply = (word: number): Op | undefined => {
  const { n, a, d, m } = fields(word)
  if (bits(word, 7, 4) === 1) {
    return (core) => {
      core.set(d, core.get(a) - Math.imul(core.get(n), core.get(m)))
      return 2
    }
  }
  if (a === 15) {
    return (core) => {
      core.set(d, Math.imul(core.get(n), core.get(m)))
      return 1
    }
  }
  return (core) => {
    core.set(d, core.get(a) + Math.imul(core.get(n), core.get(m)))
    return 2
  }
}

/** SMULxy, SMLAxy. */
const multiplyHalves = (word: number): Op => {
  const { n, a, d, m } = fields(word)
  const [first, second] = [bit(word, 5), bit(word, 4)]
  return (core) => {
    const product = half(core.get(n), first) * half(core.get(m), second)
    core.set(d, a === 15 ? product : wrap(core, product + core.get(a)))
    return 1
  }
}
/** SMULWy, SMLAWy. */
const multiplyByHalf = (word: number): Op => {
  const { n, a, d, m } = fields(word)
  const top = bit(word, 4)
  return (core) => {
    // 48 bits: exact in a double.
    const product = Math.floor((core.get(n) * half(core.get(m), top)) / 65_536)
    core.set(d, a === 15 ? product : wrap(core, product + core.get(a)))
    return 1
  }
}
/** SMUAD, SMLAD, SMUSD, SMLSD. */
const dualMultiply = (subtracts: boolean) => (word: number) => {
  const { n, a, d, m } = fields(word)
  const crossed = bit(word, 4)
  return (core: State): number => {
    const [x, y] = [core.get(n), core.get(m)]
    const low = half(x, false) * half(y, crossed)
    const high = half(x, true) * half(y, !crossed)
    const sum = (subtracts ? low - high : low + high) + (a === 15 ? 0 : core.get(a))
    core.set(d, wrap(core, sum))
    return 1
  }
}
const wide = (value: number): bigint => BigInt(value)
/** SMMUL, SMMLA, SMMLS, rounded or not. */
const multiplyTop = (subtracts: boolean) => (word: number) => {
  const { n, a, d, m } = fields(word)
  const round = bit(word, 4) ? 0x8000_0000n : 0n
  return (core: State): number => {
    const product = wide(core.get(n)) * wide(core.get(m))
    const base = a === 15 ? 0n : wide(core.get(a)) << 32n
    const sum = (subtracts ? base - product : base + product) + round
    core.set(d, Number(BigInt.asIntN(32, sum >> 32n)))
    return 1
  }
}
/** USAD8, USADA8. */
const differences = (word: number): Op => {
  const { n, a, d, m } = fields(word)
  return (core) => {
    let sum = a === 15 ? 0 : core.get(a)
    for (let at = 0; at < 32; at += 8) {
      sum += Math.abs(((core.get(n) >>> at) & 255) - ((core.get(m) >>> at) & 255))
    }
    core.set(d, sum)
    return 1
  }
}

/** The 64 bits of low `a` and high `d`. */
const pair = (core: State, a: number, d: number): bigint =>
  (BigInt(core.get(d)) << 32n) | BigInt(core.get(a) >>> 0)
const setPair = (core: State, { a, d }: { a: number; d: number }, value: bigint): number => {
  core.set(a, Number(value & 0xffff_ffffn))
  core.set(d, Number((value >> 32n) & 0xffff_ffffn))
  return 1
}
/** SMULL, UMULL: the high word by halves, the low one by imul; they are frequent. */
const multiplyLong = (isSigned: boolean) => (word: number) => {
  const { n, a, d, m } = fields(word)
  return (core: State): number => {
    const [x, y] = [core.get(n), core.get(m)]
    let high = highOf(x, y)
    if (isSigned) high -= (x < 0 ? y : 0) + (y < 0 ? x : 0)
    core.set(a, Math.imul(x, y))
    core.set(d, high)
    return 1
  }
}
/** Bits 63 to 32 of an unsigned product. */
const highOf = (x: number, y: number): number => {
  const [xLow, xHigh, yLow, yHigh] = [x & 0xffff, x >>> 16, y & 0xffff, y >>> 16]
  const middle = xHigh * yLow + ((xLow * yLow) >>> 16)
  const other = xLow * yHigh + (middle % 65_536)
  return xHigh * yHigh + Math.floor(middle / 65_536) + Math.floor(other / 65_536)
}
const accumulateLong = (isSigned: boolean) => (word: number) => {
  const { n, a, d, m } = fields(word)
  return (core: State): number => {
    const [x, y] = [core.get(n), core.get(m)]
    const product = isSigned ? wide(x) * wide(y) : wide(x >>> 0) * wide(y >>> 0)
    return setPair(core, { a, d }, pair(core, a, d) + product)
  }
}
const accumulateHalves = (word: number): Op => {
  const { n, a, d, m } = fields(word)
  const [first, second] = [bit(word, 5), bit(word, 4)]
  return (core) => {
    const product = half(core.get(n), first) * half(core.get(m), second)
    return setPair(core, { a, d }, pair(core, a, d) + wide(product))
  }
}
/** SMLALD, SMLSLD. */
const accumulateDual = (subtracts: boolean) => (word: number) => {
  const { n, a, d, m } = fields(word)
  const crossed = bit(word, 4)
  return (core: State): number => {
    const [x, y] = [core.get(n), core.get(m)]
    const low = half(x, false) * half(y, crossed)
    const high = half(x, true) * half(y, !crossed)
    return setPair(core, { a, d }, pair(core, a, d) + wide(subtracts ? low - high : low + high))
  }
}
/** UMAAL. */
const accumulateTwice = (word: number): Op => {
  const { n, a, d, m } = fields(word)
  return (core) => {
    const product = wide(core.get(n) >>> 0) * wide(core.get(m) >>> 0)
    const sum = product + wide(core.get(a) >>> 0) + wide(core.get(d) >>> 0)
    return setPair(core, { a, d }, sum)
  }
}
/** 2 to 12 cycles, by the difference of leading zeroes, as the manual hints. */
const divide = (isSigned: boolean) => (word: number) => {
  const { n, d, m } = fields(word)
  return (core: State): number => {
    const [x, y] = [core.get(n), core.get(m)]
    if (y === 0) {
      if (core.trapsDivision) throw new CoreFault(faults.divideByZero)
      core.set(d, 0)
      return 2
    }
    core.set(d, Math.trunc(isSigned ? x / y : (x >>> 0) / (y >>> 0)))
    const longer = isSigned ? Math.clz32(Math.abs(y)) - Math.clz32(Math.abs(x)) : 0
    return 2 + (Math.max(0, isSigned ? longer : Math.clz32(y) - Math.clz32(x)) >> 2)
  }
}

const into32 = (core: State, value: number): number => {
  const held = Math.min(Math.max(value, -(2 ** 31)), 2 ** 31 - 1)
  if (held !== value) core.q = true
  return held
}
/** QADD, QDADD, QSUB, QDSUB. */
const saturating = (word: number): Op => {
  const { n, d, m } = fields(word)
  const [subtracts, doubles] = [bit(word, 5), bit(word, 4)]
  return (core) => {
    const second = doubles ? into32(core, 2 * core.get(n)) : core.get(n)
    core.set(d, into32(core, subtracts ? core.get(m) - second : core.get(m) + second))
    return 1
  }
}
/** SEL. */
const select = (word: number): Op => {
  const { n, d, m } = fields(word)
  return (core) => {
    let mask = 0
    for (let i = 0; i < 4; i += 1) if (bit(core.ge, i)) mask |= 255 << (8 * i)
    core.set(d, (core.get(n) & mask) | (core.get(m) & ~mask))
    return 1
  }
}

/** ADD8, ADD16, ASX, none, SUB8, SUB16, SAX: which lanes, and which of them subtract. */
const lanes: Readonly<Record<number, { width: 8 | 16; minus: number; crossed: boolean }>> = {
  0: { width: 8, minus: 0, crossed: false },
  1: { width: 16, minus: 0, crossed: false },
  2: { width: 16, minus: 0b01, crossed: true },
  4: { width: 8, minus: 0b1111, crossed: false },
  5: { width: 16, minus: 0b11, crossed: false },
  6: { width: 16, minus: 0b10, crossed: true },
}
/** Sums and differences of lanes: plain with GE, saturated, or halved; signed or not. */
const parallel = (word: number): Op | undefined => {
  const kind = lanes[bits(word, 22, 20)]
  const [how, isSigned] = [bits(word, 5, 4), !bit(word, 6)]
  const { n, d, m } = fields(word)
  if (kind === undefined || how === 3) return undefined
  const { width, minus, crossed } = kind
  const all = 2 ** width
  const [min, max] = isSigned ? [-all / 2, all / 2 - 1] : [0, all - 1]
  const lane = (value: number, at: number): number =>
    isSigned ? (value << (32 - width - at)) >> (32 - width) : (value >>> at) & (all - 1)
  return (core) => {
    const [x, y] = [core.get(n), core.get(m)]
    let result = 0
    let ge = 0
    for (let at = 0, i = 0; at < 32; at += width, i += 1) {
      const subtracts = bit(minus, i)
      const second = lane(y, crossed ? 16 - at : at)
      const exact = subtracts ? lane(x, at) - second : lane(x, at) + second
      const good = isSigned || subtracts ? exact >= 0 : exact >= all
      if (good) ge |= (width === 8 ? 1 : 3) << (at / 8)
      const held = how === 1 ? Math.min(Math.max(exact, min), max) : how === 2 ? exact >> 1 : exact
      result |= (held & (all - 1)) << at
    }
    if (how === 0) core.ge = ge
    core.set(d, result)
    return 1
  }
}

export const laneRows: readonly Row[] = [
  [0xfff0_00e0, 0xfb00_0000, multiply],
  [0xfff0_00c0, 0xfb10_0000, multiplyHalves],
  [0xfff0_00e0, 0xfb20_0000, dualMultiply(false)],
  [0xfff0_00e0, 0xfb30_0000, multiplyByHalf],
  [0xfff0_00e0, 0xfb40_0000, dualMultiply(true)],
  [0xfff0_00e0, 0xfb50_0000, multiplyTop(false)],
  [0xfff0_00e0, 0xfb60_0000, multiplyTop(true)],
  [0xfff0_00f0, 0xfb70_0000, differences],
  [0xfff0_00f0, 0xfb80_0000, multiplyLong(true)],
  [0xfff0_f0f0, 0xfb90_f0f0, divide(true)],
  [0xfff0_00f0, 0xfba0_0000, multiplyLong(false)],
  [0xfff0_f0f0, 0xfbb0_f0f0, divide(false)],
  [0xfff0_00f0, 0xfbc0_0000, accumulateLong(true)],
  [0xfff0_00c0, 0xfbc0_0080, accumulateHalves],
  [0xfff0_00e0, 0xfbc0_00c0, accumulateDual(false)],
  [0xfff0_00e0, 0xfbd0_00c0, accumulateDual(true)],
  [0xfff0_00f0, 0xfbe0_0000, accumulateLong(false)],
  [0xfff0_00f0, 0xfbe0_0060, accumulateTwice],
  [0xff80_f080, 0xfa80_f000, parallel],
  [0xfff0_f0c0, 0xfa80_f080, saturating],
  [0xfff0_f0f0, 0xfaa0_f080, select],
]
