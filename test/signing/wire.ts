// A gateway's end of the serial protocol for tests that run a whole image on an emulated Pico: one
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
import { messagesIn } from '../emu/hello.ts'
import { Pico, type PicoOptions } from '../emu/pico.ts'
import { noiseOf } from '../emu/rosc.ts'
import type { W25q } from '../emu/w25q.ts'

export const ms = 125_000
/** Four times as fast as the line at 115200, to save time. */
const byteCycles = 2700
type Fields = Parameters<typeof encodeMessage>[1]

interface WireOptions {
  noise?: boolean
  analogue?: PicoOptions['analogue']
}

/** A gateway's end of the UART of an emulated Pico. */
export class Wire {
  readonly pico: Pico
  readonly rose = new Set<number>()
  #said: number[] = []
  #number = 0
  #greeted = 0

  /** @param analogue counts at a channel; without it every one is at the middle */
  constructor(flash: W25q, { noise = true, analogue = () => 2048 }: WireOptions = {}) {
    this.pico = new Pico({
      bin: flash.cells.slice(0, 256),
      flash,
      ...(noise && { noise: noiseOf(11) }),
      analogue,
      onUart: (byte) => {
        this.#said.push(byte)
      },
      onEdge: (pin, high) => high && this.rose.add(pin),
    })
  }

  send(kind: ToBoard, fields: Fields): void {
    const bytes = encodeFrame(encodeMessage(kind, fields, 1))
    let [at, next] = [0, 0]
    this.pico.run(200 * ms, () => {
      if (this.pico.cycles < next || !this.pico.feed(bytes[at] ?? 0)) return false
      at += 1
      next = this.pico.cycles + byteCycles
      return at === bytes.length
    })
  }

  /** Runs until a message is there that fits. */
  await<T extends BoardMessage['is']>(is: T, fits = (_: BoardMessage & { is: T }) => true) {
    type Wanted = BoardMessage & { is: T }
    let [seen, found] = [0, undefined as Wanted | undefined]
    this.pico.run(1500 * ms, () => {
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

export const nothing = new Uint8Array()

export const linkOf = (wire: Wire): UpdateLink => ({
  ask: (message: UpdateMessage) => {
    const number = wire.tell('update', updateKinds[message.kind], ...updateBody(message))
    return Promise.resolve(wire.await('update', (one) => one.number === number))
  },
  pause: () => {
    wire.pico.run(100 * ms)
    return Promise.resolve()
  },
})
