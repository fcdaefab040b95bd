// What of the Cortex-M4F QEMU cannot be asked for, by the words of the architecture's manual (DDI
// 0403E): levels of requests, SysTick by the cycle, sleep, accesses that nothing answers, and that
// what is not modelled ends the run by its name.
import { describe, expect, test } from 'vitest'
import { type Block, BusFault, Cortex, Due } from './cortex.ts'
import { CortexM4 } from './cortex-m4.ts'
import { Arithmetic, modes, raised } from './cortex-m4-arithmetic.ts'

const ram = 0x2000_0000
const counter = ram + 0x800
const code = { start: 0x200, handler: 0x300, fault: 0x380 }

/** A chip that runs these halfwords; every handler counts its number's calls from `counter` on. */
const chipWith = (
  halfwords: readonly number[],
  { atFault = [0xe7fe], ...more }: { blocks?: Block[]; dues?: Due[]; atFault?: number[] } = {},
) => {
  const flash = new Uint8Array(0x1000)
  const view = new DataView(flash.buffer)
  view.setUint32(0, ram + 0x800, true)
  for (let n = 1; n < 98; n += 1) view.setUint32(4 * n, code.handler | 1, true)
  view.setUint32(4, code.start | 1, true)
  view.setUint32(12, code.fault | 1, true)
  const put = (at: number, words: readonly number[]): void => {
    for (const [i, word] of words.entries()) view.setUint16(at + 2 * i, word, true)
  }
  put(code.start, [...halfwords, 0xe7fe])
  // mrs r0, ipsr; ldr r1, =counter; ldr r2, [r1, r0, lsl 2]; adds r2, 1; str it; bx lr
  const count = [0xf3ef, 0x8005, 0x4903, 0xf851, 0x2020, 0x3201, 0xf841, 0x2020, 0x4770, 0xbf00]
  put(code.handler, [...count, counter & 0xffff, counter >>> 16])
  put(code.fault, atFault)
  const cortex: Cortex = new Cortex({
    ...{ flashAt: 0, flash, ram: new Uint8Array(0x1000), cycles: 0, blocks: [], dues: [] },
    core: (host) => new CortexM4(host),
    onFlashStore: () => undefined,
    onReset: () => undefined,
    nothingAt: (address) => address >= 0x6000_0000,
    ...more,
  })
  const calls = (n: number): number => cortex.read(counter + 4 * n)
  const run = (cycles: number): boolean => cortex.run(cycles, () => false)
  return { cortex, calls, run }
}
const loop: readonly number[] = []
const enable = 0xe000_e100

describe('a request from outside', () => {
  test('stays latched when its line falls before it is taken, and is taken once (B3.4.1)', () => {
    const { cortex, calls, run } = chipWith(loop)
    cortex.interrupt(3, true)
    cortex.interrupt(3, false)
    run(50)
    expect(calls(19)).toBe(0)
    cortex.write(enable, 1 << 3)
    run(500)
    expect(calls(19)).toBe(1)
  })

  test('is taken again and again while its line is high', () => {
    const { cortex, calls, run } = chipWith(loop)
    cortex.write(enable, 1 << 3)
    cortex.interrupt(3, true)
    run(500)
    expect(calls(19)).toBeGreaterThan(3)
    cortex.interrupt(3, false)
    run(100)
    const then = calls(19)
    run(500)
    expect(calls(19)).toBe(then)
  })

  test('of the chip’s last number has its own bits and priority', () => {
    const { cortex, calls, run } = chipWith(loop)
    cortex.write(enable + 8, 1 << 17)
    cortex.write(0xe000_e450, 0xff00)
    expect(cortex.read(0xe000_e450)).toBe(0xf000)
    cortex.interrupt(81, true)
    run(20)
    cortex.interrupt(81, false)
    run(300)
    expect(calls(97)).toBeGreaterThan(0)
  })

  test('ends a sleep at its cycle, masked or not', () => {
    const wakes: number[] = []
    // cpsid i; wfi; str r0 to the block at 0x40000000
    const words = [0xb672, 0x2101, 0x0789, 0xbf30, 0x6008]
    const due = new Due(() => cortex.interrupt(3, true))
    const block: Block = {
      ...{ at: 0x4000_0000, bytes: 4, read: () => 0 },
      write: () => void wakes.push(cortex.cycles),
    }
    const { cortex, calls, run } = chipWith(words, { dues: [due], blocks: [block] })
    cortex.write(enable, 1 << 3)
    cortex.schedule(due, 1000)
    run(2000)
    expect(wakes.length).toBe(1)
    expect(wakes[0]).toBeGreaterThanOrEqual(1000)
    expect(wakes[0]).toBeLessThan(1004)
    expect(calls(19)).toBe(0)
  })
})

describe('SysTick (B3.3)', () => {
  const [control, reload, value] = [0xe000_e010, 0xe000_e014, 0xe000_e018]

  test('counts the cycles down from its reload value, which comes behind 0', () => {
    const { cortex, run } = chipWith(loop)
    cortex.write(reload, 999)
    cortex.write(value, 5)
    expect(cortex.read(value)).toBe(0)
    cortex.write(control, 5)
    const from = cortex.cycles
    run(100)
    expect(cortex.read(value)).toBe(1000 - (cortex.cycles - from))
    expect(cortex.read(control)).toBe(5)
    run(1000 - (cortex.cycles - from) + 500)
    const gone = cortex.cycles - from
    expect(cortex.read(value)).toBe((2000 - gone) % 1000)
    expect(cortex.read(control)).toBe(5 | (1 << 16))
    expect(cortex.read(control)).toBe(5)
  })

  test('interrupts once in each period', () => {
    const { cortex, calls, run } = chipWith(loop)
    cortex.write(reload, 999)
    cortex.write(value, 0)
    cortex.write(control, 7)
    run(10_100)
    expect(calls(15)).toBe(10)
  })

  test('its reference clock is refused', () => {
    const { cortex } = chipWith(loop)
    expect(() => cortex.write(control, 1)).toThrow(/only the core’s clock/)
  })
})

describe('what is not there', () => {
  test.each<[string, number[], RegExp]>([
    ['a halfword', [0xb800], /no such instruction: b800 at 200/],
    ['half precision', [0xeeb2, 0x0a40], /no such instruction: eeb20a40/],
    ['a coprocessor', [0xee10, 0x0f10], /no such instruction: ee100f10/],
    ['a special register', [0xf3ef, 0x8015], /special register 21/],
    ['code without privileges', [0x2001, 0xf380, 0x8814], /without privileges/],
    // movs r0, 15; lsls r0, 20; ldr r1, =0xe000ed88; str; movs r0, 3; lsls r0, 22; vmsr fpscr, r0
    [
      'another rounding',
      [0x200f, 0x0500, 0xf64e, 0x5188, 0xf2ce, 0x0100, 0x6008, 0x2003, 0x0580, 0xeee1, 0x0a10],
      /only rounding to nearest/,
    ],
  ])('%s ends the run', (_, words, why) => {
    const { run } = chipWith(words)
    expect(() => run(100)).toThrow(why)
  })

  test('an address that the chip has nothing at is a bus fault, another one ends the run', () => {
    // movs r0, 3 (or 1); lsls r0, 29 (or 30); ldr r1, [r0, 4]
    const nothing = chipWith([0x2003, 0x0740, 0x6841])
    nothing.run(100)
    expect(nothing.cortex.core.IPSR).toBe(3)
    expect(nothing.cortex.read(0xe000_ed28)).toBe((1 << 15) | (1 << 9))
    expect(nothing.cortex.read(0xe000_ed38)).toBe(0x6000_0004)
    expect(nothing.cortex.read(0xe000_ed2c)).toBe(1 << 30)
    const unknown = chipWith([0x2001, 0x0780, 0x6841])
    expect(() => unknown.run(100)).toThrow(BusFault)
  })

  test('a fault in a fault locks the core up, which ends the run', () => {
    const { run } = chipWith([0xde00], { atFault: [0xde00] })
    expect(() => run(100)).toThrow(/locked up at 380/)
  })
})

test('code that is written while it runs is what runs', () => {
  // r0 and r4 its address, r2 a word of its own, r3 9.
  const { cortex } = chipWith([
    ...[0x2401, 0x0764, 0x4620, 0x2201, 0x0212, 0x1912, 0x2309, 0x3401, 0x4720],
  ])
  // movs r1, 7; str r1, [r2]; strb r3, [r0]; b to the first, whose 7 is a 9 now
  cortex.write(ram, 0x6011_2107)
  cortex.write(ram + 4, 0xe7fb_7003)
  const stored = (value: number) => (): boolean => cortex.read(ram + 0x100) === value
  expect(cortex.run(50, stored(7))).toBe(true)
  expect(cortex.run(50, stored(9))).toBe(true)
})

describe('a fused sum is rounded once', () => {
  const math = new Arithmetic()
  const bits = (value: number): number => math.bitsOf32(value)
  const [tiny, odd] = [2 ** -12, 1 + 2 ** -23]

  test.each([
    ['just below a tie', odd, tiny * odd, tiny * (1 - 2 ** -23), odd],
    ['just above one', odd, -tiny * odd, tiny * (1 - 2 ** -23), odd],
    ['at one', odd, tiny, tiny, 1 + 2 ** -22],
  ])('%s', (_, ...[a, x, y, sum]) => {
    math.flags = 0
    expect(math.valueOf32(math.fused(bits(a), bits(x), bits(y)))).toBe(sum)
    expect(math.flags).toBe(raised.inexact)
  })

  test('NaNs come out as FPSCR wants them', () => {
    const [quiet, signalling] = [0x7fc0_0123, 0x7f80_0456]
    math.mode = 0
    expect(math.add(bits(1), quiet)).toBe(quiet)
    math.flags = 0
    expect(math.multiply(quiet, signalling)).toBe(0x7fc0_0456)
    expect(math.flags).toBe(raised.invalid)
    math.mode = modes.defaultNan
    expect(math.add(bits(1), quiet)).toBe(0x7fc0_0000)
  })
})
