// What an instruction of a Cortex-M4F works on: registers, flags, the bus (ARMv7-M Architecture
// Reference Manual DDI 0403E, B1.4). Here is the arithmetic that sets flags; what an instruction is
// stands in the other cortex-m4 files. Must not know a chip.

export type Width = 1 | 2 | 4

/** The bus, by whole multiples of the widths. */
export interface CoreBus {
  /** A halfword of code. */
  fetch(address: number): number
  read(address: number, bytes: Width): number
  write(address: number, bytes: Width, value: number): void
}

/** The core goes into a fault exception, with these bits of CFSR (B3.2.15). */
export class CoreFault extends Error {
  override name = 'CoreFault'
  readonly bits: number
  readonly at: number | undefined

  /** @param at the data address that has failed */
  constructor(bits: number, at?: number) {
    super(`fault ${bits.toString(16)}`)
    this.bits = bits
    this.at = at
  }
}

/** Bits of CFSR. */
export const faults = {
  executeNever: 1 << 0,
  instructionBus: 1 << 8,
  preciseBus: 1 << 9,
  stackingBus: 1 << 12,
  undefinedInstruction: 1 << 16,
  invalidState: 1 << 17,
  invalidReturn: 1 << 18,
  noCoprocessor: 1 << 19,
  unaligned: 1 << 24,
  divideByZero: 1 << 25,
  /** Not of CFSR: a breakpoint without a debugger. */
  debug: -(2 ** 31),
} as const

/** Gives the cycles that it takes; writes `next` where it branches. */
export type Op = (core: State) => number

/** 0 LSL, 1 LSR, 2 ASR, 3 ROR, 4 RRX. */
export type Shift = 0 | 1 | 2 | 3 | 4

export class State {
  readonly bus: CoreBus
  n = false
  z = false
  c = false
  v = false
  q = false
  /** Four bits, one for each byte lane. */
  ge = 0
  /** ITSTATE; 0: in no IT block. */
  it = 0
  /** The instruction that runs stands in one; `it` is then that of the instruction behind it. */
  inBlock = false
  /** Carry of the last shifted operand. */
  carryOut = false
  /** Of the instruction that runs, and of the one behind it. */
  at = 0
  next = 0
  /** EPSR.T; without it the next instruction faults. */
  thumb = true
  ipsr = 0
  primask = false
  faultmask = false
  basepri = 0
  /** CONTROL: 1 nPRIV, 2 SPSEL, 4 FPCA. */
  control = 0
  /** The stack pointer that is not in use. */
  otherSp = 0
  /** An exclusive load is open. */
  exclusive = false
  /** Trap on these: CCR.UNALIGN_TRP, CCR.DIV_0_TRP. */
  trapsUnaligned = false
  trapsDivision = false
  /** Masks, priorities or requests may have changed. */
  changed = true
  waiting = false
  event = false
  fpscr = 0
  readonly single = new Int32Array(32)
  readonly float = new Float32Array(this.single.buffer)
  readonly #r = new Int32Array(16)
  /** Called before each floating-point instruction: is the unit on, is a frame to be saved? */
  readonly touchFloat: () => void
  /** Called with an EXC_RETURN that is branched to in handler mode; gives cycles. */
  readonly leave: (magic: number) => number
  /** SVC. */
  readonly call: () => void

  constructor(bus: CoreBus, hooks: Pick<State, 'touchFloat' | 'leave' | 'call'>) {
    this.bus = bus
    this.touchFloat = hooks.touchFloat
    this.leave = hooks.leave
    this.call = hooks.call
  }

  /** R15 is the instruction's address and 4. */
  get(n: number): number {
    return this.#r[n] ?? 0
  }
  /** Not R15: branches write `next`. */
  set(n: number, value: number): void {
    this.#r[n] = n === 13 ? value & ~3 : value
  }
  setPc(at: number): void {
    this.at = at
    this.#r[15] = at + 4
  }

  /** A stack pointer by its number: 0 main, 1 process. */
  getSp(which: 0 | 1): number {
    return which === (this.control >> 1) % 2 ? this.get(13) : this.otherSp
  }
  setSp(which: 0 | 1, value: number): void {
    if (which === (this.control >> 1) % 2) this.set(13, value)
    else this.otherSp = value & ~3
  }
  /** SPSEL has an effect in thread mode only, where this is called. */
  selectSp(which: 0 | 1): void {
    if (which === (this.control >> 1) % 2) return
    const now = this.get(13)
    this.control ^= 2
    this.set(13, this.otherSp)
    this.otherSp = now
  }

  /** The flags with the positions that they have in APSR. */
  get apsr(): number {
    const flags = (this.n ? 8 : 0) | (this.z ? 4 : 0) | (this.c ? 2 : 0) | (this.v ? 1 : 0)
    return (flags << 28) | (this.q ? 1 << 27 : 0) | (this.ge << 16)
  }
  setFlags(value: number): void {
    this.n = value < 0
    this.z = (value & (1 << 30)) !== 0
    this.c = (value & (1 << 29)) !== 0
    this.v = (value & (1 << 28)) !== 0
    this.q = (value & (1 << 27)) !== 0
  }

  holds(condition: number): boolean {
    const base = this.#base(condition >> 1)
    return (condition & 1) === 1 && condition !== 15 ? !base : base
  }
  #base(condition: number): boolean {
    switch (condition) {
      case 0:
        return this.z
      case 1:
        return this.c
      case 2:
        return this.n
      case 3:
        return this.v
      case 4:
        return this.c && !this.z
      case 5:
        return this.n === this.v
      case 6:
        return this.n === this.v && !this.z
      default:
        return true
    }
  }

  /** a + b + carry, with all four flags; a - b is a + ~b + 1. */
  add(a: number, b: number, carry: number): number {
    const sum = (a >>> 0) + (b >>> 0) + carry
    const result = sum | 0
    this.n = result < 0
    this.z = result === 0
    this.c = sum > 0xffff_ffff
    this.v = ((a ^ result) & (b ^ result)) < 0
    return result
  }

  setNz(result: number): void {
    this.n = result < 0
    this.z = result === 0
  }

  /** A shifted value, its carry in `carryOut`. @param amount 0 to 255; for RRX any */
  shift(type: Shift, value: number, amount: number): number {
    if (type === 4) {
      this.carryOut = (value & 1) !== 0
      return (value >>> 1) | (this.c ? -(2 ** 31) : 0)
    }
    if (amount === 0) {
      this.carryOut = this.c
      return value
    }
    if (type === 3) {
      const by = amount & 31
      const result = by === 0 ? value : (value >>> by) | (value << (32 - by))
      this.carryOut = result < 0
      return result
    }
    if (type === 2) {
      const by = Math.min(amount, 32) - 1
      this.carryOut = ((value >> by) & 1) !== 0
      return (value >> by) >> 1
    }
    const far = amount > 32
    const by = amount - 1
    if (type === 1) {
      this.carryOut = !far && ((value >>> by) & 1) !== 0
      return far ? 0 : ((value >>> by) >>> 1) | 0
    }
    this.carryOut = !far && value << by < 0
    return far ? 0 : (value << by) << 1
  }

  load(address: number, bytes: Width): number {
    return (address & (bytes - 1)) === 0
      ? this.bus.read(address >>> 0, bytes)
      : this.#loadUnaligned(address >>> 0, bytes)
  }
  store(address: number, bytes: Width, value: number): void {
    if ((address & (bytes - 1)) === 0) this.bus.write(address >>> 0, bytes, value)
    else this.#storeUnaligned(address >>> 0, bytes, value)
  }
  /** For those that must be aligned: LDM, LDRD, VLDR, LDREX (A3.2.1). */
  loadWord(address: number): number {
    if ((address & 3) !== 0) throw new CoreFault(faults.unaligned)
    return this.bus.read(address >>> 0, 4) | 0
  }
  storeWord(address: number, value: number): void {
    if ((address & 3) !== 0) throw new CoreFault(faults.unaligned)
    this.bus.write(address >>> 0, 4, value)
  }

  /** Registers of blocks are no memory: there it faults always. */
  #mustAlign(address: number): void {
    const isBlock = (address >= 0x4000_0000 && address < 0x6000_0000) || address >= 0xa000_0000
    if (this.trapsUnaligned || isBlock) throw new CoreFault(faults.unaligned)
  }
  #loadUnaligned(address: number, bytes: Width): number {
    this.#mustAlign(address)
    let value = 0
    for (let i = 0; i < bytes; i += 1) value |= this.bus.read((address + i) >>> 0, 1) << (8 * i)
    return value
  }
  #storeUnaligned(address: number, bytes: Width, value: number): void {
    this.#mustAlign(address)
    for (let i = 0; i < bytes; i += 1) {
      this.bus.write((address + i) >>> 0, 1, (value >>> (8 * i)) & 255)
    }
  }

  /** B or BL to an address of code. */
  jump(address: number): void {
    this.next = address & ~1
  }
  /** BX, BLX, POP and loads of the PC: bit 0 is T; gives cycles beyond the branch's. */
  exchange(address: number): number {
    if (this.ipsr !== 0 && address >>> 28 === 15) return this.leave(address)
    this.thumb = (address & 1) !== 0
    this.next = address & ~1
    return 0
  }
}
