// Minimum, maximum and conversion of f32 as the boards compute them, beside V8: zeros of both
// signs, denormals, the ends of i32, infinities, NaN. The C runs on an emulated Pico.
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { Pico } from '../emu/pico.ts'
import { compilerInstalled, exerciseOf, fixture } from './stand.ts'

const float = fixture('float')
afterAll(() => float.remove())

const edges = [
  ...[0, 1, 0x007fffff, 0x00800000, 0x3effffff, 0x3f000000, 0x3f7fffff, 0x3f800000, 0x42c80000],
  ...[0x4effffff, 0x4f000000, 0x4f000001, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000],
  0x7fffffff,
].flatMap((word) => [word, (word | 0x80000000) >>> 0])

const view = new DataView(new ArrayBuffer(4))
const floatOf = (word: number): number => {
  view.setUint32(0, word)
  return view.getFloat32(0)
}
const wordOf = (x: number): number => {
  if (Number.isNaN(x)) return 0x7fc00000
  view.setFloat32(0, x)
  return view.getUint32(0)
}
/** i32.trunc_sat_f32_s of the WebAssembly specification. */
const toInteger = (x: number): number =>
  (Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), -(2 ** 31)), 2 ** 31 - 1)) >>> 0

test.runIf(compilerInstalled())(
  'minimum, maximum and conversion are those of wasm, at every edge',
  async () => {
    const file = join(import.meta.dirname, 'fixtures', 'wasm-float.h')
    const pico = new Pico({ bin: (await exerciseOf(float, 'rp2040-pico', file)).bin })
    pico.ask('', 10_000_000)
    const check = (a: number, b: number): void => {
      const line = pico.ask(`S ${a.toString(16)} ${b.toString(16)}\n`, 10_000_000)
      const told = line.trim().split(/\s+/).slice(float.loop.outputs.length)
      const got = told.slice(0, 3).map((word) => Number.parseInt(word, 16))
      const [x, y] = [floatOf(a), floatOf(b)]
      const want = [wordOf(Math.min(x, y)), wordOf(Math.max(x, y)), toInteger(x)]
      expect([x, y, ...got]).toEqual([x, y, ...want])
    }
    for (const a of edges) for (const b of edges) check(a, b)
    const word = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(fc.property(word, word, check), { numRuns: 300 })
  },
  60_000,
)
