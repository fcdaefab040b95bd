// How often loops turn, found in the module: exactly where constants say it, at most where ranges
// do, and not at all where only readings do. What is found is held against what a run counts.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileModule } from '../../firmware/loop-compiler.ts'
import { projectFolders } from '../../firmware/profiles.ts'
import { loopBorder } from '../../firmware/wasm-check.ts'
import { exactly, isSo, ofTwo, type Value } from '../../firmware/wasm-values.ts'

const board = readFileSync(join(projectFolders.loops, 'board.ts'), 'utf8')

/** Loops of a step in the order of their code: most turns, and what they run in. */
const loopsOf = async (step: string, more = '') => {
  const source = `import { readInput, writeOutput } from './board'
export function setup(): void {}
export function stop(): void {}
${more}
export function step(): void { let sum: i32 = 0
${step}
writeOutput(0, sum) }`
  const sources = new Map([
    ['loop.ts', source],
    ['board.ts', board],
  ])
  const module = { name: 'x', sources, entry: 'loop.ts', border: loopBorder }
  const { origin } = await compileModule({ ...module, show: (path) => path })
  return origin.loops
}
const turnsOf = async (step: string, more = ''): Promise<(number | undefined)[]> =>
  (await loopsOf(step, more)).map(({ turns }) => turns)

test('counted, nested, left early, counted down, in a function that is given numbers', async () => {
  const found = await loopsOf(
    `for (let i = 0; i < 3; i++) {
  for (let k = 0; k < 100; k++) { sum += readInput(k); if (sum > 1000) break }
  sum = root(sum, 8)
}
let n = 20
while (n > 0) { n -= readInput(3) > 4 ? 1 : 2; sum ^= sum << 1; writeOutput(0, sum) }
sum = root(sum, 5)
for (let i: u32 = 1; i < 1000; i *= 3) sum = sum * 31 + readInput(i)`,
    `function root(x: i32, turns: i32): i32 {
  let r = x
  for (let i = 0; i < turns; i++) r = (r + x / (r | 1)) >> 1
  return r
}`,
  )
  // A head is passed once more than its body.
  const turns = found.map((one) => one.turns).sort((a = 0, b = 0) => a - b)
  expect(turns.slice(0, 1)).toEqual([4])
  expect(turns.at(-1)).toBe(101)
  expect(turns).toContain(21)
  expect(turns).toContain(9)
  const inner = found.find((one) => one.turns === 101)
  const outer = found.findIndex((one) => one.turns === 4)
  expect(inner?.within).toEqual([outer])
}, 60_000)

test('what readings say counts by what they can be', async () => {
  const masked = 'const n = readInput(0) & 15\n  for (let i = 0; i < n; i++) sum += readInput(i)'
  expect(await turnsOf(masked)).toEqual([16])
  const early = 'for (let i = 0; i < 9; i++) { if (readInput(1) > sum) break; sum += readInput(i) }'
  expect(await turnsOf(early)).toEqual([10])
  const either = masked.replace('readInput(0) & 15', 'readInput(0) > 3 ? 20 : 10')
  expect(await turnsOf(either)).toEqual([21])
}, 60_000)

test.each([
  ['while (sum < 1000) sum += readInput(0)'],
  ['while (true) sum += readInput(0)'],
  ['for (let i = 0; i < readInput(0); i++) sum += i * sum'],
  ['for (let i = 0; i < 10; ) { sum += readInput(0); if (sum > 3) i++ }'],
])(
  'no bound: %s',
  async (step) => {
    expect(await turnsOf(step)).toEqual([undefined])
  },
  60_000,
)

test('of one that is counted beside it, only the other has no bound', async () => {
  const both =
    'for (let i = 0; i < 9; i++) { sum += readInput(i); while (sum > 7) sum -= readInput(1) }'
  const found = await loopsOf(both)
  expect(found.filter(({ turns }) => turns === undefined)).toHaveLength(1)
}, 60_000)

test('a range of results holds every result', () => {
  const within = (x: bigint, value: Value): boolean =>
    value === undefined || (x >= value[0] && x <= value[1])
  const small = fc.bigInt({ min: -70n, max: 70n })
  const wide = fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n - 1n })
  const ranged = fc
    .tuple(fc.oneof(small, wide), fc.oneof(small, wide))
    .map((two) => two.toSorted((x, y) => (x < y ? -1 : 1)))
    .map(([low = 0n, high = 0n]) => ({ low, high }))
  const opcode = fc.integer({ min: 0x46, max: 0x76 }).filter((one) => one < 0x50 || one > 0x69)
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const inside = ({ low, high }: { low: bigint; high: bigint }, where: number): bigint =>
    low + ((high - low) * BigInt(Math.round(where * 1000))) / 1000n
  fc.assert(
    fc.property(
      opcode,
      fc.tuple(ranged, ranged),
      fc.tuple(share, share),
      (op, [a, b], [first, second]) => {
        const [x, y] = [inside(a, first), inside(b, second)]
        const exact = ofTwo(op, exactly(x), exactly(y))
        const one = ofTwo(op, [a.low, a.high], exactly(y))
        const both = ofTwo(op, [a.low, a.high], [b.low, b.high])
        const unknown = ofTwo(op, undefined, exactly(y))
        const other = ofTwo(op, exactly(x), [b.low, b.high])
        if (exact === undefined || exact[0] !== exact[1]) return
        for (const value of [one, other, both, unknown]) expect(within(exact[0], value)).toBe(true)
        expect(exact[0]).toBe(byMachine(op, x, y) ?? exact[0])
      },
    ),
    { numRuns: 20_000 },
  )
  expect([isSo([0n, 1n]), isSo([1n, 5n]), isSo([0n, 0n])]).toEqual([undefined, true, false])
})

/** The same by this machine's own 32-bit arithmetic. */
const byMachine = (opcode: number, a: bigint, b: bigint): bigint | undefined => {
  const [x, y] = [Number(a), Number(b)]
  const result = {
    [0x46]: x === y ? 1 : 0,
    [0x48]: x < y ? 1 : 0,
    [0x4b]: x >>> 0 > y >>> 0 ? 1 : 0,
    [0x4c]: x <= y ? 1 : 0,
    [0x6a]: (x + y) | 0,
    [0x6b]: (x - y) | 0,
    [0x6c]: Math.imul(x, y),
    [0x71]: x & y,
    [0x72]: x | y,
    [0x73]: x ^ y,
    [0x74]: x << y,
    [0x75]: x >> y,
    [0x76]: (x >>> y) | 0,
  }[opcode]
  return result === undefined ? undefined : BigInt(result)
}
