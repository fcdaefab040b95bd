// Branches of 32 bits, special registers, hints and barriers (ARMv7-M ARM, A5.3.4, B5.2). The image
// keeps its privileges: giving them up is not modelled and ends the run.
import type { Op, State } from './cortex-m4-state.ts'
import { bit, bits, type Row, refill, signed } from './cortex-m4-table.ts'
import { undefinedOp } from './cortex-m4-wide.ts'

const conditionalBranch = (word: number): Op | undefined => {
  const condition = bits(word, 25, 22)
  if (condition > 13) return undefined
  const high = (bits(word, 26, 26) << 19) | (bits(word, 11, 11) << 18) | (bits(word, 13, 13) << 17)
  const ahead = 2 * signed(high | (bits(word, 21, 16) << 11) | (word & 0x7ff), 20)
  return (core) => {
    if (!core.holds(condition)) return 1
    core.jump(core.get(15) + ahead)
    return 1 + refill
  }
}
const branch = (links: boolean) => (word: number) => {
  const sign = bits(word, 26, 26)
  const [first, second] = [1 ^ bits(word, 13, 13) ^ sign, 1 ^ bits(word, 11, 11) ^ sign]
  const high = (sign << 23) | (first << 22) | (second << 21) | (bits(word, 25, 16) << 11)
  const ahead = 2 * signed(high | (word & 0x7ff), 24)
  return (core: State): number => {
    if (links) core.set(14, core.next | 1)
    core.jump(core.get(15) + ahead)
    return 1 + refill
  }
}

const readSpecial = (core: State, number: number): number => {
  if (number < 8) {
    const flags = (number & 4) === 0 ? core.apsr : 0
    return flags | ((number & 1) !== 0 ? core.ipsr : 0)
  }
  switch (number) {
    case 8:
      return core.getSp(0)
    case 9:
      return core.getSp(1)
    case 16:
      return core.primask ? 1 : 0
    case 17:
    case 18:
      return core.basepri
    case 19:
      return core.faultmask ? 1 : 0
    case 20:
      return core.control
    default:
      throw new Error(`MRS of special register ${number} is not modelled`)
  }
}

const writeSpecial = (core: State, number: number, value: number): void => {
  core.changed = true
  switch (number) {
    case 8:
      core.setSp(0, value)
      break
    case 9:
      core.setSp(1, value)
      break
    case 16:
      core.primask = (value & 1) !== 0
      break
    case 17:
      core.basepri = value & 0xf0
      break
    case 18: {
      const wanted = value & 0xf0
      if (wanted !== 0 && (wanted < core.basepri || core.basepri === 0)) core.basepri = wanted
      break
    }
    case 19:
      if (core.ipsr !== 2 && core.ipsr !== 3) core.faultmask = (value & 1) !== 0
      break
    case 20:
      if ((value & 1) !== 0) throw new Error('code without privileges is not modelled')
      if (core.ipsr === 0) core.selectSp(((value >> 1) & 1) as 0 | 1)
      core.control = (core.control & ~4) | (value & 4)
      break
    default:
      throw new Error(`MSR of special register ${number} is not modelled`)
  }
}

const moveFromSpecial = (word: number): Op => {
  const [d, number] = [bits(word, 11, 8), word & 255]
  return (core) => {
    core.set(d, readSpecial(core, number))
    return 2
  }
}
const moveToSpecial = (word: number): Op => {
  const [n, number, mask] = [bits(word, 19, 16), word & 255, bits(word, 11, 10)]
  return (core) => {
    const value = core.get(n)
    if (number >= 4) {
      if (number >= 8) writeSpecial(core, number, value)
      return 2
    }
    if ((mask & 2) !== 0) core.setFlags(value)
    if ((mask & 1) !== 0) core.ge = (value >>> 16) & 15
    return 2
  }
}

const hint = (word: number): Op => {
  const kind = word & 255
  return (core) => {
    if (kind === 4) core.event = true
    else if (kind === 3 || (kind === 2 && !core.event)) core.waiting = true
    if (kind === 2) core.event = false
    core.changed = true
    return 1
  }
}
/** DSB, DMB and ISB have nothing to wait for; CLREX. */
const barrier = (word: number): Op | undefined => {
  const kind = bits(word, 7, 4)
  if (kind === 2) {
    return (core) => {
      core.exclusive = false
      return 1
    }
  }
  return kind >= 4 && kind <= 6 && bit(word, 15) ? () => 1 : undefined
}

export const systemRows: readonly Row[] = [
  [0xffe0_d000, 0xf380_8000, moveToSpecial],
  [0xffff_f000, 0xf3ef_8000, moveFromSpecial],
  [0xffff_fff8, 0xf3af_8000, hint],
  [0xffff_ff00, 0xf3bf_8f00, barrier],
  [0xfff0_f000, 0xf7f0_a000, undefinedOp],
  [0xf800_d000, 0xf000_8000, conditionalBranch],
  [0xf800_d000, 0xf000_9000, branch(false)],
  [0xf800_d000, 0xf000_d000, branch(true)],
]
