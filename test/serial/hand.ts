// A drill at the pins of an emulated Pico, moved by a script of what the hand and the pack do, so
// that a second run is given the very same at the very same conversions; and what was seen of both.
import { expect } from 'vitest'
import { atRest, cyclesPerUs, pin, type Volts } from '../boards/pins.ts'
import type { World } from '../updates/joined.ts'

/** What drives; an edge of any of them is compared. */
export const drives = [pin.duty, pin.brake, pin.gate, pin.bridge]
/** Cycles: an edge is heard when the instruction is over in which it came. */
const heardWithin = 12
/**
 * What the step does itself begins with its alarm, which the emulator counts in whole microseconds
 * from the moment at which it is set: as early or late as one of them.
 */
const alarmWithin = cyclesPerUs + heardWithin
const withinOf = (which: number): number =>
  which === pin.gate || which === pin.bridge ? alarmWithin : heardWithin

export interface AtPins {
  /** Of each of `drives`, as cycle and level. */
  edges: (readonly [cycle: number, high: boolean])[][]
  /** When the motor current was converted, which begins each step. */
  sampled: number[]
}

/** The very edges, and each step at its time, as a board that never had a gateway. */
export const expectSamePins = (mine: AtPins, alone: AtPins): void => {
  drives.forEach((one, i) => {
    const [now = [], theirs = []] = [mine.edges[i], alone.edges[i]]
    const differs = now.findIndex(
      ([at, high], k) =>
        Math.abs(at - (theirs[k]?.[0] ?? 0)) > withinOf(one) || high !== theirs[k]?.[1],
    )
    expect([one, now.length, differs]).toEqual([one, theirs.length, -1])
  })
  expect(mine.sampled.length).toBe(alone.sampled.length)
  const late = mine.sampled.map((at, i) => Math.abs(at - (alone.sampled[i] ?? 0)))
  expect(late.reduce((a, b) => Math.max(a, b), 0)).toBeLessThanOrEqual(alarmWithin)
}

type Change = Partial<Omit<Volts, 'slow'>> & { pack?: number }

export class HandledDrill implements World {
  /** Changes by the count of conversions before them. */
  readonly script: { at: number; change: Change }[]
  conversions = 0
  /** The emulator's time; set it before the first conversion. */
  cycles: () => number = () => 0
  readonly #sampled: number[] = []
  readonly #heard: [pin: number, cycle: number, high: boolean][] = []
  readonly #volts = atRest()
  #next = 0
  #seed = 1

  constructor(script: { at: number; change: Change }[] = []) {
    this.script = script
  }

  /** From the next conversion on. */
  now(change: Change): void {
    this.script.push({ at: this.conversions, change })
  }

  seen(before: number): AtPins {
    return {
      edges: drives.map((one) =>
        this.#heard.flatMap(([which, cycle, high]) =>
          which === one && cycle < before ? [[cycle, high] as const] : [],
        ),
      ),
      sampled: this.#sampled.filter((at) => at < before),
    }
  }

  counts = (channel: number, level: (pin: number) => boolean): number => {
    for (;;) {
      const due = this.script[this.#next]
      if (due === undefined || due.at > this.conversions) break
      const { pack, ...others } = due.change
      Object.assign(this.#volts, others)
      if (pack !== undefined) this.#volts.slow[0] = pack
      this.#next += 1
    }
    this.conversions += 1
    if (channel === 1) this.#sampled.push(this.cycles())
    const position = pin.select.reduce((sum, one, i) => sum + (level(one) ? 1 << i : 0), 0)
    const { trigger, current, slow } = this.#volts
    const volt = [trigger, current, slow[position]][channel] ?? 0
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) | 0
    const noise = (((this.#seed >>> 16) & 0xff) - 127) / 64
    return Math.min(Math.max(Math.round((volt / 3.3) * 4096 + noise), 0), 4095)
  }

  onEdge = (which: number, high: boolean, cycle: number): void => {
    if (drives.includes(which as (typeof drives)[number])) this.#heard.push([which, cycle, high])
  }
}
