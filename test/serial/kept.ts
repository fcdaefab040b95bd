// A flash in which an earlier boot of the drill has left items for a gateway, for tests of how they
// are delivered.
import { expect } from 'vitest'
import { drill, imageOf } from '../boards/stand.ts'
import { Pico } from '../emu/pico.ts'
import { quickTimes, W25q } from '../emu/w25q.ts'

/** Items as kind and words, such as `1 01020304 5`; the first has number 1. */
export const flashWith = async (items: readonly string[]): Promise<W25q> => {
  const { bin } = await imageOf(drill(), 'rp2040-pico', 'exercise')
  const flash = new W25q({ times: quickTimes })
  const pico = new Pico({ bin, flash })
  const second = 125_000_000
  expect(pico.ask('', second)).toBe('ready')
  pico.ask('B\n', 60 * second)
  for (const [i, item] of items.entries()) {
    expect(pico.ask(`O ${item}\n`, 60 * second)).toMatch(new RegExp(`^0*${i + 1}$`))
  }
  return flash
}

/** Words of an item of this length, and of no other. */
export const wordsFor = (item: number, count: number): string[] =>
  Array.from({ length: count }, (_, j) => ((item * 0x01010101 + j * 0x10001) >>> 0).toString(16))

/** The bytes that they are, in hex. */
export const bytesOfWords = (words: readonly string[]): string =>
  words.map((word) => Buffer.from(word.padStart(8, '0'), 'hex').reverse().toString('hex')).join('')
