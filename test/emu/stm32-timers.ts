// Register models of the STM32F405's TIM8 (PWM), TIM2 (microseconds, trigger) and ADC1, with the
// way from a compare to a conversion in hardware (RM0090 rev 19: 17, 18, 13). Only the modes that
// the driver uses; another one is refused. Edges come at their cycle.
import { BusFault, type Cortex, Due } from './cortex.ts'
import type { Clocks } from './stm32-clocks.ts'

const unknown = (block: string, offset: number): never => {
  throw new BusFault(`${block} register 0x${offset.toString(16)} is not modelled`)
}
type Chip = () => Cortex

/** TIM8, counting up, PWM mode 1 on channels 1 and 2 (17.3.9), with its main output enable. */
export class PwmTimer {
  readonly dues: readonly Due[]
  readonly #chip: Chip
  readonly #clocks: Clocks
  readonly #changed: () => void
  #cr1 = 0
  #modes = 0
  #enabled = 0
  #bdtr = 0
  #begun = 0
  #counter = 0
  readonly #preload = { psc: 0, arr: 0xffff, compare: [0, 0] as [number, number] }
  readonly #active = { psc: 0, arr: 0xffff, compare: [0, 0] as [number, number] }
  readonly #references = [false, false]
  readonly #overflow: Due
  readonly #matches: readonly Due[]

  /** @param changed an output may have changed */
  constructor(chip: Chip, clocks: Clocks, changed: () => void) {
    this.#chip = chip
    this.#clocks = clocks
    this.#changed = changed
    this.#overflow = new Due(() => this.#wrap())
    this.#matches = [0, 1].map((i) => new Due(() => this.#match(i)))
    this.dues = [this.#overflow, ...this.#matches]
  }

  /** Level that a channel drives, or undefined where it floats (table 96, OSSI and OSSR). */
  output(channel: 0 | 1): boolean | undefined {
    if (((this.#enabled >>> (4 * channel)) & 1) === 0) return undefined
    if ((this.#bdtr & (1 << 15)) !== 0) return this.#references[channel]
    return (this.#bdtr & (1 << 10)) !== 0 ? false : undefined
  }

  read(offset: number): number {
    if (offset === 0x00) return this.#cr1
    if (offset === 0x34 || offset === 0x38) return this.#preload.compare[(offset - 0x34) / 4] ?? 0
    if (offset === 0x44) return this.#bdtr
    return unknown('TIM8', offset)
  }

  write(offset: number, value: number): void {
    switch (offset) {
      case 0x00:
        this.#control(value)
        break
      case 0x14:
        if ((this.#cr1 & 1) !== 0) throw new BusFault('TIM8: an update begins its period anew')
        if ((value & 1) !== 0) this.#update()
        break
      case 0x18:
        for (const mode of [value & 0xff, value >>> 8]) {
          if (mode !== 0x68) throw new BusFault('only PWM mode 1 with preload is modelled')
        }
        this.#modes = value
        break
      case 0x20:
        this.#enabled = value
        break
      case 0x28:
        this.#preload.psc = value & 0xffff
        break
      case 0x2c:
        this.#preload.arr = value & 0xffff
        break
      case 0x34:
      case 0x38:
        this.#preload.compare[(offset - 0x34) / 4] = value & 0xffff
        break
      case 0x44:
        this.#bdtr = value
        break
      default:
        unknown('TIM8', offset)
    }
    this.#changed()
  }

  #control(value: number): void {
    if ((value & ~0x83) !== 0) throw new BusFault('only counting up is modelled')
    if ((value & 0x81) === 1) throw new BusFault('TIM8: only a preloaded ARR is modelled')
    if ((this.#cr1 & ~value & 1) !== 0) throw new BusFault('TIM8: a stop is not modelled')
    const started = (value & ~this.#cr1 & 1) !== 0
    this.#cr1 = value
    if (started) {
      this.#counter = 0
      this.#begin()
    }
  }

  get #ratio(): number {
    return (this.#clocks.hz / this.#clocks.timer2) * (this.#active.psc + 1)
  }

  /** Preloads take effect, if updates are not disabled (UDIS). */
  #update(): void {
    if ((this.#cr1 & 2) !== 0) return
    Object.assign(this.#active, { psc: this.#preload.psc, arr: this.#preload.arr })
    this.#active.compare = [...this.#preload.compare]
  }

  #wrap(): void {
    this.#counter += (this.#active.arr + 1) * this.#ratio
    this.#update()
    this.#begin()
    this.#changed()
  }

  #begin(): void {
    const chip = this.#chip()
    if (this.#counter === 0) this.#begun = chip.cycles
    const from = this.#begun + this.#counter
    chip.schedule(this.#overflow, from + (this.#active.arr + 1) * this.#ratio)
    for (const [i, match] of this.#matches.entries()) {
      const compare = this.#active.compare[i] ?? 0
      this.#references[i] = compare > 0 && this.#modes !== 0
      if (compare > 0 && compare <= this.#active.arr) {
        chip.schedule(match, from + compare * this.#ratio)
      } else chip.schedule(match, Number.POSITIVE_INFINITY)
    }
  }

  #match(channel: number): void {
    this.#references[channel] = false
    this.#changed()
  }
}

/** TIM2: 32 bits, counting up for ever; its first compare toggles OC1REF (18.3.8). */
export class MicrosTimer {
  readonly dues: readonly Due[]
  readonly #chip: Chip
  readonly #clocks: Clocks
  readonly #toggled: (high: boolean) => void
  readonly #match: Due
  #cr1 = 0
  #psc = 0
  #activePsc = 0
  #arr = 0xffff_ffff
  #compare = 0
  #status = 0
  #mode = 0
  #enabled = 0
  #reference = false
  #since = 0

  constructor(chip: Chip, clocks: Clocks, toggled: (high: boolean) => void) {
    this.#chip = chip
    this.#clocks = clocks
    this.#toggled = toggled
    this.#match = new Due(() => this.#matched())
    this.dues = [this.#match]
  }

  get #ratio(): number {
    return (this.#clocks.hz / this.#clocks.timer1) * (this.#activePsc + 1)
  }
  get #count(): number {
    if ((this.#cr1 & 1) === 0) return 0
    return Math.floor((this.#chip().cycles - this.#since) / this.#ratio)
  }

  read(offset: number): number {
    if (offset === 0x00) return this.#cr1
    if (offset === 0x10) return this.#status
    if (offset === 0x24) return this.#count >>> 0
    if (offset === 0x34) return this.#compare
    return unknown('TIM2', offset)
  }

  write(offset: number, value: number): void {
    if (offset === 0x00) {
      if ((value & ~1) !== 0) throw new BusFault('TIM2: only counting up is modelled')
      if ((this.#cr1 & ~value & 1) !== 0) throw new BusFault('TIM2: a stop is not modelled')
      if (this.#arr !== 0xffff_ffff) throw new BusFault('TIM2: only 32 bits are modelled')
      if ((value & ~this.#cr1 & 1) !== 0) this.#since = this.#chip().cycles
      this.#cr1 = value
    } else if (offset === 0x10) this.#status &= value
    else if (offset === 0x14) {
      this.#activePsc = this.#psc
      this.#since = this.#chip().cycles
    } else if (offset === 0x18) {
      if ((value & ~0x70) !== 0) throw new BusFault('TIM2: a preloaded compare is not modelled')
      this.#mode = (value >>> 4) & 7
    } else if (offset === 0x20) this.#enabled = value
    else if (offset === 0x28) this.#psc = value
    else if (offset === 0x2c) this.#arr = value
    else if (offset === 0x34) this.#compare = value
    else unknown('TIM2', offset)
    if ((this.#cr1 & 1) === 0) return
    const ahead = (this.#compare - this.#count) >>> 0
    const turns = ahead === 0 ? 2 ** 32 : ahead
    this.#chip().schedule(this.#match, this.#since + (this.#count + turns) * this.#ratio)
  }

  #matched(): void {
    this.#status |= 2
    this.#chip().schedule(this.#match, this.#chip().cycles + 2 ** 32 * this.#ratio)
    if (this.#mode !== 3 || (this.#enabled & 1) === 0) return
    this.#reference = !this.#reference
    this.#toggled(this.#reference)
  }
}

const sampleClocks = [3, 15, 28, 56, 84, 112, 144, 480] as const
const compareOfTimer2 = 2

export interface ConverterHost {
  chip: Chip
  clocks: Clocks
  /** Counts at a channel, asked at the end of the sampling: from then on they are held (13.5). */
  counts: (channel: number) => number
  /** That channel's pin is in analogue mode. */
  isAnalogue: (channel: number) => boolean
  interrupt: (high: boolean) => void
}

/** ADC1: one regular and one injected conversion (13.3.9: the injected one goes first). */
export class Converter {
  readonly dues: readonly Due[]
  readonly #host: ConverterHost
  readonly #registers = new Map<number, number>()
  #status = 0
  #since = Number.POSITIVE_INFINITY
  readonly #held: { regular: Due; injected: Due }
  readonly #done: { regular: Due; injected: Due }
  readonly #samples = { regular: 0, injected: 0 }
  readonly #data = { regular: 0, injected: 0 }

  constructor(host: ConverterHost) {
    this.#host = host
    this.#held = {
      regular: new Due(() => this.#hold('regular')),
      injected: new Due(() => this.#hold('injected')),
    }
    this.#done = {
      regular: new Due(() => this.#end('regular')),
      injected: new Due(() => this.#end('injected')),
    }
    this.dues = [...Object.values(this.#held), ...Object.values(this.#done)]
  }

  read(offset: number): number {
    if (offset === 0x00) return this.#status
    if (offset === 0x4c) {
      this.#status &= ~2
      return this.#data.regular
    }
    if (offset === 0x3c) return this.#data.injected
    return this.#registers.get(offset) ?? (offset === 0x08 ? 0 : unknown('ADC1', offset))
  }

  write(offset: number, value: number): void {
    const known = [0x00, 0x04, 0x08, 0x0c, 0x10, 0x2c, 0x34, 0x38, 0x304]
    if (!known.includes(offset)) unknown('ADC1', offset)
    if (offset === 0x00) {
      this.#status &= value
      this.#raise()
      return
    }
    const before = this.#registers.get(offset) ?? 0
    this.#registers.set(offset, offset === 0x08 ? value & ~(1 << 30) : value)
    if (offset !== 0x08) return
    if ((value & ~before & 1) !== 0) this.#since = this.#host.chip().cycles
    if ((value & (1 << 30)) !== 0) this.#start('regular')
  }

  /** An edge of TIM2's compare output (JEXTSEL, JEXTEN: 13.13.3). */
  trigger(high: boolean): void {
    const control = this.#registers.get(0x08) ?? 0
    const edges = (control >>> 20) & 3
    const wanted = high ? (edges & 1) !== 0 : (edges & 2) !== 0
    if (wanted && ((control >>> 16) & 15) === compareOfTimer2) this.#start('injected')
  }

  #channel(which: 'regular' | 'injected'): number {
    const register = which === 'regular' ? 0x34 : 0x38
    const value = this.#registers.get(register) ?? 0
    return which === 'regular' ? value & 31 : (value >>> 15) & 31
  }

  /** Cycles of the core for one conversion, and for its sampling (13.5). */
  #times(channel: number): { whole: number; sampling: number } {
    const { clocks } = this.#host
    const hz = clocks.pclk2 / (2 * (((this.#registers.get(0x304) ?? 0) >>> 16) & 3) + 2)
    if (hz > 36e6) throw new BusFault(`the converter runs at ${hz} Hz`)
    const [register, place] = channel < 10 ? [0x10, channel] : [0x0c, channel - 10]
    const code = ((this.#registers.get(register) ?? 0) >>> (3 * place)) & 7
    const sampling = sampleClocks[code] ?? 3
    return { whole: ((sampling + 12) * clocks.hz) / hz, sampling: (sampling * clocks.hz) / hz }
  }

  #start(which: 'regular' | 'injected'): void {
    const { chip, clocks, isAnalogue } = this.#host
    const now = chip().cycles
    if (now - this.#since < 3e-6 * clocks.hz) throw new BusFault('the converter is not stable yet')
    const channel = this.#channel(which)
    if (!isAnalogue(channel)) throw new BusFault(`the pin of channel ${channel} is digital`)
    const free = this.#done.injected.at
    const end = this.#convert(which, which === 'regular' && Number.isFinite(free) ? free : now)
    // 13.3.9: what an injected one breaks into begins anew behind it.
    if (which === 'injected' && Number.isFinite(this.#done.regular.at)) {
      this.#convert('regular', end)
    }
  }

  /** From that cycle on; gives the one at which it ends. */
  #convert(which: 'regular' | 'injected', from: number): number {
    const { whole, sampling } = this.#times(this.#channel(which))
    this.#middle[which] = from + sampling / 2
    this.#host.chip().schedule(this.#held[which], from + sampling)
    this.#host.chip().schedule(this.#done[which], from + whole)
    return from + whole
  }

  readonly #middle = { regular: 0, injected: 0 }
  /** When each kind sampled last. */
  get sampledAt(): { regular: number; injected: number } {
    return this.#middle
  }

  #hold(which: 'regular' | 'injected'): void {
    this.#samples[which] = this.#host.counts(this.#channel(which)) & 0xfff
  }

  #end(which: 'regular' | 'injected'): void {
    this.#data[which] = this.#samples[which]
    this.#status |= which === 'regular' ? 2 : 4
    this.#raise()
  }

  #raise(): void {
    const enabled = ((this.#registers.get(0x04) ?? 0) & (1 << 7)) !== 0
    this.#host.interrupt(enabled && (this.#status & 4) !== 0)
  }
}
