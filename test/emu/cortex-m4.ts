// A Cortex-M4F (ARMv7E-M with single-precision floats; ARMv7-M ARM DDI 0403E): fetch, exceptions,
// faults. What each instruction does stands in the other cortex-m4 files. An encoding that is in
// none of them ends the run with an error that names it, so does a lockup. Its cycles come from the
// tables of the core's manual (DDI 0439, 3.3), without waits of memories, bus conflicts or
// neighbours that overlap: order and rough time, no claim. Not modelled: MPU, user mode, debug.
import { type Core, type CoreHost, Unanswered } from './cortex.ts'
import { Exceptions, numbers } from './cortex-m4-exceptions.ts'
import { floatRows } from './cortex-m4-float.ts'
import { laneRows } from './cortex-m4-lanes.ts'
import { memoryRows } from './cortex-m4-memory.ts'
import { narrowRows } from './cortex-m4-narrow.ts'
import { lazy, Registers } from './cortex-m4-registers.ts'
import { CoreFault, faults, type Op, State } from './cortex-m4-state.ts'
import { systemRows } from './cortex-m4-system.ts'
import { decode } from './cortex-m4-table.ts'
import { wideRows } from './cortex-m4-wide.ts'

const rows = [...wideRows, ...memoryRows, ...systemRows, ...laneRows, ...floatRows]
const narrowest = 0xe800
const [entryCycles, returnCycles, chainCycles] = [12, 10, 6]
const hex = (value: number): string => (value >>> 0).toString(16)

export class CortexM4 implements Core {
  readonly state: State
  readonly registers: Registers
  readonly #exceptions: Exceptions
  readonly #host: CoreHost
  /** Decoded once for each encoding, wherever it stands: stores into code need no notice. */
  readonly #narrow = new Array<Op | undefined>(narrowest).fill(undefined)
  readonly #wide = new Array<Map<number, Op> | undefined>(65_536 - narrowest).fill(undefined)
  #pc: number

  /** @param interrupts that the chip has @param host `vectors` is where it starts from */
  constructor(host: CoreHost, interrupts = 82) {
    this.#host = host
    const hooks = {
      touchFloat: () => this.#touchFloat(),
      leave: (magic: number) => this.#leave(magic),
      call: () => this.#call(),
    }
    this.state = new State(host, hooks)
    this.#exceptions = new Exceptions(interrupts)
    this.registers = new Registers(this.state, this.#exceptions, host)
    this.state.set(13, host.read(host.vectors, 4))
    const start = host.read(host.vectors + 4, 4)
    this.state.thumb = (start & 1) !== 0
    this.#pc = (start & ~1) >>> 0
  }

  get PC(): number {
    return this.#pc
  }
  get SP(): number {
    return this.state.get(13) >>> 0
  }
  get IPSR(): number {
    return this.state.ipsr
  }
  get waiting(): boolean {
    return this.state.waiting
  }
  get dues() {
    return [this.registers.sysTick.due]
  }

  readSystem(address: number): number {
    return this.registers.read(address)
  }
  writeSystem(address: number, bytes: number, value: number): void {
    this.registers.write(address, bytes, value | 0)
    this.#wake()
  }

  setInterrupt(number: number, high: boolean): void {
    if (!this.#exceptions.raise(16 + number, high)) return
    this.state.changed = true
    this.#wake()
  }

  /** B1.5.19: what would be taken, were PRIMASK not set. */
  #wake(): void {
    const { state } = this
    if (!state.waiting) return
    const first = this.#exceptions.first
    if (first === 0) return
    if (this.#exceptions.priorityOf(first) < this.#executing(false)) state.waiting = false
  }

  /** The priority that something must have to be taken now (B1.5.4). */
  #executing(masked = true): number {
    const { state } = this
    let least = this.#exceptions.running
    if (state.basepri !== 0) least = Math.min(least, this.#exceptions.groupOf(state.basepri))
    if (masked && state.primask) least = Math.min(least, 0)
    if (state.faultmask) least = Math.min(least, -1)
    return least
  }
  #takeable(): number {
    const first = this.#exceptions.first
    return first !== 0 && this.#exceptions.priorityOf(first) < this.#executing() ? first : 0
  }

  /** One instruction, or the entry into an exception; gives cycles. */
  executeInstruction(): number {
    const { state } = this
    if (state.changed) {
      state.changed = false
      const taken = this.#takeable()
      if (taken !== 0) return this.#enter(taken, this.#pc)
    }
    const it = state.it
    try {
      const cycles = this.#step()
      if (state.waiting) this.#wake()
      return cycles
    } catch (error) {
      state.it = it
      state.inBlock = false
      return this.#fault(faultOf(error))
    }
  }

  #step(): number {
    const { state } = this
    const at = this.#pc
    state.setPc(at)
    if (!state.thumb) throw new CoreFault(faults.invalidState)
    const first = this.#host.fetch(at)
    let op: Op
    if (first < narrowest) {
      op = this.#narrow[first] ?? this.#decodeNarrow(first)
      state.next = at + 2
    } else {
      const second = this.#host.fetch(at + 2)
      op = this.#wide[first - narrowest]?.get(second) ?? this.#decodeWide(first, second)
      state.next = at + 4
    }
    const cycles = state.it === 0 ? op(state) : this.#stepInBlock(op)
    this.#pc = state.next >>> 0
    return cycles
  }

  #stepInBlock(op: Op): number {
    const { state } = this
    const { it } = state
    state.it = (it & 7) === 0 ? 0 : (it & 0xe0) | ((it << 1) & 0x1f)
    if (!state.holds(it >>> 4)) return 1
    state.inBlock = true
    const cycles = op(state)
    state.inBlock = false
    return cycles
  }

  #decodeNarrow(word: number): Op {
    const op = decode(narrowRows, word)
    if (op === undefined) throw new Error(`no such instruction: ${hex(word)} at ${hex(this.#pc)}`)
    this.#narrow[word] = op
    return op
  }
  #decodeWide(first: number, second: number): Op {
    const word = first * 65_536 + second
    const op = decode(rows, word)
    if (op === undefined) throw new Error(`no such instruction: ${hex(word)} at ${hex(this.#pc)}`)
    const known = this.#wide[first - narrowest] ?? new Map<number, Op>()
    this.#wide[first - narrowest] = known.set(second, op)
    return op
  }

  #call(): void {
    if (this.#exceptions.priorityOf(numbers.call) >= this.#executing()) throw new CoreFault(0)
    this.#exceptions.pending[numbers.call] = 1
    this.state.changed = true
  }

  /** B1.5.6 and B1.5.7. @param back where it goes on afterwards */
  #enter(n: number, back: number): number {
    const { state } = this
    const float = (state.control & 4) !== 0
    const which = state.ipsr === 0 ? (((state.control >> 1) & 1) as 0 | 1) : 0
    const sp = state.getSp(which)
    const frame = (sp - (float ? 0x68 : 0x20)) & ~7
    const psr =
      state.apsr |
      ((state.it & 3) << 25) |
      ((state.it >> 2) << 10) |
      (state.thumb ? 1 << 24 : 0) |
      ((sp & 4) << 7) |
      state.ipsr
    const kept = [0, 1, 2, 3, 12, 14].map((r) => state.get(r))
    for (const [i, value] of [...kept, back, psr].entries()) {
      this.#host.write((frame + 4 * i) >>> 0, 4, value)
    }
    if (float) this.#keepFloat(frame + 0x20)
    state.setSp(which, frame)
    const magic = state.ipsr !== 0 ? 1 : which === 0 ? 9 : 13
    state.set(14, 0xffff_ffe0 | magic | (float ? 0 : 16))
    state.control &= ~4
    state.selectSp(0)
    this.#vector(n)
    return entryCycles
  }

  #vector(n: number): void {
    const { state } = this
    this.#exceptions.enter(n)
    state.ipsr = n
    state.it = 0
    state.exclusive = false
    state.event = true
    state.waiting = false
    state.changed = true
    const to = this.#host.read((this.registers.vtor + 4 * n) >>> 0, 4)
    state.thumb = (to & 1) !== 0
    state.next = to & ~1
    this.#pc = state.next >>> 0
  }

  /** At once, or a place for it, to be filled when the unit is next used (B1.5.7). */
  #keepFloat(at: number): void {
    const { registers } = this
    if ((registers.fpccr & lazy.lazily) === 0) this.#saveFloat(at)
    else {
      registers.fpcar = at
      registers.fpccr |= lazy.active
    }
  }
  #saveFloat(at: number): void {
    const { state, registers } = this
    for (let i = 0; i < 16; i += 1) {
      this.#host.write((at + 4 * i) >>> 0, 4, state.single[i] ?? 0)
    }
    this.#host.write((at + 64) >>> 0, 4, state.fpscr)
    registers.fpccr &= ~lazy.active
  }
  #touchFloat(): void {
    const { state, registers } = this
    if (registers.cpacr !== 15 << 20) throw new CoreFault(faults.noCoprocessor)
    if ((registers.fpccr & lazy.active) !== 0) this.#saveFloat(registers.fpcar)
    if ((state.control & 4) !== 0 || registers.fpccr >= 0) return
    state.control |= 4
    state.fpscr = (state.fpscr & ~0x07c0_0000) | registers.fpdscr
  }

  /** B1.5.8: back to what was interrupted, or on to what waits. */
  #leave(magic: number): number {
    const { state } = this
    const kind = magic & 15
    if ((magic & 0x0fff_ffe0) !== 0x0fff_ffe0 || (kind !== 1 && kind !== 9 && kind !== 13)) {
      throw new CoreFault(faults.invalidReturn)
    }
    this.#exceptions.leave(state.ipsr)
    if (state.ipsr !== numbers.nmi) state.faultmask = false
    const next = this.#takeable()
    if (next !== 0) {
      state.set(14, magic)
      this.#vector(next)
      return chainCycles
    }
    this.#restore(magic)
    state.exclusive = false
    state.event = true
    state.changed = true
    if (state.ipsr === 0 && (this.registers.scr & 2) !== 0) state.waiting = true
    return returnCycles
  }

  #restore(magic: number): void {
    const { state, registers } = this
    const which = (magic & 15) === 13 ? 1 : 0
    const float = (magic & 16) === 0
    const frame = state.getSp(which)
    const word = (i: number): number => this.#host.read((frame + 4 * i) >>> 0, 4) | 0
    const psr = word(7)
    if (((psr & 511) !== 0) !== ((magic & 8) === 0)) throw new CoreFault(faults.invalidReturn)
    for (const [i, r] of [0, 1, 2, 3, 12, 14].entries()) state.set(r, word(i))
    state.next = word(6) & ~1
    if (float) {
      if ((registers.fpccr & lazy.active) !== 0) registers.fpccr &= ~lazy.active
      else {
        for (let i = 0; i < 16; i += 1) state.single[i] = word(8 + i)
        state.fpscr = word(24)
      }
    }
    state.setSp(which, frame + (float ? 0x68 : 0x20) + ((psr >> 7) & 4))
    state.control = (state.control & ~4) | (float ? 4 : 0)
    state.selectSp(which)
    state.setFlags(psr)
    state.ge = (psr >>> 16) & 15
    state.it = ((psr >>> 25) & 3) | (((psr >>> 10) & 63) << 2)
    state.thumb = (psr & (1 << 24)) !== 0
    state.ipsr = psr & 511
  }

  /** B1.5.14: into its own exception if that may run, else into a hard fault. */
  #fault({ bits, at }: CoreFault): number {
    const { state, registers } = this
    if (bits !== faults.debug) registers.cfsr |= bits
    if (at !== undefined) {
      registers.faultAt.bus = at
      registers.cfsr |= 1 << 15
    }
    const n = bits === 0 || bits === faults.debug ? 3 : bits < 1 << 8 ? 4 : bits < 1 << 16 ? 5 : 6
    const enabled = n > 3 && (registers.shcsr & (1 << (12 + n))) !== 0
    const now = this.#executing()
    if (enabled && this.#exceptions.priorityOf(n) < now) return this.#enter(n, state.at)
    if (now <= -1) throw new Error(`locked up at ${hex(state.at)}, CFSR ${hex(registers.cfsr)}`)
    registers.hfsr |= bits === faults.debug ? faults.debug : 1 << 30
    return this.#enter(numbers.hardFault, state.at)
  }
}

/** What the bus has not answered is a fault of the core; anything else ends the run. */
const faultOf = (error: unknown): CoreFault => {
  if (error instanceof CoreFault) return error
  if (!(error instanceof Unanswered)) throw error
  return error.fetched
    ? new CoreFault(faults.instructionBus)
    : new CoreFault(faults.preciseBus, error.address)
}
