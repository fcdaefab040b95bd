// The way from the RP2040 to its flash chip: SSI and chip select as registers (datasheet 4.10.13,
// 2.19.6.2), with their buffers and times, and the memory window that is there only while the SSI
// is set up for it and the chip is not busy. What would give garbage or nothing on silicon throws.
import type { RP2040 } from 'rp2040js'
import { FlashMisuse, type W25q } from './w25q.ts'

/** What the emulator has in the place of both; it must take single words. */
interface Block {
  readUint32(offset: number): number
  writeUint32(offset: number, value: number): void
}

const fifo = 16
const cyclesPerUs = 125

/** Joins the chip to the emulator. `cycles` tells the time. */
export const joinFlash = (mcu: RP2040, chip: W25q, cycles: () => number): void => {
  const ssi = new Ssi(chip, cycles)
  replace(mcu, 0x18000, ssi)
  replace(mcu, 0x40018, {
    readUint32: (offset) => (offset === 0xc ? ssi.override << 8 : 0),
    writeUint32: (offset, value) => {
      if (offset === 0xc) ssi.overrideSelect((value >>> 8) & 3)
    },
  })
  const open = (offset: number): void => ssi.openWindow(offset)
  const at = (offset: number, bytes: number): number => {
    open(offset)
    let word = 0
    for (let i = 0; i < bytes; i += 1) word |= chip.read(offset + i) << (8 * i)
    return word >>> 0
  }
  const refuse = (offset: number): never => {
    throw new FlashMisuse(`a plain store to the flash at ${offset.toString(16)}`)
  }
  // The emulator looks at these three and no others; at the length with every access to RAM, so
  // that only what has no place of its own may go through a proxy.
  const window = mcu as unknown as { flashView: unknown; flash: unknown; flash16: unknown }
  window.flashView = {
    getUint32: (offset: number) => at(offset, 4),
    getUint16: (offset: number) => at(offset, 2),
    setUint32: refuse,
  }
  window.flash16 = undefined
  const bytes = new Proxy({}, { get: (_, name) => at(Number(name), 1) })
  window.flash = Object.assign(Object.create(bytes), { length: 16 * 1024 * 1024 })
}

/** Keeps what the emulator's own blocks do with the aliases that set and clear bits. */
const replace = (mcu: RP2040, key: number, block: Block): void => {
  const old = mcu.peripherals[key] as unknown as Block
  old.readUint32 = (offset) => block.readUint32(offset)
  old.writeUint32 = (offset, value) => block.writeUint32(offset, value)
}

class Ssi implements Block {
  /** Of the chip select: 0 the SSI's own, 2 low, 3 high. */
  override = 0
  readonly #chip: W25q
  readonly #cycles: () => number
  readonly #set = new Map<number, number>()
  /** On their way to the chip, with the cycle at which they are through; and what came back. */
  readonly #sending: { byte: number; through: number }[] = []
  readonly #received: number[] = []

  constructor(chip: W25q, cycles: () => number) {
    this.#chip = chip
    this.#cycles = cycles
  }

  readUint32(offset: number): number {
    this.#pump()
    if (offset === 0x60) return this.#received.shift() ?? 0
    if (offset === 0x20) return this.#waiting
    if (offset === 0x24) return this.#received.length
    if (offset === 0x28) {
      const send = (this.#waiting < fifo ? 2 : 0) | (this.#waiting === 0 ? 4 : 0)
      const receive = (this.#received.length > 0 ? 8 : 0) | (this.#received.length < fifo ? 0 : 16)
      return (this.#sending.length > 0 ? 1 : 0) | send | receive
    }
    return this.#set.get(offset) ?? 0
  }

  writeUint32(offset: number, value: number): void {
    this.#pump()
    if (offset === 0x60) this.#send(value)
    else if (offset === 8 && value === 0) {
      if (this.#sending.length > 0) throw new FlashMisuse('the SSI is switched off while it sends')
      this.#received.length = 0
      this.#set.set(8, 0)
    } else {
      if (this.#isOn && [0, 4, 0x14, 0xf4].includes(offset)) {
        throw new FlashMisuse(`SSI register ${offset.toString(16)} is written while it is on`)
      }
      this.#set.set(offset, value >>> 0)
    }
  }

  overrideSelect(how: number): void {
    this.#pump()
    if (this.#sending.length > 0) throw new FlashMisuse('the chip is deselected within a command')
    if (how === 1) throw new FlashMisuse('the chip select is inverted')
    this.override = how
    this.#chip.select(how === 2)
  }

  /** Throws unless memory can be read now. */
  openWindow(offset: number): void {
    this.#pump()
    const place = `flash at ${offset.toString(16)}`
    const control = this.#set.get(0) ?? 0
    if (!this.#isOn || ((control >>> 8) & 3) !== 3 || this.override !== 0) {
      throw new FlashMisuse(`${place} is read while the SSI is not set up for it`)
    }
    if (control !== 0x001f0300 || this.#set.get(0xf4) !== 0x03000218 || this.#set.get(4)) {
      throw new FlashMisuse(`${place} is read with a command that the chip does not know`)
    }
  }

  get #isOn(): boolean {
    return this.#set.get(8) === 1
  }
  /** In the send buffer: the byte that is on the line has left it, so that an empty one still
   * sends (4.10.13, SR: TFE and BUSY). */
  get #waiting(): number {
    return Math.max(0, this.#sending.length - 1)
  }

  #send(value: number): void {
    if (!this.#isOn || this.#set.get(0) !== 7 << 16) {
      throw new FlashMisuse('a byte is sent while the SSI is not set up for single bytes')
    }
    if (this.override !== 2) throw new FlashMisuse('a byte is sent with the chip not held selected')
    if (this.#set.get(0x10) !== 1) throw new FlashMisuse('no chip is chosen')
    if (this.#waiting >= fifo) throw new FlashMisuse('the send buffer overflows')
    const clock = this.#set.get(0x14) ?? 0
    if (clock < 2) throw new FlashMisuse('the SSI has no clock')
    const last = this.#sending.at(-1)?.through ?? 0
    const through = Math.max(last, this.#cycles()) + 8 * clock
    this.#sending.push({ byte: value & 0xff, through })
  }

  #pump(): void {
    const now = this.#cycles()
    this.#chip.nowUs = now / cyclesPerUs
    while ((this.#sending[0]?.through ?? Number.POSITIVE_INFINITY) <= now) {
      const { byte } = this.#sending.shift() as { byte: number }
      if (this.#received.length >= fifo) throw new FlashMisuse('the receive buffer overflows')
      this.#received.push(this.#chip.transfer(byte))
    }
  }
}
