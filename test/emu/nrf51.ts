// A micro:bit V1's nRF51822 for its image: the chip's blocks as register models around the core
// that it has, a Cortex-M0 (reference manual 3.0). The very bytes that are flashed run here, seen
// from the pins. Blocks that the drivers do not use are not there. A reset by the watchdog keeps
// the flash, and RAM or not as the test says; a loss of power only the flash.
import { type Block, BusFault, Cortex, Due } from './cortex.ts'
import { CortexM0 } from './cortex-m0.ts'
import { NrfFlash, nrfFlashBytes, nrfFlashTimes } from './nrf51-flash.ts'
import { Gpiote, Ppi, Timer } from './nrf51-tasks.ts'

const clockHz = 16_000_000
const ramBytes = 16 * 1024
const pins = 32

export interface Nrf51Options {
  bin: Uint8Array
  /** Counts of an analogue input (AIN0 to AIN7); `level` reads any pin. */
  analogue?: (input: number, level: (pin: number) => boolean) => number
  onEdge?: (pin: number, high: boolean, cycle: number) => void
  onUart?: (byte: number) => void
  /** A conversion of that input begins. */
  onSample?: (input: number, cycle: number) => void
  /** Next bit of the random number generator. */
  noise?: () => number
  /** The flash of an earlier power-up. */
  earlier?: Pick<NrfFlash, 'cells' | 'writes'>
  flashTimes?: typeof nrfFlashTimes
  random?: () => number
  /** The watchdog's reset corrupts RAM. */
  losesRam?: boolean
}

export class Nrf51 {
  readonly options: Nrf51Options
  readonly flash: NrfFlash
  resets = 0
  readonly #ram = new Uint8Array(ramBytes)
  readonly #inputs = new Map<number, boolean>()
  readonly #levels = new Map<number, boolean>()
  #gpio = { out: 0, configs: new Uint32Array(pins) }
  #cortex!: Cortex
  #gpiote!: Gpiote
  #received: number[] = []
  #bitten = false

  constructor(options: Nrf51Options) {
    this.options = options
    const cells = options.earlier?.cells ?? new Uint8Array(nrfFlashBytes).fill(0xff)
    cells.set(options.bin)
    const { flashTimes: times = nrfFlashTimes, random = () => 0.5 } = options
    this.flash = new NrfFlash(cells, {
      ...{ times, random, now: () => this.cycles },
      ...(options.earlier && { writes: options.earlier.writes }),
    })
    // Power-up: RAM holds anything.
    for (let i = 0; i < ramBytes; i += 1) this.#ram[i] = Math.imul(i, 2654435761) >>> 24
    this.#start(0, 0)
  }

  get cycles(): number {
    return (this.#cortex as Cortex | undefined)?.cycles ?? 0
  }
  get inInterrupt(): boolean {
    return this.#cortex.core.IPSR !== 0
  }
  get stackPointer(): number {
    return this.#cortex.core.SP
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
      const ended = this.#cortex.run(end - this.cycles, () => this.#bitten || done())
      if (this.#bitten) this.#restart()
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

  feed(byte: number): boolean {
    if (this.#received.length >= 6) return false
    this.#received.push(byte)
    if (this.#received.length === 1) this.#byteCame()
    return true
  }

  cutPower(): void {
    this.flash.cut()
  }

  #restart(): void {
    this.#bitten = false
    this.resets += 1
    this.flash.cut()
    if (this.options.losesRam === true) this.#ram.fill(0x5a)
    for (const pin of this.#levels.keys()) this.#edge(pin, false)
    this.#start(2, this.cycles)
  }

  #start(why: number, cycles: number): void {
    const chip = (): Cortex => this.#cortex
    const ppi = new Ppi()
    const signal = (event: number): void => ppi.signal(event)
    const micros = new Timer({ chip, signal, at: 0x4000_8000, interrupt: 8 })
    const fast = new Timer({ chip, signal, at: 0x4000_9000, interrupt: 9 })
    const gpiote = new Gpiote(() => this.#refresh())
    this.#gpiote = gpiote
    this.#gpio = { out: 0, configs: new Uint32Array(pins).fill(2) }
    this.#received = []
    for (let channel = 0; channel < 4; channel += 1) {
      ppi.tasks.set(0x4000_6000 + 4 * channel, () => gpiote.toggle(channel))
    }
    const bite = new Due(() => {
      this.#bitten = true
    })
    const converter = this.#converter(chip)
    const uart = this.#uart(chip)
    const noise = this.#noise(chip)
    const of = (at: number, bytes: number, block: Omit<Block, 'at' | 'bytes'>): Block => ({
      ...{ at, bytes },
      read: (offset) => block.read(offset),
      write: (offset, value) => block.write(offset, value),
    })
    this.#cortex = new Cortex({
      core: (host) => new CortexM0(host),
      ...{ flashAt: 0, flash: this.flash.cells, ram: this.#ram, cycles },
      onFlashStore: (at, value) => this.flash.store(at, value),
      flashStall: () => this.flash.busyFor,
      onReset: () => {
        throw new BusFault('the driver uses no soft reset')
      },
      dues: [...micros.dues, ...fast.dues, bite, converter.due, uart.due, noise.due],
      blocks: [
        of(0x4000_0000, 0x1000, power(why)),
        of(0x4000_2000, 0x1000, uart),
        of(0x4000_6000, 0x1000, gpiote),
        of(0x4000_7000, 0x1000, converter),
        of(0x4000_8000, 0x1000, micros),
        of(0x4000_9000, 0x1000, fast),
        of(0x4000_d000, 0x1000, noise),
        of(0x4001_0000, 0x1000, watchdog(chip, bite)),
        of(0x4001_e000, 0x1000, this.flash),
        of(0x4001_f000, 0x1000, ppi),
        of(0x5000_0000, 0x1000, this.#ports()),
        of(0x1000_0060, 8, { read: (offset) => 0x55667788 + offset, write: () => undefined }),
      ],
    })
  }

  /** GPIO (14): levels of pins, each with its own configuration. */
  #ports() {
    const configs = 0x700
    return {
      read: (offset: number): number => {
        if (offset === 0x504) return this.#gpio.out
        if (offset >= configs) return this.#gpio.configs[(offset - configs) / 4] ?? 0
        if (offset !== 0x510) throw new BusFault(`GPIO register ${offset.toString(16)}`)
        let word = 0
        for (let pin = 0; pin < pins; pin += 1) {
          const config = this.#gpio.configs[pin] ?? 0
          const pulledUp = ((config >>> 2) & 3) === 3
          const high = (config & 1) === 1 ? this.level(pin) : (this.#inputs.get(pin) ?? pulledUp)
          // With its input buffer disconnected a pin reads 0.
          if ((config & 2) === 0 && high) word |= 1 << pin
        }
        return word
      },
      write: (offset: number, value: number): void => {
        if (offset === 0x508) this.#gpio.out |= value
        else if (offset === 0x50c) this.#gpio.out &= ~value
        else if (offset >= configs) this.#gpio.configs[(offset - configs) / 4] = value
        else throw new BusFault(`GPIO register ${offset.toString(16)}`)
        this.#refresh()
      },
    }
  }

  #refresh(): void {
    for (let pin = 0; pin < pins; pin += 1) {
      const isOutput = ((this.#gpio.configs[pin] ?? 0) & 1) === 1
      const task = this.#gpiote.level(pin)
      this.#edge(pin, task ?? (isOutput && ((this.#gpio.out >>> pin) & 1) === 1))
    }
  }

  #edge(pin: number, high: boolean): void {
    if (this.level(pin) === high) return
    this.#levels.set(pin, high)
    this.options.onEdge?.(pin, high, this.cycles)
  }

  /** ADC (31): one input at a time, 10 bits in 68 us. */
  #converter(chip: () => Cortex) {
    let [enabled, config, ended, result] = [0, 0x18, 0, 0]
    const due = new Due(() => {
      const input = 31 - Math.clz32((config >>> 8) & 0xff)
      result = (this.options.analogue?.(input, (pin) => this.level(pin)) ?? 0) & 0x3ff
      ended = 1
    })
    const start = (): void => {
      const one = (config >>> 8) & 0xff
      if (Number.isFinite(due.at)) throw new BusFault('the converter is at a conversion')
      if (enabled !== 1) throw new BusFault('the converter is not enabled')
      if (one === 0 || (one & (one - 1)) !== 0 || (config & 3) !== 2) {
        throw new BusFault(`the converter is set to ${config.toString(16)}`)
      }
      this.options.onSample?.(31 - Math.clz32(one), this.cycles)
      chip().schedule(due, this.cycles + 68 * 16)
    }
    return {
      due,
      read: (offset: number): number => {
        if (offset === 0x100) return ended
        if (offset === 0x400) return Number.isFinite(due.at) ? 1 : 0
        if (offset === 0x500) return enabled
        if (offset === 0x504) return config
        if (offset === 0x508) return result
        throw new BusFault(`ADC register ${offset.toString(16)}`)
      },
      write: (offset: number, value: number): void => {
        if (offset === 0x000) start()
        else if (offset === 0x100) ended = value
        else if (offset === 0x500) enabled = value
        else if (offset === 0x504) config = value
        else throw new BusFault(`ADC register ${offset.toString(16)}`)
      },
    }
  }

  /** UART (29): holds six bytes; RXDRDY: one can be taken, TXDRDY: one has gone. */
  #uart(chip: () => Cortex) {
    let [ready, came, enabled, started, interrupts] = [0, 0, 0, 0, 0]
    let sending: number | undefined
    const raise = (): void => chip().interrupt(2, (interrupts & 4) !== 0 && came !== 0)
    this.#byteCame = () => {
      came = 1
      raise()
    }
    const due = new Due(() => {
      ready = 1
      if (sending !== undefined) this.options.onUart?.(sending)
      sending = undefined
    })
    return {
      due,
      read: (offset: number): number => {
        if (offset === 0x108) return came
        if (offset === 0x11c) return ready
        if (offset !== 0x518) throw new BusFault(`UART register ${offset.toString(16)}`)
        const byte = this.#received.shift() ?? 0
        // 29.6: the event comes again with the next byte; it is software's to clear it.
        if (this.#received.length > 0) this.#byteCame()
        return byte
      },
      write: (offset: number, value: number): void => {
        if (offset === 0x008) started = 1
        else if (offset === 0x11c) ready = value
        else if (offset === 0x108) came = value
        else if (offset === 0x304) interrupts |= value
        else if (offset === 0x500) enabled = value
        else if (offset === 0x51c) {
          if (enabled !== 4 || started === 0) throw new BusFault('the UART is not on')
          if (sending !== undefined) throw new BusFault('a byte is sent over another one')
          sending = value & 255
          chip().schedule(due, this.cycles + (10 * clockHz) / 115_200)
        } else if (![0x000, 0x50c, 0x514, 0x524].includes(offset)) {
          throw new BusFault(`UART register ${offset.toString(16)}`)
        }
        raise()
      },
    }
  }
  #byteCame: () => void = () => undefined

  /** RNG (21): a byte in 677 us without bias correction. */
  #noise(chip: () => Cortex) {
    let [ready, value] = [0, 0]
    const due = new Due(() => {
      value = 0
      for (let i = 0; i < 8; i += 1) value = (value << 1) | (this.options.noise?.() ?? 1)
      ready = 1
      chip().schedule(due, this.cycles + 677 * 16)
    })
    return {
      due,
      read: (offset: number): number => {
        if (offset === 0x100) return ready
        if (offset === 0x508) return value
        throw new BusFault(`RNG register ${offset.toString(16)}`)
      },
      write: (offset: number, given: number): void => {
        if (offset === 0x000) chip().schedule(due, this.cycles + 677 * 16)
        else if (offset === 0x004) chip().schedule(due, Number.POSITIVE_INFINITY)
        else if (offset === 0x100) ready = given
        else if (offset !== 0x504) throw new BusFault(`RNG register ${offset.toString(16)}`)
        else if (given !== 0) throw new BusFault('RNG: bias correction is not modelled')
      },
    }
  }
}

/** CLOCK and POWER (12, 13): the crystal is on at once, RESETREAS holds why. */
const power = (why: number) => {
  let [started, reason] = [0, why]
  return {
    read: (offset: number): number => {
      if (offset === 0x100) return started
      if (offset === 0x400) return reason
      throw new BusFault(`POWER register ${offset.toString(16)}`)
    },
    write: (offset: number, value: number): void => {
      if (offset === 0x000) started = 1
      else if (offset === 0x400) reason &= ~value
      else throw new BusFault(`POWER register ${offset.toString(16)}`)
    },
  }
}

/** WDT (20): set before it is started, then it runs until a reset; fed by its first request. */
const watchdog = (chip: () => Cortex, bite: Due) => {
  let [on, reload, enabled, config] = [false, 0xffff_ffff, 1, 1]
  const feed = (): void => {
    chip().schedule(bite, chip().cycles + ((reload + 1) * clockHz) / 32_768)
  }
  return {
    read: (offset: number): number => {
      const registers = new Map<number, number>([
        ...[[0x400, on ? 1 : 0] as const, [0x504, reload] as const],
        ...[[0x508, enabled] as const, [0x50c, config] as const],
      ])
      const found = registers.get(offset)
      if (found === undefined) throw new BusFault(`WDT register ${offset.toString(16)}`)
      return found
    },
    write: (offset: number, value: number): void => {
      if (offset === 0x000) {
        if (enabled !== 1) throw new BusFault('WDT: only the first request is modelled')
        if ((config & 1) === 0) throw new BusFault('WDT: it would stand while the core sleeps')
        if (reload < 15) throw new BusFault('WDT: CRV is 15 at the least')
        if (!on) feed()
        on = true
      } else if (offset === 0x600) {
        if (on && value === 0x6e52_4635) feed()
      } else if (on) throw new BusFault('the watchdog is changed while it runs')
      else if (offset === 0x504) reload = value
      else if (offset === 0x508) enabled = value
      else if (offset === 0x50c) config = value
      else throw new BusFault(`WDT register ${offset.toString(16)}`)
    },
  }
}
