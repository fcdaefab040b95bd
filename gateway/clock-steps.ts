// A gateway without a battery for its clock starts with the time of its last shutdown, or 1970, and
// is set when the network comes. What it took in before was mapped to the wrong clock: so each
// record says by how much the clock was set since the start, where the settings ask for it. It
// moves no time itself.
import type { Clock } from './core/clock.ts'
import { limits } from './core/limits.ts'
import type { LogRecord } from './core/record.ts'

export interface ClockStepsParts {
  readonly clock: Pick<Clock, 'nowUs' | 'monotonicMs'>
  /** One line for the person who runs the gateway. */
  note(line: string): void
}

export class ClockSteps {
  readonly #parts: ClockStepsParts
  /** Wall clock minus monotonic clock at the start, microseconds. */
  readonly #beganUs: number
  #steppedUs = 0

  constructor(parts: ClockStepsParts) {
    this.#parts = parts
    this.#beganUs = this.#apartUs()
  }

  /** The record, with what is known of the clock at its receipt. */
  stamp(record: LogRecord): LogRecord {
    const steppedUs = this.#apartUs() - this.#beganUs
    if (Math.abs(steppedUs - this.#steppedUs) > limits.clockStepUs) {
      const byS = Math.round((steppedUs - this.#steppedUs) / 1e6)
      this.#parts.note(`the clock was set by ${byS} s, or the machine slept: boots keep in step`)
      this.#steppedUs = steppedUs
    }
    return this.#steppedUs === 0 ? record : { ...record, steppedUs: this.#steppedUs }
  }

  #apartUs(): number {
    const { clock } = this.#parts
    return clock.nowUs() - Math.round(clock.monotonicMs() * 1000)
  }
}
