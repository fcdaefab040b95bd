// The models of the STM32F405's timers, converter, ports, USART and watchdog against the words and
// figures of RM0090 rev 19, driven over the bus as code would, at the 16 MHz of a reset. Clock tree
// and flash: test/boards/stm32-model.test.ts.
import { describe, expect, test } from 'vitest'
import { sleepingImage } from './bare.ts'
import { BusFault } from './cortex.ts'
import { Stm32, type Stm32Options } from './stm32f405.ts'

const us = 16
const [rcc, pwr, tim2, tim8] = [0x4002_3800, 0x4000_7000, 0x4000_0000, 0x4001_0400]
const [adc, usart, iwdg, backup] = [0x4001_2000, 0x4001_1000, 0x4000_3000, 0x4000_2850]
const port = (letter: 'A' | 'B' | 'C' | 'D'): number =>
  0x4002_0000 + 0x400 * (letter.charCodeAt(0) - 65)

/** Every block's clock runs. */
const chipWith = (more: Partial<Stm32Options> = {}): Stm32 => {
  const chip = new Stm32({ bin: sleepingImage(0x0800_0000, 0x2002_0000), ...more })
  put(chip, [rcc + 0x30, 0x0010_000f], [rcc + 0x40, 0x1000_0001], [rcc + 0x44, 0x0000_0112])
  chip.run(10)
  return chip
}
const put = (chip: Stm32, ...writes: readonly (readonly [at: number, value: number])[]): void => {
  for (const [at, value] of writes) chip.write(at, value)
}

describe('after reset', () => {
  test('every register that is modelled has the value of its table', () => {
    const chip = new Stm32({ bin: sleepingImage(0x0800_0000, 0x2002_0000) })
    // 7.3: CR, PLLCFGR, CFGR, AHB1ENR, APB1ENR, APB2ENR, CSR after power-up.
    const clocks = [0x00, 0x04, 0x08, 0x30, 0x40, 0x44, 0x74].map((at) => chip.read(rcc + at))
    expect(clocks).toEqual([0x83, 0x2400_3010, 0, 0x0010_0000, 0, 0, 0x0e00_0000])
    expect(() => chip.read(port('A'))).toThrow(/its clock is off/)
    expect(() => chip.write(tim8, 1)).toThrow(/its clock is off/)
    put(chip, [rcc + 0x30, 0x0010_000f], [rcc + 0x40, 0x1000_0001], [rcc + 0x44, 0x0000_0112])
    // 8.4: MODER, OTYPER, OSPEEDR, PUPDR, ODR.
    const gpio = (letter: 'A' | 'B' | 'C'): number[] =>
      [0x00, 0x04, 0x08, 0x0c, 0x14].map((at) => chip.read(port(letter) + at))
    expect(gpio('A')).toEqual([0xa800_0000, 0, 0x0c00_0000, 0x6400_0000, 0])
    expect(gpio('B')).toEqual([0x280, 0, 0xc0, 0x100, 0])
    expect(gpio('C')).toEqual([0, 0, 0, 0, 0])
    // 30.6: SR says that all is sent. 13.13, 17.4, 18.4, 5.4.
    expect([0x00, 0x08, 0x0c].map((at) => chip.read(usart + at))).toEqual([0xc0, 0, 0])
    expect([adc, adc + 8, tim8, tim8 + 0x44, tim2, tim2 + 0x24].map((at) => chip.read(at))).toEqual(
      [0, 0, 0, 0, 0, 0],
    )
    expect([pwr, iwdg + 4, iwdg + 8].map((at) => chip.read(at))).toEqual([0x4000, 0, 0xfff])
  })

  test('RMVF clears the reset flags (7.3.21)', () => {
    const chip = chipWith()
    chip.write(rcc + 0x74, 1 << 24)
    expect(chip.read(rcc + 0x74)).toBe(0)
  })

  test('a clock that is divided, and too few wait states for the one that runs, are refused', () => {
    const chip = chipWith()
    expect(() => chip.write(rcc + 8, 8 << 4)).toThrow(/divided/)
    put(chip, [0x4002_3c00, 5], [0x4002_3c00, 0])
    expect(chip.read(0x4002_3c00)).toBe(0)
  })
})

describe('TIM8 (17)', () => {
  const [duty, brake] = [38, 39]
  const running = (compare: readonly [number, number], arr = 799) => {
    const edges: [pin: number, high: boolean, cycle: number][] = []
    const chip = chipWith({ onEdge: (pin, high, cycle) => void edges.push([pin, high, cycle]) })
    put(chip, [port('C') + 0x20, (3 << 24) | (3 << 28)], [port('C'), (2 << 12) | (2 << 14)])
    put(chip, [tim8, 0x80], [tim8 + 0x28, 0], [tim8 + 0x2c, arr], [tim8 + 0x18, 0x6868])
    put(chip, [tim8 + 0x34, compare[0]], [tim8 + 0x38, compare[1]], [tim8 + 0x14, 1])
    put(chip, [tim8 + 0x20, 0x11], [tim8 + 0x44, 0x8c00], [tim8, 0x81])
    const from = chip.cycles
    const of = (pin: number): [boolean, number][] =>
      edges.flatMap(([one, high, cycle]) => (one === pin ? [[high, cycle - from]] : []))
    return { chip, of, edges }
  }

  test('in PWM mode 1 an output is high while the counter is below its compare (17.3.9)', () => {
    const { chip, of } = running([300, 0])
    chip.run(1700)
    expect(of(duty)).toEqual([
      ...([
        [true, 0],
        [false, 300],
        [true, 800],
        [false, 1100],
        [true, 1600],
      ] as const),
    ])
    expect(of(brake)).toEqual([])
  })

  test('above ARR it is always high, at 0 never, and the prescaler divides by one more', () => {
    const { chip, of } = running([800, 1])
    chip.run(2000)
    expect(of(duty)).toEqual([[true, 0]])
    expect(of(brake)[1]).toEqual([false, 1])
    const slow = running([300, 0])
    put(slow.chip, [tim8 + 0x28, 3])
    slow.chip.run(800 + 4 * 800 + 10)
    // Preloaded: it counts from the next period on.
    expect(slow.of(duty).slice(2, 5)).toEqual([
      [true, 800],
      [false, 2000],
      [true, 4000],
    ])
  })

  test('compares are taken over together when it wraps, and not while UDIS is set', () => {
    const { chip, of } = running([300, 100])
    chip.run(400)
    put(chip, [tim8, 0x83], [tim8 + 0x34, 500])
    chip.run(600)
    put(chip, [tim8 + 0x38, 200], [tim8, 0x81])
    chip.run(800)
    const falls = (pin: number): number[] =>
      of(pin).flatMap(([high, cycle]) => (high ? [] : [cycle % 800]))
    expect(falls(duty)).toEqual([300, 300])
    chip.run(800)
    expect([falls(duty).at(-1), falls(brake).at(-1)]).toEqual([500, 200])
  })

  test('without MOE outputs are low where OSSI is set, and float where it is not (17.4.18)', () => {
    const { chip } = running([800, 0])
    expect(chip.level(duty)).toBe(true)
    chip.write(tim8 + 0x44, 0x0c00)
    expect(chip.level(duty)).toBe(false)
    chip.write(tim8 + 0x44, 0x8c00)
    expect(chip.level(duty)).toBe(true)
    chip.write(tim8 + 0x20, 0x10)
    expect(chip.level(duty)).toBe(false)
  })

  test('it reaches a pin only by that pin’s alternate function (8.3.2)', () => {
    const { chip } = running([800, 0])
    chip.write(port('C') + 0x20, (2 << 24) | (3 << 28))
    expect(chip.level(duty)).toBe(false)
    put(chip, [port('C') + 0x20, 3 << 24], [port('C'), 1 << 12])
    expect(chip.level(duty)).toBe(false)
  })

  test('what is not modelled is refused', () => {
    const { chip } = running([1, 0])
    for (const value of [0xa1, 0x91, 0x89, 0x01, 0x80]) {
      expect(() => chip.write(tim8, value), value.toString(16)).toThrow(BusFault)
    }
    expect(() => chip.write(tim8 + 0x14, 1)).toThrow(/begins its period anew/)
    expect(() => chip.write(tim8 + 0x18, 0x6060)).toThrow(/PWM mode 1/)
    expect(() => chip.read(tim8 + 0x24)).toThrow(BusFault)
  })
})

describe('TIM2 (18)', () => {
  const running = (more: Partial<Stm32Options> = {}): Stm32 => {
    const chip = chipWith(more)
    put(chip, [tim2 + 0x28, 15], [tim2 + 0x2c, 0xffff_ffff], [tim2 + 0x14, 1], [tim2, 1])
    return chip
  }

  test('its prescaler counts after an update event: microseconds', () => {
    const chip = running()
    chip.run(1000 * us)
    expect(chip.read(tim2 + 0x24)).toBe(1000)
    const early = chipWith()
    put(early, [tim2 + 0x28, 15], [tim2, 1])
    early.run(1000)
    expect(early.read(tim2 + 0x24)).toBe(1000)
  })

  test('a match sets CC1IF, which only a 0 clears; the next one comes a whole turn later', () => {
    const chip = running()
    chip.write(tim2 + 0x34, 500)
    chip.run(499 * us)
    expect(chip.read(tim2 + 0x10)).toBe(0)
    chip.run(us)
    expect(chip.read(tim2 + 0x10)).toBe(2)
    chip.write(tim2 + 0x10, 2)
    expect(chip.read(tim2 + 0x10)).toBe(2)
    chip.write(tim2 + 0x10, ~2)
    expect(chip.read(tim2 + 0x10)).toBe(0)
    chip.run(5000 * us)
    expect(chip.read(tim2 + 0x10)).toBe(0)
  })

  test('what is not modelled is refused', () => {
    const chip = running()
    for (const value of [0, 0x81, 0x11, 0x09]) {
      expect(() => chip.write(tim2, value), value.toString(16)).toThrow(BusFault)
    }
    expect(() => chip.write(tim2 + 0x18, 0x38)).toThrow(/preloaded/)
    const short = chipWith()
    put(short, [tim2 + 0x2c, 1000])
    expect(() => short.write(tim2, 1)).toThrow(/32 bits/)
  })
})

describe('ADC1 (13)', () => {
  /** Channel 10, PC0; sampling of 28 clocks; the converter at 8 MHz. */
  const ready = (more: Partial<Stm32Options> = {}): Stm32 => {
    const chip = chipWith(more)
    put(chip, [port('C'), 0xf], [adc + 0x304, 0], [adc + 0xc, 2 | (2 << 3)], [adc + 4, 1 << 7])
    put(chip, [adc + 0x34, 10], [adc + 0x38, 10 << 15], [adc + 8, 1])
    return chip
  }
  const clock = 2

  test('is not stable for 3 us after ADON, and takes analogue pins only', () => {
    const chip = ready()
    chip.run(2 * us)
    expect(() => chip.write(adc + 8, (1 << 30) | 1)).toThrow(/not stable yet/)
    chip.run(1 * us)
    put(chip, [port('C'), 0])
    expect(() => chip.write(adc + 8, (1 << 30) | 1)).toThrow(/is digital/)
    const off = ready()
    put(off, [adc + 8, 0])
    off.run(10 * us)
    put(off, [adc + 8, 1])
    expect(() => off.write(adc + 8, (1 << 30) | 1)).toThrow(/not stable yet/)
  })

  test('converts in 12 clocks after the sampling, holds what it sampled; reading DR clears EOC', () => {
    let counts = 100
    const chip = ready({ analogue: () => counts })
    chip.run(5 * us)
    chip.write(adc + 8, (1 << 30) | 1)
    expect(chip.read(adc + 8)).toBe(1)
    chip.run(28 * clock)
    counts = 3000
    chip.run(12 * clock - 1)
    expect(chip.read(adc)).toBe(0)
    chip.run(1)
    expect([chip.read(adc), chip.read(adc + 0x4c), chip.read(adc)]).toEqual([2, 100, 0])
  })

  test('an edge of TIM2’s compare starts the injected one, by JEXTEN, and JEOC asks for the core', () => {
    const timed: number[] = []
    const chip = ready({ analogue: () => 7, onTimed: (cycle) => void timed.push(cycle) })
    put(chip, [tim2 + 0x28, 15], [tim2 + 0x14, 1], [tim2 + 0x18, 3 << 4], [tim2 + 0x20, 1])
    put(chip, [tim2 + 0x34, 50], [tim2, 1])
    const from = chip.cycles
    chip.run(10 * us)
    chip.write(adc + 8, 1 | (2 << 16))
    chip.run(60 * us)
    // No edge was chosen: nothing came.
    expect(chip.read(adc)).toBe(0)
    chip.write(adc + 8, 1 | (3 << 20) | (2 << 16))
    chip.write(tim2 + 0x34, 100)
    chip.run(100 * us - (chip.cycles - from) + 40 * clock)
    expect([chip.read(adc), chip.read(adc + 0x3c)]).toEqual([4, 7])
    // The middle of its sampling.
    expect((timed.at(-1) ?? 0) - from).toBe(100 * us + 14 * clock)
    chip.write(adc, 4)
    expect(chip.read(adc)).toBe(4)
    chip.write(adc, ~4)
    expect(chip.read(adc)).toBe(0)
    // Both edges of a toggling output count.
    chip.write(tim2 + 0x34, 200)
    chip.run(100 * us)
    expect(chip.read(adc)).toBe(4)
  })

  test('PWM and trigger from one clock: the sample lies in the middle of the on-time', () => {
    const timed: number[] = []
    const rises: number[] = []
    const chip = ready({
      onTimed: (cycle) => void timed.push(cycle),
      onEdge: (_, high, cycle) => void (high && rises.push(cycle)),
    })
    put(chip, [port('C') + 0x20, 3 << 24], [port('C'), 0xf | (2 << 12)])
    put(chip, [tim8, 0x80], [tim8 + 0x2c, 799], [tim8 + 0x18, 0x6868], [tim8 + 0x34, 320])
    put(chip, [tim8 + 0x14, 1], [tim8 + 0x20, 1], [tim8 + 0x44, 0x8c00])
    put(chip, [tim2 + 0x28, 15], [tim2 + 0x14, 1], [tim2 + 0x18, 3 << 4], [tim2 + 0x20, 1])
    put(chip, [adc + 8, 1 | (3 << 20) | (2 << 16)], [tim2, 1], [tim8, 0x81])
    // On for 20 us of 50: at 10 us, less half of the sampling of 3.5 us.
    for (const at of [58, 158, 208]) {
      chip.write(tim2 + 0x34, at)
      chip.run(50 * us)
      while (chip.read(tim2 + 0x10) === 0) chip.run(us)
      chip.write(tim2 + 0x10, 0)
    }
    expect(timed.length).toBe(3)
    for (const time of timed) {
      const rise = rises.findLast((cycle) => cycle <= time) ?? 0
      expect(Math.abs(time - rise - 160)).toBeLessThan(us / 2)
    }
  })

  test('an injected conversion breaks into a regular one, which begins anew behind it (13.3.9)', () => {
    let at = 0
    const chip = ready({ analogue: () => at++ })
    put(chip, [tim2 + 0x28, 15], [tim2 + 0x14, 1], [tim2 + 0x18, 3 << 4], [tim2 + 0x20, 1])
    put(chip, [tim2 + 0x34, 10], [tim2, 1], [adc + 8, 1 | (3 << 20) | (2 << 16)])
    chip.run(10 * us - 30)
    chip.write(adc + 8, 1 | (3 << 20) | (2 << 16) | (1 << 30))
    chip.run(30 + 40 * clock)
    expect(chip.read(adc)).toBe(4)
    chip.run(40 * clock)
    expect([chip.read(adc), chip.read(adc + 0x3c), chip.read(adc + 0x4c)]).toEqual([6, 0, 1])
  })
})

describe('GPIO (8)', () => {
  test('BSRR sets and resets in one store, setting wins; IDR of an analogue pin is 0', () => {
    const chip = chipWith()
    const d = port('D')
    put(chip, [d, 0x55], [d + 0x18, 0x0000_0003], [d + 0x18, 0x0003_0001])
    expect([chip.read(d + 0x14), chip.level(48), chip.level(49)]).toEqual([1, true, false])
    chip.drive(52, true)
    expect(chip.read(d + 0x10)).toBe(0x11)
    chip.write(d, 0x355)
    expect(chip.read(d + 0x10)).toBe(1)
    // Pulled up where nothing drives it.
    chip.write(d + 0xc, 1 << 10)
    expect(chip.read(d + 0x10)).toBe(0x21)
  })
})

describe('USART1 (30)', () => {
  test('sends ten bits a byte by BRR; TXE says that there is room, TC that all is out', () => {
    const said: number[] = []
    const chip = chipWith({ onUart: (byte) => void said.push(byte) })
    put(chip, [port('A') + 0x24, 7 << 4], [port('A'), 0xa808_0000], [usart + 8, 139])
    expect(() => chip.write(usart + 4, 1)).toThrow(/not on/)
    put(chip, [usart + 0xc, 0x200c], [usart + 4, 0x41])
    expect(chip.read(usart)).toBe(0x80)
    chip.write(usart + 4, 0x42)
    expect(chip.read(usart)).toBe(0)
    expect(() => chip.write(usart + 4, 0x43)).toThrow(/over another one/)
    chip.run(1390)
    expect([said, chip.read(usart)]).toEqual([[0x41], 0x80])
    chip.run(1390)
    expect([said, chip.read(usart)]).toEqual([[0x41, 0x42], 0xc0])
  })

  test('RXNE is there until DR is read', () => {
    const chip = chipWith()
    expect([chip.feed(5), chip.feed(6)]).toEqual([true, false])
    expect(chip.read(usart) & 0x20).toBe(0x20)
    expect(chip.read(usart + 4)).toBe(5)
    expect(chip.read(usart) & 0x20).toBe(0)
  })
})

describe('IWDG (21)', () => {
  const lsi = 16e6 / 32_000
  test('once started it counts down from 0xFFF over 4, whatever RLR says, until it is reloaded', () => {
    const chip = chipWith()
    put(chip, [iwdg, 0x5555], [iwdg + 8, 9], [iwdg, 0xcccc])
    chip.run(4096 * 4 * lsi - 10)
    expect(chip.resets).toBe(0)
    chip.run(20)
    expect(chip.resets).toBe(1)
    // 7.3.21: IWDGRSTF, and a reset is no power-up.
    expect(chip.read(rcc + 0x74)).toBe(1 << 29)
  })

  test('0xAAAA reloads it; another key, or starting it again, does not', () => {
    const chip = chipWith()
    put(chip, [iwdg, 0xcccc], [iwdg, 0x5555], [iwdg + 4, 2], [iwdg + 8, 19], [iwdg, 0xaaaa])
    const whole = 20 * 16 * lsi
    for (let i = 0; i < 3; i += 1) {
      chip.run(whole - 10)
      chip.write(iwdg, 0xaaaa)
    }
    expect(chip.resets).toBe(0)
    chip.run(whole - 10)
    for (const key of [0xcccc, 0xaaab, 0, 0x5555]) chip.write(iwdg, key)
    chip.run(20)
    expect(chip.resets).toBe(1)
  })

  test('its registers are written behind their key only, which any other one closes again', () => {
    const chip = chipWith()
    expect(() => chip.write(iwdg + 8, 1)).toThrow(/without its key/)
    put(chip, [iwdg, 0x5555], [iwdg + 8, 1], [iwdg, 0xaaaa])
    expect(() => chip.write(iwdg + 4, 1)).toThrow(/without its key/)
    // It is not on: nothing bites.
    chip.run(16e6)
    expect(chip.resets).toBe(0)
  })
})

test('back-up registers are written only with DBP, and live on over a reset (5.4.1)', () => {
  const chip = chipWith()
  expect(() => chip.write(backup, 1)).toThrow(/locked/)
  put(chip, [pwr, 0x4100], [backup, 77], [iwdg, 0xcccc])
  chip.run(16e6)
  expect(chip.resets).toBeGreaterThan(0)
  chip.write(rcc + 0x40, 0x1000_0000)
  expect(chip.read(backup)).toBe(77)
  expect(() => chip.write(backup, 1)).toThrow(/locked/)
})
