// A core with a bus of our own: memories, blocks of registers, and what happens at which cycle. An
// access that no block answers ends the run with an error; only where a chip says so is it the
// fault that it is on silicon. Knows no chip, and no core: those are cortex-m0.ts and cortex-m4.ts.

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

/** What a core is joined to. Its addresses are whole multiples of its widths. */
export interface CoreHost {
  /** A halfword of code. */
  fetch(address: number): number
  read(address: number, bytes: 1 | 2 | 4): number
  write(address: number, bytes: 1 | 2 | 4, value: number): void
  now: () => number
  schedule: (due: Due, cycle: number) => void
  /** The core asks for a reset (AIRCR). */
  onReset: () => void
  /** Where its vectors lie after a reset. */
  vectors: number
}

/** What runs instructions. */
export interface Core {
  readonly PC: number
  readonly SP: number
  /** The exception that it is in; 0: none. */
  readonly IPSR: number
  /** Until an interrupt. */
  readonly waiting: boolean
  readonly dues: readonly Due[]
  /** Gives the cycles that it took. */
  executeInstruction(): number
  /** A request of the chip's, as a level. */
  setInterrupt(number: number, high: boolean): void
  /** Registers at 0xe000e000. */
  readSystem(address: number): number
  writeSystem(address: number, bytes: number, value: number): void
}

export interface CortexOptions {
  core: (host: CoreHost) => Core
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
  /** Addresses at which silicon answers with a fault; elsewhere nobody knows, and the run ends. */
  nothingAt?: (address: number) => boolean
  /** Cycles that the chip was alive for before. */
  cycles: number
  /** The core asks for a reset (AIRCR). */
  onReset: () => void
}

/** The bus had no answer, or a model refuses what was done: the run ends. */
export class BusFault extends Error {
  override name = 'BusFault'
}
/** As a chip says that it has nothing there: a core may take it for the fault that it is. */
export class Unanswered extends BusFault {
  readonly address: number
  readonly fetched: boolean

  constructor(address: number, fetched: boolean) {
    super(`nothing is at ${hexOf(address)}`)
    this.address = address
    this.fetched = fetched
  }
}

const ramAt = 0x20000000
const hexOf = (address: number): string => `0x${(address >>> 0).toString(16)}`

export class Cortex {
  cycles: number
  readonly core: Core
  readonly #options: CortexOptions
  readonly #flash: DataView
  readonly #ram: DataView
  readonly #coupled: DataView
  readonly #dues: readonly Due[]
  #next = Number.POSITIVE_INFINITY
  #stalled = 0

  constructor(options: CortexOptions) {
    this.#options = options
    this.cycles = options.cycles
    const view = (bytes: Uint8Array): DataView =>
      new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#flash = view(options.flash)
    this.#ram = view(options.ram)
    this.#coupled = view(options.coupled?.bytes ?? new Uint8Array())
    this.core = options.core({
      ...{ onReset: options.onReset, vectors: options.flashAt, now: () => this.cycles },
      schedule: (due, cycle) => this.schedule(due, cycle),
      fetch: (address) => this.#fetch(address),
      read: (address, bytes) => this.#read(address, bytes),
      write: (address, bytes, value) => this.#write(address, bytes, value),
    })
    this.#dues = [...options.dues, ...this.core.dues]
  }

  /** A block's request, as a level, by the chip's number of it. */
  interrupt(number: number, high: boolean): void {
    this.core.setInterrupt(number, high)
  }

  /** Sets when something happens. */
  schedule(due: Due, cycle: number): void {
    due.at = cycle
    this.#next = Math.min(...this.#dues.map(({ at }) => at))
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
    if ((address & 3) !== 0) throw new BusFault(`unaligned read of ${hexOf(address)}`)
    return this.#read(address >>> 0, 4) >>> 0
  }

  /** As the image's code would store a word. */
  write(address: number, value: number): void {
    this.#write(address >>> 0, 4, value >>> 0)
  }

  #advance(cycles: number): void {
    this.#stalled = 0
    const until = this.cycles + cycles
    while (this.#next <= until) {
      const due = this.#dues.find(({ at }) => at === this.#next)
      if (due === undefined) break
      this.cycles = Math.max(this.cycles, due.at)
      this.schedule(due, Number.POSITIVE_INFINITY)
      due.fire()
    }
    this.cycles = Math.max(this.cycles, until)
  }

  #fetch(address: number): number {
    const inRam = address - ramAt
    if (inRam >= 0 && inRam < this.#ram.byteLength) return this.#ram.getUint16(inRam, true)
    return this.#inFlash(address, 2) ?? this.#nothing(address, true)
  }

  #inFlash(address: number, bytes: 1 | 2 | 4): number | undefined {
    const { flashAt, flashStall } = this.#options
    const at = address - flashAt
    if (at < 0 || at >= this.#flash.byteLength) return undefined
    if (flashStall !== undefined) this.#stalled = Math.max(this.#stalled, flashStall())
    return get(this.#flash, at, bytes)
  }

  #read(address: number, bytes: 1 | 2 | 4): number {
    const inRam = address - ramAt
    if (inRam >= 0 && inRam < this.#ram.byteLength) return get(this.#ram, inRam, bytes)
    const stored = this.#inFlash(address, bytes)
    if (stored !== undefined) return stored
    const inCoupled = this.#inCoupled(address)
    if (inCoupled !== undefined) return get(this.#coupled, inCoupled, bytes)
    const word = this.#readBlock((address & ~3) >>> 0)
    const shifted = word >>> (8 * (address & 3))
    return bytes === 4 ? word : bytes === 2 ? shifted & 0xffff : shifted & 0xff
  }

  #readBlock(address: number): number {
    if (address >>> 12 === 0xe000e) return this.core.readSystem(address) >>> 0
    const block = this.#block(address)
    return block.read(address - block.at) >>> 0
  }

  #write(address: number, bytes: 1 | 2 | 4, value: number): void {
    const inRam = address - ramAt
    if (inRam >= 0 && inRam < this.#ram.byteLength) {
      set(this.#ram, inRam, { value, bytes })
      return
    }
    const inCoupled = this.#inCoupled(address)
    if (inCoupled !== undefined) set(this.#coupled, inCoupled, { value, bytes })
    else if (address >>> 12 === 0xe000e) this.core.writeSystem(address, bytes, value)
    else this.#writeWord(address, bytes, value)
  }

  #writeWord(address: number, bytes: 1 | 2 | 4, value: number): void {
    const inFlash = address - this.#options.flashAt
    const isFlash = inFlash >= 0 && inFlash < this.#flash.byteLength
    const block = isFlash ? undefined : this.#block(address)
    if (bytes !== 4) throw new BusFault(`a write of ${bytes} bytes to ${hexOf(address)}`)
    if (block === undefined) this.#options.onFlashStore(inFlash, value >>> 0)
    else block.write(address - block.at, value >>> 0)
  }

  #inCoupled(address: number): number | undefined {
    const offset = address - (this.#options.coupled?.at ?? 0)
    return offset >= 0 && offset < this.#coupled.byteLength ? offset : undefined
  }

  #block(address: number): Block {
    for (const block of this.#options.blocks) {
      if (address >= block.at && address < block.at + block.bytes) return block
    }
    return this.#nothing(address, false)
  }

  #nothing(address: number, fetched: boolean): never {
    if (this.#options.nothingAt?.(address) === true) throw new Unanswered(address, fetched)
    throw new BusFault(`nothing answers at ${hexOf(address)}, PC ${hexOf(this.core.PC)}`)
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
