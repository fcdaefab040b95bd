// A gateway's end of the serial protocol for tests that run a whole image on an emulated board: one
// question at a time, in the emulator's own time.
import {
  type UpdateLink,
  type UpdateMessage,
  updateBody,
  updateKinds,
} from '../../firmware/update.ts'
import { encodeFrame } from '../../gateway/sources/serial/frame.ts'
import type { ToBoard } from '../../gateway/sources/serial/messages.ts'
import { type BoardMessage, encodeMessage } from '../../gateway/sources/serial/messages.ts'
import type { LineChip } from '../boards/gateway-end.ts'
import { messagesIn } from '../emu/hello.ts'
import { Pico, type PicoOptions } from '../emu/pico.ts'
import { noiseOf } from '../emu/rosc.ts'
import type { W25q } from '../emu/w25q.ts'

/** Cycles of a millisecond of a Pico. */
export const ms = 125_000
/** Four times as fast as the line at 115200, to save time. */
const byteUs = 21.6
type Fields = Parameters<typeof encodeMessage>[1]

/** What a board's pins and line tell. */
export interface Heard {
  onUart: (byte: number) => void
  onEdge: (pin: number, high: boolean) => void
}

/** A gateway's end of the UART of an emulated board. */
export class Wire<C extends LineChip> {
  readonly chip: C
  readonly rose = new Set<number>()
  /** Cycles of a millisecond. */
  readonly ms: number
  #said: number[] = []
  #number = 0
  #greeted = 0

  constructor(ms: number, join: (heard: Heard) => C) {
    this.ms = ms
    this.chip = join({
      onUart: (byte) => {
        this.#said.push(byte)
      },
      onEdge: (pin, high) => {
        if (high) this.rose.add(pin)
      },
    })
  }

  send(kind: ToBoard, fields: Fields): void {
    const bytes = encodeFrame(encodeMessage(kind, fields, 1))
    let [at, next] = [0, 0]
    this.chip.run(200 * this.ms, () => {
      if (this.chip.cycles < next || !this.chip.feed(bytes[at] ?? 0)) return false
      at += 1
      next = this.chip.cycles + (byteUs * this.ms) / 1000
      return at === bytes.length
    })
  }

  /** Runs until a message is there that fits. */
  await<T extends BoardMessage['is']>(is: T, fits = (_: BoardMessage & { is: T }) => true) {
    type Wanted = BoardMessage & { is: T }
    let [seen, found] = [0, undefined as Wanted | undefined]
    this.chip.run(1500 * this.ms, () => {
      if (this.#said.length === seen || this.#said.at(-1) !== 0) return false
      seen = this.#said.length
      found = messagesIn(this.#said).find((one): one is Wanted => {
        return one.is === is && fits(one as Wanted)
      })
      return found !== undefined
    })
    return found
  }

  /** Forgets what was said, greets and accepts; the hello. */
  meet() {
    this.#said = []
    this.#greeted += 1
    this.send('greet', [this.#greeted])
    const hello = this.await('hello', ({ greeting }) => greeting === this.#greeted)
    this.send('accept', [this.#greeted])
    return hello
  }

  /** Greets again, as a gateway does every second, and sends; a command's number. */
  tell(kind: ToBoard, ...fields: Fields): number {
    this.#said = []
    this.send('greet', [this.#greeted])
    this.#number += 1
    this.send(kind, [this.#number, ...fields])
    return this.#number
  }

  code(kind: ToBoard, ...fields: Fields): number | undefined {
    const number = this.tell(kind, ...fields)
    return this.await('result', (one) => one.number === number)?.code
  }
}

interface PicoWireOptions {
  noise?: boolean
  /** Counts at a channel; without it every one is at the middle. */
  analogue?: PicoOptions['analogue']
}

export type PicoWire = Wire<Pico>

export const picoWire = (
  flash: W25q,
  { noise = true, analogue = () => 2048 }: PicoWireOptions = {},
): PicoWire => {
  const bin = flash.cells.slice(0, 256)
  const joined = { bin, flash, analogue, ...(noise && { noise: noiseOf(11) }) }
  return new Wire(ms, (heard) => new Pico({ ...joined, ...heard }))
}

export const nothing = new Uint8Array()

export const linkOf = (wire: Wire<LineChip>): UpdateLink => ({
  ask: (message: UpdateMessage) => {
    const number = wire.tell('update', updateKinds[message.kind], ...updateBody(message))
    return Promise.resolve(wire.await('update', (one) => one.number === number))
  },
  pause: () => {
    wire.chip.run(100 * wire.ms)
    return Promise.resolve()
  },
})
