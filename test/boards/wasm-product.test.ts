// Products of 32 and 64 bits as the boards compute them, what fixed point keeps of them, and
// divisions by constants, beside whole numbers of any length: at the ends of every part that they
// are made of, and in between. The C runs on an emulated Pico.
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { reciprocal } from '../../firmware/wasm2c.ts'
import { Pico } from '../emu/pico.ts'
import { compilerInstalled, drill, exerciseOf } from './stand.ts'

const edges = [
  ...[0, 1, 2, 0x7fff, 0x8000, 0xffff, 0x10000, 0x10001, 0x7fffffff, 0x80000000, 0x8000ffff],
  ...[0xffff0000, 0xffff8000, 0xfffffffe, 0xffffffff, 429497, 0xfff97267],
]

const word = (x: bigint): number => Number(BigInt.asUintN(32, x))
const ends = (x: bigint): number[] => [word(x), word(x >> 32n)]

/** In the order of fixtures/wasm-product.h. */
const expected = (a: number, b: number): number[] => {
  const [x, y] = [BigInt(a | 0), BigInt(b | 0)]
  const [left, right] = [(BigInt(a) << 32n) | BigInt(b), (BigInt(b) << 32n) | BigInt(a)]
  const constant = x * 830719n
  return [
    ...[...ends(x * y), ...ends((x & 0x7fffffffn) * y), ...ends(left * right)],
    ...[1n, 16n, 17n, 31n].map((bits) => word((x * y) >> bits)),
    ...[word((x * 22544n) >> 16n), word((x * -429465n) >> 24n), word((x * y) >> 40n)],
    word((x * 0x01000193n) ^ ((BigInt(a) * BigInt(b)) >> 32n)),
    word(constant ^ (constant >> 32n)),
  ]
}

const subject = drill()
let pico: Pico
beforeAll(async () => {
  if (!compilerInstalled()) return
  const file = join(import.meta.dirname, 'fixtures', 'wasm-product.h')
  pico = new Pico({ bin: (await exerciseOf(subject, 'rp2040-pico', file)).bin })
  pico.ask('', 10_000_000)
}, 60_000)

/** What the C tells of words. */
const told = (words: readonly number[]): number[] => {
  const inputs = subject.loop.inputs.map((_, i) => ((words[i] ?? 0) >>> 0).toString(16))
  const answer = pico
    .ask(`S ${inputs.join(' ')}\n`, 10_000_000)
    .trim()
    .split(/\s+/)
  return answer.slice(subject.loop.outputs.length).map((one) => Number.parseInt(one, 16))
}

test.runIf(compilerInstalled())(
  'products are those of wasm, at every edge',
  () => {
    const check = (a: number, b: number): void => {
      expect([a, b, ...told([a, b]).slice(0, 15)]).toEqual([a, b, ...expected(a, b)])
    }
    for (const a of edges) for (const b of edges) check(a, b)
    const any = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(fc.property(any, any, check), { numRuns: 300 })
  },
  120_000,
)

const factorOf = (divisor: bigint, size: 32 | 64): { factor: bigint; bits: number } => {
  const by = reciprocal(divisor, size)
  if (by === undefined) throw new Error(`no reciprocal of ${divisor}`)
  return by
}
/** Towards zero, as wasm divides. */
const quotient = (x: bigint, { factor, bits }: { factor: bigint; bits: number }, size: number) => {
  const high = ((x < 0n ? -x : x) * factor) >> BigInt(size + bits)
  return x < 0n ? -high : high
}
/** Where a quotient changes, around multiples of the divisor and the ends of all numbers. */
const around = (divisor: bigint, size: 32 | 64): bigint[] => {
  const most = 1n << BigInt(size - 1)
  const last = (most / divisor) * divisor
  const near = [0n, divisor, last - divisor, last, most].flatMap((x) => [x - 1n, x, x + 1n])
  return near.flatMap((x) => [x, -x]).filter((x) => x >= -most && x < most)
}
const divisors = [3n, 7n, 10n, 100n, 125n, 641n, 65535n, 65537n, 1000000n, 0x7fffffffn]
const longDivisors = [0x80000001n, 2n ** 32n + 1n, 10n ** 12n, 8n * 10n ** 14n, 2n ** 62n + 1n]

test('what a division multiplies by is exact for every number, whatever the divisor', () => {
  for (const size of [32, 64] as const) {
    const check = (divisor: bigint, x: bigint): void => {
      const by = factorOf(divisor, size)
      expect(by.factor < 1n << BigInt(size)).toBe(true)
      for (const one of [x, ...around(divisor, size)]) {
        expect([one, quotient(one, by, size)]).toEqual([one, one / divisor])
      }
    }
    const most = 2n ** BigInt(size - 1)
    const power = fc.integer({ min: 2, max: size - 2 }).map((bits) => 2n ** BigInt(bits))
    const divisor = fc
      .oneof(
        fc.bigInt({ min: 3n, max: most - 1n }),
        power.map((one) => one + 1n),
        power.map((one) => one - 1n),
      )
      .filter((one) => reciprocal(one, size) !== undefined)
    fc.assert(fc.property(divisor, fc.bigInt({ min: -most, max: most - 1n }), check))
  }
  for (const none of [0n, 1n, 2n, 4096n, 2n ** 31n, 2n ** 32n - 3n]) {
    expect(reciprocal(none, 32)).toBeUndefined()
  }
})

test.runIf(compilerInstalled())(
  'divisions by a constant are those of wasm, at every edge',
  () => {
    for (const divisor of [...divisors, ...longDivisors]) {
      const { factor, bits } = factorOf(divisor, 64)
      for (const x of around(divisor, 64)) {
        const got = told([...[...ends(x), ...ends(factor), bits, 0], 1]).slice(0, 2)
        expect([divisor, x, ...got]).toEqual([divisor, x, ...ends(x / divisor)])
      }
    }
    for (const divisor of divisors) {
      const { factor, bits } = factorOf(divisor, 32)
      for (const x of around(divisor, 32)) {
        const got = told([...[...ends(x), word(factor), 0, bits, 0], 1])[2]
        expect([divisor, x, got]).toEqual([divisor, x, word(x / divisor)])
      }
    }
  },
  120_000,
)
