// A W25Q16JV serial flash as its datasheet describes it (Winbond, revision H: 8.1.2 status, 8.2
// commands, 9.6 times): what it is sent bit for bit, how long it is busy, and what a power cut
// leaves of a program or an erase. Knows no board. What a careful driver never does ends in an
// error, where the chip would silently do nothing.

/** Times in microseconds. */
export interface FlashTimes {
  /** tPP, page program; tSE, erase of a sector of 4 KiB. */
  page: number
  sector: number
}
/** Datasheet 9.6: typical, and the most that is promised. */
export const typicalTimes: FlashTimes = { page: 400, sector: 45_000 }
export const longestTimes: FlashTimes = { page: 3000, sector: 400_000 }

/** Far too short: for what is not about the flash, and for many power cuts. */
export const quickTimes: FlashTimes = { page: 10, sector: 100 }

export const flashBytes = 2 * 1024 * 1024
export const sectorBytes = 4096
export const pageBytes = 256
/** Program-erase cycles of a sector that the datasheet promises (1, features). */
export const endurance = 100_000

interface Work {
  kind: 'program' | 'erase'
  at: number
  /** Of a program: what the page shall be. */
  data: Uint8Array
  begunUs: number
  untilUs: number
}

export interface FlashOptions {
  times?: FlashTimes
  /** Uniform in [0, 1): what a power cut leaves behind. */
  random?: () => number
}

/** Used where the chip would do nothing, or something that nobody wants. */
export class FlashMisuse extends Error {
  override name = 'FlashMisuse'
}

export class W25q {
  /** What the cells hold; a weak bit counts as what it held before the cut. */
  readonly cells = new Uint8Array(flashBytes).fill(0xff)
  readonly erases = new Uint32Array(flashBytes / sectorBytes)
  /** Programs and erases that were begun. */
  operations = 0
  /** What no two chips have in common. */
  readonly uniqueId = Uint8Array.of(0xe6, 0x60, 0x58, 0x38, 0x83, 0x2d, 0x91, 0x2a)
  /** Microseconds; the owner moves it. */
  nowUs = 0
  times: FlashTimes
  readonly #random: () => number
  /** By byte: bits that read differently from time to time, until erased or programmed whole. */
  readonly #weak = new Map<number, number>()
  #selected = false
  #writeEnabled = false
  #command: number[] = []
  #work: Work | undefined

  constructor({ times = typicalTimes, random = () => 0.5 }: FlashOptions = {}) {
    this.times = times
    this.#random = random
  }

  get busy(): boolean {
    this.#finish()
    return this.#work !== undefined
  }
  /** Microseconds until it is not. */
  get busyUs(): number {
    return this.busy ? (this.#work as Work).untilUs - this.nowUs : 0
  }
  get writeEnabled(): boolean {
    this.#finish()
    return this.#writeEnabled
  }
  /** There are bits left that read now so, now so. */
  get weakBytes(): number {
    this.#finish()
    return this.#weak.size
  }

  /** How far what it is at has come, 0 to 1. */
  get progress(): number {
    if (!this.busy) return 1
    const { begunUs, untilUs } = this.#work as Work
    return (this.nowUs - begunUs) / (untilUs - begunUs)
  }

  /** Another chip that is where this one is, in the middle of what it is at. */
  fork(random = this.#random): W25q {
    const other = new W25q({ times: this.times, random })
    other.cells.set(this.cells)
    other.nowUs = this.nowUs
    for (const [at, bits] of this.#weak) other.#weak.set(at, bits)
    other.#work = this.#work
    return other
  }

  /** One byte as a read command gives it. Throws FlashMisuse while the chip is busy. */
  read(at: number): number {
    if (this.busy) throw new FlashMisuse(`read of ${at.toString(16)} while the chip is busy`)
    const held = this.cells[at % flashBytes] as number
    const weak = this.#weak.get(at % flashBytes)
    if (weak === undefined) return held
    return held ^ (weak & Math.floor(this.#random() * 256))
  }

  /** Chip select goes low or high. A program or an erase begins when it goes high. */
  select(selected: boolean): void {
    const before = this.#selected
    this.#selected = selected
    if (before && !selected) this.#begin()
    if (selected && !before) this.#command = []
  }

  /** Eight clocks: takes a byte, gives one. */
  transfer(byte: number): number {
    if (!this.#selected) throw new FlashMisuse('clocked while it is not selected')
    const command = this.#command
    const place = command.push(byte) - 1
    const [code = 0, high = 0, middle = 0, low = 0] = command
    if (place === 0) return 0xff
    if (code === 0x05) return (this.busy ? 1 : 0) | (this.writeEnabled ? 2 : 0)
    if (code === 0x9f) return [0xef, 0x40, 0x15][(place - 1) % 3] as number
    // Four bytes that mean nothing, then the number (8.2.27).
    if (code === 0x4b && place >= 5) return this.uniqueId[(place - 5) % 8] as number
    if (code === 0x03 && place >= 4) {
      return this.read(((high << 16) | (middle << 8) | low) + place - 4)
    }
    return 0xff
  }

  /** The same chip, where its power fails when it is so far (0 to 1) with what it is at. */
  cutFork(progress: number, random = this.#random): W25q {
    if (!this.busy) throw new FlashMisuse('a cut of a chip that is at nothing')
    const { begunUs, untilUs } = this.#work as Work
    const other = this.fork(random)
    other.nowUs = begunUs + progress * (untilUs - begunUs)
    other.cut()
    return other
  }

  /** Power fails now: what was under way stays undone in part, and the latch is forgotten. */
  cut(): void {
    this.#finish()
    const work = this.#work
    this.#work = undefined
    this.#selected = false
    this.#writeEnabled = false
    if (work === undefined) return
    const done = (this.nowUs - work.begunUs) / (work.untilUs - work.begunUs)
    const length = work.kind === 'erase' ? sectorBytes : pageBytes
    for (let i = 0; i < length; i += 1) {
      const at = work.at + i
      const now = this.cells[at] as number
      const target = work.kind === 'erase' ? 0xff : now & (work.data[i] as number)
      if (now !== target || this.#weak.has(at)) this.#tear(at, target, done)
    }
  }

  /** Each bit on its own: there already, not yet, or weak. */
  #tear(at: number, target: number, done: number): void {
    let weak = this.#weak.get(at) ?? 0
    let cell = this.cells[at] as number
    for (let bit = 1; bit < 256; bit <<= 1) {
      if (((cell ^ target) & bit) === 0 && (weak & bit) === 0) continue
      const luck = this.#random()
      if (luck < done) {
        cell = (cell & ~bit) | (target & bit)
        weak &= ~bit
      } else if (luck < (1 + done) / 2) weak |= bit
    }
    this.cells[at] = cell
    if (weak === 0) this.#weak.delete(at)
    else this.#weak.set(at, weak)
  }

  #begin(): void {
    const [code = 0, high = 0, middle = 0, low = 0, ...data] = this.#command
    const busy = this.busy
    if (busy && code !== 0x05) throw new FlashMisuse(`command ${code.toString(16)} while busy`)
    if (code === 0x06) this.#writeEnabled = true
    if (code === 0x04) this.#writeEnabled = false
    if (code !== 0x02 && code !== 0x20) {
      if (![0x03, 0x04, 0x05, 0x06, 0x4b, 0x9f].includes(code)) {
        throw new FlashMisuse(`command ${code.toString(16)} is not modelled`)
      }
      return
    }
    if (!this.#writeEnabled) throw new FlashMisuse('a program or erase without write enable')
    const at = ((high << 16) | (middle << 8) | low) % flashBytes
    if (code === 0x02) this.#program(at, data)
    else this.#start('erase', at - (at % sectorBytes), new Uint8Array())
  }

  /** Beyond the end of the page the addresses go round to its beginning; the last byte counts. */
  #program(at: number, data: readonly number[]): void {
    if (data.length === 0) throw new FlashMisuse('a program without data')
    const page = new Uint8Array(pageBytes).fill(0xff)
    for (const [i, byte] of data.entries()) page[((at % pageBytes) + i) % pageBytes] = byte
    this.#start('program', at - (at % pageBytes), page)
  }

  #start(kind: Work['kind'], at: number, data: Uint8Array): void {
    const takes = kind === 'erase' ? this.times.sector : this.times.page
    this.operations += 1
    this.#work = { kind, at, data, begunUs: this.nowUs, untilUs: this.nowUs + takes }
    if (kind === 'erase') {
      const sector = at / sectorBytes
      this.erases[sector] = (this.erases[sector] as number) + 1
    }
  }

  /** The latch is cleared with the end of the work (8.2.1). */
  #finish(): void {
    const work = this.#work
    if (work === undefined || this.nowUs < work.untilUs) return
    this.#work = undefined
    this.#writeEnabled = false
    if (work.kind === 'erase') {
      this.cells.fill(0xff, work.at, work.at + sectorBytes)
      for (let i = 0; i < sectorBytes; i += 1) this.#weak.delete(work.at + i)
      return
    }
    for (const [i, byte] of work.data.entries()) {
      const at = work.at + i
      this.cells[at] = (this.cells[at] as number) & byte
      const weak = (this.#weak.get(at) ?? 0) & byte
      if (weak === 0) this.#weak.delete(at)
      else this.#weak.set(at, weak)
    }
  }
}
