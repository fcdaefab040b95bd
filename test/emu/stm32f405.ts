// An STM32F405: its blocks as register models around a Cortex-M4F, so that the image that is
// flashed runs against them and is seen from its pins. What it proves is order, values and times of
// registers; how long code takes is the core's table, not silicon. A reset keeps RAM, flash and
// back-up registers; a loss of power only the flash.
import { type Block, BusFault, Cortex, Due } from './cortex.ts'
import { CortexM4 } from './cortex-m4.ts'
import {
  Clocks,
  FlashInterface,
  flashBytes,
  IndependentWatchdog,
  quickFlashTimes,
} from './stm32-clocks.ts'
import { type NoiseSource, RandomGenerator } from './stm32-noise.ts'
import { Converter, MicrosTimer, PwmTimer } from './stm32-timers.ts'

const powerUpFlags = 0x0e00_0000
const watchdogFlag = 1 << 29
const softwareFlag = 1 << 28
const pinFlag = 1 << 26
const ramBytes = 128 * 1024
/** The core-coupled memory (2.3.1), which a reset leaves on. */
const coupled = { at: 0x1000_0000, kb: 64 }
/** Pins are numbered 16 * port + bit. */
const ports = 4
/** TIM8's channels 1 and 2. */
const sides = { port: 2, first: 38, second: 39 }

export interface Stm32Options {
  bin: Uint8Array
  /** Counts of a channel; `level` reads any pin. */
  analogue?: (channel: number, level: (pin: number) => boolean) => number
  onEdge?: (pin: number, high: boolean, cycle: number) => void
  onUart?: (byte: number) => void
  /** A conversion that a timer has started: the middle of its sampling. */
  onTimed?: (cycle: number) => void
  /** The flash of an earlier power-up. */
  cells?: Uint8Array
  flashTimes?: typeof quickFlashTimes
  random?: () => number
  /** Of its random number generator; without one every bit is 1. */
  noise?: NoiseSource
}

export class Stm32 {
  readonly options: Stm32Options
  readonly cells: Uint8Array
  resets = 0
  readonly #ram = new Uint8Array(ramBytes)
  readonly #coupled = new Uint8Array(coupled.kb * 1024)
  readonly #backup = new Uint32Array(20)
  readonly #gpio = new Map<number, number>()
  readonly #inputs = new Map<number, boolean>()
  readonly #levels = new Map<number, boolean>()
  #cortex!: Cortex
  #clocks!: Clocks
  #flash!: FlashInterface
  #pwm!: PwmTimer
  #received: number[] = []
  #sending: number[] = []
  #uart = { brr: 0, control: 0 }
  #sent!: Due
  #bitten: number | undefined

  constructor(options: Stm32Options) {
    this.options = options
    this.cells = options.cells ?? new Uint8Array(flashBytes).fill(0xff)
    this.cells.set(options.bin)
    this.#start(powerUpFlags, 0)
  }

  get cycles(): number {
    return this.#cortex.cycles
  }
  get hz(): number {
    return this.#clocks.hz
  }
  get flash(): FlashInterface {
    return this.#flash
  }
  get stackPointer(): number {
    return this.#cortex.core.SP
  }
  get inInterrupt(): boolean {
    return this.#cortex.core.IPSR !== 0
  }

  /** What a load with a pull-down sees. */
  level(pin: number): boolean {
    return this.#levels.get(pin) ?? false
  }

  /** Drives a pin from outside. */
  drive(pin: number, high: boolean): void {
    this.#inputs.set(pin, high)
  }

  run(cycles: number, done: () => boolean = () => false): boolean {
    const end = this.cycles + cycles
    while (this.cycles < end) {
      const ended = this.#cortex.run(end - this.cycles, () => this.#bitten !== undefined || done())
      if (this.#bitten !== undefined) this.#restart()
      else if (ended) return true
    }
    return false
  }

  read(address: number): number {
    return this.#cortex.read(address)
  }

  /** As the image's code would store a word. */
  write(address: number, value: number): void {
    this.#cortex.write(address, value)
  }

  /** One byte on the line to the board. */
  feed(byte: number): boolean {
    if (this.#received.length > 0) return false
    this.#received.push(byte)
    this.#uartInterrupt()
    return true
  }

  /** Its reset pin is pulled low for a moment. */
  pullReset(): void {
    this.#bitten = pinFlag
    this.#restart()
  }

  /** Power fails. */
  cutPower(): void {
    this.#flash.cut()
  }

  #restart(): void {
    const flags = this.#bitten ?? 0
    this.#bitten = undefined
    this.resets += 1
    this.#flash.cut()
    for (const pin of this.#levels.keys()) this.#edge(pin, false)
    this.#start(flags, this.cycles)
  }

  #start(flags: number, cycles: number): void {
    const chip = (): Cortex => this.#cortex
    const clocks = new Clocks(() => (this.#cortex as Cortex | undefined)?.cycles ?? cycles, flags)
    const { flashTimes = quickFlashTimes, random = () => 0.5 } = this.options
    const flash = new FlashInterface(this.cells, clocks, { times: flashTimes, random })
    flash.operations = (this.#flash as FlashInterface | undefined)?.operations ?? 0
    const pwm = new PwmTimer(chip, clocks, () => this.#refresh(sides.port))
    const converter = new Converter({
      ...{ chip, clocks, interrupt: (high) => chip().interrupt(18, high) },
      counts: (channel) => this.options.analogue?.(channel, (pin) => this.level(pin)) ?? 0,
      isAnalogue: (channel) => this.#mode(pinOfChannel(channel)) === 3,
    })
    const micros = new MicrosTimer(chip, clocks, (high) => {
      converter.trigger(high)
      this.options.onTimed?.(converter.sampledAt.injected)
    })
    const bite = new Due(() => {
      this.#bitten = watchdogFlag
    })
    const watchdog = new IndependentWatchdog(
      () => clocks.hz,
      (left) => chip().schedule(bite, chip().cycles + left),
    )
    const noise = new RandomGenerator(chip, clocks, this.options.noise ?? { bit: () => 1 })
    this.#sent = new Due(() => this.#sentOne())
    Object.assign(this, { clocks })
    this.#clocks = clocks
    this.#flash = flash
    this.#pwm = pwm
    this.#received = []
    this.#sending = []
    this.#uart = { brr: 0, control: 0 }
    this.#gpio.clear()
    this.#cortex = new Cortex({
      core: (host) => new CortexM4(host),
      ...{ flashAt: 0x0800_0000, flash: this.cells, ram: this.#ram, cycles },
      coupled: { at: coupled.at, bytes: this.#coupled },
      onFlashStore: (at, value) => flash.store(at, value),
      flashStall: () => flash.busyFor,
      nothingAt: (address) => address >= 0x6000_0000,
      onReset: () => {
        this.#bitten = softwareFlag
      },
      dues: [...pwm.dues, ...micros.dues, ...converter.dues, bite, noise.due, this.#sent],
      blocks: this.#blocks({ pwm, micros, converter, watchdog, noise }),
    })
  }

  #blocks(parts: {
    pwm: PwmTimer
    micros: MicrosTimer
    converter: Converter
    watchdog: IndependentWatchdog
    noise: RandomGenerator
  }): Block[] {
    const clocks = this.#clocks
    const need = (name: string, on: () => number, block: Block): Block => {
      const check = (): void => {
        if (on() === 0) throw new BusFault(`${name} is touched while its clock is off`)
      }
      return {
        ...block,
        read: (offset) => {
          check()
          return block.read(offset)
        },
        write: (offset, value) => {
          check()
          block.write(offset, value)
        },
      }
    }
    const of = (at: number, bytes: number, block: Omit<Block, 'at' | 'bytes'>): Block => ({
      ...{ at, bytes },
      read: (offset) => block.read(offset),
      write: (offset, value) => block.write(offset, value),
    })
    const gpio = Array.from({ length: ports }, (_, port) =>
      need(
        `port ${port}`,
        () => (clocks.ahb1 >>> port) & 1,
        of(0x4002_0000 + 0x400 * port, 0x400, {
          read: (offset) => this.#readPort(port, offset),
          write: (offset, value) => this.#writePort(port, offset, value),
        }),
      ),
    )
    return [
      ...gpio,
      need('TIM2', () => clocks.apb1 & 1, of(0x4000_0000, 0x400, parts.micros)),
      need('TIM8', () => clocks.apb2 & 2, of(0x4001_0400, 0x400, parts.pwm)),
      need('ADC1', () => clocks.apb2 & 0x100, of(0x4001_2000, 0x400, parts.converter)),
      need('USART1', () => clocks.apb2 & 0x10, of(0x4001_1000, 0x400, this.#usart())),
      need('PWR', () => clocks.apb1 & 0x1000_0000, of(0x4000_7000, 0x400, this.#power())),
      need('back-up', () => clocks.apb1 & 0x1000_0000, of(0x4000_2850, 0x50, this.#backups())),
      need('RNG', () => clocks.ahb2 & 0x40, of(0x5006_0800, 0x400, parts.noise)),
      of(0x4000_3000, 0x400, parts.watchdog),
      of(0x4002_3800, 0x400, clocks),
      of(0x4002_3c00, 0x400, this.#flash),
      of(0x1fff_7a10, 12, { read: (offset) => 0x11223344 + offset, write: () => undefined }),
    ]
  }

  #power() {
    return {
      read: (offset: number) => (offset === 0 ? this.#clocks.pwr : 0x4000),
      write: (offset: number, value: number) => {
        if (offset === 0) this.#clocks.pwr = value
      },
    }
  }

  /** Written only with DBP (5.4.1). */
  #backups() {
    return {
      read: (offset: number) => this.#backup[offset / 4] ?? 0,
      write: (offset: number, value: number) => {
        if ((this.#clocks.pwr & 0x100) === 0) throw new BusFault('back-up registers are locked')
        this.#backup[offset / 4] = value
      },
    }
  }

  /** USART1 (30.6): 8N1; the line takes its time. */
  #usart() {
    return {
      read: (offset: number): number => {
        if (offset === 0x00) {
          const sent = (this.#sending.length < 2 ? 0x80 : 0) | (this.#sending.length < 1 ? 0x40 : 0)
          return (this.#received.length > 0 ? 0x20 : 0) | sent
        }
        if (offset === 0x08) return this.#uart.brr
        if (offset === 0x0c) return this.#uart.control
        if (offset !== 0x04) throw new BusFault(`USART1 register ${offset}`)
        const byte = this.#received.shift() ?? 0
        this.#uartInterrupt()
        return byte
      },
      write: (offset: number, value: number): void => {
        if (offset === 0x08) this.#uart.brr = value
        else if (offset === 0x0c) this.#uart.control = value
        else if (offset !== 0x04) throw new BusFault(`USART1 register ${offset}`)
        else if ((this.#uart.control & 0x2008) !== 0x2008) throw new BusFault('USART1 is not on')
        else if (this.#sending.length > 1) throw new BusFault('a byte is sent over another one')
        else if (this.#sending.push(value & 255) === 1) this.#sendNext()
        this.#uartInterrupt()
      },
    }
  }

  #sendNext(): void {
    const { hz, pclk2 } = this.#clocks
    const bit = (this.#uart.brr * hz) / pclk2
    this.#cortex.schedule(this.#sent, this.cycles + 10 * bit)
  }

  #sentOne(): void {
    const byte = this.#sending.shift()
    // A pin that is not joined to the block says nothing.
    if (byte !== undefined && this.#mode(9) === 2 && this.#function(9) === 7) {
      this.options.onUart?.(byte)
    }
    if (this.#sending.length > 0) this.#sendNext()
  }

  /** Bits a second that the line has. */
  get baud(): number {
    return this.#clocks.pclk2 / this.#uart.brr
  }

  #uartInterrupt(): void {
    const on = (this.#uart.control & 0x20) !== 0
    this.#cortex.interrupt(37, on && this.#received.length > 0)
  }

  #readPort(port: number, offset: number): number {
    if (offset !== 0x10) return this.#gpio.get(port * 0x400 + offset) ?? resetOf(port, offset)
    let word = 0
    for (let bit = 0; bit < 16; bit += 1) {
      const pin = 16 * port + bit
      const pulledUp = ((this.#readPort(port, 0x0c) >>> (2 * bit)) & 3) === 1
      const mode = this.#mode(pin)
      const high = mode === 0 ? (this.#inputs.get(pin) ?? pulledUp) : this.level(pin)
      if (high && mode !== 3) word |= 1 << bit
    }
    return word
  }

  #writePort(port: number, offset: number, value: number): void {
    if (offset === 0x18) {
      const before = this.#readPort(port, 0x14)
      const next = (before & ~(value >>> 16)) | (value & 0xffff)
      this.#gpio.set(port * 0x400 + 0x14, next)
    } else this.#gpio.set(port * 0x400 + offset, value)
    this.#refresh(port)
  }

  #mode(pin: number): number {
    return (this.#readPort(pin >> 4, 0x00) >>> (2 * (pin & 15))) & 3
  }
  #function(pin: number): number {
    const register = this.#readPort(pin >> 4, 0x20 + 4 * ((pin & 15) >> 3))
    return (register >>> (4 * (pin & 7))) & 15
  }

  #driven(pin: number): boolean {
    const mode = this.#mode(pin)
    if (mode === 1) return ((this.#readPort(pin >> 4, 0x14) >>> (pin & 15)) & 1) === 1
    const isSide = pin === sides.first || pin === sides.second
    if (mode !== 2 || !isSide || this.#function(pin) !== 3) return false
    return this.#pwm.output(pin === sides.first ? 0 : 1) ?? false
  }

  #refresh(port: number): void {
    for (let pin = 16 * port; pin < 16 * port + 16; pin += 1) {
      if (this.#mode(pin) === 1 || this.#mode(pin) === 2 || this.level(pin)) {
        this.#edge(pin, this.#driven(pin))
      }
    }
  }

  #edge(pin: number, high: boolean): void {
    if (this.level(pin) === high) return
    this.#levels.set(pin, high)
    this.options.onEdge?.(pin, high, this.cycles)
  }
}

/** After reset all pins are inputs but the debugger's (8.4.1). */
const resetOf = (port: number, offset: number): number => {
  if (offset === 0x00) return port === 0 ? 0xa800_0000 : port === 1 ? 0x280 : 0
  if (offset === 0x08) return port === 0 ? 0x0c00_0000 : port === 1 ? 0xc0 : 0
  if (offset === 0x0c) return port === 0 ? 0x6400_0000 : port === 1 ? 0x100 : 0
  return 0
}

const pinOfChannel = (channel: number): number =>
  channel < 8 ? channel : channel < 10 ? 8 + channel : 22 + channel
