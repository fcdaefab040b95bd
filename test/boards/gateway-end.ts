// A gateway's end of the line of a machine's image on an emulated board: greets, accepts, sends
// commands, gathers the items that it is given, and acknowledges them when a test says so.
import { encodeFrame, FrameReader } from '../../gateway/sources/serial/frame.ts'
import {
  type BoardMessage,
  decodeMessage,
  encodeMessage,
  type Field,
  type HelloMessage,
  protocol,
  type ToBoard,
} from '../../gateway/sources/serial/messages.ts'

export interface Taken {
  number: number
  boot: number
  kind: number
  bytes: Uint8Array
}

type Report = Extract<BoardMessage, { is: 'report' }>

/** An emulated board as its line sees it. */
export interface LineChip {
  readonly cycles: number
  run(cycles: number, done?: () => boolean): boolean
  /** False: it has not taken the last byte yet. */
  feed(byte: number): boolean
}

export interface Pace {
  /** Cycles of a millisecond. */
  ms: number
  /** Cycles between two bytes to the board. */
  byteCycles: number
}

export class GatewayEnd {
  /** Whole items in the order in which they came, each once. */
  readonly items: Taken[] = []
  /** Live reports in the order in which they came. */
  readonly reports: Report[] = []
  hello: HelloMessage | undefined
  readonly #chip: () => LineChip
  readonly #pace: Pace
  readonly #greeting: number
  #said: number[] = []
  readonly #reader = new FrameReader()
  #parts: number[] = []
  #number = 0
  readonly #results = new Map<number, number>()

  constructor(chip: () => LineChip, pace: Pace, greeting: number) {
    this.#chip = chip
    this.#pace = pace
    this.#greeting = greeting
  }

  /** What the board says, byte by byte. */
  heard(byte: number): void {
    this.#said.push(byte)
  }

  send(kind: ToBoard, fields: readonly Field[]): void {
    const bytes = encodeFrame(encodeMessage(kind, fields, 1))
    let [at, next] = [0, 0]
    this.#chip().run(200 * this.#pace.ms, () => {
      if (this.#chip().cycles < next || !this.#chip().feed(bytes[at] ?? 0)) return false
      at += 1
      next = this.#chip().cycles + this.#pace.byteCycles
      return at === bytes.length
    })
  }

  /** Greets and accepts, as a gateway does on and on, then runs. */
  meet(forMs = 60): void {
    this.send('greet', [this.#greeting])
    this.run(20)
    this.send('accept', [this.#greeting])
    this.run(forMs)
  }

  /** Runs for so many milliseconds, greeting, and takes what comes. */
  run(forMs: number): void {
    for (let left = forMs; left > 0; left -= 20) {
      this.#chip().run(Math.min(left, 20) * this.#pace.ms)
      this.#reader.push(Uint8Array.from(this.#said.splice(0)), (frame) => {
        const decoded = decodeMessage(frame, protocol)
        if (decoded.ok && decoded.message !== undefined) this.#take(decoded.message)
      })
    }
  }

  /** Its code, or undefined where none comes within the time. */
  ask(kind: ToBoard, fields: readonly Field[], withinMs = 500): number | undefined {
    this.#number += 1
    const number = this.#number
    this.send('greet', [this.#greeting])
    this.send(kind, [number, ...fields])
    const before = this.shown.length
    const isOpen = (): boolean => !this.#results.has(number) && this.shown.length === before
    for (let left = withinMs; left > 0 && isOpen(); left -= 20) this.run(20)
    return this.#results.get(number)
  }

  /** Answers of the black box in the order in which they came. */
  readonly shown: Extract<BoardMessage, { is: 'blackBox' }>[] = []

  /** What the board's black box answers to a question, as runtime/black-box-link.h has them. */
  askBox(...fields: [what: number, recording: number, offset: number]) {
    const before = this.shown.length
    const code = this.ask('askBlackBox', fields)
    const answer = this.shown[before]
    if (answer === undefined) throw new Error(`no answer but code ${code} to ${fields}`)
    return answer
  }

  /** Acknowledges what has come, until nothing more comes. */
  drain(): void {
    for (let before = -1; before < this.items.length; ) {
      before = this.items.length
      const last = this.items.at(-1)
      this.send('greet', [this.#greeting])
      if (last !== undefined) this.send('ack', [last.number])
      this.run(140)
    }
  }

  /** Runs until an item is there that fits, acknowledging. */
  until(fits: (item: Taken) => boolean, mostMs: number): Taken {
    for (let left = mostMs; left > 0; left -= 200) {
      this.drain()
      const found = this.items.find(fits)
      if (found !== undefined) return found
    }
    throw new Error(`no such item among ${this.items.length}`)
  }

  #take(message: BoardMessage): void {
    if (message.is === 'hello') this.hello = message
    if (message.is === 'report') this.reports.push(message)
    if (message.is === 'blackBox') this.shown.push(message)
    if (message.is === 'result') this.#results.set(message.number, message.code)
    if (message.is !== 'item' || this.items.some(({ number }) => number === message.number)) return
    if (message.at === 0) this.#parts = []
    if (message.at !== this.#parts.length) return
    this.#parts.push(...message.bytes)
    if (this.#parts.length < message.total) return
    const { number, boot, kind } = message
    this.items.push({ number, boot, kind, bytes: Uint8Array.from(this.#parts) })
  }
}
