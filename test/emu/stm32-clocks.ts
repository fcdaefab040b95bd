// Register models of the STM32F405's clocks, supply, flash and watchdog (RM0090 rev 19; datasheet
// DS8626 rev 9): what the driver must do in which order is refused here when it does not. Times are
// typical ones. Not modelled: caches of the flash, options, PLLI2S, windowed watchdog.
import { BusFault } from './cortex.ts'

const MHz = 1e6
/** The internal oscillator, the crystal of the board, the watchdog's oscillator. */
export const oscillators = { hsi: 16 * MHz, hse: 25 * MHz, lsi: 32_000 }
const reset = { cr: 0x83, pllcfgr: 0x24003010 }

/** RCC (7.3) with PWR (5.4) and the flash's wait states (3.5.1), which must agree. */
export class Clocks {
  /** Hz of the core now. */
  hz = oscillators.hsi
  ahb1 = 0x0010_0000
  ahb2 = 0
  apb1 = 0
  apb2 = 0
  /** Reset flags in RCC_CSR. */
  flags: number
  /** Wait states of the flash. */
  latency = 0
  #cr = reset.cr
  #cfgr = 0
  #pll = reset.pllcfgr
  pwr = 0x4000
  readonly now: () => number
  readonly #readyAt = { hse: 0, pll: 0 }

  constructor(now: () => number, flags: number) {
    this.now = now
    this.flags = flags
  }

  get pclk1(): number {
    return this.hz / divider((this.#cfgr >>> 10) & 7)
  }
  get pclk2(): number {
    return this.hz / divider((this.#cfgr >>> 13) & 7)
  }
  /** Timers run at twice their bus's clock where that is divided (7.2). */
  get timer1(): number {
    return this.pclk1 === this.hz ? this.hz : 2 * this.pclk1
  }
  get timer2(): number {
    return this.pclk2 === this.hz ? this.hz : 2 * this.pclk2
  }

  /** Hz of the PLL's other output, which USB and random numbers run from. */
  get pll48(): number {
    return this.#ready('pll', 24) === 0 ? 0 : this.#vco() / ((this.#pll >>> 24) & 15)
  }

  read(offset: number): number {
    switch (offset) {
      case 0x00:
        return this.#cr | this.#ready('hse', 16) | this.#ready('pll', 24)
      case 0x04:
        return this.#pll
      case 0x08:
        return this.#cfgr | ((this.#cfgr & 3) << 2)
      case 0x30:
        return this.ahb1
      case 0x34:
        return this.ahb2
      case 0x40:
        return this.apb1
      case 0x44:
        return this.apb2
      case 0x74:
        return this.flags
      default:
        throw new BusFault(`RCC register ${offset.toString(16)} is not modelled`)
    }
  }

  write(offset: number, value: number): void {
    if (offset === 0x00) this.#writeControl(value)
    else if (offset === 0x04) {
      if ((this.#cr & (1 << 24)) !== 0) throw new BusFault('PLLCFGR is written while the PLL is on')
      this.#pll = value
    } else if (offset === 0x08) this.#writeSwitch(value)
    else if (offset === 0x30) this.ahb1 = value
    else if (offset === 0x34) this.ahb2 = value
    else if (offset === 0x40) this.apb1 = value
    else if (offset === 0x44) this.apb2 = value
    else if (offset === 0x74) this.flags = (value & (1 << 24)) !== 0 ? 0 : this.flags
    else throw new BusFault(`RCC register ${offset.toString(16)} is not modelled`)
  }

  /** Start-up of a crystal takes about 2 ms, the PLL's lock 75 to 300 us (tables 39, 43). */
  #writeControl(value: number): void {
    const rises = (bit: number): boolean => (((value & ~this.#cr) >>> bit) & 1) === 1
    if (rises(16)) this.#readyAt.hse = this.now() + 2e-3 * this.hz
    if (rises(24)) this.#readyAt.pll = this.now() + 3e-4 * this.hz
    this.#cr = value & ~((1 << 17) | (1 << 25))
  }

  #ready(which: 'hse' | 'pll', on: number): number {
    const ready = ((this.#cr >>> on) & 1) === 1 && this.now() >= this.#readyAt[which]
    return ready ? 1 << (on + 1) : 0
  }

  #writeSwitch(value: number): void {
    const to = value & 3
    if ((value & 0xf0) !== 0) throw new BusFault('a divided core clock is not modelled')
    this.#cfgr = value & ~0xc
    if (to === 0) this.hz = oscillators.hsi
    else if (to === 2 && this.#ready('pll', 24) !== 0) this.hz = this.#pllHz()
    else throw new BusFault(`the clock is switched to ${to}, which does not run`)
    this.wait(this.latency)
    if (this.pclk1 > 42 * MHz || this.pclk2 > 84 * MHz) throw new BusFault('APB is too fast')
    if (this.hz > 144 * MHz && (this.pwr & 0x4000) === 0)
      throw new BusFault('scale 2 above 144 MHz')
  }

  /** 3.5.1, table 10, at 2.7 to 3.6 V: a wait state more every 30 MHz, before the clock rises. */
  wait(states: number): void {
    const least = Math.ceil(this.hz / (30 * MHz)) - 1
    if (states < least) throw new BusFault(`${this.hz} Hz with ${states} wait states`)
    this.latency = states
  }

  /** 7.3.2: input 1 to 2 MHz, VCO 100 to 432 MHz, core at most 168 MHz, USB 48 MHz. */
  #pllHz(): number {
    const [p, q] = [2 * (((this.#pll >>> 16) & 3) + 1), (this.#pll >>> 24) & 15]
    const vco = this.#vco()
    if (vco < 100 * MHz || vco > 432 * MHz) throw new BusFault(`VCO at ${vco} Hz`)
    if (vco / p > 168 * MHz || vco / q > 48 * MHz) throw new BusFault(`PLL gives ${vco / p} Hz`)
    return vco / p
  }

  #vco(): number {
    const [m, n] = [this.#pll & 63, (this.#pll >>> 6) & 511]
    const isHse = ((this.#pll >>> 22) & 1) === 1
    if (isHse && this.#ready('hse', 16) === 0) throw new BusFault('the crystal does not run yet')
    const input = (isHse ? oscillators.hse : oscillators.hsi) / m
    if (input < 0.95 * MHz || input > 2.1 * MHz) throw new BusFault(`PLL input of ${input} Hz`)
    return input * n
  }
}

const divider = (code: number): number => (code < 4 ? 1 : 2 ** (code - 3))

export const flashBytes = 1024 * 1024
/** Sectors of the flash (table 5): where each begins, and its end. */
export const sectorStarts: readonly number[] = [
  ...[0, 16, 32, 48, 64],
  ...Array.from({ length: 8 }, (_, i) => 128 * (i + 1)),
].map((kb) => kb * 1024)

/** Typical times at 32 bits (datasheet table 47): a word, a sector of 128 KB; and quick ones. */
export const flashTimes = { word: 16, sector: 1_000_000 }
export const quickFlashTimes = { word: 2, sector: 60 }

/** Puts into these cells what a cut leaves; `reached` gives which bits are there already. */
type Undone = (cells: Uint8Array, reached: () => number) => void

const torn = (before: number, after: number, reached: number): number =>
  before ^ ((before ^ after) & reached)

/** The flash interface (3.9): what it is at can be cut by a loss of power. */
export class FlashInterface {
  readonly cells: Uint8Array
  readonly erases = new Array<number>(12).fill(0)
  /** Programs and erases since it was made. */
  operations = 0
  readonly #times: typeof flashTimes
  readonly #random: () => number
  readonly clocks: Clocks
  #control = 0x8000_0000
  #keys = 0
  #busyFrom = 0
  #busyUntil = 0
  #undone: Undone | undefined

  constructor(
    cells: Uint8Array,
    clocks: Clocks,
    { times, random }: { times: typeof flashTimes; random: () => number },
  ) {
    this.cells = cells
    this.clocks = clocks
    this.#times = times
    this.#random = random
  }

  get busyFor(): number {
    return Math.max(0, Math.ceil(this.#busyUntil - this.clocks.now()))
  }
  /** How far it is with what it is at: 0 to 1. */
  get progress(): number {
    const whole = this.#busyUntil - this.#busyFrom
    return whole <= 0 ? 1 : Math.min(1, (this.clocks.now() - this.#busyFrom) / whole)
  }

  read(offset: number): number {
    if (offset === 0x00) return this.clocks.latency
    if (offset === 0x0c) return this.busyFor > 0 ? 1 << 16 : 0
    if (offset === 0x10) return this.#control
    throw new BusFault(`flash register ${offset.toString(16)} is not modelled`)
  }

  write(offset: number, value: number): void {
    if (offset === 0x00) this.clocks.wait(value & 7)
    else if (offset === 0x04) this.#key(value)
    else if (offset === 0x10) this.#writeControl(value)
    else if (offset !== 0x0c) throw new BusFault(`flash register ${offset.toString(16)}`)
  }

  /** A store to the flash itself: bits only fall (3.6.3). */
  store(at: number, value: number): void {
    if ((this.#control & 0x8000_0301) !== 0x201) throw new BusFault('a plain store to the flash')
    if (this.busyFor > 0) throw new BusFault('a store while the flash is busy')
    const view = new DataView(this.cells.buffer, this.cells.byteOffset)
    const before = view.getUint32(at, true)
    view.setUint32(at, before & value, true)
    this.#begin(this.#times.word, (cells, reached) =>
      new DataView(cells.buffer, cells.byteOffset).setUint32(
        at,
        torn(before, before & value, reached()),
        true,
      ),
    )
  }

  /** Power fails: what it is at stays undone in part; every bit is old or new. */
  cut(): void {
    if (this.busyFor > 0) this.#undone?.(this.cells, () => Math.floor(this.#random() * 2 ** 32))
    this.#busyUntil = 0
  }

  /** The cells as they would be if power failed now, each bit there already with that chance. */
  cutCopy(share: number, random: () => number): Uint8Array {
    const cells = this.cells.slice()
    const reached = (): number => {
      let bits = 0
      for (let bit = 0; bit < 32; bit += 1) bits |= Number(random() < share) << bit
      return bits
    }
    if (this.busyFor > 0) this.#undone?.(cells, reached)
    return cells
  }

  #begin(us: number, undone: Undone): void {
    this.operations += 1
    this.#undone = undone
    this.#busyFrom = this.clocks.now()
    this.#busyUntil = this.#busyFrom + (us * this.clocks.hz) / MHz
  }

  /** A wrong key locks it until the next reset (3.6.1). */
  #key(value: number): void {
    if (this.#keys === 0 && value === 0x45670123) this.#keys = 1
    else if (this.#keys === 1 && value === 0xcdef89ab) {
      this.#keys = 0
      this.#control &= 0x7fff_ffff
    } else throw new BusFault('a wrong key: the flash stays locked')
  }

  #writeControl(value: number): void {
    if ((this.#control & 0x8000_0000) !== 0) throw new BusFault('FLASH_CR is locked')
    if (this.busyFor > 0) throw new BusFault('FLASH_CR is written while busy')
    this.#control = value & ~(1 << 16)
    if ((value & (1 << 16)) === 0) return
    if ((value & 0x302) !== 0x202) throw new BusFault('STRT without SER, or not at 32 bits')
    const sector = (value >>> 3) & 15
    const [from, to] = [sectorStarts[sector], sectorStarts[sector + 1]]
    if (from === undefined || to === undefined) throw new BusFault(`sector ${sector}`)
    const before = this.cells.slice(from, to)
    this.cells.fill(0xff, from, to)
    this.erases[sector] = (this.erases[sector] ?? 0) + 1
    this.#begin(this.#times.sector, (cells, reached) => {
      for (const [i, byte] of before.entries()) {
        cells[from + i] = byte === 0xff ? 0xff : torn(byte, 0xff, reached()) & 0xff
      }
    })
  }
}

/** The independent watchdog (21.3): once started it runs until a reset. */
export class IndependentWatchdog {
  #open = false
  #on = false
  #prescaler = 0
  #reload = 0xfff
  /** What the counter has when it starts: 0xfff, unless it was reloaded before (21.3). */
  #counter = 0xfff
  readonly #hz: () => number
  readonly #fed: (cycles: number) => void

  /** @param fed called with the cycles until it bites */
  constructor(hz: () => number, fed: (cycles: number) => void) {
    this.#hz = hz
    this.#fed = fed
  }

  read(offset: number): number {
    if (offset === 0x0c) return 0
    if (offset === 0x04) return this.#prescaler
    if (offset === 0x08) return this.#reload
    throw new BusFault(`IWDG register ${offset.toString(16)}`)
  }

  write(offset: number, value: number): void {
    if (offset === 0x00) {
      this.#open = value === 0x5555
      if (value === 0xaaaa) this.#counter = this.#reload
      const starts = value === 0xcccc && !this.#on
      if (starts) this.#on = true
      if (this.#on && (starts || value === 0xaaaa)) this.#fed(this.#timeout())
    } else if (!this.#open) throw new BusFault('IWDG is written without its key')
    else if (offset === 0x04) this.#prescaler = value & 7
    else if (offset === 0x08) this.#reload = value & 0xfff
  }

  #timeout(): number {
    const seconds = ((4 << Math.min(this.#prescaler, 6)) * (this.#counter + 1)) / oscillators.lsi
    return seconds * this.#hz()
  }
}
