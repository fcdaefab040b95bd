// A Raspberry Pi Pico on rp2040js, run cycle by cycle: starts an image at boot2, hears every edge
// of every pin, gives the converter its counts, and resets when the watchdog bites (the emulator
// leaves that to its host). A reset is a new chip with RAM and scratch registers of the old one.
import { ConsoleLogger, GPIOPinState, LogLevel, RP2040 } from 'rp2040js'
import { joinFlash } from './qspi.ts'
import { createRosc, type Noise } from './rosc.ts'
import { quickTimes, W25q } from './w25q.ts'

const clockHz = 125_000_000
const nsPerCycle = 1e9 / clockHz
const cyclesPerUs = clockHz / 1e6
/** Where the chip's ROM copies the second stage to, and starts it. */
const bootAddress = 0x20041f00

/** Level of a pin as a load with a pull-down sees it. */
export type OnEdge = (pin: number, high: boolean, cycle: number) => void

export interface PicoOptions {
  /** Raw image for the start of the flash. */
  bin: Uint8Array
  /** The chip, where it has a life beyond this Pico's power-up, or times as the real one. */
  flash?: W25q
  /** Counts of a converter channel; `level` reads any pin, such as a multiplexer's address. */
  analogue?: (channel: number, level: (pin: number) => boolean) => number
  /** What the ring oscillator's random bit shows; without it the bit stands still at 1. */
  noise?: Noise
  onEdge?: OnEdge
  onUart?: (byte: number) => void
}

/** The part of the emulator's clock that moves time. */
interface Clock {
  readonly nanosToNextAlarm: number
  tick(deltaNanos: number): void
  createAlarm(callback: () => void): { schedule(deltaNanos: number): void }
}

interface Watchdog {
  scratchData: Uint32Array
  reason: number
  onWatchdogTrigger: () => void
  writeUint32(offset: number, value: number): void
}

export class Pico {
  readonly options: PicoOptions
  readonly flash: W25q
  /** Cycles since power-up, over resets. */
  cycles = 0
  /** Of these the core slept. */
  asleep = 0
  resets = 0
  #mcu: RP2040
  #clock: Clock
  #levels = new Map<number, boolean>()
  #inputs = new Map<number, boolean>()
  #bitten = false

  constructor(options: PicoOptions) {
    this.options = options
    this.flash = options.flash ?? new W25q({ times: quickTimes })
    this.flash.cells.set(options.bin)
    ;[this.#mcu, this.#clock] = this.#chip()
  }

  /** Simulated time, microseconds. */
  get us(): number {
    return (this.cycles * nsPerCycle) / 1000
  }

  level(pin: number): boolean {
    return this.#levels.get(pin) ?? false
  }

  /** Drives a pin from outside. */
  drive(pin: number, high: boolean): void {
    this.#inputs.set(pin, high)
    this.#mcu.gpio[pin]?.setInputValue(high)
  }

  /** The interrupt is about to be taken, or the core is inside one. */
  get inInterrupt(): boolean {
    return this.#mcu.core.IPSR !== 0
  }

  /** Where the next instruction lies. */
  get programCounter(): number {
    // The emulator leaves the bit set that says Thumb.
    return this.#mcu.core.PC & ~1
  }

  get stackPointer(): number {
    return this.#mcu.core.registers[13] ?? 0
  }

  /** Hears every word that the image writes to a peripheral. */
  onWrite(heard: (address: number, value: number) => void): void {
    const mcu = this.#mcu
    const write = mcu.writeUint32.bind(mcu)
    mcu.writeUint32 = (address, value) => {
      if (address >>> 28 === 4) heard(address, value)
      write(address, value)
    }
  }

  /** What the image's code sees at an address. */
  read(address: number): number {
    return this.#mcu.readUint32(address)
  }

  /** As the image's code would store it. */
  write(address: number, value: number): void {
    this.#mcu.writeUint32(address, value)
  }

  /** Runs until `done` says so, looked at after each instruction, or for that many cycles. */
  run(cycles: number, done: () => boolean = () => false): boolean {
    const end = this.cycles + cycles
    while (this.cycles < end) {
      this.#step()
      if (done()) return true
    }
    return false
  }

  /** Power fails: what the flash chip was at stays undone in part. The flash lives on. */
  cutPower(): void {
    this.flash.nowUs = this.us
    this.flash.cut()
  }

  /** The chip's USB controller, for a host; a reset makes another. */
  get usb(): RP2040['usbCtrl'] {
    return this.#mcu.usbCtrl
  }

  /** Gives the board's UART one byte; false where its receive buffer has no room. */
  feed(byte: number): boolean {
    const uart = this.#mcu.uart[0]
    if (uart === undefined || (uart.readUint32(0x18) & 0x40) !== 0) return false
    uart.feedByte(byte)
    return true
  }

  /** Feeds bytes as the receive buffer has room, and runs until a whole line came back. */
  ask(line: string, cyclesMax: number): string {
    let answer = ''
    let at = 0
    this.options.onUart = (byte) => {
      answer += String.fromCharCode(byte)
    }
    this.run(cyclesMax, () => {
      if (at < line.length && this.feed(line.charCodeAt(at))) at += 1
      return answer.endsWith('\n')
    })
    if (!answer.endsWith('\n')) throw new Error(`no whole answer to ${line}: ${answer}`)
    return answer.trim()
  }

  #step(): void {
    const { core } = this.#mcu
    if (core.waiting) {
      const cycles = Math.max(1, Math.round(this.#clock.nanosToNextAlarm / nsPerCycle))
      this.asleep += cycles
      this.#advance(cycles)
    } else this.#advance(core.executeInstruction())
  }

  #advance(cycles: number): void {
    this.cycles += cycles
    this.#clock.tick(cycles * nsPerCycle)
    if (this.#bitten) this.#reset()
  }

  #reset(): void {
    this.#bitten = false
    this.resets += 1
    const old = watchdogOf(this.#mcu)
    const { sram } = this.#mcu
    for (const pin of this.#levels.keys()) this.#edge(pin, false)
    ;[this.#mcu, this.#clock] = this.#chip()
    const fresh = watchdogOf(this.#mcu)
    fresh.scratchData.set(old.scratchData)
    // RAM is not reset (datasheet 2.6.2); the ROM's own use of its last kilobytes is not modelled.
    this.#mcu.sram.set(sram.subarray(0, 0x40000))
    fresh.reason = old.reason
  }

  #edge(pin: number, high: boolean): void {
    if (this.level(pin) === high) return
    this.#levels.set(pin, high)
    this.options.onEdge?.(pin, high, this.cycles)
  }

  #chip(): [RP2040, Clock] {
    const mcu = new RP2040()
    // Its own clock, whose type the package does not export.
    const clock = mcu.clock as unknown as Clock
    mcu.logger = new ConsoleLogger(LogLevel.Error, true)
    const rosc = createRosc(this.options.noise ?? (() => 1))
    Object.assign(mcu.peripherals[0x40060] ?? {}, rosc)
    // As the ROM does: it waits for a chip that is still at an erase, and copies the second stage.
    this.flash.select(false)
    this.cycles += Math.ceil(this.flash.busyUs * cyclesPerUs)
    this.flash.nowUs = this.us
    mcu.sram.set(this.flash.cells.subarray(0, 256), bootAddress - 0x20000000)
    joinFlash(mcu, this.flash, () => this.cycles)
    const watchdog = watchdogOf(mcu)
    watchdog.onWatchdogTrigger = () => {
      // Otherwise its alarm would come again at once, for ever.
      watchdog.writeUint32(0, 0)
      this.#bitten = true
    }
    for (const [pin, gpio] of mcu.gpio.entries()) {
      gpio.addListener((state) => this.#edge(pin, state === GPIOPinState.High))
      const driven = this.#inputs.get(pin)
      if (driven !== undefined) gpio.setInputValue(driven)
    }
    mcu.adc.onADCRead = (channel) => {
      const counts = this.options.analogue?.(channel, (pin) => this.level(pin)) ?? 0
      clock.createAlarm(() => mcu.adc.completeADCRead(counts, false)).schedule(2000)
    }
    const uart = mcu.uart[0]
    if (uart !== undefined) uart.onByte = (byte) => this.options.onUart?.(byte)
    mcu.core.PC = bootAddress
    return [mcu, clock]
  }
}

const watchdogOf = (mcu: RP2040): Watchdog => mcu.peripherals[0x40058] as unknown as Watchdog
