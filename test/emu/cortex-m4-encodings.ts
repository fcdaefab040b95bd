// Encodings of ARMv7E-M with single-precision floats, written from the manual's tables a second
// time, apart from the core that they test: each gives as many instructions as one wants. What the
// manual calls unpredictable is left out.

/** A random number below `below`. */
export type Draw = (below: number) => number

export interface Form {
  name: string
  /** Letters are fields: see `instruction`. */
  bits: string
  /** It needs a base that points to memory. */
  memory?: boolean
  /** Registers that must differ. */
  apart?: readonly string[]
}

const form = (name: string, spaced: string, more: Partial<Form> = {}): Form => {
  const bits = spaced.replaceAll(' ', '')
  if (bits.length !== 16 && bits.length !== 32) throw new Error(`${name}: ${bits.length} bits`)
  return { name, bits, ...more }
}
const memory = { memory: true }

const narrow: readonly Form[] = [
  form('shift by a constant', '000 kk iiiii mmm ddd'),
  form('add, subtract', '00011 ii mmm nnn ddd'),
  form('mov, cmp, add, sub', '001 ii ddd iiiiiiii'),
  form('data processing', '010000 iiii mmm ddd'),
  form('add any', '01000100 0 mmmm ddd'),
  form('cmp any', '01000101 0 mmmm ddd'),
  form('mov any', '01000110 0 mmmm ddd'),
  form('ldr literal', '01001 ddd 00000000', memory),
  form('load, store register', '0101 iii xxx bbb ttt', memory),
  form('word', '0110 i 0iiii bbb ttt', memory),
  form('byte', '0111 i iiiii bbb ttt', memory),
  form('halfword', '1000 i iiiii bbb ttt', memory),
  form('word of the stack', '1001 i ttt 00iiiiii', memory),
  form('adr, add sp', '1010 i ddd iiiiiiii'),
  form('move the stack', '10110000 i 00iiiii', memory),
  form('extend', '10110010 ii mmm ddd'),
  form('rev, rev16', '10111010 0i mmm ddd'),
  form('revsh', '10111010 11 mmm ddd'),
  form('push', '1011010 i rrrrrrrr', memory),
  form('pop', '10111100 rrrrrrrr', memory),
  form('stm', '11000 bbb rrrrrrrr', memory),
  form('ldm', '11001 bbb rrrrrrrr', memory),
  form('udf', '11011110 iiiiiiii'),
]

const wide: readonly Form[] = [
  form('and, bic, orr, orn', '11110 i 0 00ii s nnnn 0 iii dddd iiiiiiii'),
  form('eor', '11110 i 0 0100 s nnnn 0 iii dddd iiiiiiii'),
  form('mov, mvn', '11110 i 0 001i s 1111 0 iii dddd iiiiiiii'),
  form('tst', '11110 i 0 0000 1 nnnn 0 iii 1111 iiiiiiii'),
  form('teq', '11110 i 0 0100 1 nnnn 0 iii 1111 iiiiiiii'),
  form('add', '11110 i 0 1000 s nnnn 0 iii dddd iiiiiiii'),
  form('adc, sbc', '11110 i 0 101i s nnnn 0 iii dddd iiiiiiii'),
  form('sub', '11110 i 0 1101 s nnnn 0 iii dddd iiiiiiii'),
  form('rsb', '11110 i 0 1110 s nnnn 0 iii dddd iiiiiiii'),
  form('cmn', '11110 i 0 1000 1 nnnn 0 iii 1111 iiiiiiii'),
  form('cmp', '11110 i 0 1101 1 nnnn 0 iii 1111 iiiiiiii'),
  form('addw', '11110 i 1 00000 nnnn 0 iii dddd iiiiiiii'),
  form('subw', '11110 i 1 01010 nnnn 0 iii dddd iiiiiiii'),
  form('adr ahead', '11110 i 1 00000 1111 0 iii dddd iiiiiiii'),
  form('adr back', '11110 i 1 01010 1111 0 iii dddd iiiiiiii'),
  form('movw, movt', '11110 i 1 0i100 iiii 0 iii dddd iiiiiiii'),
  form('ssat', '11110 0 1 1000 0 nnnn 0 iii dddd ii 0 iiiii'),
  form('ssat asr', '11110 0 1 1001 0 nnnn 0 1ii dddd ii 0 iiiii'),
  form('ssat16', '11110 0 1 1001 0 nnnn 0 000 dddd 00 0 0iiii'),
  form('usat', '11110 0 1 1100 0 nnnn 0 iii dddd ii 0 iiiii'),
  form('usat asr', '11110 0 1 1101 0 nnnn 0 1ii dddd ii 0 iiiii'),
  form('usat16', '11110 0 1 1101 0 nnnn 0 000 dddd 00 0 0iiii'),
  form('sbfx', '11110 0 1 1010 0 nnnn 0 0ii dddd ii 0 0iiii'),
  form('ubfx', '11110 0 1 1110 0 nnnn 0 0ii dddd ii 0 0iiii'),
  form('bfi', '11110 0 1 1011 0 nnnn 0 0ii dddd ii 0 1iiii'),
  form('bfc', '11110 0 1 1011 0 1111 0 0ii dddd ii 0 1iiii'),
  form('and, bic, orr, orn shifted', '1110101 00ii s nnnn 0 iii dddd iiii mmmm'),
  form('eor shifted', '1110101 0100 s nnnn 0 iii dddd iiii mmmm'),
  form('mov, mvn shifted', '1110101 001i s 1111 0 iii dddd iiii mmmm'),
  form('tst, teq shifted', '1110101 0i00 1 nnnn 0 iii 1111 iiii mmmm'),
  form('pkh', '1110101 0110 0 nnnn 0 iii dddd iii0 mmmm'),
  form('add shifted', '1110101 1000 s nnnn 0 iii dddd iiii mmmm'),
  form('adc, sbc shifted', '1110101 101i s nnnn 0 iii dddd iiii mmmm'),
  form('sub shifted', '1110101 1101 s nnnn 0 iii dddd iiii mmmm'),
  form('rsb shifted', '1110101 1110 s nnnn 0 iii dddd iiii mmmm'),
  form('cmn shifted', '1110101 1000 1 nnnn 0 iii 1111 iiii mmmm'),
  form('cmp shifted', '1110101 1101 1 nnnn 0 iii 1111 iiii mmmm'),
  form('shift by a register', '11111010 0 ii s nnnn 1111 dddd 0000 mmmm'),
  form('extend halves', '11111010 0 00i nnnn 1111 dddd 10ii mmmm'),
  form('extend two bytes', '11111010 0 01i nnnn 1111 dddd 10ii mmmm'),
  form('extend bytes', '11111010 0 10i nnnn 1111 dddd 10ii mmmm'),
  form('extend only', '11111010 0 10i 1111 1111 dddd 10ii mmmm'),
  form('extend two only', '11111010 0 01i 1111 1111 dddd 10ii mmmm'),
  form('lanes of 8', '11111010 1 i00 nnnn 1111 dddd 0i00 mmmm'),
  form('lanes of 8, saturated', '11111010 1 i00 nnnn 1111 dddd 0i01 mmmm'),
  form('lanes of 8, halved', '11111010 1 i00 nnnn 1111 dddd 0i10 mmmm'),
  form('lanes of 16', '11111010 1 i01 nnnn 1111 dddd 0i00 mmmm'),
  form('lanes of 16, saturated', '11111010 1 i01 nnnn 1111 dddd 0i01 mmmm'),
  form('lanes of 16, halved', '11111010 1 i01 nnnn 1111 dddd 0i10 mmmm'),
  form('lanes crossed', '11111010 1 i10 nnnn 1111 dddd 0i00 mmmm'),
  form('lanes crossed, saturated', '11111010 1 i10 nnnn 1111 dddd 0i01 mmmm'),
  form('lanes crossed, halved', '11111010 1 i10 nnnn 1111 dddd 0i10 mmmm'),
  form('qadd and its like', '11111010 1000 nnnn 1111 dddd 10ii mmmm'),
  form('rev, rbit, revsh', '11111010 1001 mmmm 1111 dddd 10ii mmmm'),
  form('sel', '11111010 1010 nnnn 1111 dddd 1000 mmmm'),
  form('clz', '11111010 1011 mmmm 1111 dddd 1000 mmmm'),
  form('mul', '11111011 0000 nnnn 1111 dddd 0000 mmmm'),
  form('mla, mls', '11111011 0000 nnnn aaaa dddd 000i mmmm'),
  form('smul of halves', '11111011 0001 nnnn 1111 dddd 00ii mmmm'),
  form('smla of halves', '11111011 0001 nnnn aaaa dddd 00ii mmmm'),
  form('smuad', '11111011 0010 nnnn 1111 dddd 000i mmmm'),
  form('smlad', '11111011 0010 nnnn aaaa dddd 000i mmmm'),
  form('smulw', '11111011 0011 nnnn 1111 dddd 000i mmmm'),
  form('smlaw', '11111011 0011 nnnn aaaa dddd 000i mmmm'),
  form('smusd', '11111011 0100 nnnn 1111 dddd 000i mmmm'),
  form('smlsd', '11111011 0100 nnnn aaaa dddd 000i mmmm'),
  form('smmul', '11111011 0101 nnnn 1111 dddd 000i mmmm'),
  form('smmla', '11111011 0101 nnnn aaaa dddd 000i mmmm'),
  form('smmls', '11111011 0110 nnnn aaaa dddd 000i mmmm'),
  form('usad8', '11111011 0111 nnnn 1111 dddd 0000 mmmm'),
  form('usada8', '11111011 0111 nnnn aaaa dddd 0000 mmmm'),
  form('smull', '11111011 1000 nnnn aaaa dddd 0000 mmmm', { apart: ['a', 'd'] }),
  form('umull', '11111011 1010 nnnn aaaa dddd 0000 mmmm', { apart: ['a', 'd'] }),
  form('sdiv', '11111011 1001 nnnn 1111 dddd 1111 mmmm'),
  form('udiv', '11111011 1011 nnnn 1111 dddd 1111 mmmm'),
  form('smlal', '11111011 1100 nnnn aaaa dddd 0000 mmmm', { apart: ['a', 'd'] }),
  form('smlal of halves', '11111011 1100 nnnn aaaa dddd 10ii mmmm', { apart: ['a', 'd'] }),
  form('smlald', '11111011 1100 nnnn aaaa dddd 110i mmmm', { apart: ['a', 'd'] }),
  form('smlsld', '11111011 1101 nnnn aaaa dddd 110i mmmm', { apart: ['a', 'd'] }),
  form('umlal', '11111011 1110 nnnn aaaa dddd 0000 mmmm', { apart: ['a', 'd'] }),
  form('umaal', '11111011 1110 nnnn aaaa dddd 0110 mmmm', { apart: ['a', 'd'] }),
  form('mrs', '11110011111 0 1111 1000 dddd 00000000'),
  form('mrs of masks', '11110011111 0 1111 1000 dddd 0001 00i0'),
  form('msr', '11110011100 0 nnnn 1000 1i00 00000000'),
  form('barriers', '111100111011 1111 1000 1111 0100 1111'),
  form('udf wide', '111101111111 iiii 1010 iiii iiii iiii'),
]

const off = { memory: true, apart: ['t', 'b'] }
const apartFromBase = { memory: true, apart: ['d', 't', 'b'] }
const accesses: readonly Form[] = [
  form('strb', '11111000 1000 bbbb tttt 0000 iiiiiiii', memory),
  form('strh', '11111000 1010 bbbb tttt 0000 iiiiiiii', memory),
  form('str', '11111000 1100 bbbb tttt 0000 iiiiiiii', memory),
  form('ldrb', '1111100 s 1001 bbbb tttt 0000 iiiiiiii', memory),
  form('ldrh', '1111100 s 1011 bbbb tttt 0000 iiiiiiii', memory),
  form('ldr', '11111000 1101 bbbb tttt 0000 iiiiiiii', memory),
  form('ldr of the PC', '11111000 i101 1111 tttt 000000000000', memory),
  form('str back', '11111000 0 000 bbbb tttt 1100 iiiiiiii', memory),
  form('ldrsh back', '11111001 0 011 bbbb tttt 1100 iiiiiiii', memory),
  form('ldr back', '11111000 0 101 bbbb tttt 1100 iiiiiiii', memory),
  form('str before', '11111000 0 100 bbbb tttt 11i1 iiiiiiii', off),
  form('str after', '11111000 0 010 bbbb tttt 10i1 iiiiiiii', off),
  form('ldr before', '11111000 0 101 bbbb tttt 11i1 iiiiiiii', off),
  form('ldrb after', '1111100 s 0 001 bbbb tttt 10i1 iiiiiiii', off),
  form('str register', '11111000 0 100 bbbb tttt 000000 ii xxxx', memory),
  form('strb register', '11111000 0 000 bbbb tttt 000000 ii xxxx', memory),
  form('ldr register', '11111000 0 101 bbbb tttt 000000 ii xxxx', memory),
  form('ldrh register', '1111100 s 0 011 bbbb tttt 000000 ii xxxx', memory),
  form('pld', '11111000 1001 bbbb 1111 0000 iiiiiiii', memory),
  form('strd', '1110100 1 i1i0 bbbb tttt uuuu iiiiiiii', { memory: true, apart: ['t', 'u', 'b'] }),
  form('ldrd', '1110100 1 i1i1 bbbb tttt uuuu iiiiiiii', { memory: true, apart: ['t', 'u', 'b'] }),
  form('ldrd after', '1110100 0 i111 bbbb tttt uuuu iiiiiiii', {
    ...{ memory: true, apart: ['t', 'u', 'b'] },
  }),
  form('stm', '1110100 010 i 0 bbbb 0 i 0 rrrr 0 rrrrrrrr', memory),
  form('ldm', '1110100 010 i 1 bbbb 0 i 0 rrrr 0 rrrrrrrr', memory),
  form('stmdb', '1110100 100 i 0 bbbb 0 i 0 rrrr 0 rrrrrrrr', memory),
  form('ldmdb', '1110100 100 i 1 bbbb 0 i 0 rrrr 0 rrrrrrrr', memory),
]

const clear = '1111 0011 1011 1111 1000 1111 0010 1111'
/** An exclusive store behind its load, without one, or behind what has given it up. */
const exclusives: readonly (readonly [Form, ...Form[]])[] = [
  [
    form('ldrex', '1110100 00101 bbbb tttt 1111 00000001', off),
    form('strex', '1110100 00100 bbbb tttt dddd 00000001', apartFromBase),
  ],
  [
    form('ldrexb', '1110100 01101 bbbb tttt 1111 0100 1111', off),
    form('strexb', '1110100 01100 bbbb tttt 1111 0100 dddd', apartFromBase),
  ],
  [
    form('ldrexh', '1110100 01101 bbbb tttt 1111 0101 1111', off),
    form('clrex', clear),
    form('strexh', '1110100 01100 bbbb tttt 1111 0101 dddd', apartFromBase),
  ],
  [
    form('clrex', clear),
    form('strex alone', '1110100 00100 bbbb tttt dddd iiiiiiii', apartFromBase),
  ],
]

const single = (name: string, bits: string): Form => form(name, `1110 1110 ${bits}`)
const floats: readonly Form[] = [
  single('vmla, vmls', '0i00 iiii iiii 1010 ii i 0 iiii'),
  single('vnmla, vnmls', '0i01 iiii iiii 1010 ii i 0 iiii'),
  single('vmul, vnmul', '0i10 iiii iiii 1010 ii i 0 iiii'),
  single('vadd', '0i11 iiii iiii 1010 i0 i 0 iiii'),
  single('vsub', '0i11 iiii iiii 1010 i1 i 0 iiii'),
  single('vdiv', '1i00 iiii iiii 1010 i0 i 0 iiii'),
  single('vfnms, vfnma', '1i01 iiii iiii 1010 ii i 0 iiii'),
  single('vfma, vfms', '1i10 iiii iiii 1010 ii i 0 iiii'),
  single('vmov constant', '1i11 iiii iiii 1010 0000 iiii'),
  single('vmov, vabs', '1i11 0000 iiii 1010 i1 i 0 iiii'),
  single('vneg', '1i11 0001 iiii 1010 01 i 0 iiii'),
  single('vsqrt', '1i11 0001 iiii 1010 11 i 0 iiii'),
  single('vcmp', '1i11 0100 iiii 1010 i1 i 0 iiii'),
  single('vcmp with zero', '1i11 0101 iiii 1010 i1 0 0 0000'),
  single('vcvt of an integer', '1i11 1000 iiii 1010 i1 i 0 iiii'),
  single('vcvt to an integer', '1i11 110i iiii 1010 i1 i 0 iiii'),
  single('vcvt of halves', '1i11 1i1i iiii 1010 01 i 0 0iii'),
  single('vcvt of fractions', '1i11 1i1i iiii 1010 11 i 0 iiii'),
  single('vmov of a register', '000i iiii tttt 1010 i001 0000'),
  single('vmov of a half', '00ii 0iii tttt 1011 0001 0000'),
  single('vmrs', '1111 0001 tttt 1010 0001 0000'),
  single('vmrs of flags', '1111 0001 1111 1010 0001 0000'),
  form('vmov of two', '1110 1100 010i uuuu tttt 1010 0 0 i 1 0iii', { apart: ['t', 'u'] }),
  form('vmov of a double', '1110 1100 010i uuuu tttt 1011 0 0 0 1 iiii', { apart: ['t', 'u'] }),
  form('vldr', '1110 1101 ii01 bbbb iiii 101 0 iiiiiiii', memory),
  form('vstr', '1110 1101 ii00 bbbb iiii 101 0 iiiiiiii', memory),
  form('vldr of a double', '1110 1101 i001 bbbb iiii 101 1 iiiiiiii', memory),
  form('vldm', '1110 1100 1ii1 bbbb 0iii 101 0 0000 iiii', memory),
  form('vstm', '1110 1100 1ii0 bbbb 0iii 101 0 0000 iiii', memory),
  form('vstm down', '1110 1101 0i10 bbbb 0iii 101 0 0000 iiii', memory),
  form('vldm of doubles', '1110 1100 10i1 bbbb 00ii 101 1 0000 iii0', memory),
]

const condition = 'cccc'
/** Over one or two of the instructions behind them. */
const branches: readonly Form[] = [
  form('b narrow', '11100 0000000000i'),
  form('b conditional', `1101 ${condition} 0000000i`),
  form('cbz, cbnz', '1011 i0 0 1 0000i nnn'),
  form('b wide', '11110 0 0000000000 10 1 1 1 0000000000i'),
  form('bl', '11110 0 0000000000 11 1 1 1 0000000000i'),
  form('b wide, conditional', `11110 0 ${condition} 000000 10 0 0 0 0000000000i`),
]

export const forms = { narrow, wide, accesses, floats, branches, exclusives }

/** Registers that have nothing special about them; there are too few of 3 bits to leave one out. */
const register = (letter: string, width: number, draw: Draw): number => {
  if (letter === 'b') return width === 3 ? 6 : 8
  if (letter === 'x') return width === 3 ? 5 : 9
  if (letter === 'c') return draw(14)
  if (width === 3) return draw(8)
  const n = draw(14)
  return n === 13 ? 14 : n
}

/**
 * One instruction of a form, as halfwords. Register letters mean the same register wherever they
 * stand: n, m, d, t, a, u any, b the base, x the index; c is a condition; r a list with something
 * in it and without the base; other letters are random bits.
 */
export const instruction = ({ bits, apart = [] }: Form, draw: Draw): number[] => {
  for (;;) {
    const chosen = new Map<string, number>()
    const text = bits.replaceAll(/([nmdtaubxc])\1+/g, (run: string, letter: string) => {
      const value = chosen.get(letter) ?? register(letter, run.length, draw)
      chosen.set(letter, value)
      return value.toString(2).padStart(run.length, '0')
    })
    const word = text.replaceAll(/[a-z]/g, () => String(draw(2)))
    const differ = new Set(apart.map((letter) => chosen.get(letter)))
    if (differ.size !== apart.length) continue
    const halves = word.length === 16 ? [word] : [word.slice(0, 16), word.slice(16)]
    const numbers = halves.map((half) => Number.parseInt(half, 2))
    if (isPredictable(bits, numbers)) return numbers
  }
}

/** Lists of registers and bit fields have rules of their own. */
const isPredictable = (bits: string, [first = 0, second = 0]: readonly number[]): boolean => {
  if (bits.length === 16) {
    if (!bits.includes('r')) return true
    const list = first & 255
    // STM of its base: only as the first one.
    const isStm = first >>> 11 === 0b11000
    return list !== 0 && !(isStm && (list & 64) !== 0 && (list & 63) !== 0)
  }
  if (bits.includes('r')) {
    const count = second.toString(2).replaceAll('0', '').length
    return count > 1 && (second & 0x100) === 0
  }
  const kind = first >>> 4
  const lsb = ((second >>> 10) & 0x1c) | ((second >>> 6) & 3)
  if (kind === 0xf36) return (second & 31) >= lsb
  if (kind === 0xf34 || kind === 0xf3c) return lsb + (second & 31) < 32
  const isMultiple = (first & 0xfe00) === 0xec00 && (second & 0xe00) === 0xa00
  if (isMultiple && bits.startsWith('111011') && bits.includes('bbbb')) {
    return (first & 0x100) === 0 || (first & 0x20) !== 0 ? (second & 255) !== 0 : true
  }
  return true
}
