// Register models of the nRF51's timers, GPIOTE and PPI, by which events become tasks without the
// core (reference manual 3.0: 18, 15, 16). Only what the drivers use; another mode is refused.
import { BusFault, type Cortex, Due } from './cortex.ts'

const unknown = (block: string, offset: number): never => {
  throw new BusFault(`${block} register 0x${offset.toString(16)} is not modelled`)
}

export interface TimerHost {
  chip: () => Cortex
  /** An event of this timer, by its address. */
  signal: (event: number) => void
  at: number
  interrupt: number
}

const compares = [0, 1, 2, 3] as const
const widths = [16, 8, 24, 32] as const

/** A timer of 16 MHz over its prescaler, with four compares (18.1). */
export class Timer {
  readonly dues: readonly Due[]
  readonly #host: TimerHost
  readonly #cc = [0, 0, 0, 0]
  readonly #events = [0, 0, 0, 0]
  #on = false
  /** Where the counter was 0, while it counts; where it stands, while it does not. */
  #since = 0
  #stood = 0
  #width: number = 16
  #prescaler = 4
  #shorts = 0
  #enabled = 0

  constructor(host: TimerHost) {
    this.#host = host
    this.dues = compares.map((i) => new Due(() => this.#matched(i)))
  }

  get #ratio(): number {
    return 2 ** this.#prescaler
  }
  get #counts(): number {
    if (!this.#on) return this.#stood
    return Math.floor((this.#host.chip().cycles - this.#since) / this.#ratio)
  }

  read(offset: number): number {
    if (offset >= 0x140 && offset <= 0x14c) return this.#events[(offset - 0x140) / 4] ?? 0
    if (offset >= 0x540 && offset <= 0x54c) return this.#cc[(offset - 0x540) / 4] ?? 0
    return unknown('TIMER', offset)
  }

  write(offset: number, value: number): void {
    if (offset < 0x010) this.#task(offset)
    else if (offset >= 0x040 && offset <= 0x04c) {
      this.#cc[(offset - 0x040) / 4] = this.#counts % 2 ** this.#width
    } else if (offset >= 0x140 && offset <= 0x14c) this.#events[(offset - 0x140) / 4] = value
    else if (offset === 0x200) this.#shorts = value
    else if (offset === 0x304) this.#enabled |= value
    else if (offset === 0x508 || offset === 0x510) this.#configure(offset, value)
    else if (offset >= 0x540 && offset <= 0x54c) this.#cc[(offset - 0x540) / 4] = value
    else unknown('TIMER', offset)
    this.#raise()
    // A capture changes no compare that is waited for.
    if (offset < 0x040 || offset > 0x04c) this.#plan()
  }

  /** STOP keeps the count, START goes on from it, CLEAR begins anew (18.1). */
  #task(offset: number): void {
    const now = this.#host.chip().cycles
    if (offset === 0x000 && !this.#on) {
      this.#since = now - this.#stood * this.#ratio
      this.#on = true
    } else if (offset === 0x004) {
      this.#stood = this.#counts
      this.#on = false
    } else if (offset === 0x00c) {
      this.#since = now
      this.#stood = 0
    } else if (offset !== 0x000) unknown('TIMER', offset)
  }

  /** 18.2: only while the timer is stopped. */
  #configure(offset: number, value: number): void {
    if (this.#on) throw new BusFault('TIMER: width and prescaler are changed while it counts')
    if (offset === 0x508) this.#width = widths[value & 3] ?? 16
    else if (value > 9) throw new BusFault(`TIMER: no prescaler ${value}`)
    else this.#prescaler = value
  }

  #plan(): void {
    for (const [i, due] of this.dues.entries()) this.#planOne(i, due)
  }

  #planOne(i: number, due: Due): void {
    const { chip } = this.#host
    if (!this.#on) {
      chip().schedule(due, Number.POSITIVE_INFINITY)
      return
    }
    const whole = 2 ** this.#width
    const ahead = ((this.#cc[i] ?? 0) - (this.#counts % whole) + whole) % whole
    const turns = ahead === 0 ? whole : ahead
    chip().schedule(due, this.#since + (this.#counts + turns) * this.#ratio)
  }

  #matched(i: number): void {
    this.#events[i] = 1
    const cleared = ((this.#shorts >>> i) & 1) === 1
    if (cleared) this.#since = this.#host.chip().cycles
    this.#raise()
    if (cleared) this.#plan()
    else {
      const due = this.dues[i]
      if (due !== undefined) this.#planOne(i, due)
    }
    this.#host.signal(this.#host.at + 0x140 + 4 * i)
  }

  #raise(): void {
    const high = compares.some(
      (i) => this.#events[i] === 1 && ((this.#enabled >>> (16 + i)) & 1) === 1,
    )
    this.#host.chip().interrupt(this.#host.interrupt, high)
  }
}

/** PPI (16): an enabled channel makes a task of an event. */
export class Ppi {
  /** What a task does, by its address. */
  readonly tasks = new Map<number, () => void>()
  readonly #channels = new Map<number, number>()
  #enabled = 0

  signal(event: number): void {
    for (let channel = 0; channel < 16; channel += 1) {
      if (((this.#enabled >>> channel) & 1) === 0) continue
      if (this.#channels.get(8 * channel) !== event) continue
      const task = this.#channels.get(8 * channel + 4) ?? 0
      const run = this.tasks.get(task)
      if (run === undefined) throw new BusFault(`PPI: no task at 0x${task.toString(16)}`)
      run()
    }
  }

  read(offset: number): number {
    return offset === 0x500 ? this.#enabled : unknown('PPI', offset)
  }

  write(offset: number, value: number): void {
    if (offset === 0x504) this.#enabled |= value
    else if (offset === 0x508) this.#enabled &= ~value
    else if (offset >= 0x510 && offset < 0x590) this.#channels.set(offset - 0x510, value)
    else unknown('PPI', offset)
  }
}

interface TaskPin {
  pin: number
  high: boolean
}

/** GPIOTE (15): in task mode a channel owns its pin, from the level given with it. */
export class Gpiote {
  readonly #channels = new Map<number, TaskPin>()
  readonly #changed: () => void

  /** @param changed a pin may have changed */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** Level that a channel gives a pin; undefined where none owns it. */
  level(pin: number): boolean | undefined {
    for (const one of this.#channels.values()) if (one.pin === pin) return one.high
    return undefined
  }

  toggle(channel: number): void {
    const one = this.#channels.get(channel)
    if (one === undefined) return
    one.high = !one.high
    this.#changed()
  }

  read(offset: number): number {
    return unknown('GPIOTE', offset)
  }

  write(offset: number, value: number): void {
    const channel = (offset - 0x510) / 4
    if (channel < 0 || channel > 3) unknown('GPIOTE', offset)
    this.#channels.delete(channel)
    if ((value & 3) === 3) {
      const pin = (value >>> 8) & 31
      if (((value >>> 16) & 3) !== 3) throw new BusFault('GPIOTE: only toggling is modelled')
      // 15.1: two channels on one pin have no defined result.
      if (this.level(pin) !== undefined) throw new BusFault(`GPIOTE: pin ${pin} has a channel`)
      this.#channels.set(channel, { pin, high: ((value >>> 20) & 1) === 1 })
    } else if ((value & 3) !== 0) throw new BusFault('GPIOTE: only tasks are modelled')
    this.#changed()
  }
}
