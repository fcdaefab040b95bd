// Seeds from noise: the health tests of SP 800-90B refuse noise that stands still or leans to one
// side, whatever the host sent; both sources change the seed; the cutoffs are the standard's.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compilerInstalled } from '../boards/stand.ts'
import { Qemu, qemuInstalled } from '../emu/qemu.ts'
import { createRosc, type Noise, noiseOf } from '../emu/rosc.ts'
import { root } from '../tree.ts'
import { buildProbe, hex, startPico } from './probe.ts'

const build = compilerInstalled()
const host = Uint8Array.from({ length: 32 }, (_, i) => i * 7)
const nothing = '0'.repeat(64)
const code = { good: '0', noSource: '1', repeats: '2', biased: '3' }

/** 0 and 1 in a fixed order, over and over. */
const pattern = (bits: string): Noise => {
  let at = 0
  return () => (bits[at++ % bits.length] === '1' ? 1 : 0)
}

describe.runIf(build)('a seed on an RP2040', () => {
  const built = build ? buildProbe('rp2040-pico') : undefined
  const seed = (noise: Noise | undefined, given = host): string[] => {
    if (built === undefined) throw new Error('not built')
    return startPico(built, noise)
      .ask(`E ${hex(given)}\n`, 50e6)
      .split(' ')
  }

  test('is SHA-512 over the noise and what the host sent', () => {
    const noise = noiseOf(5)
    const packed = Uint8Array.from({ length: 384 }, () =>
      Array.from({ length: 8 }, () => noise()).reduce((sum, bit) => sum * 2 + bit, 0),
    )
    const digest = createHash('sha512').update('tenfold seed 1\0').update(packed).update(host)
    expect(seed(noiseOf(5))).toEqual([code.good, digest.digest('hex').slice(0, 64)])
  })

  test('changes with the noise, and with the host', () => {
    const [one, two] = [seed(noiseOf(5)), seed(noiseOf(6))]
    const three = seed(noiseOf(5), host.with(31, 1))
    expect(new Set([one[1], two[1], three[1]]).size).toBe(3)
  })

  test.each([
    ['an oscillator that stands still', undefined, code.repeats],
    ['80 equal bits again and again', pattern(`${'1'.repeat(80)}0`), code.biased],
    ['81 equal bits, once in a while', pattern('01'.repeat(700) + '1'.repeat(81)), code.repeats],
    ['fifteen ones to a zero', pattern(`${'1'.repeat(15)}0`), code.biased],
    ['noise that turns bad at the end', endingIn(`${'1'.repeat(15)}0`), code.biased],
  ])('is refused for %s', (_what, noise, expected) => {
    expect(seed(noise)).toEqual([expected, nothing])
  })

  test('is given for noise that leans, within what is assumed of it', () => {
    expect(seed(noiseOf(7, 0.7))[0]).toBe(code.good)
  })

  test('is refused where the host sends less than 32 bytes', () => {
    expect(seed(noiseOf(5), host.slice(1))).toEqual([code.noSource, nothing])
  })
})

/** Good for the first two windows. */
function endingIn(bits: string): Noise {
  const [good, bad] = [noiseOf(9), pattern(bits)]
  let at = 0
  return () => (at++ < 2048 ? good() : bad())
}

describe.runIf(build && qemuInstalled())('in QEMU', () => {
  const ask = async (board: 'microbit' | 'stm32f405'): Promise<string[]> => {
    const qemu = await Qemu.start(board, buildProbe(board).files.elf)
    try {
      return (await qemu.ask(`E ${hex(host)}\n`)).split(' ')
    } finally {
      await qemu.stop()
    }
  }

  test("the micro:bit's own generator gives another seed each time", async () => {
    const [one, two] = [await ask('microbit'), await ask('microbit')]
    expect([one[0], two[0]]).toEqual([code.good, code.good])
    expect(one[1]).not.toBe(two[1])
  })

  test("the STM32F405's generator, which is not there in QEMU, gives none", async () => {
    expect(await ask('stm32f405')).toEqual([code.repeats, nothing])
  })
})

test('the cutoffs are those of SP 800-90B for a quarter of a bit and 2^-20', () => {
  const [entropy, alpha, window] = [0.25, 2 ** -20, 1024]
  const p = 2 ** -entropy
  const source = readFileSync(join(root, 'firmware/runtime/crypto/entropy.h'), 'utf8')
  const constant = (name: string): number =>
    Number(new RegExp(`#define ${name} (\\d+)`).exec(source)?.[1])
  expect(constant('NOISE_REPEATS')).toBe(1 + Math.ceil(20 / entropy))
  // 4.4.2: 1 + CRITBINOM(window, p, 1 - alpha); the tail is summed from above, in logarithms.
  let [logChoose, tail, critical] = [0, 0, window]
  for (let k = window; k >= 0; k -= 1) {
    tail += Math.exp(logChoose + k * Math.log(p) + (window - k) * Math.log(1 - p))
    if (tail > alpha) {
      critical = k
      break
    }
    logChoose += Math.log(k) - Math.log(window - k + 1)
  }
  expect(constant('NOISE_SAME')).toBe(1 + critical)
  expect(constant('NOISE_WINDOW')).toBe(window)
})

test("the oscillator's registers are those of the datasheet", () => {
  const rosc = createRosc(noiseOf(3))
  const bits = (): number[] => Array.from({ length: 64 }, () => rosc.readUint32(0x1c))
  expect(rosc.readUint32(0) >>> 12).toBe(0xfab)
  expect(rosc.readUint32(0x18)).toBe(2 ** 31 + 2 ** 12)
  expect(new Set(bits())).toEqual(new Set([0, 1]))
  rosc.writeUint32(0, 0xd1eaa0)
  expect(rosc.readUint32(0x18)).toBe(0)
  expect(new Set(bits()).size).toBe(1)
  rosc.writeUint32(0, 0xfabaa0)
  expect(new Set(bits())).toEqual(new Set([0, 1]))
})
