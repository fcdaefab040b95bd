// A Cortex-M0 with a bus of our own: the core, its NVIC and its sleep are rp2040js's, memories and
// blocks are those of another chip. An access that no block answers ends the run with an error,
// because on silicon it would be a fault. Knows no chip.
import { ConsoleLogger, LogLevel, RP2040 } from 'rp2040js'

/** A block of registers, at whole words. */
export interface Block {
  at: number
  bytes: number
  read(offset: number): number
  write(offset: number, value: number): void
}

/** Something that will happen at a cycle; Infinity: nothing. */
export class Due {
  at = Number.POSITIVE_INFINITY
  readonly fire: () => void

  constructor(fire: () => void) {
    this.fire = fire
  }
}

export interface CortexOptions {
  /** Where the flash lies, and its bytes; a store to it goes to `onFlashStore`. */
  flashAt: number
  flash: Uint8Array
  onFlashStore: (offset: number, value: number) => void
  /** Before each read of the flash; gives cycles for which it stalls the core. */
  flashStall?: () => number
  /** At 0x20000000; it lives on over a reset. */
  ram: Uint8Array
  /** Memory of data only, at its own address; it lives on, too. */
  coupled?: { at: number; bytes: Uint8Array }
  blocks: readonly Block[]
  dues: readonly Due[]
  /** Interrupt of the chip -> line of this core, which has 26: the vectors stay the chip's. */
  lines?: ReadonlyMap<number, number>
  /** Cycles that the chip was alive for before. */
  cycles: number
  /** The core asks for a reset (AIRCR). */
  onReset: () => void
}

/** The bus had no answer: a fault on silicon. */
export class BusFault extends Error {
  override name = 'BusFault'
}

const ramAt = 0x20000000
const hexOf = (address: number): string => `0x${(address >>> 0).toString(16)}`

export class Cortex {
  cycles: number
  readonly core: RP2040['core']
  readonly #mcu: RP2040
  readonly #options: CortexOptions
  readonly #flash: DataView
  readonly #ram: DataView
  readonly #coupled: DataView
  #next = Number.POSITIVE_INFINITY
  #stalled = 0

  constructor(options: CortexOptions) {
    const mcu = new RP2040()
    this.#mcu = mcu
    this.#options = options
    this.cycles = options.cycles
    this.core = mcu.core
    const view = (bytes: Uint8Array): DataView =>
      new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#flash = view(options.flash)
    this.#ram = view(options.ram)
    this.#coupled = view(options.coupled?.bytes ?? new Uint8Array())
    mcu.logger = new ConsoleLogger(LogLevel.Error, true)
    mcu.readUint32 = (address) => this.#read(address >>> 0, 4)
    mcu.readUint16 = (address) => this.#read(address >>> 0, 2)
    mcu.readUint8 = (address) => this.#read(address >>> 0, 1)
    mcu.writeUint32 = (address, value) => this.#write(address >>> 0, value, 4)
    mcu.writeUint16 = (address, value) => this.#write(address >>> 0, value, 2)
    mcu.writeUint8 = (address, value) => this.#write(address >>> 0, value, 1)
    mcu.onBreak = (code) => {
      throw new BusFault(`breakpoint ${code} at ${hexOf(this.core.PC)}`)
    }
    this.core.VTOR = options.flashAt
    this.core.SP = this.#read(options.flashAt, 4)
    this.core.PC = this.#read(options.flashAt + 4, 4) & ~1
  }

  /** A block's request, as a level, by the chip's number of it. */
  interrupt(number: number, high: boolean): void {
    this.core.setInterrupt(this.#options.lines?.get(number) ?? number, high)
  }

  /** Sets when something happens. */
  schedule(due: Due, cycle: number): void {
    due.at = cycle
    this.#next = Math.min(...this.#options.dues.map(({ at }) => at))
  }

  /** Runs until `done` says so, looked at after each instruction, or for that many cycles. */
  run(cycles: number, done: () => boolean): boolean {
    const end = this.cycles + cycles
    while (this.cycles < end) {
      if (this.core.waiting) {
        const until = Math.min(this.#next, end)
        this.#advance(Math.max(1, until - this.cycles))
      } else {
        const taken = this.core.executeInstruction()
        this.#advance(taken + this.#stalled)
      }
      if (done()) return true
    }
    return false
  }

  read(address: number): number {
    return this.#read(address >>> 0, 4) >>> 0
  }

  /** As the image's code would store a word. */
  write(address: number, value: number): void {
    this.#write(address >>> 0, value >>> 0, 4)
  }

  #advance(cycles: number): void {
    this.#stalled = 0
    const until = this.cycles + cycles
    while (this.#next <= until) {
      const due = this.#options.dues.find(({ at }) => at === this.#next)
      if (due === undefined) break
      this.cycles = Math.max(this.cycles, due.at)
      this.schedule(due, Number.POSITIVE_INFINITY)
      due.fire()
    }
    this.cycles = Math.max(this.cycles, until)
  }

  #read(address: number, bytes: 1 | 2 | 4): number {
    if (address % bytes !== 0) throw new BusFault(`unaligned read of ${hexOf(address)}`)
    const { flashAt, flashStall } = this.#options
    const inRam = address - ramAt
    if (inRam >= 0 && inRam < this.#ram.byteLength) {
      const vector = bytes === 4 ? this.#vectorOf(address) : address
      return get(this.#ram, vector - ramAt, bytes)
    }
    const inFlash = address - flashAt
    if (inFlash >= 0 && inFlash < this.#flash.byteLength) {
      if (flashStall !== undefined) this.#stalled = Math.max(this.#stalled, flashStall())
      const vector = bytes === 4 ? this.#vectorOf(address) : address
      return get(this.#flash, vector - flashAt, bytes)
    }
    const inCoupled = this.#inCoupled(address)
    if (inCoupled !== undefined) return get(this.#coupled, inCoupled, bytes)
    const word = this.#readBlock(address & ~3)
    const shifted = word >>> (8 * (address & 3))
    return bytes === 4 ? word : bytes === 2 ? shifted & 0xffff : shifted & 0xff
  }

  #readBlock(address: number): number {
    if (address >>> 12 === 0xe000e) return this.#mcu.ppb.readUint32(this.#line(address) & 0xfff)
    const block = this.#block(address)
    return block.read(address - block.at) >>> 0
  }

  #write(address: number, value: number, bytes: 1 | 2 | 4): void {
    if (address % bytes !== 0) throw new BusFault(`unaligned write of ${hexOf(address)}`)
    const inRam = address - ramAt
    const inCoupled = this.#inCoupled(address)
    if (inRam >= 0 && inRam < this.#ram.byteLength) set(this.#ram, inRam, { value, bytes })
    else if (inCoupled !== undefined) set(this.#coupled, inCoupled, { value, bytes })
    else this.#writeWord(address, value, bytes)
  }

  #writeWord(address: number, value: number, bytes: 1 | 2 | 4): void {
    if (bytes !== 4) throw new BusFault(`a write of ${bytes} bytes to ${hexOf(address)}`)
    const inFlash = address - this.#options.flashAt
    if (inFlash >= 0 && inFlash < this.#flash.byteLength) {
      this.#options.onFlashStore(inFlash, value >>> 0)
    } else if (address === 0xe000ed0c) {
      if (value >>> 0 === 0x05fa0004) this.#options.onReset()
    } else if (address >>> 12 === 0xe000e) {
      this.#mcu.ppb.writeUint32(this.#line(address) & 0xfff, value)
    } else {
      const block = this.#block(address)
      block.write(address - block.at, value >>> 0)
    }
  }

  #inCoupled(address: number): number | undefined {
    const offset = address - (this.#options.coupled?.at ?? 0)
    return offset >= 0 && offset < this.#coupled.byteLength ? offset : undefined
  }

  #block(address: number): Block {
    for (const block of this.#options.blocks) {
      if (address >= block.at && address < block.at + block.bytes) return block
    }
    throw new BusFault(`nothing answers at ${hexOf(address)}, PC ${hexOf(this.core.PC)}`)
  }

  /** Enable bits and priorities of a joined line, which lie one word of 32 lines, or 4, further. */
  #line(address: number): number {
    for (const [number, line] of this.#options.lines ?? []) {
      if (address === 0xe000e100 + 4 * (number >> 5)) return 0xe000e100
      if (address === 0xe000e400 + (number & ~3)) return 0xe000e400 + (line & ~3)
    }
    return address
  }

  #vectorOf(address: number): number {
    for (const [number, line] of this.#options.lines ?? []) {
      if (address === this.core.VTOR + 4 * (16 + line)) return this.core.VTOR + 4 * (16 + number)
    }
    return address
  }
}

const get = (view: DataView, at: number, bytes: 1 | 2 | 4): number =>
  bytes === 4
    ? view.getUint32(at, true)
    : bytes === 2
      ? view.getUint16(at, true)
      : view.getUint8(at)

const set = (
  view: DataView,
  at: number,
  { value, bytes }: { value: number; bytes: number },
): void => {
  if (bytes === 4) view.setUint32(at, value, true)
  else if (bytes === 2) view.setUint16(at, value, true)
  else view.setUint8(at, value)
}
