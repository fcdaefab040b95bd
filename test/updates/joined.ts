// An emulated board whose flash lives on, joined to a gateway by a pseudo-terminal: it runs beside
// the test in slices, its power can be cut in any operation of its flash, and its control pulled.
import type { Pico } from '../emu/pico.ts'
import { noiseOf } from '../emu/rosc.ts'
import type { W25q } from '../emu/w25q.ts'
import { Wire } from '../serial/wire.ts'
import { type LivingFlash, pico, type SlotBoard, type SlotChip } from '../signing/chips.ts'

/** Seconds; four times as fast as 115200 bits a second, to save time. */
const perByteS = 1 / 44_000
/** Between two looks at what came from the gateway. */
const roundS = 1e-3

/** What a board's pins are joined to. */
export interface World<C extends SlotChip = Pico> {
  /** Counts of a converter channel. */
  counts: (channel: number, level: (pin: number) => boolean) => number
  /**
   * Before each slice: drives pins, moves a plant by the time since the last one, s. A core that
   * sleeps wakes in its next step, far beyond the slice's end: this is the board's own time.
   */
  before?: (chip: C, dtS: number) => void
  onEdge?: (pin: number, high: boolean, cycle: number) => void
}

export class JoinedBoard<C extends SlotChip, F extends LivingFlash> {
  readonly wire = new Wire()
  readonly flash: F
  chip: C
  /** Pins that were high for a moment. */
  readonly rose = new Set<number>()
  /** Power fails in this operation of the flash. */
  cutAt = Number.POSITIVE_INFINITY
  cuts = 0
  /** The trigger is pulled. */
  isPulled = false
  /** Of the current's converter; in the middle is no current. */
  currentCounts = 2048
  /** Power is off. */
  isOff = false
  readonly #kind: SlotBoard<C, F>
  readonly #world: World<C>
  readonly #coming: number[] = []
  /** Cycles of this power-up that the world has seen go by. */
  #seen = 0
  #said: number[] = []
  #wiggle = 0
  #isStopping = false
  #ended: Promise<void> | undefined

  /** Without a world, a sound drill whose trigger and current are set here. */
  constructor(kind: SlotBoard<C, F>, flash: F, world?: World<C>) {
    this.#kind = kind
    this.flash = flash
    this.#world = world ?? { counts: (channel, level) => this.#drill(channel, level) }
    this.chip = this.#fresh()
  }

  async start(): Promise<void> {
    await this.wire.start()
    this.wire.onBytes = (bytes) => {
      if (!this.isOff) this.#coming.push(...bytes)
    }
    this.#ended = this.#run()
  }

  /** Power comes again; RAM and what was on the line are lost. */
  powerUp(): void {
    this.#coming.length = 0
    this.#said = []
    this.#seen = 0
    this.chip = this.#fresh()
    this.isOff = false
  }

  cutPower(): void {
    this.chip.cutPower()
    this.isOff = true
    this.cuts += 1
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#ended
    await this.wire.stop()
  }

  async #run(): Promise<void> {
    const { uartBytes } = this.#kind
    const sliceS = uartBytes * perByteS
    while (!this.#isStopping) {
      for (let i = 0; i * sliceS < roundS && !this.isOff; i += 1) this.#slice(uartBytes, sliceS)
      if (this.#said.length > 0) {
        this.wire.send(Uint8Array.from(this.#said))
        this.#said = []
      }
      await new Promise((resume) => setImmediate(resume))
    }
  }

  #slice(mostBytes: number, sliceS: number): void {
    const { flash, chip } = this
    const { hz } = this.#kind
    this.#world.before?.(chip, (chip.cycles - this.#seen) / hz)
    this.#seen = chip.cycles
    for (let bytes = mostBytes; bytes > 0 && this.#coming.length > 0; bytes -= 1) {
      if (!chip.feed(this.#coming[0] as number)) break
      this.#coming.shift()
    }
    if (this.cutAt === Number.POSITIVE_INFINITY) {
      chip.run(sliceS * hz)
      return
    }
    if (!chip.run(sliceS * hz, () => flash.operations >= this.cutAt && flash.busy)) return
    this.cutAt = Number.POSITIVE_INFINITY
    this.cutPower()
  }

  #fresh(): C {
    return this.#kind.powerUp(this.flash, {
      noise: noiseOf(11),
      analogue: this.#world.counts,
      onUart: (byte) => this.#said.push(byte),
      onEdge: (pin, high, cycle) => {
        if (high) this.rose.add(pin)
        this.#world.onEdge?.(pin, high, cycle)
      },
    })
  }

  #drill(channel: number, level: (pin: number) => boolean): number {
    const { select, current, trigger } = this.#kind.drill
    const position = Number(level(select[0])) + 2 * Number(level(select[1]))
    this.#wiggle = (this.#wiggle + 1) & 3
    const as = channel === trigger ? 0 : channel === current ? 1 : 2
    return (as === 1 ? this.currentCounts : countsOf(as, position, this.isPulled)) + this.#wiggle
  }
}

export class JoinedPico extends JoinedBoard<Pico, W25q> {
  constructor(flash: W25q, world?: World) {
    super(pico, flash, world)
  }

  get pico(): Pico {
    return this.chip
  }
}

/**
 * A sound drill at rest: 0 A, 18 V, 25 degrees; the trigger as the hand has it. By a Pico's
 * channels: 0 the trigger, 1 the current, 2 the others by position.
 */
export const countsOf = (channel: number, position: number, isPulled: boolean): number => {
  if (channel === 0) return isPulled ? 2048 : 372
  return [2358, 931, 931, 2048][position] ?? 0
}
