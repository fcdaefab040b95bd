// The models of the nRF51's blocks against the words and figures of its manuals (nRF51 Series
// Reference Manual 3.0; nRF51822 Product Specification 3.3), driven over the bus as code would.
// What the micro:bit's driver tests prove is only as good as this.
import { describe, expect, test } from 'vitest'
import { sleepingImage } from './bare.ts'
import { BusFault } from './cortex.ts'
import { Nrf51, type Nrf51Options } from './nrf51.ts'

const us = 16
const [power, uart, gpiote, adc] = [0x4000_0000, 0x4000_2000, 0x4000_6000, 0x4000_7000]
const [timer0, timer1, rng, wdt] = [0x4000_8000, 0x4000_9000, 0x4000_d000, 0x4001_0000]
const [nvmc, ppi, gpio] = [0x4001_e000, 0x4001_f000, 0x5000_0000]

const chipWith = (more: Partial<Nrf51Options> = {}): Nrf51 =>
  new Nrf51({ bin: sleepingImage(0, 0x2000_4000), ...more })
const put = (chip: Nrf51, ...writes: readonly (readonly [at: number, value: number])[]): void => {
  for (const [at, value] of writes) chip.write(at, value)
}

describe('TIMER (18)', () => {
  const capture = (chip: Nrf51, timer = timer0): number => {
    chip.write(timer + 0x40, 1)
    return chip.read(timer + 0x540)
  }

  test('counts at 16 MHz over 2 to the prescaler, which is 4 after reset, in 16 bits', () => {
    const chip = chipWith()
    chip.write(timer0, 1)
    chip.run(1000 * us)
    expect(capture(chip)).toBe(1000)
    chip.run(65_536 * us)
    expect(capture(chip)).toBe(1000)
    put(chip, [timer1 + 0x510, 0], [timer1, 1])
    chip.run(1000)
    expect(capture(chip, timer1)).toBe(1000)
  })

  test.each([
    [0, 16],
    [1, 8],
    [2, 24],
    [3, 32],
  ] as const)('BITMODE %i is %i bits wide', (mode, bits) => {
    const chip = chipWith()
    put(chip, [timer0 + 0x508, mode], [timer0 + 0x510, 0], [timer0, 1])
    chip.run(2 ** 24 + 2 ** 16 + 2 ** 8 + 5)
    expect(capture(chip)).toBe((2 ** 24 + 2 ** 16 + 2 ** 8 + 5) % 2 ** bits)
  })

  test('STOP keeps the count, START goes on from it, CLEAR begins anew', () => {
    const chip = chipWith()
    chip.write(timer0, 1)
    chip.run(100 * us)
    chip.write(timer0 + 4, 1)
    chip.run(50 * us)
    expect(capture(chip)).toBe(100)
    chip.write(timer0, 1)
    chip.run(7 * us)
    expect(capture(chip)).toBe(107)
    chip.write(timer0 + 0xc, 1)
    chip.run(3 * us)
    expect(capture(chip)).toBe(3)
    put(chip, [timer0 + 4, 1], [timer0 + 0xc, 1])
    expect(capture(chip)).toBe(0)
  })

  test('a compare makes its event when the count comes to it, until software clears it', () => {
    const chip = chipWith()
    put(chip, [timer0 + 0x544, 250], [timer0, 1])
    chip.run(249 * us)
    expect(chip.read(timer0 + 0x144)).toBe(0)
    chip.run(1 * us)
    expect([chip.read(timer0 + 0x144), chip.read(timer0 + 0x144)]).toEqual([1, 1])
    chip.write(timer0 + 0x144, 0)
    expect(chip.read(timer0 + 0x144)).toBe(0)
    // Behind the count, it comes a whole turn later.
    chip.write(timer0 + 0x544, 100)
    chip.run((65_536 - 151) * us)
    expect(chip.read(timer0 + 0x144)).toBe(0)
    chip.run(1 * us)
    expect(chip.read(timer0 + 0x144)).toBe(1)
  })

  test('SHORTS clear it in the cycle of its compare: the period is the compare', () => {
    const chip = chipWith()
    put(chip, [timer1 + 0x510, 0], [timer1 + 0x548, 800], [timer1 + 0x200, 4], [timer1, 1])
    chip.run(800 * 3 + 17)
    expect(capture(chip, timer1)).toBe(17)
  })

  test('width and prescaler are set while it stands, and a prescaler is 9 at the most', () => {
    const chip = chipWith()
    expect(() => chip.write(timer0 + 0x510, 10)).toThrow(/no prescaler 10/)
    chip.write(timer0, 1)
    expect(() => chip.write(timer0 + 0x510, 0)).toThrow(/while it counts/)
    expect(() => chip.write(timer0 + 0x508, 3)).toThrow(/while it counts/)
    expect(() => chip.read(timer0 + 0x504)).toThrow(BusFault)
  })
})

describe('GPIOTE (15) and PPI (16)', () => {
  const pin = 7
  const toggles = (initial: 0 | 1): number => 3 | (pin << 8) | (3 << 16) | (initial << 20)
  const joined = () => {
    const edges: [high: boolean, cycle: number][] = []
    const chip = chipWith({ onEdge: (_, high, cycle) => void edges.push([high, cycle]) })
    put(chip, [timer1 + 0x510, 0], [timer1 + 0x540, 300], [timer1 + 0x548, 800])
    put(chip, [timer1 + 0x200, 4], [ppi + 0x510, timer1 + 0x140], [ppi + 0x514, gpiote])
    put(chip, [ppi + 0x518, timer1 + 0x148], [ppi + 0x51c, gpiote], [gpiote + 0x510, toggles(1)])
    return { chip, edges }
  }

  test('an event toggles the pin in its cycle, without the core, while its channel is enabled', () => {
    const { chip, edges } = joined()
    put(chip, [ppi + 0x504, 3])
    const from = chip.cycles
    chip.write(timer1, 1)
    chip.run(1700)
    expect(edges.map(([high, cycle]) => [high, cycle - from])).toEqual([
      ...[
        [true, 0],
        [false, 300],
        [true, 800],
        [false, 1100],
        [true, 1600],
      ],
    ])
    expect(chip.read(ppi + 0x500)).toBe(3)
    chip.write(ppi + 0x508, 2)
    expect(chip.read(ppi + 0x500)).toBe(1)
    edges.length = 0
    chip.run(1600)
    // Only one of both toggles now, as on the chip: half as often, and turned round.
    expect(edges.map(([high]) => high)).toEqual([false, true])
  })

  test('the channel owns its pin, from the level given with it; without it OUT counts', () => {
    const { chip } = joined()
    expect(chip.level(pin)).toBe(true)
    put(chip, [gpio + 0x50c, 1 << pin], [gpio + 0x700 + 4 * pin, 1])
    expect(chip.level(pin)).toBe(true)
    chip.write(gpiote + 0x510, 0)
    expect(chip.level(pin)).toBe(false)
    chip.write(gpiote + 0x510, toggles(0))
    expect(chip.level(pin)).toBe(false)
  })

  test('two channels on one pin, a level to set, and events of pins are refused', () => {
    const { chip } = joined()
    expect(() => chip.write(gpiote + 0x514, toggles(0))).toThrow(/has a channel/)
    expect(() => chip.write(gpiote + 0x514, 3 | (8 << 8) | (1 << 16))).toThrow(/only toggling/)
    expect(() => chip.write(gpiote + 0x514, 1 | (8 << 8) | (1 << 16))).toThrow(/only tasks/)
    put(chip, [ppi + 0x514, 0x4000_0123], [ppi + 0x504, 1], [timer1, 1])
    expect(() => chip.run(400)).toThrow(/no task/)
  })
})

describe('GPIO (14)', () => {
  test('after reset pins are inputs whose buffer is off: they read 0 and drive nothing', () => {
    const chip = chipWith()
    expect(chip.read(gpio + 0x700)).toBe(2)
    chip.drive(3, true)
    chip.write(gpio + 0x508, 1 << 3)
    expect([chip.read(gpio + 0x510), chip.level(3)]).toEqual([0, false])
    chip.write(gpio + 0x70c, 0)
    expect(chip.read(gpio + 0x510)).toBe(1 << 3)
  })

  test('OUTSET and OUTCLR change the bits that are 1; pulls count where nothing drives', () => {
    const chip = chipWith()
    put(chip, [gpio + 0x508, 0b1100], [gpio + 0x50c, 0b0100])
    expect(chip.read(gpio + 0x504)).toBe(0b1000)
    put(chip, [gpio + 0x714, 3 << 2], [gpio + 0x718, 1 << 2], [gpio + 0x70c, 1])
    expect(chip.read(gpio + 0x510)).toBe((1 << 5) | (1 << 3))
    chip.drive(5, false)
    expect(chip.read(gpio + 0x510)).toBe(1 << 3)
  })
})

describe('ADC (31)', () => {
  const config = (1 << 10) | (2 << 2) | 2
  test('takes 68 us for 10 bits, says so by END, and is BUSY meanwhile', () => {
    const asked: number[] = []
    const chip = chipWith({ analogue: () => 0x7ff, onSample: (input) => void asked.push(input) })
    expect(chip.read(adc + 0x504)).toBe(0x18)
    expect(() => chip.write(adc, 1)).toThrow(/not enabled/)
    put(chip, [adc + 0x500, 1])
    expect(() => chip.write(adc, 1)).toThrow(/is set to 18/)
    put(chip, [adc + 0x504, config], [adc, 1])
    expect(() => chip.write(adc, 1)).toThrow(/is at a conversion/)
    chip.run(68 * us - 1)
    expect([chip.read(adc + 0x100), chip.read(adc + 0x400)]).toEqual([0, 1])
    chip.run(1)
    expect([chip.read(adc + 0x100), chip.read(adc + 0x400)]).toEqual([1, 0])
    expect([chip.read(adc + 0x508), asked]).toEqual([0x3ff, [2]])
    chip.write(adc + 0x100, 0)
    expect(chip.read(adc + 0x100)).toBe(0)
    put(chip, [adc + 0x504, config | (1 << 11)])
    expect(() => chip.write(adc, 1)).toThrow(/is set to/)
  })
})

describe('UART (29)', () => {
  const started = (onUart: (byte: number) => void = () => undefined): Nrf51 => {
    const chip = chipWith({ onUart })
    expect(() => chip.write(uart + 0x51c, 1)).toThrow(/not on/)
    put(chip, [uart + 0x524, 0x01d7_e000], [uart + 0x500, 4], [uart + 8, 1], [uart, 1])
    return chip
  }

  test('a byte takes ten bits at 115200; TXDRDY says that the next one may come', () => {
    const said: number[] = []
    const chip = started((byte) => void said.push(byte))
    chip.write(uart + 0x51c, 0x141)
    expect(() => chip.write(uart + 0x51c, 0x42)).toThrow(/over another one/)
    chip.run(86 * us)
    expect([chip.read(uart + 0x11c), said]).toEqual([0, []])
    chip.run(1 * us)
    expect([chip.read(uart + 0x11c), said]).toEqual([1, [0x41]])
    put(chip, [uart + 0x11c, 0], [uart + 0x51c, 0x42])
    expect(chip.read(uart + 0x11c)).toBe(0)
  })

  test('holds six bytes; RXDRDY comes with each that can be taken, and stays until cleared', () => {
    const chip = started()
    expect([1, 2, 3, 4, 5, 6, 7].map((byte) => chip.feed(byte))).toEqual([
      ...[true, true, true, true, true, true, false],
    ])
    for (const byte of [1, 2, 3, 4, 5, 6]) {
      expect(chip.read(uart + 0x108)).toBe(1)
      chip.write(uart + 0x108, 0)
      expect(chip.read(uart + 0x108)).toBe(0)
      expect(chip.read(uart + 0x518)).toBe(byte)
    }
    expect(chip.read(uart + 0x108)).toBe(0)
    // A driver that does not clear it takes a byte that never came.
    chip.feed(9)
    expect(chip.read(uart + 0x518)).toBe(9)
    expect(chip.read(uart + 0x108)).toBe(1)
  })
})

describe('RNG (21)', () => {
  test('gives a byte in 677 us without bias correction, until it is stopped', () => {
    let bit = 0
    const chip = chipWith({ noise: () => (bit++ % 3 === 0 ? 1 : 0) })
    put(chip, [rng + 0x504, 0], [rng, 1])
    chip.run(676 * us)
    expect(chip.read(rng + 0x100)).toBe(0)
    chip.run(1 * us)
    expect([chip.read(rng + 0x100), chip.read(rng + 0x508)]).toEqual([1, 0b10010010])
    chip.write(rng + 0x100, 0)
    chip.run(677 * us)
    expect(chip.read(rng + 0x100)).toBe(1)
    put(chip, [rng + 4, 1], [rng + 0x100, 0])
    chip.run(2000 * us)
    expect(chip.read(rng + 0x100)).toBe(0)
    expect(() => chip.write(rng + 0x504, 1)).toThrow(/bias/)
  })
})

describe('WDT (20)', () => {
  const key = 0x6e52_4635
  /** 0.1 s. */
  const reload = 3276
  const cycles = Math.floor(((reload + 1) / 32_768) * 16e6)
  const started = (): Nrf51 => {
    const chip = chipWith()
    put(chip, [wdt + 0x504, reload], [wdt, 1])
    return chip
  }

  test('bites (CRV + 1) / 32768 s after its start or its last reload, and says so', () => {
    const chip = started()
    expect(chip.read(power + 0x400)).toBe(0)
    chip.run(cycles - 10)
    chip.write(wdt + 0x600, key)
    chip.run(cycles - 10)
    expect(chip.resets).toBe(0)
    chip.run(20)
    expect([chip.resets, chip.read(power + 0x400)]).toEqual([1, 2])
    // A flag is cleared by writing it as 1 (12.1.9).
    chip.write(power + 0x400, 4)
    expect(chip.read(power + 0x400)).toBe(2)
    chip.write(power + 0x400, 2)
    expect(chip.read(power + 0x400)).toBe(0)
    // After the reset it stands, as everything does.
    chip.run(2 * cycles)
    expect([chip.resets, chip.read(wdt + 0x400)]).toEqual([1, 0])
  })

  test.each([0, 1, 0x6e52_4634, 0xaaaa])('a wrong key (%i) does not feed it', (wrong) => {
    const chip = started()
    for (let i = 0; i < 11 && chip.resets === 0; i += 1) {
      chip.run(cycles / 10)
      if (chip.resets === 0) chip.write(wdt + 0x600, wrong)
    }
    expect(chip.resets).toBe(1)
  })

  test('has request 0 enabled after reset, cannot be changed when it runs, nor fed before', () => {
    const chip = chipWith()
    expect([0x504, 0x508, 0x50c].map((at) => chip.read(wdt + at))).toEqual([2 ** 32 - 1, 1, 1])
    chip.write(wdt + 0x600, key)
    expect(chip.read(wdt + 0x400)).toBe(0)
    chip.write(wdt + 0x504, 14)
    expect(() => chip.write(wdt, 1)).toThrow(/15 at the least/)
    put(chip, [wdt + 0x504, reload], [wdt + 0x50c, 0])
    expect(() => chip.write(wdt, 1)).toThrow(/while the core sleeps/)
    put(chip, [wdt + 0x50c, 1], [wdt, 1])
    expect(() => chip.write(wdt + 0x504, 40_000)).toThrow(/while it runs/)
    // A second START is no feeding.
    chip.run(cycles - 10)
    chip.write(wdt, 1)
    chip.run(20)
    expect(chip.resets).toBe(1)
  })
})

describe('NVMC (6)', () => {
  const [config, erase, page] = [nvmc + 0x504, nvmc + 0x508, 0x8000]

  /** Asleep, the core does not fetch: time goes on by itself. */
  const asleep = (): Nrf51 => {
    const chip = chipWith()
    chip.run(10)
    return chip
  }

  test('the core stands still while its flash is at work', () => {
    const chip = chipWith()
    put(chip, [config, 1], [page, 0])
    chip.run(1)
    expect(Math.floor(chip.cycles / us)).toBe(46)
    put(chip, [config, 2], [erase, page])
    chip.run(1)
    expect(chip.cycles).toBeLessThan(47 * us)
    const awake = chipWith()
    put(awake, [config, 2], [erase, page])
    awake.run(1)
    expect(Math.floor(awake.cycles / us)).toBe(22_300)
  })

  test('a word is written in 46 us with WEN, bits only fall, and twice between erases', () => {
    const chip = asleep()
    expect(() => chip.write(page, 0)).toThrow(/plain store/)
    put(chip, [config, 1], [page, 0xf0f0_f0f0])
    expect(chip.read(nvmc + 0x400)).toBe(0)
    expect(() => chip.write(config, 0)).toThrow(/while busy/)
    chip.run(46 * us - 1)
    expect(chip.read(nvmc + 0x400)).toBe(0)
    chip.run(1)
    expect(chip.read(nvmc + 0x400)).toBe(1)
    put(chip, [page, 0x3c3c_3c3c])
    chip.run(46 * us)
    expect(chip.read(page)).toBe(0x3030_3030)
    expect(() => chip.write(page, 0)).toThrow(/third time/)
  })

  test('a page of 1024 bytes is erased in 22.3 ms with EEN, and no other one', () => {
    const chip = asleep()
    chip.flash.cells.fill(0, page - 4, page + 1028)
    put(chip, [config, 1])
    expect(() => chip.write(erase, page)).toThrow(/no erase/)
    put(chip, [config, 2])
    expect(() => chip.write(erase, page + 4)).toThrow(/no erase/)
    expect(() => chip.write(page, 0)).toThrow(/plain store/)
    chip.write(erase, page)
    chip.run(22_299 * us)
    expect(chip.read(nvmc + 0x400)).toBe(0)
    chip.run(1 * us)
    expect(chip.read(nvmc + 0x400)).toBe(1)
    const words = [page - 4, page, page + 1020, page + 1024].map((at) => chip.read(at))
    expect(words).toEqual([0, 2 ** 32 - 1, 2 ** 32 - 1, 0])
  })

  test('cut by a loss of power every bit is old or new, and the lock is on again', () => {
    const chip = chipWith({ random: () => 0.37 })
    put(chip, [config, 1], [page, 0x0f0f_0f0f])
    chip.cutPower()
    const torn = chip.flash.cells.slice(page, page + 4)
    for (const byte of torn) expect(byte & 0x0f).toBe(0x0f)
    expect(Buffer.from(torn).toString('hex')).not.toMatch(/^(0f0f0f0f|ffffffff)$/)
    expect(() => chip.write(page + 4, 0)).toThrow(/plain store/)
  })
})

test('an address that nothing answers, and a byte to a register, end the run', () => {
  const chip = chipWith()
  expect(() => chip.read(0x4000_3000)).toThrow(BusFault)
  expect(() => chip.write(0x6000_0000, 1)).toThrow(BusFault)
  expect(() => chip.read(0x4000_8541)).toThrow(/unaligned/)
})
