// Loads and stores of a Cortex-M4 (ARMv7-M ARM, A5.3.5 to A5.3.10): what the narrow encodings
// share, and the wide ones. An access that faults leaves all registers as they were. Cycles as in
// table 3-1 of the core's manual: neither waits of a memory nor neighbours that overlap.
import { CoreFault, faults, type Op, type State, type Width } from './cortex-m4-state.ts'
import { bit, bits, type Operand, offsetBy, type Row, refill } from './cortex-m4-table.ts'

export interface Access {
  t: number
  bytes: Width
  store: boolean
  signed: boolean
}

const extend = (value: number, bytes: Width): number =>
  bytes === 1 ? (value << 24) >> 24 : bytes === 2 ? (value << 16) >> 16 : value

/** @param after what becomes of the base */
export const accessOp = (
  { t, bytes, store, signed }: Access,
  address: Operand,
  after?: (core: State, address: number) => void,
): Op => {
  if (store) {
    return (core) => {
      const at = address(core)
      core.store(at, bytes, core.get(t))
      after?.(core, at)
      return 1
    }
  }
  return (core) => {
    const at = address(core)
    const value = core.load(at, bytes)
    after?.(core, at)
    if (t === 15) return 2 + refill + core.exchange(value)
    core.set(t, signed ? extend(value, bytes) : value)
    return 2
  }
}

export interface Multiple {
  n: number
  list: number
  store: boolean
  /** Decrement before; else increment after. */
  down: boolean
  writeback: boolean
}

/** LDM, STM, PUSH, POP. The PC in the list is a branch. */
export const multipleOp = ({ n, list, store, down, writeback }: Multiple): Op => {
  const registers = Array.from({ length: 16 }, (_, i) => i).filter((i) => bit(list, i))
  const bytes = 4 * registers.length
  const values = new Int32Array(16)
  const from = (base: number): number => (down ? base - bytes : base)
  const end = (base: number): number => (down ? base - bytes : base + bytes)
  if (store) {
    return (core) => {
      const base = core.get(n)
      let at = from(base)
      for (const i of registers) {
        core.storeWord(at, core.get(i))
        at += 4
      }
      if (writeback) core.set(n, end(base))
      return 1 + registers.length
    }
  }
  return (core) => {
    const base = core.get(n)
    let at = from(base)
    for (const i of registers) {
      values[i] = core.loadWord(at)
      at += 4
    }
    if (writeback) core.set(n, end(base))
    for (const i of registers) if (i !== 15) core.set(i, values[i] ?? 0)
    const cycles = 1 + registers.length
    return bit(list, 15) ? cycles + refill + core.exchange(values[15] ?? 0) : cycles
  }
}

const widths = [1, 2, 4] as const

/** Every single load and store of 32 bits: 1111 100s usss nnnn tttt .... .... .... */
const single = (word: number): Op | undefined => {
  const [n, t] = [bits(word, 19, 16), bits(word, 15, 12)]
  const bytes = widths[bits(word, 22, 21)]
  const access = { t, store: !bit(word, 20), signed: bit(word, 24) }
  if (bytes === undefined || (access.store && (access.signed || n === 15))) return undefined
  if (bytes === 4 && access.signed) return undefined
  // PLD and PLI.
  if (t === 15 && bytes !== 4) return access.store ? undefined : () => 1
  if (t === 15 && access.store) return undefined
  const whole = { ...access, bytes }
  if (n === 15) return accessOp(whole, offsetBy(15, bit(word, 23) ? word & 4095 : -(word & 4095)))
  if (bit(word, 23)) return accessOp(whole, offsetBy(n, word & 4095))
  if (bit(word, 11)) return indexed(whole, n, word)
  if (bits(word, 10, 6) !== 0) return undefined
  const [m, by] = [word & 15, bits(word, 5, 4)]
  return accessOp(whole, (core) => core.get(n) + (core.get(m) << by))
}

/** P, U and W; LDRT and its like are what they are without privileges, which no image drops. */
const indexed = (access: Access, n: number, word: number): Op | undefined => {
  const offset = bit(word, 9) ? word & 255 : -(word & 255)
  const [before, writeback] = [bit(word, 10), bit(word, 8)]
  if (!before && !writeback) return undefined
  if (!writeback) return accessOp(access, offsetBy(n, offset))
  if (before) return accessOp(access, offsetBy(n, offset), (core, at) => core.set(n, at))
  return accessOp(access, offsetBy(n, 0), (core, at) => core.set(n, at + offset))
}

const dual = (word: number): Op | undefined => {
  const [n, t, u] = [bits(word, 19, 16), bits(word, 15, 12), bits(word, 11, 8)]
  const [before, writeback, store] = [bit(word, 24), bit(word, 21), !bit(word, 20)]
  if (!before && !writeback) return undefined
  const offset = 4 * (bit(word, 23) ? word & 255 : -(word & 255))
  const base = offsetBy(n, before ? offset : 0)
  return (core) => {
    const at = base(core)
    if (store) {
      core.storeWord(at, core.get(t))
      core.storeWord(at + 4, core.get(u))
    }
    const [low, high] = store ? [0, 0] : [core.loadWord(at), core.loadWord(at + 4)]
    if (writeback) core.set(n, before ? at : at + offset)
    if (!store) {
      core.set(t, low)
      core.set(u, high)
    }
    return 3
  }
}

const multiple = (down: boolean) => (word: number) =>
  multipleOp({
    ...{ n: bits(word, 19, 16), list: word & 0xffff, down },
    ...{ store: !bit(word, 20), writeback: bit(word, 21) },
  })

/** One core, no other master: the monitor is a flag. */
const loadExclusive = (bytes: Width) => (word: number) => {
  const [n, t] = [bits(word, 19, 16), bits(word, 15, 12)]
  const offset = bytes === 4 ? 4 * (word & 255) : 0
  return (core: State): number => {
    const value = core.load(alignedTo(core.get(n) + offset, bytes), bytes)
    core.exclusive = true
    core.set(t, value)
    return 2
  }
}
const storeExclusive = (bytes: Width) => (word: number) => {
  const [n, t] = [bits(word, 19, 16), bits(word, 15, 12)]
  const [d, offset] = bytes === 4 ? [bits(word, 11, 8), 4 * (word & 255)] : [word & 15, 0]
  return (core: State): number => {
    const at = alignedTo(core.get(n) + offset, bytes)
    if (core.exclusive) core.store(at, bytes, core.get(t))
    core.set(d, core.exclusive ? 0 : 1)
    core.exclusive = false
    return 2
  }
}
const alignedTo = (address: number, bytes: Width): number => {
  if ((address & (bytes - 1)) !== 0) throw new CoreFault(faults.unaligned)
  return address
}

/** TBB, TBH. */
const tableBranch = (word: number): Op => {
  const [n, m, halves] = [bits(word, 19, 16), word & 15, bit(word, 4)]
  return (core) => {
    const index = core.get(m)
    const base = core.get(n)
    const ahead = halves ? core.load(base + 2 * index, 2) : core.load(base + index, 1)
    core.jump(core.get(15) + 2 * ahead)
    return 2 + refill
  }
}

export const memoryRows: readonly Row[] = [
  [0xfe00_0000, 0xf800_0000, single],
  [0xffd0_0000, 0xe880_0000, multiple(false)],
  [0xffd0_0000, 0xe890_0000, multiple(false)],
  [0xffd0_0000, 0xe900_0000, multiple(true)],
  [0xffd0_0000, 0xe910_0000, multiple(true)],
  [0xfff0_0000, 0xe840_0000, storeExclusive(4)],
  [0xfff0_0f00, 0xe850_0f00, loadExclusive(4)],
  [0xfff0_0ff0, 0xe8c0_0f40, storeExclusive(1)],
  [0xfff0_0ff0, 0xe8c0_0f50, storeExclusive(2)],
  [0xfff0_0fff, 0xe8d0_0f4f, loadExclusive(1)],
  [0xfff0_0fff, 0xe8d0_0f5f, loadExclusive(2)],
  [0xfff0_ffe0, 0xe8d0_f000, tableBranch],
  [0xfe40_0000, 0xe840_0000, dual],
]

/** Of the narrow encodings with three registers, by their bits 11 to 9. */
export const narrowAccesses: readonly Omit<Access, 't'>[] = [
  { bytes: 4, store: true, signed: false },
  { bytes: 2, store: true, signed: false },
  { bytes: 1, store: true, signed: false },
  { bytes: 1, store: false, signed: true },
  { bytes: 4, store: false, signed: false },
  { bytes: 2, store: false, signed: false },
  { bytes: 1, store: false, signed: false },
  { bytes: 2, store: false, signed: true },
]
