// The store on chips that write their own flash, over power cuts at random places: the C of the
// store and of both drivers runs on register models. A cut leaves every bit of what was at work old
// or new; what reads differently from time to time is only in the Pico's model.
import { describe, expect, test } from 'vitest'
import { Nrf51 } from '../emu/nrf51.ts'
import type { NrfFlash } from '../emu/nrf51-flash.ts'
import { Stm32 } from '../emu/stm32f405.ts'
import { compilerInstalled, loadBoard } from './stand.ts'
import { Cut, counters, type RigBoard, StoreRig, smallStore } from './store-rig.ts'

const build = compilerInstalled()
const long = process.env['TENFOLD_LONG'] === '1'

const randomOf = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const microbit = (bin: Uint8Array, random: () => number): RigBoard => {
  let chip: Nrf51 | undefined
  let earlier: NrfFlash | undefined
  let before = 0
  const flashTimes = { word: 4, page: 50 }
  return {
    powerUp: (onUart) => {
      before += earlier?.operations ?? 0
      const more = earlier === undefined ? {} : { earlier }
      chip = new Nrf51({ bin, onUart, random, flashTimes, ...more })
      earlier = chip.flash
    },
    run: (cycles, done) => chip?.run(cycles, done) ?? false,
    feed: (byte) => chip?.feed(byte) ?? false,
    cutPower: () => chip?.cutPower(),
    operations: () => before + (chip?.flash.operations ?? 0),
    progress: () => chip?.flash.progress ?? 1,
  }
}

const stm32 = (bin: Uint8Array, random: () => number): RigBoard => {
  let chip: Stm32 | undefined
  let cells: Uint8Array | undefined
  let before = 0
  return {
    powerUp: (onUart) => {
      before += chip?.flash.operations ?? 0
      chip = new Stm32({ bin, onUart, random, ...(cells !== undefined && { cells }) })
      cells = chip.cells
    },
    run: (cycles, done) => chip?.run(cycles, done) ?? false,
    feed: (byte) => chip?.feed(byte) ?? false,
    cutPower: () => chip?.cutPower(),
    operations: () => before + (chip?.flash.operations ?? 0),
    progress: () => chip?.flash.progress ?? 1,
  }
}

const cases = [
  { name: 'microbit', board: loadBoard('microbit'), chipOf: microbit, rounds: 40 },
  { name: 'stm32f405', board: loadBoard('stm32f405'), chipOf: stm32, rounds: 12 },
]

const numbers = (random: () => number, count: number): number[] =>
  Array.from({ length: count }, () => Math.floor(random() * 2 ** 32))

/** Something of everything that a board does. */
const step = (rig: StoreRig, random: () => number): void => {
  const what = Math.floor(random() * 8)
  if (what < 3) rig.put(3 + Math.floor(random() * 6), numbers(random, 1 + random() * 40))
  else if (what < 5) rig.send(1 + Math.floor(random() * 3), numbers(random, 1 + random() * 60))
  else if (what === 5) rig.acknowledge(Math.floor(random() * rig.highest))
  else {
    const more = numbers(random, counters).map((n) => n >>> 12)
    rig.count(random() < 0.5, more)
  }
  if (random() < 0.4) rig.wait(1 + Math.floor(random() * 60))
}

describe.runIf(build).each(cases)('the store of $name', ({ board, chipOf, rounds }) => {
  test('holds what was kept through cut after cut', async () => {
    const { bin } = await smallStore(board)
    const random = randomOf(Number(process.env['TENFOLD_SEED'] ?? 3))
    const rig = new StoreRig(bin, random, { board: chipOf(bin, random) })
    const all = long ? 20 * rounds : rounds
    let cuts = 0
    for (let i = 0; i < all; i += 1) {
      rig.cutAt = { operation: 1 + Math.floor(random() ** 2 * 200), progress: random() }
      try {
        rig.powerUp()
        for (let j = 0; j < 20; j += 1) step(rig, random)
      } catch (error) {
        if (!(error instanceof Cut)) throw error
        cuts += 1
      }
    }
    rig.cutAt = undefined
    rig.powerUp()
    expect(cuts).toBeGreaterThan(all * 0.7)
  }, 600_000)
})

describe.runIf(build)("the values' two sectors of stm32f405", () => {
  test('go on after they were filled without a pause, over power cuts as they are cleared', async () => {
    const { bin } = await smallStore(loadBoard('stm32f405'))
    const random = randomOf(11)
    const rig = new StoreRig(bin, random, { board: stm32(bin, random) })
    rig.powerUp()
    for (const kind of [4, 6, 7, 8]) rig.put(kind, numbers(random, 900))
    rig.wait(60)
    /** Until nothing more goes in: no round of the main loop comes between. */
    const fill = (): number => {
      let count = 0
      while (rig.put(5, numbers(random, 900))) count += 1
      return count
    }
    for (let round = 0; round < 2; round += 1) {
      // At least the half of a sector, and never the room for what counts.
      expect(fill()).toBeGreaterThan(15)
      for (const operation of [3, 40, 400]) {
        rig.cutAt = { operation, progress: random() }
        try {
          rig.powerUp()
          rig.wait(60)
        } catch (error) {
          if (!(error instanceof Cut)) throw error
        }
      }
      rig.cutAt = undefined
      rig.powerUp()
      rig.wait(60)
    }
    expect(rig.put(5, numbers(random, 900))).toBe(true)
    rig.powerUp()
  }, 600_000)
})
