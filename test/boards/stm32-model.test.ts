// The models of the STM32F405's blocks against figures and words of its manuals (RM0090 rev 19,
// datasheet DS8626 rev 9). What the driver's tests prove is only as good as this.
import { describe, expect, test } from 'vitest'
import { BusFault } from '../emu/cortex.ts'
import {
  Clocks,
  FlashInterface,
  flashBytes,
  flashTimes,
  IndependentWatchdog,
  sectorStarts,
} from '../emu/stm32-clocks.ts'

const start = () => {
  let cycle = 0
  const clocks = new Clocks(() => cycle, 0)
  return {
    clocks,
    wait: (cycles: number): void => {
      cycle += cycles
    },
  }
}
const pll168 = (7 << 24) | (1 << 22) | (336 << 6) | 25

describe('RCC', () => {
  const ready = () => {
    const { clocks, wait } = start()
    clocks.write(0, 1 << 16)
    wait(3e-3 * 16e6)
    clocks.write(4, pll168)
    clocks.write(0, (1 << 16) | (1 << 24))
    wait(1e-3 * 16e6)
    return clocks
  }

  test('runs at 16 MHz after reset, its crystal and PLL need their time', () => {
    const { clocks, wait } = start()
    expect([clocks.hz, clocks.read(0)]).toEqual([16e6, 0x83])
    clocks.write(0, 1 << 16)
    expect(clocks.read(0) & (1 << 17)).toBe(0)
    wait(2e-3 * 16e6)
    expect(clocks.read(0) & (1 << 17)).not.toBe(0)
    expect(() => clocks.write(8, 2)).toThrow(BusFault)
  })

  test('gives 168 MHz from 25 MHz with five wait states, and timers twice their bus', () => {
    const clocks = ready()
    clocks.latency = 5
    clocks.write(8, (5 << 10) | (4 << 13) | 2)
    expect([clocks.hz, clocks.pclk1, clocks.pclk2]).toEqual([168e6, 42e6, 84e6])
    expect([clocks.timer1, clocks.timer2]).toEqual([84e6, 168e6])
  })

  test('refuses what the datasheet forbids', () => {
    const slow = ready()
    slow.latency = 4
    expect(() => slow.write(8, (5 << 10) | (4 << 13) | 2)).toThrow(/4 wait states/)
    const buses = ready()
    buses.latency = 5
    expect(() => buses.write(8, (4 << 10) | (4 << 13) | 2)).toThrow(/APB is too fast/)
    expect(() => buses.write(4, pll168)).toThrow(/while the PLL is on/)
    const vco = start()
    vco.clocks.write(4, (7 << 24) | (336 << 6) | 8)
    vco.clocks.write(0, 1 << 24)
    vco.wait(1e6)
    vco.clocks.latency = 5
    expect(() => vco.clocks.write(8, (5 << 10) | (4 << 13) | 2)).toThrow(/VCO at 672000000 Hz/)
  })
})

describe('the flash', () => {
  const open = () => {
    const { clocks, wait } = start()
    const cells = new Uint8Array(flashBytes).fill(0xff)
    const flash = new FlashInterface(cells, clocks, { times: flashTimes, random: () => 0.999 })
    flash.write(4, 0x45670123)
    flash.write(4, 0xcdef89ab)
    return { flash, cells, us: (us: number): void => wait(us * 16) }
  }

  test('has 4 sectors of 16 KB, one of 64 KB, 7 of 128 KB', () => {
    const sizes = sectorStarts.slice(1).map((end, i) => (end - (sectorStarts[i] ?? 0)) / 1024)
    expect(sizes).toEqual([16, 16, 16, 16, 64, 128, 128, 128, 128, 128, 128, 128])
    expect(sectorStarts.at(-1)).toBe(flashBytes)
  })

  test('takes its keys in order, else it stays locked', () => {
    const { clocks } = start()
    const flash = new FlashInterface(new Uint8Array(16), clocks, {
      times: flashTimes,
      random: () => 0,
    })
    expect(() => flash.write(0x10, 1)).toThrow(/locked/)
    flash.write(4, 0x45670123)
    expect(() => flash.write(4, 0x45670123)).toThrow(/wrong key/)
  })

  test('programs words only when told to, bits only fall, 16 us a word', () => {
    const { flash, cells, us } = open()
    expect(() => flash.store(0x20000, 0)).toThrow(/plain store/)
    flash.write(0x10, 0x201)
    flash.store(0x20000, 0xf0f0_f0f0)
    expect(flash.read(0x0c)).toBe(1 << 16)
    expect(() => flash.store(0x20004, 0)).toThrow(/busy/)
    us(16)
    expect(flash.read(0x0c)).toBe(0)
    flash.store(0x20000, 0x3c3c_3c3c)
    expect([...cells.subarray(0x1ffff, 0x20002)]).toEqual([0xff, 0x30, 0x30])
  })

  test('erases its sector and no other, a second for 128 KB; a cut leaves old bits', () => {
    const { flash, cells, us } = open()
    cells.fill(0, 0x1fff0, 0x40010)
    flash.write(0x10, 0x202 | (5 << 3))
    flash.write(0x10, 0x202 | (5 << 3) | (1 << 16))
    us(999_999)
    expect(flash.read(0x0c)).toBe(1 << 16)
    us(1)
    expect(flash.read(0x0c)).toBe(0)
    expect([cells[0x1ffff], cells[0x20000], cells[0x3ffff], cells[0x40000]]).toEqual([
      ...[0, 0xff, 0xff, 0],
    ])
    const torn = new FlashInterface(cells, start().clocks, { times: flashTimes, random: () => 0.3 })
    torn.write(4, 0x45670123)
    torn.write(4, 0xcdef89ab)
    cells.fill(0, 0x20000, 0x40000)
    torn.write(0x10, 0x202 | (5 << 3) | (1 << 16))
    torn.cut()
    expect(cells.subarray(0x20000, 0x40000).some((cell) => cell !== 0xff)).toBe(true)
  })
})

test('the watchdog takes its key before every change, and counts by 32 kHz', () => {
  const left: number[] = []
  const watchdog = new IndependentWatchdog(
    () => 168e6,
    (cycles) => left.push(cycles),
  )
  expect(() => watchdog.write(4, 2)).toThrow(/without its key/)
  watchdog.write(0, 0x5555)
  watchdog.write(4, 2)
  watchdog.write(8, 19)
  watchdog.write(0, 0xaaaa)
  expect(left).toEqual([])
  watchdog.write(0, 0xcccc)
  // 20 counts at 32 kHz / 16.
  expect(left).toEqual([168e6 * 0.01])
})
