// The boards that take signed updates, as their tests see them: an emulated chip whose flash lives
// on over resets and power cuts.
import type { Board } from '../../firmware/boards.ts'
import { loadBoard } from '../boards/stand.ts'
import { Pico } from '../emu/pico.ts'
import type { Noise } from '../emu/rosc.ts'
import { quickFlashTimes } from '../emu/stm32-clocks.ts'
import { Stm32 } from '../emu/stm32f405.ts'
import { W25q } from '../emu/w25q.ts'

/** A flash that lives on while power comes and goes. */
export interface LivingFlash {
  readonly cells: Uint8Array
  /** Programs and erases that have begun since it was made. */
  readonly operations: number
  /** It is at one of them. */
  readonly busy: boolean
  /** A copy as it would be if power failed so far into what it is at. */
  cutFork(progress: number, random: () => number): LivingFlash
}

export interface SlotChip {
  readonly cycles: number
  readonly resets: number
  run(cycles: number, done?: () => boolean): boolean
  feed(byte: number): boolean
  level(pin: number): boolean
  drive(pin: number, high: boolean): void
  cutPower(): void
}

export interface Joined {
  analogue?: (channel: number, level: (pin: number) => boolean) => number
  noise?: Noise
  onUart: (byte: number) => void
  onEdge: (pin: number, high: boolean, cycle: number) => void
}

export interface SlotBoard<C extends SlotChip = SlotChip, F extends LivingFlash = LivingFlash> {
  board: Board
  hz: number
  /** Pins of the drill that can move something. */
  power: readonly number[]
  /** Where its multiplexer's address, its current and its trigger are. */
  drill: { select: readonly [number, number]; current: number; trigger: number }
  /** So many bytes of the line wait to be taken. */
  uartBytes: number
  newFlash(cells: Uint8Array, random?: () => number): F
  powerUp(flash: F, joined: Joined): C
}

export const pico: SlotBoard<Pico, W25q> = {
  board: loadBoard('rp2040-pico'),
  hz: 125e6,
  power: [2, 3, 5],
  drill: { select: [10, 11], current: 1, trigger: 0 },
  uartBytes: 11,
  newFlash: (cells, random = () => 0.5) => {
    const flash = new W25q({ times: { page: 10, sector: 100 }, random })
    flash.cells.set(cells)
    return flash
  },
  powerUp: (flash, joined) => new Pico({ bin: flash.cells.slice(0, 256), flash, ...joined }),
}

/** The STM32F405's own flash, which its model keeps from one power-up to the next. */
export class Stm32Flash implements LivingFlash {
  readonly cells: Uint8Array
  readonly random: () => number
  times = quickFlashTimes
  #chip: Stm32 | undefined
  #before = 0

  constructor(cells: Uint8Array, random: () => number) {
    this.cells = cells
    this.random = random
  }

  get operations(): number {
    return this.#before + (this.#chip?.flash.operations ?? 0)
  }
  get busy(): boolean {
    return (this.#chip?.flash.busyFor ?? 0) > 0
  }

  cutFork(progress: number, random: () => number): Stm32Flash {
    return new Stm32Flash(this.#chip?.flash.cutCopy(progress, random) ?? this.cells, random)
  }

  powerUp(joined: Joined): Stm32 {
    this.#before = this.operations
    const { cells, random, times: flashTimes } = this
    const { noise, ...pins } = joined
    const source = noise === undefined ? {} : { noise: { bit: noise } }
    this.#chip = new Stm32({ bin: new Uint8Array(), cells, random, flashTimes, ...pins, ...source })
    return this.#chip
  }
}

export const stm32: SlotBoard<Stm32, Stm32Flash> = {
  board: loadBoard('stm32f405'),
  hz: 168e6,
  power: [24, 38, 39],
  drill: { select: [26, 31], current: 10, trigger: 11 },
  uartBytes: 1,
  newFlash: (cells, random = () => 0.5) => {
    const all = new Uint8Array(1024 * 1024).fill(0xff)
    all.set(cells)
    return new Stm32Flash(all, random)
  },
  powerUp: (flash, joined) => flash.powerUp(joined),
}
