// The part of johnny-five and firmata-io that is used here; neither brings types of its own.
// Nothing else of them may be called.
declare module 'johnny-five' {
  import type { Firmata } from 'firmata-io'

  class Board {
    constructor(options: {
      io: Firmata
      repl: false
      debug: false
      sigint: false
      timeout?: number
    })
    /** Every board that was ever made. */
    static readonly cache: Board[]
    readonly MODES: Firmata['MODES']
    /** Of its own time limit. */
    readonly timer?: NodeJS.Timeout
    once(event: 'ready', listener: () => void): this
    on(event: 'error' | 'fail' | 'close', listener: (error?: unknown) => void): this
    pinMode(pin: number, mode: number): this
    analogRead(channel: number, listener: (counts: number) => void): this
    digitalRead(pin: number, listener: (level: number) => void): this
    samplingInterval(ms: number): this
  }
  const five: { Board: typeof Board }
  export default five
}

declare module 'firmata-io' {
  import type { EventEmitter } from 'node:events'

  class Firmata extends EventEmitter {
    constructor(transport: EventEmitter, options: { reportVersionTimeout: number })
    readonly MODES: { INPUT: number; ANALOG: number; PULLUP: number }
    readonly pins: readonly { readonly supportedModes: readonly number[] }[]
    readonly analogPins: readonly number[]
    /** Counts at full scale; null until the board has said it. */
    readonly RESOLUTION: { readonly ADC: number | null }
    readonly firmware: { name?: string; version?: { major: number; minor: number } }
    readonly reportVersionTimeoutId?: NodeJS.Timeout
  }
  const firmata: { Firmata: typeof Firmata }
  export default firmata
}
