// How much run time a drill loses with its power: the machine's own image at work on an emulated
// Pico, cut at random moments and within every write of its journal. Each cut takes a copy of the
// flash chip, torn as the model tears it, and a Pico that starts with it says what it still counts.
import { beforeAll, describe, expect, test } from 'vitest'
import { buildImage, type Image } from '../../firmware/image.ts'
import { seeded } from '../../firmware/twin/plant.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { Pico } from '../emu/pico.ts'
import { quickTimes, typicalTimes, W25q } from '../emu/w25q.ts'
import { ms, pin, put } from './pins.ts'
import { compilerInstalled, drill, loadBoard } from './stand.ts'

const mostLostMs = 1000
/** An entry that is signed just then, and the longest write: not met by chance. */
const signsMs = 190
const workMs = 2600
const randomCuts = 24
const random = seeded(Number(process.env['TENFOLD_SEED'] ?? 5))

/** The drill, sooner ready; its journal may be another's. */
const imageWith = (journalSeconds?: number): Promise<Image> => {
  const { profile, spec, machines, loopsFolder } = drill()
  const constants = { ...spec.constants, coast_time: 0.05, soft_start: 0.05 }
  const quick = { ...profile, loops: { drive: { ...spec, constants } } }
  const board = loadBoard('rp2040-pico')
  const flash = journalSeconds === undefined ? board.flash : { ...board.flash, journalSeconds }
  return buildImage({
    ...{ profile: quick, loopsFolder, loops: machines.loops, purpose: 'machine' },
    ...{ profileDigest: profileDigest(quick), board: { ...board, flash } },
    path: process.env['PATH'],
  })
}

interface Lost {
  /** Milliseconds of run time, of each cut. */
  random: number[]
  writing: number[]
}

/** A chip that has been at rest for a while: its journal is erased ahead. */
const rested = (image: Image): W25q => {
  const flash = new W25q({ times: quickTimes, random })
  const { pico } = put(image, undefined, flash)
  pico.run(1400 * ms)
  pico.cutPower()
  flash.times = typicalTimes
  return flash
}

/** @param flash of a machine in use. @param cuts at random moments. */
const lostBy = (image: Image, flash: W25q, cuts: number): Lost => {
  const { loop } = drill()
  const place = loop.counters.findIndex(({ name }) => name === 'run_time')
  const addressOf = (name: string): number => image.symbols.get(name) ?? Number.NaN
  const countingAt = addressOf('reported') + 4 * (loop.states.length + place)
  const keptAt = addressOf('counted') + 8 * place
  const { pico, volts } = put(image, undefined, flash)
  /** What a Pico finds that starts with this chip. */
  const kept = (chip: W25q): number => {
    const next = new Pico({ bin: image.bin, flash: chip })
    if (!next.run(900 * ms, () => next.inInterrupt)) throw new Error('it does not start')
    return next.read(keptAt)
  }
  const lost: Lost = { random: [], writing: [] }
  const cutNow = (): void => {
    flash.nowUs = pico.us
    const chip = flash.fork(random)
    chip.cut()
    lost.random.push(pico.read(countingAt) - kept(chip))
  }
  pico.run(700 * ms, () => pico.level(pin.gate) || pico.inInterrupt)
  pico.run(150 * ms)
  volts.trigger = 1.8
  if (!pico.run(200 * ms, () => pico.level(pin.gate))) throw new Error('it does not work')
  const begun = pico.cycles
  const moments = Array.from({ length: cuts }, () => begun + random() * workMs * ms)
  let heard = flash.operations
  for (const moment of [...moments.sort((a, b) => a - b), begun + workMs * ms]) {
    pico.run(moment - pico.cycles, () => {
      if (flash.operations === heard || !flash.busy) return false
      heard = flash.operations
      // Just before the record counts is when most is lost.
      const before = pico.read(countingAt)
      lost.writing.push(before - kept(flash.cutFork(0, random)))
      return false
    })
    cutNow()
  }
  expect(pico.level(pin.gate)).toBe(true)
  return lost
}

describe.runIf(compilerInstalled())('a drill that loses its power at work', () => {
  let image: Image
  let chip: W25q
  beforeAll(async () => {
    image = await imageWith()
    chip = rested(image)
  }, 600_000)

  test('loses at most a second of its run time, whenever that is', () => {
    const lost = lostBy(image, chip.fork(), randomCuts)
    expect(lost.random.length).toBe(randomCuts + 1)
    expect(lost.writing.length).toBeGreaterThanOrEqual(2)
    const all = [...lost.random, ...lost.writing]
    expect(Math.min(...all)).toBeGreaterThanOrEqual(0)
    // A record may be late by what thread mode is at; nothing else is under way here.
    expect(Math.max(...all)).toBeLessThanOrEqual(mostLostMs - signsMs)
    // It counts at all, and the cuts were where something is lost.
    expect(Math.max(...all)).toBeGreaterThan(mostLostMs / 2)
  }, 600_000)

  test('would be seen to lose more by a journal that is written every other second', async () => {
    const { writing } = lostBy(await imageWith(2), chip.fork(), 0)
    expect(Math.max(...writing)).toBeGreaterThan(mostLostMs)
  }, 600_000)
})
