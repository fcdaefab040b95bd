// The instructions of 16 bits (ARMv7-M ARM, A5.2). In an IT block most of them leave the flags as
// they are; comparisons do not.
import { accessOp, multipleOp, narrowAccesses } from './cortex-m4-memory.ts'
import { CoreFault, faults, type Op, type Shift, type State } from './cortex-m4-state.ts'
import {
  bit,
  bits,
  dataOp,
  type Operand,
  offsetBy,
  type Row,
  refill,
  shiftedOperand,
  signed,
} from './cortex-m4-table.ts'
import { extendOp, reverseOp, undefinedOp } from './cortex-m4-wide.ts'

const low = (word: number, at: number): number => (word >>> at) & 7
const constant =
  (value: number): Operand =>
  (core) => {
    core.carryOut = core.c
    return value
  }
const register =
  (m: number): Operand =>
  (core) => {
    core.carryOut = core.c
    return core.get(m)
  }

const shiftImmediate = (word: number): Op | undefined => {
  const operand = shiftedOperand(low(word, 3), bits(word, 12, 11), bits(word, 10, 6))
  return dataOp({ op: 2, sets: 'outside', d: low(word, 0), n: undefined, operand })
}
const addThree =
  (op: 8 | 13, immediate: boolean) =>
  (word: number): Op | undefined => {
    const third = low(word, 6)
    const operand = immediate ? constant(third) : register(third)
    return dataOp({ op, sets: 'outside', d: low(word, 0), n: low(word, 3), operand })
  }
/** MOV, CMP, ADD, SUB with 8 bits. */
const immediate = (word: number): Op | undefined => {
  const [kind, r] = [bits(word, 12, 11), low(word, 8)]
  const operand = constant(word & 255)
  if (kind === 0) return dataOp({ op: 2, sets: 'outside', d: r, n: undefined, operand })
  if (kind === 1) return dataOp({ op: 13, sets: true, d: undefined, n: r, operand })
  return dataOp({ op: kind === 2 ? 8 : 13, sets: 'outside', d: r, n: r, operand })
}

/** By bits 9 to 6; shifts, MUL, RSB and MVN are none of these. */
const plain: Readonly<Record<number, number>> = { 0: 0, 1: 4, 5: 10, 6: 11, 12: 2, 14: 1 }
const compared: Readonly<Record<number, number>> = { 8: 0, 10: 13, 11: 8 }
const shifts: Readonly<Record<number, Shift>> = { 2: 0, 3: 1, 4: 2, 7: 3 }

const dataProcessing = (word: number): Op | undefined => {
  const kind = bits(word, 9, 6)
  const [m, d] = [low(word, 3), low(word, 0)]
  const operand = register(m)
  const op = plain[kind]
  if (op !== undefined) return dataOp({ op, sets: 'outside', d, n: d, operand })
  const against = compared[kind]
  if (against !== undefined) {
    return dataOp({ op: against, sets: true, d: undefined, n: d, operand })
  }
  const type = shifts[kind]
  if (type !== undefined) {
    const shifted: Operand = (core) => core.shift(type, core.get(d), core.get(m) & 255)
    return dataOp({ op: 2, sets: 'outside', d, n: undefined, operand: shifted })
  }
  if (kind === 9) {
    return dataOp({ op: 14, sets: 'outside', d, n: m, operand: constant(0) })
  }
  if (kind === 15) return dataOp({ op: 3, sets: 'outside', d, n: undefined, operand })
  return (core) => {
    const product = Math.imul(core.get(d), core.get(m))
    core.set(d, product)
    if (!core.inBlock) core.setNz(product)
    return 1
  }
}

/** ADD and MOV with any register; into the PC they branch. */
const special = (adds: boolean) => (word: number) => {
  const [d, m] = [(bits(word, 7, 7) << 3) | low(word, 0), bits(word, 6, 3)]
  return (core: State): number => {
    const value = adds ? core.get(d) + core.get(m) : core.get(m)
    if (d === 15) core.jump(value)
    else core.set(d, value)
    return d === 15 ? 1 + refill : 1
  }
}
const specialCompare = (word: number): Op | undefined => {
  const n = (bits(word, 7, 7) << 3) | low(word, 0)
  const operand = register(bits(word, 6, 3))
  return dataOp({ op: 13, sets: true, d: undefined, n, operand })
}
const branchExchange = (links: boolean) => (word: number) => {
  const m = bits(word, 6, 3)
  return (core: State): number => {
    const to = core.get(m)
    if (links) core.set(14, core.next | 1)
    // BLX knows no return from an exception.
    if (!links) return 1 + refill + core.exchange(to)
    core.thumb = (to & 1) !== 0
    core.jump(to)
    return 1 + refill
  }
}

const registerOffset = (word: number): Op | undefined => {
  const access = narrowAccesses[bits(word, 11, 9)]
  const [m, n] = [low(word, 6), low(word, 3)]
  return access && accessOp({ ...access, t: low(word, 0) }, (core) => core.get(n) + core.get(m))
}
const immediateOffset = (bytes: 1 | 2 | 4) => (word: number) =>
  accessOp(
    { t: low(word, 0), bytes, store: !bit(word, 11), signed: false },
    offsetBy(low(word, 3), bytes * bits(word, 10, 6)),
  )
const relativeTo = (n: 13 | 15, store: boolean) => (word: number) =>
  accessOp({ t: low(word, 8), bytes: 4, store, signed: false }, offsetBy(n, 4 * (word & 255)))
const addressOf = (n: 13 | 15) => (word: number) => {
  const [d, address] = [low(word, 8), offsetBy(n, 4 * (word & 255))]
  return (core: State): number => {
    core.set(d, address(core))
    return 1
  }
}
const moveStack = (sign: 1 | -1) => (word: number) => (core: State) => {
  core.set(13, core.get(13) + sign * 4 * (word & 127))
  return 1
}

const compareBranch = (word: number): Op => {
  const ahead = (bits(word, 9, 9) << 6) | (bits(word, 7, 3) << 1)
  const [n, ifZero] = [low(word, 0), !bit(word, 11)]
  return (core) => {
    if ((core.get(n) === 0) !== ifZero) return 1
    core.jump(core.get(15) + ahead)
    return 1 + refill
  }
}
const push = (word: number): Op => {
  const list = (word & 255) | (bits(word, 8, 8) << 14)
  return multipleOp({ n: 13, list, store: true, down: true, writeback: true })
}
const pop = (word: number): Op => {
  const list = (word & 255) | (bits(word, 8, 8) << 15)
  return multipleOp({ n: 13, list, store: false, down: false, writeback: true })
}
const multiple = (store: boolean) => (word: number) => {
  const [n, list] = [low(word, 8), word & 255]
  const writeback = store || !bit(list, n)
  return multipleOp({ n, list, store, down: false, writeback })
}

const reverse = (word: number): Op | undefined => {
  const kind = bits(word, 7, 6)
  return kind === 2 ? undefined : reverseOp(kind, low(word, 0), low(word, 3))
}

const changeState = (word: number): Op => {
  const off = bit(word, 4)
  return (core) => {
    if (bit(word, 1)) core.primask = off
    // B5.2.1: FAULTMASK is not set at the priority of a hard fault or above.
    if (bit(word, 0) && (!off || (core.ipsr !== 2 && core.ipsr !== 3))) core.faultmask = off
    core.changed = true
    return 2
  }
}
const ifThen = (word: number): Op | undefined => {
  if ((word & 15) === 0) return hint(word)
  const it = word & 255
  return (core) => {
    core.it = it
    return 1
  }
}
/** NOP, YIELD, WFE, WFI, SEV. */
const hint = (word: number): Op | undefined => {
  const kind = bits(word, 7, 4)
  if (kind === 2) {
    return (core) => {
      if (!core.event) core.waiting = true
      core.event = false
      return 1
    }
  }
  if (kind === 3) {
    return (core) => {
      core.waiting = true
      core.changed = true
      return 1
    }
  }
  if (kind === 4) {
    return (core) => {
      core.event = true
      return 1
    }
  }
  return () => 1
}

const conditionalBranch = (word: number): Op | undefined => {
  const [condition, ahead] = [bits(word, 11, 8), signed(word & 255, 8) * 2]
  if (condition > 13) return undefined
  return (core) => {
    if (!core.holds(condition)) return 1
    core.jump(core.get(15) + ahead)
    return 1 + refill
  }
}
const branch = (word: number): Op => {
  const ahead = signed(word & 0x7ff, 11) * 2
  return (core) => {
    core.jump(core.get(15) + ahead)
    return 1 + refill
  }
}
/** Without a debugger a hard fault. */
const breakpoint = (): Op => () => {
  throw new CoreFault(faults.debug)
}
const supervisorCall = (): Op => (core) => {
  core.call()
  return 1
}

export const narrowRows: readonly Row[] = [
  [0xfe00, 0x1800, addThree(8, false)],
  [0xfe00, 0x1a00, addThree(13, false)],
  [0xfe00, 0x1c00, addThree(8, true)],
  [0xfe00, 0x1e00, addThree(13, true)],
  [0xe000, 0x0000, shiftImmediate],
  [0xe000, 0x2000, immediate],
  [0xfc00, 0x4000, dataProcessing],
  [0xff00, 0x4400, special(true)],
  [0xff00, 0x4500, specialCompare],
  [0xff00, 0x4600, special(false)],
  [0xff87, 0x4700, branchExchange(false)],
  [0xff87, 0x4780, branchExchange(true)],
  [0xf800, 0x4800, relativeTo(15, false)],
  [0xf000, 0x5000, registerOffset],
  [0xf000, 0x6000, immediateOffset(4)],
  [0xf000, 0x7000, immediateOffset(1)],
  [0xf000, 0x8000, immediateOffset(2)],
  [0xf800, 0x9000, relativeTo(13, true)],
  [0xf800, 0x9800, relativeTo(13, false)],
  [0xf800, 0xa000, addressOf(15)],
  [0xf800, 0xa800, addressOf(13)],
  [0xff80, 0xb000, moveStack(1)],
  [0xff80, 0xb080, moveStack(-1)],
  [0xf500, 0xb100, compareBranch],
  [0xff00, 0xb200, (word) => extendOp(bits(word, 7, 6), { d: low(word, 0), m: low(word, 3) })],
  [0xfe00, 0xb400, push],
  [0xffec, 0xb660, changeState],
  [0xff00, 0xba00, reverse],
  [0xfe00, 0xbc00, pop],
  [0xff00, 0xbf00, ifThen],
  [0xf800, 0xc000, multiple(true)],
  [0xf800, 0xc800, multiple(false)],
  [0xff00, 0xde00, undefinedOp],
  [0xff00, 0xbe00, breakpoint],
  [0xff00, 0xdf00, supervisorCall],
  [0xf000, 0xd000, conditionalBranch],
  [0xf800, 0xe000, branch],
]
