// A serial port as firmata-io wants its transport, with a guard in between: Firmata has no frame
// length, so a line that sends rubbish could make its parser keep bytes for ever.
import { EventEmitter } from 'node:events'
import type { Port } from '../../serial/port.ts'

const startSysex = 0xf0
const endSysex = 0xf7

/**
 * More than the longest answer of any board: its list of pins takes about 6 bytes a pin and mode.
 */
export const sysexBytesMax = 4096

export class Wire extends EventEmitter {
  readonly #port: Port
  #inside = 0
  #closed = false

  /** @param garbage called once, with the reason, when the line cannot be Firmata */
  constructor(port: Port, heard: () => void, garbage: (reason: string) => void) {
    super()
    this.#port = port
    port.onData((bytes) => {
      if (this.#closed) return
      if (this.#tooLong(bytes)) {
        this.#closed = true
        garbage(`more than ${sysexBytesMax} bytes without an end`)
        return
      }
      heard()
      try {
        this.emit('data', bytes)
      } catch (error) {
        // firmata-io throws where an answer is short, or names a pin that the board does not have.
        this.#closed = true
        garbage(`an answer that cannot be read (${(error as Error).message.slice(0, 80)})`)
      }
    })
  }

  /** firmata-io's way to send. */
  write(bytes: Uint8Array): void {
    if (!this.#closed) this.#port.write(bytes)
  }

  /** Nothing reaches the parser any more. */
  end(): void {
    this.#closed = true
  }

  #tooLong(bytes: Uint8Array): boolean {
    for (const byte of bytes) {
      if (byte === startSysex) this.#inside = 1
      else if (byte === endSysex || byte > 0x7f) this.#inside = 0
      else if (this.#inside > 0) this.#inside += 1
      if (this.#inside > sysexBytesMax) return true
    }
    return false
  }
}
