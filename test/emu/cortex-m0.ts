// A Cortex-M0: the core, its NVIC and its sleep are rp2040js's, joined to a bus of another chip.
// An access that is not aligned ends the run with an error, because on silicon it is a fault.
import { ConsoleLogger, LogLevel, RP2040 } from 'rp2040js'
import { BusFault, type Core, type CoreHost, type Due } from './cortex.ts'

const resetRequest = 0xe000_ed0c
const hexOf = (address: number): string => `0x${(address >>> 0).toString(16)}`

export class CortexM0 implements Core {
  readonly dues: readonly Due[] = []
  readonly #mcu: RP2040
  readonly #core: RP2040['core']
  readonly #host: CoreHost

  constructor(host: CoreHost) {
    const mcu = new RP2040()
    this.#mcu = mcu
    this.#core = mcu.core
    this.#host = host
    mcu.logger = new ConsoleLogger(LogLevel.Error, true)
    mcu.readUint32 = (address) => this.#read(address >>> 0, 4)
    mcu.readUint16 = (address) => this.#read(address >>> 0, 2)
    mcu.readUint8 = (address) => this.#read(address >>> 0, 1)
    mcu.writeUint32 = (address, value) => this.#write(address >>> 0, 4, value)
    mcu.writeUint16 = (address, value) => this.#write(address >>> 0, 2, value)
    mcu.writeUint8 = (address, value) => this.#write(address >>> 0, 1, value)
    mcu.onBreak = (code) => {
      throw new BusFault(`breakpoint ${code} at ${hexOf(this.PC)}`)
    }
    this.#core.VTOR = host.vectors
    this.#core.SP = host.read(host.vectors, 4)
    this.#core.PC = host.read(host.vectors + 4, 4) & ~1
  }

  get PC(): number {
    return this.#core.PC
  }
  get SP(): number {
    return this.#core.SP
  }
  get IPSR(): number {
    return this.#core.IPSR
  }
  get waiting(): boolean {
    return this.#core.waiting
  }

  executeInstruction(): number {
    return this.#core.executeInstruction()
  }
  setInterrupt(number: number, high: boolean): void {
    this.#core.setInterrupt(number, high)
  }
  readSystem(address: number): number {
    return this.#mcu.ppb.readUint32(address & 0xfff)
  }
  writeSystem(address: number, bytes: number, value: number): void {
    if (bytes !== 4) throw new BusFault(`a write of ${bytes} bytes to ${hexOf(address)}`)
    if (address !== resetRequest) this.#mcu.ppb.writeUint32(address & 0xfff, value)
    else if (value >>> 0 === 0x05fa_0004) this.#host.onReset()
  }

  #read(address: number, bytes: 1 | 2 | 4): number {
    if (address % bytes !== 0) throw new BusFault(`unaligned read of ${hexOf(address)}`)
    return this.#host.read(address, bytes)
  }
  #write(address: number, bytes: 1 | 2 | 4, value: number): void {
    if (address % bytes !== 0) throw new BusFault(`unaligned write of ${hexOf(address)}`)
    this.#host.write(address, bytes, value)
  }
}
