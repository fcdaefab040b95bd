// A person's own line to one board, for commands that stand at the bench: greets, hears the hello,
// asks one thing at a time and waits for its answer. It takes no items and stores no reports: what
// a board keeps for a gateway stays on the board.
import type { Clock } from '../../core/clock.ts'
import { OperatingError } from '../../core/errors.ts'
import { encodeFrame, FrameReader } from './frame.ts'
import {
  type BoardMessage,
  decodeMessage,
  encodeMessage,
  type Field,
  type HelloMessage,
  protocol,
  type ToBoard,
  understood,
} from './messages.ts'

/** Bytes both ways; a serial port is one. */
export interface Wire {
  onData(listener: (bytes: Uint8Array) => void): void
  write(bytes: Uint8Array): unknown
}

export interface DirectParts {
  wire: Wire
  clock: Clock
  /** A number of 32 bits that nobody guesses. */
  nonce(): number
  signal: AbortSignal
}

const pace = { greetMs: 1000, answerMs: 3000, tries: 4, helloMs: 20_000 } as const

export class DirectLine {
  readonly #parts: DirectParts
  readonly #greeting: number
  #version = protocol.newest
  #number = 0
  #heard: (message: BoardMessage) => void = () => {}
  #isClosed = false

  constructor(parts: DirectParts) {
    this.#parts = parts
    this.#greeting = parts.nonce()
    const reader = new FrameReader()
    parts.wire.onData((bytes) =>
      reader.push(bytes, (frame) => {
        const decoded = decodeMessage(frame, protocol)
        if (!decoded.ok || decoded.message === undefined) return
        if (decoded.message.is === 'hello') this.#version = frame.version
        this.#heard(decoded.message)
      }),
    )
  }

  /** Greets until the board says who it is. Throws `board_silent`. */
  async hello(): Promise<HelloMessage> {
    const found = await this.#wait(
      (message) => (message.is === 'hello' && message.greeting === this.#greeting ? message : null),
      { again: () => this.#greet(), againMs: pace.greetMs },
      pace.helloMs,
    )
    if (found !== undefined) return found
    throw new OperatingError('board_silent', {
      message: 'no board answers on this port',
      remedy: 'Check cable, port and baud rate, that the board has its power and a Tenfold image.',
    })
  }

  /** From now on the board takes messages; it must be greeted on and on. */
  accept(): void {
    this.#send('accept', [this.#greeting])
    void this.#keep()
  }

  /** Asks, again where no answer comes: what is asked must bear being asked twice. */
  async ask(kind: ToBoard, fields: readonly Field[]): Promise<BoardMessage> {
    this.#number += 1
    const number = this.#number
    const again = (): void => {
      this.#send('accept', [this.#greeting])
      this.#send(kind, [number, ...fields])
    }
    const answer = await this.#wait(
      (message) =>
        'number' in message && message.number === number && message.is !== 'item' ? message : null,
      { again, againMs: pace.answerMs },
      pace.answerMs * pace.tries,
    )
    if (answer !== undefined) return answer
    throw new OperatingError('board_lost', {
      message: 'the board no longer answers',
      remedy: 'Check its cable and power, and begin again; it ends a self-test by itself.',
    })
  }

  sleep(ms: number): Promise<void> {
    return this.#parts.clock.sleep(ms, this.#parts.signal)
  }

  close(): void {
    this.#isClosed = true
  }

  async #keep(): Promise<void> {
    const { clock, signal } = this.#parts
    while (!this.#isClosed && !signal.aborted) {
      this.#send('greet', [this.#greeting])
      await clock.sleep(pace.greetMs, signal)
    }
  }

  async #wait<T>(
    pick: (message: BoardMessage) => T | null,
    { again, againMs }: { again: () => void; againMs: number },
    mostMs: number,
  ): Promise<T | undefined> {
    const { clock, signal } = this.#parts
    const { promise, resolve } = Promise.withResolvers<T>()
    this.#heard = (message) => {
      const found = pick(message)
      if (found !== null) resolve(found)
    }
    for (let waitedMs = 0; waitedMs < mostMs && !signal.aborted; waitedMs += againMs) {
      again()
      const enough = new AbortController()
      const over = clock.sleep(againMs, AbortSignal.any([signal, enough.signal]))
      const found = await Promise.race([promise, over.then(() => undefined)])
      enough.abort()
      if (found !== undefined) return found
    }
    return undefined
  }

  /** In each version that is understood: a board hears only its own. */
  #greet(): void {
    for (const version of understood(protocol)) {
      this.#parts.wire.write(encodeFrame(encodeMessage('greet', [this.#greeting], version)))
    }
  }

  #send(kind: ToBoard, fields: readonly Field[]): void {
    if (!this.#isClosed) {
      this.#parts.wire.write(encodeFrame(encodeMessage(kind, fields, this.#version)))
    }
  }
}
