// The longest way through machine code, on listings as objdump writes them: never shorter than any
// way that a run takes, exactly what a person counts where it can be counted, and none where nobody
// knows.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cyclesOf } from '../../firmware/core-cycles.ts'
import { readListing } from '../../firmware/listing.ts'
import { type Circling, longestWay, type Unbounded } from '../../firmware/longest-path.ts'

const waits = { fetch: 0, access: 0 }
type Loops = Readonly<Record<string, { turns: number; within: readonly string[] }>>
interface Given {
  loops?: Loops
  marks?: Readonly<Record<number, string | readonly string[]>>
  library?: Readonly<Record<string, Circling>>
  flags?: readonly string[]
}

/** Functions one after the other, an instruction every 2 bytes; `f` is asked for. */
const longest = (functions: Readonly<Record<string, string[]>>, given: Given = {}) => {
  let at = 0x1000
  const lines = Object.entries(functions).flatMap(([name, body]) => {
    const head = `${at.toString(16).padStart(8, '0')} <${name}>:`
    const own = body.map((line) => {
      at += 2
      return `    ${(at - 2).toString(16)}:\t${line}`
    })
    return [head, ...own, '']
  })
  const cycles = cyclesOf(given.flags ?? ['-mcpu=cortex-m0plus'], waits)
  if (cycles === undefined) throw new Error('no such core')
  return longestWay('f', {
    code: readListing(lines.join('\n')),
    cycles,
    marks: new Map(
      Object.entries(given.marks ?? {}).map(([where, name]) => [Number(where), [name].flat()]),
    ),
    loops: new Map(Object.entries(given.loops ?? {})),
    library: new Map(Object.entries(given.library ?? {})),
    ends: new Set(['trap']),
  })
}

test('straight on: each instruction as the manual says', () => {
  const body = ['push\t{r4, r5, lr}', 'ldr\tr0, [r1, #4]', 'muls\tr0, r2', 'pop\t{r4, r5, pc}']
  expect(longest({ f: body })).toBe(4 + 2 + 1 + 6)
  expect(longest({ f: body }, { flags: ['-mcpu=cortex-m0'] })).toBe(4 + 2 + 1 + 7)
  const wide = ['sdiv\tr0, r0, r1', 'vdiv.f32\ts0, s0, s1', 'ldr.w\tr0, [r1, #4]', 'bx\tlr']
  expect(longest({ f: wide }, { flags: ['-mcpu=cortex-m4'] })).toBe(12 + 15 + 2 + 4)
})

test('a fork: the longer way, and a cycle more for a branch that is taken', () => {
  expect(longest({ f: ['beq.n\t1006 <f+0x6>', 'nop', 'nop', 'bx\tlr'] })).toBe(1 + 2 + 2)
  expect(longest({ f: ['beq.n\t1004 <f+0x4>', 'nop', 'bx\tlr'] })).toBe(2 + 2)
})

test('calls and ways that end in another function; one that ends in a trap is none', () => {
  const called = ['nop', 'nop', 'bx\tlr']
  expect(longest({ f: ['bl\t1004 <g>', 'bx\tlr'], g: called })).toBe(3 + 4 + 2)
  expect(longest({ f: ['nop', 'b.n\t1004 <g>'], g: called })).toBe(1 + 2 + 4)
  // Written by hand: it runs on into the next.
  expect(longest({ f: ['nop'], g: called })).toBe(1 + 4)
  const body = ['beq.n\t1004 <f+0x4>', 'bx\tlr', 'nop', 'bl\t1008 <trap>']
  expect(longest({ f: body, trap: ['b.n\t1008 <trap>'] })).toBe(1 + 2)
})

describe('a circle', () => {
  // Three instructions before, a turn of four with the way back, one after.
  const body = ['movs\tr0, #0', 'adds\tr0, #1', 'cmp\tr0, #9', 'bne.n\t1002 <f+0x2>', 'bx\tlr']
  test('as often as its mark may be passed', () => {
    const loops = { one: { turns: 9, within: [] } }
    expect(longest({ f: body }, { loops, marks: { 4098: 'one' } })).toBe(1 + 9 * 4 - 1 + 2)
  })
  test('in another: so many times as often', () => {
    const nest = [...body.slice(0, 4), 'adds\tr1, #1', 'bne.n\t1000 <f>', 'bx\tlr']
    nest[5] = 'bne.n\t1002 <f+0x2>'
    nest.splice(1, 0, 'movs\tr0, #0')
    nest[4] = 'bne.n\t1004 <f+0x4>'
    const loops = { inner: { turns: 9, within: ['outer'] }, outer: { turns: 5, within: [] } }
    const marks = { 4100: 'inner', 4098: 'outer' }
    // The inner one: 9 turns of 4 but the last branch; around it 1, 1 and the branch back.
    const turn = 1 + 9 * 4 - 1 + 1 + 2
    expect(longest({ f: nest }, { loops, marks })).toBe(1 + 5 * turn - 1 + 2)
  })
  test('without a mark there is no bound, but in what is known by its name', () => {
    expect(longest({ f: body })).toEqual({ name: 'f', why: 'loop' })
    const known = { library: { f: { turns: 9 } } }
    expect(longest({ f: body }, known)).toBe(1 + 9 * 4 - 1 + 2)
  })
  test('whose first turns begin at one place counts each of one for each of the other', () => {
    const body = ['add\tr0, r1', 'bne.n\t1000 <f>', 'cmp\tr0, #0', 'bne.n\t1000 <f>', 'bx\tlr']
    const inOuter = { inner: { turns: 3, within: ['outer'] }, outer: { turns: 5, within: [] } }
    const most = longest({ f: body }, { loops: inOuter, marks: { 4096: ['outer', 'inner'] } })
    // 15 times through the beginning, and no way takes more than all of it.
    const inner = 1 + 2
    expect(most).toBeGreaterThanOrEqual(15 * inner + 5 * 3 - 1)
    expect(most).toBeLessThanOrEqual(15 * 6 + 2)
    const apart = { ...inOuter, inner: { turns: 3, within: [] } }
    expect(longest({ f: body }, { loops: apart, marks: { 4096: ['outer', 'inner'] } })).toEqual({
      ...{ name: 'f', why: 'loop' },
    })
  })

  test('with two marks of which none is in the other, none', () => {
    const loops = { a: { turns: 1, within: [] }, b: { turns: 1, within: [] } }
    const marks = { 4098: 'a', 4100: 'b' }
    expect(longest({ f: body }, { loops, marks })).toEqual({ name: 'f', why: 'loop' })
  })
})

describe('a division of 64 bits', () => {
  const division = ['subs\tr1, #1', 'bne.n\t1100 <__divdi3>', 'bx\tlr']
  const library = { __divdi3: { turns: 64, quotientBits: true } } as const
  /** The cycles of the division alone: three a turn, its last branch not taken. */
  const bits = (...before: string[]): number => {
    const f = [...before, 'bl\t1100 <__divdi3>', 'bx\tlr', '.word\t0x000f4240']
    const filled = [...f, ...Array<string>(0x80 - f.length).fill('.word\t0')]
    const most = longest({ f: filled, __divdi3: division }, { library })
    const own = before.reduce((sum, line) => sum + (line.startsWith('ldr') ? 2 : 1), 0)
    return (Number(most) - own - 3 - 2 - 2 + 1) / 3
  }
  test('turns as often as its quotient has bits', () => {
    expect(bits()).toBe(64)
    expect(bits('movs\tr2, #1', 'movs\tr3, #0')).toBe(64)
    expect(bits('movs\tr3, #0', 'movs\tr2, #10')).toBe(61)
    expect(bits('movs\tr2, #0', 'movs\tr3, #1')).toBe(32)
    expect(bits('ldr\tr2, [pc, #4]\t@ (1008 <f+0x8>)', 'movs\tr3, #0')).toBe(45)
  })
  test('whose divisor may be another has all', () => {
    expect(bits('movs\tr3, #0', 'mov\tr2, r8')).toBe(64)
    expect(bits('movs\tr2, #10', 'movs\tr3, #0', 'adds\tr2, #1')).toBe(64)
    expect(bits('movs\tr2, #10', 'movs\tr3, #0', 'uxtb\tr2, r2')).toBe(64)
  })
  test('after a place that another way leads to has all', () => {
    const f = ['movs\tr3, #0', 'beq.n\t1006 <f+0x6>', 'movs\tr2, #100', 'bl\t1100 <__divdi3>']
    const filled = [...f, 'bx\tlr', ...Array<string>(0x7b).fill('.word\t0')]
    expect(longest({ f: filled, __divdi3: division }, { library })).toBe(1 + 2 + 3 + 64 * 3 - 1 + 4)
  })
})

test.each<[string, Readonly<Record<string, string[]>>, Unbounded]>([
  ['itself', { f: ['bl\t1000 <f>', 'bx\tlr'] }, { name: 'f', why: 'recursion' }],
  ['a register', { f: ['bx\tr3'] }, { name: 'f', why: 'computed' }],
  ['a table', { f: ['tbb\t[pc, r3]'] }, { name: 'f', why: 'computed' }],
  ['pc moved', { f: ['mov\tpc, r3'] }, { name: 'f', why: 'computed' }],
  ['what is not there', { f: ['bl\t4000 <g>', 'bx\tlr'] }, { name: 'f', why: 'missing' }],
  ['nothing at all', { g: ['bx\tlr'] }, { name: 'f', why: 'missing' }],
])('no bound for a way through %s', (_, functions, expected) => {
  expect(longest(functions)).toEqual(expected)
})

/** Code as one writes it: steps, forks, counted loops. */
type Piece =
  | { work: number }
  | { fork: readonly [Piece[], Piece[]] }
  | { turns: number; body: Piece[] }
const { pieces } = fc.letrec<{ pieces: Piece[] }>((tie) => ({
  pieces: fc.array(
    fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.record({ work: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ fork: fc.tuple(tie('pieces'), tie('pieces')) }),
      fc.record({ turns: fc.integer({ min: 1, max: 4 }), body: tie('pieces') }),
    ),
    { maxLength: 4 },
  ) as fc.Arbitrary<Piece[]>,
}))

/** Lines with what they mean for a run: a fork by chance, a loop by its count. */
const compiled = (program: readonly Piece[]) => {
  const lines: string[] = []
  const loops: Record<string, { turns: number; within: string[] }> = {}
  const marks: Record<number, string> = {}
  const address = (i: number): number => 0x1000 + 2 * i
  const branch = (mnemonic: string, to: number): string =>
    `${mnemonic}\t${address(to).toString(16)} <f+0x${(2 * to).toString(16)}>`
  const put = (list: readonly Piece[], within: readonly string[]): void => {
    for (const piece of list) {
      if ('work' in piece) for (let i = 0; i < piece.work; i += 1) lines.push('nop')
      else if ('fork' in piece) {
        const at = lines.push('') - 1
        put(piece.fork[0], within)
        const over = lines.push('') - 1
        lines[at] = branch('beq.n', lines.length)
        put(piece.fork[1], within)
        lines[over] = branch('b.n', lines.length)
      } else {
        const name = `loop_${Object.keys(loops).length}`
        loops[name] = { turns: piece.turns, within: [...within] }
        const head = lines.push('nop') - 1
        marks[address(head)] = name
        put(piece.body, [...within, name])
        lines.push(branch('bne.n', head))
      }
    }
  }
  put(program, [])
  return { lines: [...lines, 'bx\tlr'], loops, marks }
}

/** What one run takes, forks as `chance` says: the same code, walked. */
const walked = (program: readonly Piece[], chance: () => boolean): number =>
  program.reduce((sum, piece) => {
    if ('work' in piece) return sum + piece.work
    if ('fork' in piece) {
      const [first, second] = piece.fork
      return sum + (chance() ? 2 + walked(second, chance) : 1 + walked(first, chance) + 2)
    }
    let cycles = sum
    for (let i = 1; i <= piece.turns; i += 1) {
      cycles += 1 + walked(piece.body, chance) + (i < piece.turns ? 2 : 1)
    }
    return cycles
  }, 0)

/** The dearest of all runs. */
const dearest = (program: readonly Piece[]): number =>
  program.reduce((sum, piece) => {
    if ('work' in piece) return sum + piece.work
    if ('fork' in piece) {
      const [first, second] = piece.fork
      return sum + Math.max(2 + dearest(second), 1 + dearest(first) + 2)
    }
    return sum + piece.turns * (1 + dearest(piece.body) + 2) - 1
  }, 0)

test('of any program of forks and counted loops: the dearest run, and no run is dearer', () => {
  fc.assert(
    fc.property(pieces, fc.infiniteStream(fc.boolean()), (program, chances) => {
      const { lines, loops, marks } = compiled(program)
      const most = longest({ f: lines }, { loops, marks })
      expect(most).toBe(dearest(program) + 2)
      const run = walked(program, () => chances.next().value === true) + 2
      expect(run).toBeLessThanOrEqual(Number(most))
    }),
    { numRuns: 500 },
  )
})
