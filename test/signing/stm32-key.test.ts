// The key of a unit whose board is an STM32F405: the drill's whole image on the models of the chip
// makes it of the generator's noise and the host's, signs its chain with it, keeps both over power
// cuts, and makes none where the generator says that it has failed.
import { createHash } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { foldChain } from '../../gateway/attestation/chain.ts'
import { type Entry, receiveEntry } from '../../gateway/attestation/entry.ts'
import { type Bench, modelImage, ms, put } from '../boards/chip-bench.ts'
import { GatewayEnd } from '../boards/gateway-end.ts'
import { compilerInstalled, drill } from '../boards/stand.ts'
import { type Noise, noiseOf } from '../emu/rosc.ts'
import type { NoiseSource } from '../emu/stm32-noise.ts'

const [done, stale, failed] = [0, 3, 7]
const entryKind = 3
const host = Uint8Array.from({ length: 32 }, (_, i) => i * 5)
/** The first word is only compared with; then three windows of 1024 bits. */
const [wordBits, seedBits] = [32, 3 * 1024]

/** Powered up, ready, and met by a gateway. */
const meet = (
  image: Image,
  bit: Noise,
  more: { faulty?: () => boolean; cells?: Uint8Array } = {},
) => {
  const { cells, faulty } = more
  const noise: NoiseSource = { bit, ...(faulty && { faulty }) }
  const end = new GatewayEnd(() => bench.chip, { ms, byteCycles: 3600 }, 1)
  const given = { noise, onUart: (byte: number) => end.heard(byte), ...(cells && { cells }) }
  const bench: Bench = put(image, undefined, given)
  bench.chip.run(40 * ms)
  end.meet()
  return { end, chip: bench.chip }
}

const entriesOf = ({ items }: GatewayEnd): Entry[] =>
  items.flatMap(({ kind, bytes }) => (kind === entryKind ? [receiveEntry(bytes).entry] : []))

describe.runIf(compilerInstalled())('the drill on an STM32F405', () => {
  let image: Image
  beforeAll(async () => {
    image = await modelImage(drill())
  }, 120_000)

  test('makes its key of its noise and the host’s, and its chain goes on over a power cut', () => {
    const first = meet(image, noiseOf(21))
    expect(first.end.hello?.key).toBeUndefined()
    expect(first.end.ask('makeKey', [host], 2000)).toBe(done)
    first.end.until(({ kind }) => kind === entryKind, 4000)
    const [made] = entriesOf(first.end)

    const bit = noiseOf(21)
    for (let i = 0; i < wordBits; i += 1) bit()
    const packed = Uint8Array.from({ length: seedBits / 8 }, () =>
      Array.from({ length: 8 }, () => bit()).reduce((sum, one) => sum * 2 + one, 0),
    )
    const pool = createHash('sha512').update('tenfold seed 1\0').update(packed).update(host)
    const key = ed25519.getPublicKey(pool.digest().subarray(0, 32))

    first.chip.cutPower()
    const second = meet(image, noiseOf(22), { cells: first.chip.cells })
    expect(second.end.hello?.key).toEqual(key)
    expect(second.end.ask('makeKey', [host], 2000)).toBe(stale)
    expect(second.end.ask('claim', [new Uint8Array(32).fill(2), 'repaired'], 2000)).toBe(done)
    second.end.until(
      ({ kind, bytes }) => kind === entryKind && receiveEntry(bytes).entry.type === 'repaired',
      4000,
    )
    const chain = [...(made === undefined ? [] : [made]), ...entriesOf(second.end)]
    const bySeq = new Map(chain.map((entry) => [entry.seq, entry]))
    expect([...bySeq.values()].map(({ type }) => type)).toEqual(['made', 'repaired'])
    expect(foldChain([...bySeq.values()]).enrolment).toMatchObject({
      ...{ machine: 'cordless_drill', custody: 'controller_flash', simulated: false },
    })
  }, 240_000)

  const good = (): Noise => noiseOf(9)
  let given = 0
  const from = (first: number): (() => boolean) => {
    given = 0
    return () => given++ >= first
  }
  test.each<[what: string, bit: () => Noise, faulty?: () => boolean]>([
    ['stands still', () => () => 1],
    ['gives one word twice', () => twice(good(), 40)],
    ['has a faulty sequence at once', good, from(0)],
    ['has one in the very last word', good, from(seedBits / wordBits)],
  ])('makes none where the generator %s', (_what, bit, faulty) => {
    const { end } = meet(image, bit(), faulty && { faulty })
    expect(end.ask('makeKey', [host], 2000)).toBe(failed)
    end.meet()
    expect(end.hello?.key).toBeUndefined()
  })
})

/** The word with that number comes once more. */
function twice(noise: Noise, number: number): Noise {
  const [word, at] = [[] as number[], { bit: 0 }]
  return () => {
    const index = Math.floor(at.bit++ / wordBits)
    if (index !== number + 1) {
      const one = noise()
      if (index === number) word.push(one)
      return one
    }
    return word.shift() ?? 0
  }
}
