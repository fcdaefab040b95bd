// Register model of the STM32F405's random number generator (RM0090 rev 19, 24): a word of 32 bits
// every 40 clocks of 48 MHz, and what it says of a clock or a sequence that is wrong. The bits are
// the test's. A word stays until it is read, which the manual leaves open. Not modelled: its
// interrupt.
import { BusFault, type Cortex, Due } from './cortex.ts'
import type { Clocks } from './stm32-clocks.ts'

const [enabled, interrupts] = [4, 8]
const [ready, clockFault, seedFault] = [1, 2, 4]
const clocksOfWord = 40

export interface NoiseSource {
  /** The next bit that the oscillators give. */
  bit: () => number
  /** A faulty sequence is found while this is true. */
  faulty?: () => boolean
}

export class RandomGenerator {
  readonly due: Due
  readonly #chip: () => Cortex
  readonly #clocks: Clocks
  readonly #source: NoiseSource
  #control = 0
  #status = 0
  #word = 0

  constructor(chip: () => Cortex, clocks: Clocks, source: NoiseSource) {
    this.#chip = chip
    this.#clocks = clocks
    this.#source = source
    this.due = new Due(() => this.#next())
  }

  read(offset: number): number {
    if (offset === 0x00) return this.#control
    // The interrupt bits stay after what raised them is over (24.4.2).
    if (offset === 0x04) return this.#status
    if (offset !== 0x08) throw new BusFault(`RNG register ${offset.toString(16)}`)
    if ((this.#status & ready) !== 0) this.#soon()
    this.#status &= ~ready
    return this.#word
  }

  write(offset: number, value: number): void {
    if (offset === 0x04) {
      // Only zeroes have an effect, and on SEIS and CEIS only.
      this.#status &= value | ~0x60
      return
    }
    if (offset !== 0x00) throw new BusFault(`RNG register ${offset.toString(16)}`)
    if ((value & interrupts) !== 0) throw new BusFault('RNG: its interrupt is not modelled')
    const starts = (value & enabled) !== 0 && (this.#control & enabled) === 0
    this.#control = value & enabled
    // Off and on again is the way out of a seed error (24.3.2).
    if (starts) this.#status &= ~(seedFault | ready)
    if (starts) this.#soon()
    else if (this.#control === 0) this.#chip().schedule(this.due, Number.POSITIVE_INFINITY)
  }

  #soon(): void {
    if (this.#control === 0) return
    const { hz, pll48 } = this.#clocks
    // Without the PLL's other output nothing counts; below HCLK/16 it is a fault (24.3.2).
    if (pll48 < hz / 16) this.#status |= clockFault | (clockFault << 4)
    if (pll48 === 0) return
    const chip = this.#chip()
    chip.schedule(this.due, chip.cycles + (clocksOfWord * hz) / pll48)
  }

  #next(): void {
    if (this.#source.faulty?.() === true) {
      // No numbers until it is switched off and on.
      this.#status |= seedFault | (seedFault << 4)
      return
    }
    let word = 0
    for (let i = 0; i < 32; i += 1) word = (word << 1) | (this.#source.bit() & 1)
    this.#word = word >>> 0
    this.#status |= ready
  }
}
