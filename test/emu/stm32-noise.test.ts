// The model of the STM32F405's random number generator against the words and figures of RM0090
// rev 19, 24, driven over the bus as code would.
import { expect, test } from 'vitest'
import { sleepingImage } from './bare.ts'
import { Stm32, type Stm32Options } from './stm32f405.ts'

const [rcc, flash, rng] = [0x4002_3800, 0x4002_3c00, 0x5006_0800]
const [control, status, word] = [rng, rng + 4, rng + 8]
const pll = (q: number): number => (q << 24) | (1 << 22) | (336 << 6) | 25

const chipWith = (more: Partial<Stm32Options> = {}, q = 7): Stm32 => {
  const chip = new Stm32({ bin: sleepingImage(0x0800_0000, 0x2002_0000), ...more })
  chip.write(rcc, 1 << 16)
  chip.run(3e-3 * 16e6)
  chip.write(rcc + 4, pll(q))
  chip.write(rcc, (1 << 16) | (1 << 24))
  chip.run(1e-3 * 16e6)
  chip.write(flash, 5)
  chip.write(rcc + 8, (5 << 10) | (4 << 13) | 2)
  chip.write(rcc + 0x34, 1 << 6)
  return chip
}
/** Whole cycles of 168 MHz in 40 clocks of 48 MHz. */
const oneWord = 140

test('is not to be touched before its clock runs', () => {
  const chip = new Stm32({ bin: sleepingImage(0x0800_0000, 0x2002_0000) })
  expect(() => chip.read(status)).toThrow(/its clock is off/)
  chip.write(rcc + 0x34, 1 << 6)
  expect([control, status, word].map((at) => chip.read(at))).toEqual([0, 0, 0])
})

test('gives a word every 40 clocks of 48 MHz; reading it ends DRDY', () => {
  let bit = 0
  const chip = chipWith({ noise: { bit: () => (bit++ % 3 === 0 ? 1 : 0) } })
  chip.write(control, 4)
  chip.run(oneWord - 2)
  expect(chip.read(status)).toBe(0)
  chip.run(2)
  expect(chip.read(status)).toBe(1)
  expect(chip.read(word)).toBe(0x9249_2492)
  expect(chip.read(status)).toBe(0)
  chip.run(oneWord)
  expect([chip.read(status), chip.read(word)]).toEqual([1, 0x4924_9249])
  chip.write(control, 0)
  chip.run(10 * oneWord)
  expect(chip.read(status)).toBe(0)
})

test('a seed error stops it until it was off, and SEIS stays until zero is written', () => {
  let wrong = false
  const chip = chipWith({ noise: { bit: () => 1, faulty: () => wrong } })
  chip.write(control, 4)
  chip.run(oneWord)
  wrong = true
  chip.read(word)
  chip.run(10 * oneWord)
  expect(chip.read(status)).toBe(0x44)
  wrong = false
  chip.run(10 * oneWord)
  expect(chip.read(status)).toBe(0x44)
  chip.write(status, 0xffff_ffff)
  expect(chip.read(status)).toBe(0x44)
  chip.write(control, 0)
  chip.write(control, 4)
  chip.write(status, 0)
  chip.run(oneWord)
  expect(chip.read(status)).toBe(1)
})

test('a clock below a sixteenth of the core’s, or none, is a clock error', () => {
  const none = new Stm32({ bin: sleepingImage(0x0800_0000, 0x2002_0000) })
  none.write(rcc + 0x34, 1 << 6)
  none.write(control, 4)
  none.run(10_000)
  expect(none.read(status)).toBe(0x22)
  const fine = chipWith({}, 15)
  fine.write(control, 4)
  expect(fine.read(status) & 0x22).toBe(0)
})
