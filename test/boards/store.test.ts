// What a board keeps, over power cuts at and inside every operation of its flash. The C of the
// store, the driver and the SSI run on the emulator; the chip is the model. Every operation of a
// script is cut; TENFOLD_LONG=1 cuts at more random places, as the rings go round.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { endurance } from '../emu/w25q.ts'
import { compilerInstalled } from './stand.ts'
import { Cut, counters, StoreRig, smallStore } from './store-rig.ts'

const build = compilerInstalled()
const long = process.env['TENFOLD_LONG'] === '1'

const randomOf = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

describe.runIf(build)('the store of a Pico', () => {
  let image: Image
  beforeAll(async () => {
    image = await smallStore()
  })

  const numbers = (random: () => number, count: number): number[] =>
    Array.from({ length: count }, () => Math.floor(random() * 2 ** 32))

  /** Something of everything that a board does. */
  const step = (rig: StoreRig, random: () => number): void => {
    const what = Math.floor(random() * 10)
    if (what < 3) rig.put(1 + 2 + Math.floor(random() * 6), numbers(random, 1 + random() * 40))
    else if (what === 3) rig.put(9, numbers(random, 300 + random() * 500))
    else if (what < 7) rig.send(1 + Math.floor(random() * 3), numbers(random, 1 + random() * 60))
    else if (what === 7) rig.acknowledge(Math.floor(random() * rig.highest))
    else
      rig.count(
        random() < 0.5,
        numbers(random, counters).map((n) => n >>> 12),
      )
    if (random() < 0.4) rig.wait(1 + Math.floor(random() * 60))
  }

  /** Often just begun or nearly done: that is where bits are few that tell. */
  const somewhere = (random: () => number): number => {
    const where = random()
    if (where < 0.2) return 0.05 * random()
    return where < 0.7 ? 1 - 0.08 * random() : random()
  }

  const untilCut = (run: () => void): boolean => {
    try {
      run()
      return false
    } catch (error) {
      if (error instanceof Cut) return true
      throw error
    }
  }

  test('is what it was after power is cut at every operation, at its begin, inside, at its end', () => {
    const random = randomOf(5)
    const rig = new StoreRig(image.bin, randomOf(1))
    const moments = long ? [0.01, 0.2, 0.4, 0.6, 0.8, 0.99] : [0.01, 0.5, 0.99]
    let operations = 0
    let cuts = 0
    rig.onOperation = () => {
      operations += 1
      for (const progress of moments) {
        const cut = rig.cutFork(progress, randomOf(operations + 1000 * progress))
        cut.powerUp()
        step(cut, randomOf(6))
        cuts += 1
      }
    }
    rig.powerUp()
    for (let i = 0; i < 12; i += 1) step(rig, random)
    expect(operations).toBe(rig.operations)
    expect(operations).toBeGreaterThan(60)
    expect(cuts).toBe(moments.length * operations)
  }, 600_000)

  test('holds through cut after cut, as its rings go round', () => {
    const random = randomOf(Number(process.env['TENFOLD_SEED'] ?? 11))
    const rig = new StoreRig(image.bin, random)
    const rounds = long ? 3000 : 100
    let cuts = 0
    for (let i = 0; i < rounds; i += 1) {
      // Small ones hit the start itself.
      rig.cutAt = { operation: 1 + Math.floor(random() ** 2 * 60), progress: somewhere(random) }
      const cut = untilCut(() => {
        rig.powerUp()
        for (let j = 0; j < 40; j += 1) step(rig, random)
      })
      if (cut) cuts += 1
    }
    rig.cutAt = undefined
    rig.powerUp()
    expect(cuts).toBeGreaterThan(rounds * 0.9)
    expect(Math.max(...rig.flash.erases)).toBeLessThan(endurance)
  })
})
