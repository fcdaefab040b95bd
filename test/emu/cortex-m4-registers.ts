// The registers of the core at 0xe000e000: SysTick, NVIC and system control (ARMv7-M ARM, B3.2 to
// B3.4). A register that is not here ends the run with its address. SysTick counts the core's
// cycles; its reference clock is not modelled.
import { Due } from './cortex.ts'
import { type Exceptions, numbers } from './cortex-m4-exceptions.ts'
import type { State } from './cortex-m4-state.ts'

export interface SystemHost {
  now: () => number
  schedule: (due: Due, cycle: number) => void
  onReset: () => void
}

/** A counter of 24 bits, down from its reload value (B3.3). */
export class SysTick {
  readonly due: Due
  #control = 0
  #reload = 0
  /** The value, and when that was. */
  #value = 0
  #since = 0
  #passed = false
  readonly #host: SystemHost

  constructor(host: SystemHost, expired: () => void) {
    this.#host = host
    this.due = new Due(() => {
      expired()
      this.#passed = true
      this.#settle(0)
    })
  }

  read(offset: number): number {
    if (offset === 0x14) return this.#reload
    if (offset === 0x18) return this.#counter()
    if (offset !== 0x10) return 0x4000_0000
    this.#settle(this.#counter())
    const control = this.#control | (this.#passed ? 1 << 16 : 0)
    this.#passed = false
    return control
  }

  write(offset: number, value: number): void {
    const counter = this.#counter()
    if (offset === 0x10) {
      if ((value & 5) === 1) throw new Error('SysTick: only the core’s clock is modelled')
      this.#control = value & 7
    } else if (offset === 0x14) this.#reload = value & 0xff_ffff
    else this.#passed = false
    this.#settle(offset === 0x18 ? 0 : counter)
  }

  #counter(): number {
    if ((this.#control & 1) === 0) return this.#value
    const gone = this.#host.now() - this.#since
    if (gone < this.#value || gone === 0) return this.#value - gone
    const behind = gone - this.#value
    if (this.#value > 0 || behind > this.#reload) this.#passed = true
    return behind === 0 ? 0 : this.#reload - ((behind - 1) % (this.#reload + 1))
  }

  #settle(value: number): void {
    this.#value = value
    this.#since = this.#host.now()
    const on = (this.#control & 3) === 3 && (this.#reload > 0 || value > 0)
    const left = value > 0 ? value : this.#reload + 1
    this.#host.schedule(this.due, on ? this.#since + left : Number.POSITIVE_INFINITY)
  }
}

/** Bits of FPCCR. */
export const lazy = { automatic: -(2 ** 31), lazily: 1 << 30, active: 1 } as const

export class Registers {
  readonly sysTick: SysTick
  vtor: number
  /** System control, sleep, configuration, faults. */
  scr = 0
  ccr = 0x200
  shcsr = 0
  cfsr = 0
  hfsr = 0
  faultAt = { memory: 0, bus: 0 }
  cpacr = 0
  fpccr = lazy.automatic | lazy.lazily
  fpcar = 0
  fpdscr = 0
  readonly #exceptions: Exceptions
  readonly #state: State
  readonly #host: SystemHost

  constructor(state: State, exceptions: Exceptions, host: SystemHost & { vectors: number }) {
    this.#state = state
    this.#exceptions = exceptions
    this.#host = host
    this.vtor = host.vectors
    this.sysTick = new SysTick(host, () => {
      exceptions.pending[numbers.sysTick] = 1
      state.changed = true
    })
  }

  read(address: number): number {
    const offset = address & 0xffc
    if (offset >= 0x10 && offset < 0x20) return this.sysTick.read(offset)
    if (offset >= 0x100 && offset < 0x340) return this.#bitsFrom(offset)
    if (offset >= 0x400 && offset < 0x500) return this.#priorities(16 + offset - 0x400)
    if (offset >= 0xd18 && offset < 0xd24) return this.#priorities(4 + offset - 0xd18)
    const value = this.#plain(offset)
    if (value === undefined) throw new Error(`register ${address.toString(16)} of the core`)
    return value
  }

  #plain(offset: number): number | undefined {
    const values: Readonly<Record<number, () => number>> = {
      [0x004]: () => Math.ceil((this.#exceptions.pending.length - 16) / 32) - 1,
      [0xd00]: () => 0x410f_c241,
      [0xd04]: () => this.#control(),
      [0xd08]: () => this.vtor,
      [0xd0c]: () => 0xfa05_0000 | (this.#exceptions.grouping << 8),
      [0xd10]: () => this.scr,
      [0xd14]: () => this.ccr,
      [0xd24]: () => this.#handlers(),
      [0xd28]: () => this.cfsr,
      [0xd2c]: () => this.hfsr,
      [0xd34]: () => this.faultAt.memory,
      [0xd38]: () => this.faultAt.bus,
      [0xd88]: () => this.cpacr,
      [0xf34]: () => this.fpccr,
      [0xf38]: () => this.fpcar,
      [0xf3c]: () => this.fpdscr,
      [0xf40]: () => 0x1011_0021,
      [0xf44]: () => 0x1100_0011,
    }
    return values[offset]?.()
  }

  /** @param bytes less than a word for priorities only, where that is allowed */
  write(address: number, bytes: number, value: number): void {
    const [offset, at] = [address & 0xfff, address & 0xffc]
    this.#state.changed = true
    if (at >= 0x400 && at < 0x500) this.#setPriorities(16 + offset - 0x400, bytes, value)
    else if (at >= 0xd18 && at < 0xd24) this.#setPriorities(4 + offset - 0xd18, bytes, value)
    else if (bytes !== 4) throw new Error(`${bytes} bytes to register ${address.toString(16)}`)
    else if (offset >= 0x10 && offset < 0x1c) this.sysTick.write(offset, value)
    else if (offset >= 0x100 && offset < 0x300) this.#setBits(offset, value)
    else this.#setPlain(offset, value)
  }

  #setPlain(offset: number, value: number): void {
    switch (offset) {
      case 0xd04:
        this.#request(value)
        break
      case 0xd08:
        this.vtor = (value & ~0x7f) >>> 0
        break
      case 0xd0c:
        this.#applicationReset(value)
        break
      case 0xd10:
        this.scr = value & 0x16
        break
      case 0xd14:
        this.#configure(value)
        break
      case 0xd24:
        this.shcsr = value & 0x7_0000
        break
      case 0xd28:
        this.cfsr &= ~value
        break
      case 0xd2c:
        this.hfsr &= ~value
        break
      case 0xd88:
        this.cpacr = value & (15 << 20)
        break
      case 0xf00:
        this.#exceptions.pending[16 + (value & 511)] = 1
        break
      case 0xf34:
        this.fpccr = value & (lazy.automatic | lazy.lazily | lazy.active)
        break
      case 0xf38:
        this.fpcar = value & ~7
        break
      case 0xf3c:
        this.fpdscr = value & 0x07c0_0000
        break
      default:
        throw new Error(`register ${offset.toString(16)} of the core`)
    }
  }

  #configure(value: number): void {
    this.ccr = value & 0x31b
    this.#state.trapsUnaligned = (value & 8) !== 0
    this.#state.trapsDivision = (value & 16) !== 0
  }

  /** AIRCR, which takes its key. */
  #applicationReset(value: number): void {
    if (value >>> 16 !== 0x05fa) return
    this.#exceptions.grouping = (value >>> 8) & 7
    if ((value & 4) !== 0) this.#host.onReset()
  }

  /** ICSR. */
  #control(): number {
    const { pending, active, first } = this.#exceptions
    const waits = (n: number, at: number): number => (pending[n] === 0 ? 0 : 1 << at)
    const interrupts = pending.subarray(16).some((one) => one !== 0)
    const running = active.reduce((count, one) => count + one, 0)
    return (
      waits(numbers.nmi, 31) |
      waits(numbers.pendSv, 28) |
      waits(numbers.sysTick, 26) |
      (interrupts ? 1 << 22 : 0) |
      (first << 12) |
      (running < 2 ? 1 << 11 : 0) |
      this.#state.ipsr
    )
  }
  #request(value: number): void {
    const { pending } = this.#exceptions
    if (value < 0) pending[numbers.nmi] = 1
    if ((value & (1 << 28)) !== 0) pending[numbers.pendSv] = 1
    if ((value & (1 << 27)) !== 0) pending[numbers.pendSv] = 0
    if ((value & (1 << 26)) !== 0) pending[numbers.sysTick] = 1
    if ((value & (1 << 25)) !== 0) pending[numbers.sysTick] = 0
  }
  /** SHCSR: enables and what is active. */
  #handlers(): number {
    const places = [
      ...([
        [numbers.memoryFault, 0],
        [numbers.busFault, 1],
        [numbers.usageFault, 3],
        [numbers.call, 7],
        [numbers.pendSv, 10],
        [numbers.sysTick, 11],
      ] as const),
    ]
    const { active, pending } = this.#exceptions
    const bits = places.reduce((sum, [n, at]) => sum | ((active[n] ?? 0) << at), this.shcsr)
    return bits | ((pending[numbers.call] ?? 0) << 15)
  }

  /** ISER, ICER, ISPR, ICPR and IABR. */
  #bitsFrom(offset: number): number {
    const { enabled, pending, active } = this.#exceptions
    const which = offset < 0x200 ? enabled : offset < 0x300 ? pending : active
    const from = 16 + 8 * (offset & 0x7c)
    let word = 0
    for (let i = 0; i < 32; i += 1) word |= (which[from + i] ?? 0) << i
    return word
  }
  #setBits(offset: number, value: number): void {
    const { enabled, pending, line } = this.#exceptions
    const which = offset < 0x200 ? enabled : pending
    const clears = (offset & 0x80) !== 0
    const from = 16 + 8 * (offset & 0x7c)
    for (let i = 0; i < 32; i += 1) {
      const n = from + i
      if (((value >>> i) & 1) === 0 || n >= which.length) continue
      // A request that is still there cannot be cleared.
      which[n] = !clears || (which === pending && line[n] !== 0) ? 1 : 0
    }
  }

  #priorities(from: number): number {
    const { priority } = this.#exceptions
    const of = (i: number): number => (priority[from + i] ?? 0) << (8 * i)
    return of(0) | of(1) | of(2) | of(3)
  }
  #setPriorities(from: number, bytes: number, value: number): void {
    const { priority } = this.#exceptions
    for (let i = 0; i < bytes; i += 1) priority[from + i] = (value >>> (8 * i)) & 0xf0
  }
}
