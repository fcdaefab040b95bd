// Products of 32 and 64 bits as the boards compute them, and what fixed point keeps of them, beside
// whole numbers of any length: at the ends of every part that a product is made of, and in between.
// The C runs on an emulated Pico.
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
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

test.runIf(compilerInstalled())(
  'products are those of wasm, at every edge',
  async () => {
    const subject = drill()
    const file = join(import.meta.dirname, 'fixtures', 'wasm-product.h')
    const pico = new Pico({ bin: (await exerciseOf(subject, 'rp2040-pico', file)).bin })
    pico.ask('', 10_000_000)
    const others = subject.loop.inputs.slice(2).map(() => '0')
    const check = (a: number, b: number): void => {
      const words = [a.toString(16), b.toString(16), ...others]
      const told = pico
        .ask(`S ${words.join(' ')}\n`, 10_000_000)
        .trim()
        .split(/\s+/)
      const got = told.slice(subject.loop.outputs.length).map((one) => Number.parseInt(one, 16))
      expect([a, b, ...got.slice(0, 15)]).toEqual([a, b, ...expected(a, b)])
    }
    for (const a of edges) for (const b of edges) check(a, b)
    const any = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(fc.property(any, any, check), { numRuns: 300 })
  },
  120_000,
)
