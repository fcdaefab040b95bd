// The Pico's flash driver on the emulated chip: values arrive, steps go on meanwhile, and what a
// driver must not do ends the emulation. The image is the machine's own.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Image } from '../../firmware/image.ts'
import { Pico } from '../emu/pico.ts'
import { FlashMisuse, W25q } from '../emu/w25q.ts'
import { compilerInstalled, drill, imageOf } from './stand.ts'

const build = compilerInstalled()
const ms = 125_000

describe.runIf(build)("the drill's image", () => {
  let image: Image
  beforeAll(async () => {
    image = await imageOf(drill(), 'rp2040-pico', 'machine')
  })

  test('steps go on, on time, while the flash programs and erases', () => {
    const flash = new W25q()
    const pico = new Pico({ bin: image.bin, flash, analogue: () => 2048 })
    // Formats what it needs before the first step; all other sectors while it runs.
    pico.run(700 * ms, () => pico.inInterrupt)
    pico.run(1100 * ms)
    const due: number[] = []
    let busy = 0
    let inside = false
    pico.run(60 * ms, () => {
      const now = pico.inInterrupt
      if (now && !inside) {
        due.push(pico.cycles)
        if (flash.busy) busy += 1
      }
      inside = now
      return false
    })
    // 10 kHz, and nearly all of these began while the chip was at an erase.
    expect(due.length).toBeGreaterThan(595)
    expect(busy).toBeGreaterThan(400)
    const gaps = due.slice(1).map((cycle, i) => cycle - (due[i] ?? 0))
    // An instruction is not interrupted, and the alarm has microseconds.
    expect(Math.max(...gaps)).toBeLessThan(12_500 + 125)
    expect(pico.resets).toBe(0)
  })

  test('a plain store to the flash, and a read while the chip works, end the emulation', () => {
    const flash = new W25q()
    const pico = new Pico({ bin: image.bin, flash })
    pico.run(ms)
    expect(() => pico.write(0x10000000, 0)).toThrow(/plain store/)
    pico.run(600 * ms, () => flash.busy)
    expect(() => pico.read(0x10000000)).toThrow(FlashMisuse)
    expect(() => pico.read(0x13000000)).toThrow(FlashMisuse)
  })
})
