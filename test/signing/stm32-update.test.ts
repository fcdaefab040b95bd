// The drill's whole image behind its bootloader on the models of an STM32F405: the gateway's own
// sender brings an update over the line, what the board keeps stays, a trial whose steps stop goes
// back, nothing is erased at work, and steps go on while the slot is erased.
import { beforeAll, describe, expect, test } from 'vitest'
import { buildRelease, type Release } from '../../firmware/release.ts'
import { sendUpdate, type UpdateMessage, updateKinds } from '../../firmware/update.ts'
import { profileDigest } from '../../gateway/core/machine.ts'
import { atRest, type Bench, ms, pin, put } from '../boards/chip-bench.ts'
import { compilerInstalled, drill } from '../boards/stand.ts'
import { flashTimes, quickFlashTimes } from '../emu/stm32-clocks.ts'
import type { Stm32 } from '../emu/stm32f405.ts'
import { stm32 } from './chips.ts'
import { release } from './slots.ts'
import { linkOf, nothing, Wire } from './wire.ts'

const { profile, machines } = drill()
/** Flashed and sent: a version may come twice. */
const theRelease = (): Promise<Release> =>
  buildRelease({
    ...{ profile, board: stm32.board, version: 2, loops: machines.loops },
    ...{ profileDigest: profileDigest(profile), path: process.env['PATH'] },
    ...{ publicKey: release.publicKey, sign: (message) => release.sign(message) },
  })
const partAt = (name: string): number => stm32.board.flash.parts?.[name]?.at ?? 0
/** What ends all steps; where the latched trip is kept; why a run ended that no trap ended. */
const stepInterruptOff = [0xe000_e180, 1 << 18] as const
const latchAt = 0x4000_2854
const hang = 18

describe.runIf(compilerInstalled())('the drill in slot A of an STM32F405', () => {
  let made: Release
  /** The flash at rest, and when the trial is asked for. */
  let rested: Uint8Array
  let wanted: Uint8Array
  let wire: Wire<Stm32>
  let bench: Bench
  beforeAll(async () => {
    made = await theRelease()
  }, 240_000)

  /** Power comes, with what an earlier one left in the flash. */
  const powerUp = (cells: Uint8Array, times = quickFlashTimes): void => {
    const image = { bin: nothing } as Parameters<typeof put>[0]
    wire = new Wire(ms, ({ onUart }) => {
      bench = put(image, atRest(), { cells: cells.slice(), flashTimes: times, onUart })
      return bench.chip
    })
  }
  const ask = (kind: UpdateMessage['kind']) => {
    const number = wire.tell('update', updateKinds[kind], 0, nothing)
    return wire.await('update', (one) => one.number === number)
  }
  const quiet = (since = 0): void => {
    for (const one of pin.power) expect(bench.edges(one, since)).toEqual([])
    expect(bench.both).toEqual([])
  }
  const send = (firstPatience = 20): Promise<void> =>
    sendUpdate({ images: made, running: 0, link: linkOf(wire), firstPatience })
  const untilReset = (mostMs: number): void => {
    const { resets } = wire.chip
    wire.chip.run(mostMs * ms, () => wire.chip.resets > resets)
    expect(wire.chip.resets).toBe(resets + 1)
  }

  test('takes an update, tries it, keeps it with a word, and forgets nothing', async () => {
    powerUp(stm32.newFlash(made.files.get('bin') ?? nothing).cells)
    wire.chip.run(1300 * ms)
    expect(wire.meet()?.boot).toBe(1)
    rested = wire.chip.cells.slice()
    await send()
    wanted = wire.chip.cells.slice()
    const kept = partAt('kv')
    expect(Buffer.compare(wanted.subarray(kept), rested.subarray(kept))).toBe(0)
    expect(ask('restart')?.result).toBe(0)
    untilReset(400)
    wire.chip.run(300 * ms)
    expect(wire.meet()?.boot).toBe(2)
    expect(ask('state')).toMatchObject({ slot: 1, trial: 1, version: 2, floor: 2 })
    expect(ask('confirm')).toMatchObject({ result: 0, slot: 1, trial: 0 })
    quiet()
    powerUp(wire.chip.cells)
    expect(wire.meet()?.boot).toBe(3)
    expect(ask('state')).toMatchObject({ slot: 1, trial: 0, version: 2, floor: 2 })
    quiet()
  }, 400_000)

  test('goes back from a trial whose steps stop, as soon as its own watchdog bites', () => {
    powerUp(wanted)
    wire.chip.run(300 * ms)
    wire.meet()
    expect(ask('state')).toMatchObject({ slot: 1, trial: 1 })
    wire.chip.write(...stepInterruptOff)
    untilReset(11)
    wire.chip.run(100 * ms)
    expect(wire.meet()?.reason).toBe(hang)
    expect(ask('state')).toMatchObject({ slot: 0, trial: 0, version: 2, floor: 2 })
    quiet()
  }, 400_000)

  test('erases nothing at work; steps go on through an erase of a second', async () => {
    powerUp(rested, flashTimes)
    wire.chip.run(1900 * ms)
    bench.volts.trigger = 1.8
    wire.chip.run(300 * ms)
    expect(wire.chip.level(pin.gate)).toBe(true)
    wire.meet()
    const erases = wire.chip.flash.erases.slice()
    await expect(send(1)).rejects.toMatchObject({ code: 'update_armed' })
    expect(wire.chip.flash.erases).toEqual(erases)
    expect(wire.chip.level(pin.gate)).toBe(true)

    bench.volts.trigger = 0.3
    wire.chip.run(1300 * ms)
    const since = wire.chip.cycles
    const begin = wire.tell('update', updateKinds.begin, 0, made.b.slice(0, 256))
    expect(wire.await('update', (one) => one.number === begin)?.result).toBe(0)
    const chunk = wire.tell('update', updateKinds.chunk, 0, made.b.slice(256, 512))
    const steps: number[] = []
    let inside = false
    wire.chip.run(990 * ms, () => {
      const now = wire.chip.inInterrupt
      if (now && !inside && wire.chip.flash.busyFor > ms) steps.push(wire.chip.cycles)
      inside = now
      return false
    })
    expect(wire.await('update', (one) => one.number === chunk)?.result).toBe(0)
    expect(wire.chip.resets).toBe(0)
    expect(steps.length).toBeGreaterThan(9_000)
    const gaps = steps.slice(1).map((at, i) => at - (steps[i] ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(0.11 * ms)
    quiet(since)
  }, 400_000)

  test('keeps a latched trip over a hang and the bootloader', () => {
    powerUp(rested)
    wire.chip.run(1900 * ms)
    bench.volts.trigger = 1.8
    wire.chip.run(300 * ms)
    expect(wire.chip.level(pin.gate)).toBe(true)
    bench.volts.current = 1.65 + 1.2
    wire.chip.run(30 * ms)
    expect(wire.chip.level(pin.gate)).toBe(false)
    const latched = wire.chip.read(latchAt)
    expect(latched).not.toBe(0)
    const since = wire.chip.cycles
    wire.chip.write(...stepInterruptOff)
    untilReset(11)
    wire.chip.run(100 * ms)
    expect(wire.meet()?.reason).toBe(hang)
    expect(wire.chip.read(latchAt)).toBe(latched)
    quiet(since)
  }, 400_000)
})
