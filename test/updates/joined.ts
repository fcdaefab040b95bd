// An emulated Pico whose flash lives on, joined to a gateway by a pseudo-terminal: it runs beside
// the test in slices, its power can be cut in any operation of its flash, and its control pulled.
import { Pico } from '../emu/pico.ts'
import { noiseOf } from '../emu/rosc.ts'
import type { W25q } from '../emu/w25q.ts'
import { Wire } from '../serial/wire.ts'

const ms = 125_000
/** Four times as fast as 115200 bits a second, to save time. */
const bytesPerSlice = 11
const slice = ms / 4

/** What a board's pins are joined to. */
export interface World {
  /** Counts of a converter channel. */
  counts: (channel: number, level: (pin: number) => boolean) => number
  /**
   * Before each slice: drives pins, moves a plant by the time since the last one, s. A core that
   * sleeps wakes in its next step, far beyond the slice's end: this is the board's own time.
   */
  before?: (pico: Pico, dtS: number) => void
  onEdge?: (pin: number, high: boolean, cycle: number) => void
}

export class JoinedPico {
  readonly wire = new Wire()
  readonly flash: W25q
  pico: Pico
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
  readonly #world: World
  readonly #coming: number[] = []
  /** Cycles of this power-up that the world has seen go by. */
  #seen = 0
  #fresh: number[] = []
  #wiggle = 0
  #isStopping = false
  #ended: Promise<void> | undefined

  /** Without a world, a sound drill whose trigger and current are set here. */
  constructor(flash: W25q, world?: World) {
    this.flash = flash
    this.#world = world ?? { counts: (channel, level) => this.#drill(channel, level) }
    this.pico = this.#chip()
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
    this.#fresh = []
    this.#seen = 0
    this.pico = this.#chip()
    this.isOff = false
  }

  cutPower(): void {
    this.pico.cutPower()
    this.isOff = true
    this.cuts += 1
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#ended
    await this.wire.stop()
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      for (let i = 0; i < 4 && !this.isOff; i += 1) this.#slice()
      if (this.#fresh.length > 0) {
        this.wire.send(Uint8Array.from(this.#fresh))
        this.#fresh = []
      }
      await new Promise((resume) => setImmediate(resume))
    }
  }

  #slice(): void {
    this.#world.before?.(this.pico, (this.pico.cycles - this.#seen) / 125e6)
    this.#seen = this.pico.cycles
    for (let bytes = bytesPerSlice; bytes > 0 && this.#coming.length > 0; bytes -= 1) {
      if (!this.pico.feed(this.#coming[0] as number)) break
      this.#coming.shift()
    }
    const { flash } = this
    if (this.cutAt === Number.POSITIVE_INFINITY) {
      this.pico.run(slice)
      return
    }
    if (!this.pico.run(slice, () => flash.operations >= this.cutAt && flash.busy)) return
    this.cutAt = Number.POSITIVE_INFINITY
    this.cutPower()
  }

  #chip(): Pico {
    return new Pico({
      ...{ bin: this.flash.cells.slice(0, 256), flash: this.flash, noise: noiseOf(11) },
      analogue: this.#world.counts,
      onUart: (byte) => this.#fresh.push(byte),
      onEdge: (pin, high, cycle) => {
        if (high) this.rose.add(pin)
        this.#world.onEdge?.(pin, high, cycle)
      },
    })
  }

  #drill(channel: number, level: (pin: number) => boolean): number {
    const position = Number(level(10)) + 2 * Number(level(11))
    this.#wiggle = (this.#wiggle + 1) & 3
    const counts = countsOf(channel, position, this.isPulled)
    return (channel === 1 ? this.currentCounts : counts) + this.#wiggle
  }
}

/** A sound drill at rest: 0 A, 18 V, 25 degrees; the trigger as the hand has it. */
export const countsOf = (channel: number, position: number, isPulled: boolean): number => {
  if (channel === 0) return isPulled ? 2048 : 372
  return [2358, 931, 931, 2048][position] ?? 0
}
