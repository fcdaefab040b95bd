// An Arduino Uno on avr8js with the real StandardFirmata image: its pins are driven by the test,
// its UART is a serial port. Runs in slices of a thousandth of a second, no faster than twice real
// time.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  AVRADC,
  AVRIOPort,
  AVRTimer,
  AVRUSART,
  adcConfig,
  avrInstruction,
  CPU,
  portBConfig,
  portCConfig,
  portDConfig,
  timer0Config,
  timer1Config,
  timer2Config,
  usart0Config,
} from 'avr8js'
import { fromHex } from '../../firmware/flash/hex.ts'
import type { Port } from '../../gateway/serial/port.ts'

const clockHz = 16_000_000
const sliceCycles = clockHz / 1000

/** Where the package that ships the image keeps it. */
const imagePath = join(
  dirname(createRequire(import.meta.url).resolve('avrgirl-arduino/package.json')),
  'junk/hex/uno/StandardFirmata.cpp.hex',
)

export class Uno {
  readonly #cpu: CPU
  readonly #adc: AVRADC
  readonly #portD: AVRIOPort
  readonly #usart: AVRUSART
  readonly #toBoard: number[] = []
  #hear: (bytes: Uint8Array) => void = () => {}
  #timer: NodeJS.Timeout | undefined
  #offMs = 0
  #offSinceMs = performance.now()
  /** Bytes that the board has sent, altered by the test on their way. */
  alter: (byte: number) => number = (byte) => byte

  constructor() {
    const program = new Uint16Array(0x4000)
    const { image, at } = fromHex(readFileSync(imagePath))
    new Uint8Array(program.buffer).set(image, at)
    this.#cpu = new CPU(program)
    for (const config of [timer0Config, timer1Config, timer2Config]) new AVRTimer(this.#cpu, config)
    for (const config of [portBConfig, portCConfig]) new AVRIOPort(this.#cpu, config)
    this.#portD = new AVRIOPort(this.#cpu, portDConfig)
    this.#adc = new AVRADC(this.#cpu, adcConfig)
    this.#usart = new AVRUSART(this.#cpu, usart0Config, clockHz)
    this.#usart.onByteTransmit = (byte) => this.#hear(Uint8Array.of(this.alter(byte)))
  }

  /** Volts at A0 to A5. */
  volts(channel: number, volts: number): void {
    this.#adc.channelValues[channel] = volts
  }

  /** Level at D0 to D7. */
  level(pin: number, high: boolean): void {
    this.#portD.setPin(pin, high)
  }

  /** Milliseconds since it was made: its own while it is on, the machine's while it is off. */
  get ms(): number {
    const offMs = this.#timer === undefined ? performance.now() - this.#offSinceMs : 0
    return (1000 * this.#cpu.cycles) / clockHz + this.#offMs + offMs
  }

  /** Power on: runs until `off`. */
  on(): void {
    if (this.#timer !== undefined) return
    this.#offMs += performance.now() - this.#offSinceMs
    this.#timer = setInterval(() => {
      for (let slice = 0; slice < 4; slice++) this.#slice()
    }, 2)
  }

  /** As if the plug was pulled. */
  off(): void {
    if (this.#timer !== undefined) this.#offSinceMs = performance.now()
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  feed(bytes: Uint8Array): void {
    this.#toBoard.push(...bytes)
  }

  hear(listener: (bytes: Uint8Array) => void): void {
    this.#hear = listener
  }

  #slice(): void {
    const end = this.#cpu.cycles + sliceCycles
    while (this.#cpu.cycles < end) {
      avrInstruction(this.#cpu)
      this.#cpu.tick()
      const [byte] = this.#toBoard
      if (byte !== undefined && !this.#usart.rxBusy && this.#usart.writeByte(byte) === true) {
        this.#toBoard.shift()
      }
    }
  }
}

/**
 * Boards on a bench, one after the other, and its time: the board's own while one is on, so that a
 * machine which is slow makes no board that is.
 */
export class Bench {
  uno = new Uno()
  #beforeMs = 0

  get ms(): number {
    return this.#beforeMs + this.uno.ms
  }

  /** Another board, off; the one before is taken away. */
  another(): Uno {
    this.uno.off()
    this.#beforeMs = this.ms
    this.uno = new Uno()
    return this.uno
  }
}

/** The board as a port that can be pulled out. */
export const portOf = (uno: Uno): Port & { pull(): void } => {
  const closed: (() => void)[] = []
  let isOpen = true
  const close = (): void => {
    if (!isOpen) return
    isOpen = false
    for (const listener of closed) listener()
  }
  return {
    path: 'uno',
    onData: (listener) => uno.hear((bytes) => isOpen && listener(bytes)),
    onClose: (listener) => void closed.push(listener),
    write: (bytes) => {
      if (isOpen) uno.feed(bytes)
      return isOpen
    },
    close: async () => close(),
    pull: close,
  }
}
