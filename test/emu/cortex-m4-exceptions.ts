// Which exception runs, waits, and goes first: the NVIC and the system exceptions with their
// priorities (ARMv7-M ARM, B1.5, B3.4). Priorities have four bits, as on STM32. Knows no registers.

export const numbers = {
  ...{ nmi: 2, hardFault: 3, memoryFault: 4, busFault: 5, usageFault: 6 },
  ...{ call: 11, pendSv: 14, sysTick: 15 },
} as const

/** Lower than any exception's: thread mode. */
export const idle = 256

export class Exceptions {
  readonly pending: Uint8Array
  readonly enabled: Uint8Array
  readonly active: Uint8Array
  /** As written, in its upper four bits. */
  readonly priority: Uint8Array
  /** Requests from outside, as levels. */
  readonly line: Uint8Array
  /** AIRCR.PRIGROUP */
  grouping = 0

  /** @param interrupts from outside; they are numbered from 16 on */
  constructor(interrupts: number) {
    const make = (): Uint8Array => new Uint8Array(16 + interrupts)
    this.pending = make()
    this.enabled = make()
    this.active = make()
    this.priority = make()
    this.line = make()
    for (const n of [1, 2, 3, 11, 12, 14, 15]) this.enabled[n] = 1
  }

  /** What counts for preemption. */
  groupOf(priority: number): number {
    return priority & (0xfe << this.grouping)
  }
  priorityOf(n: number): number {
    return n < 4 ? n - 4 : this.groupOf(this.priority[n] ?? 0)
  }

  /** Of what is active; `idle` where nothing is. */
  get running(): number {
    let least = idle
    for (const [n, active] of this.active.entries()) {
      if (active !== 0) least = Math.min(least, this.priorityOf(n))
    }
    return least
  }

  /** The one that would be taken first, 0 for none: lower numbers win among equals. */
  get first(): number {
    let best = 0
    let [least, sub] = [idle, idle]
    for (let n = 1; n < this.pending.length; n += 1) {
      if (this.pending[n] === 0 || this.enabled[n] === 0) continue
      const [group, whole] = [this.priorityOf(n), this.priority[n] ?? 0]
      if (group < least || (group === least && whole < sub)) {
        best = n
        least = group
        sub = whole
      }
    }
    return best
  }

  /** A request's level; a rise is latched until it is taken (B3.4.1). Gives whether it rose. */
  raise(n: number, high: boolean): boolean {
    const rose = high && this.line[n] === 0
    this.line[n] = high ? 1 : 0
    if (rose) this.pending[n] = 1
    return rose
  }

  enter(n: number): void {
    this.pending[n] = 0
    this.active[n] = 1
  }
  /** One that is still asked for waits again. */
  leave(n: number): void {
    this.active[n] = 0
    if (this.line[n] !== 0) this.pending[n] = 1
  }
}
