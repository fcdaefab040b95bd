// Rainflow counting as it streams: loads in blocks of any size, closed cycles out, the same counts
// as over the whole series at once. With a grid of load levels the memory has a fixed size, because
// the residue of nested, ever smaller ranges cannot be longer than the number of levels. Reads
// values only; what a cycle does to the part is damage.ts.
import { refuse } from './refusal.ts'

/** One counted cycle. Units as the loads; indices count samples from the first one pushed. */
export interface Cycle {
  range: number
  mean: number
  /** 1 for a closed cycle, 0.5 for a half cycle. */
  count: number
  start: number
  end: number
}

/** A grid of load levels: values are moved to the nearest of `levels` levels from low to high. */
export interface LevelGrid {
  low: number
  high: number
  levels: number
}

/** Called for each cycle as it closes; the object is used again for the next one. */
export type OnCycle = (cycle: Cycle) => void

const checkGrid = (grid: LevelGrid): LevelGrid =>
  grid.high > grid.low && Number.isInteger(grid.levels) && grid.levels >= 2
    ? grid
    : refuse('bad_argument', 'a grid needs low < high and at least 2 levels', 'Check the limits')

/**
 * Streaming rainflow counter, the three-point method of ASTM E1049-85 (2017), 5.4.4.
 * `push` counts the cycles that blocks close; `finish` counts the residue as half cycles without
 * changing the state, so that more blocks may follow. Not-a-number values are skipped and counted.
 */
export class Rainflow {
  /** Values that were not finite and so not counted. */
  skipped = 0
  readonly #onCycle: OnCycle
  readonly #grid: LevelGrid | undefined
  #values: Float64Array
  #places: Float64Array
  #size = 0
  #seen = 0
  #last = Number.NaN
  #lastPlace = 0
  #direction = 0
  readonly #cycle: Cycle = { range: 0, mean: 0, count: 0, start: 0, end: 0 }

  constructor(onCycle: OnCycle, grid?: LevelGrid) {
    this.#onCycle = onCycle
    this.#grid = grid && checkGrid(grid)
    const room = grid ? grid.levels + 3 : 64
    this.#values = new Float64Array(room)
    this.#places = new Float64Array(room)
  }

  /** Length of the residue: turning points not yet part of a counted cycle. */
  get residue(): number {
    return this.#size
  }

  /** Counts a block of loads. */
  push(block: ArrayLike<number>): void {
    const grid = this.#grid
    const span = grid ? grid.high - grid.low : 0
    const step = grid ? span / (grid.levels - 1) : 0
    for (let i = 0; i < block.length; i++) {
      let v = block[i] as number
      const place = this.#seen++
      // Infinity minus Infinity and NaN minus NaN are both NaN.
      if (v - v !== 0) {
        this.skipped++
        continue
      }
      if (grid) {
        // Multiplied first: a value that lies just between two levels is then exactly there.
        const level = Math.round(((v - grid.low) * (grid.levels - 1)) / span)
        v = grid.low + step * (level < 0 ? 0 : level >= grid.levels ? grid.levels - 1 : level)
      }
      const last = this.#last
      if (v > last) {
        if (this.#direction <= 0) this.#turn(last, this.#lastPlace)
        this.#direction = 1
      } else if (v < last) {
        if (this.#direction >= 0) this.#turn(last, this.#lastPlace)
        this.#direction = -1
      } else if (v === last) continue
      this.#last = v
      this.#lastPlace = place
    }
  }

  /**
   * Counts what is left as half cycles, the last value as a reversal, as ASTM does at the end of a
   * history. The state is left as it was.
   */
  finish(): void {
    const values = Float64Array.from(this.#values)
    const places = Float64Array.from(this.#places)
    const size = this.#size
    if (this.#direction !== 0) this.#turn(this.#last, this.#lastPlace)
    for (let i = 1; i < this.#size; i++) this.#emit(i - 1, 0.5)
    this.#values = values
    this.#places = places
    this.#size = size
  }

  #emit(at: number, count: number): void {
    const a = this.#values[at] as number
    const b = this.#values[at + 1] as number
    const cycle = this.#cycle
    cycle.range = a > b ? a - b : b - a
    cycle.mean = 0.5 * (a + b)
    cycle.count = count
    cycle.start = this.#places[at] as number
    cycle.end = this.#places[at + 1] as number
    this.#onCycle(cycle)
  }

  /** A turning point: put on the residue, then count every range that it closes. */
  #turn(value: number, place: number): void {
    const values = this.#values
    let n = this.#size
    values[n] = value
    this.#places[n] = place
    n++
    while (n >= 3) {
      const b = values[n - 2] as number
      const x = Math.abs((values[n - 1] as number) - b)
      const y = Math.abs(b - (values[n - 3] as number))
      if (x < y) break
      if (n === 3) {
        // The range holds the start of the history: half a cycle, and the start moves on.
        this.#emit(0, 0.5)
        values.copyWithin(0, 1, 3)
        this.#places.copyWithin(0, 1, 3)
        n = 2
        continue
      }
      this.#emit(n - 3, 1)
      values[n - 3] = values[n - 1] as number
      this.#places[n - 3] = this.#places[n - 1] as number
      n -= 2
    }
    this.#size = n
    if (n + 2 > values.length) this.#grow()
  }

  /** Only without a grid: nested ranges of any fineness need room. */
  #grow(): void {
    const more = (old: Float64Array) => {
      const grown = new Float64Array(old.length * 2)
      grown.set(old)
      return grown
    }
    this.#values = more(this.#values)
    this.#places = more(this.#places)
  }
}

/** All cycles of a whole series, residue as half cycles, in the order in which they close. */
export const rainflow = (series: ArrayLike<number>): Cycle[] => {
  const cycles: Cycle[] = []
  const counter = new Rainflow((cycle) => cycles.push({ ...cycle }))
  counter.push(series)
  counter.finish()
  return cycles
}

/** Counts by range, ascending: the table that ASTM E1049 prints. */
export const countByRange = (cycles: Iterable<Cycle>): { range: number; count: number }[] => {
  const counts = new Map<number, number>()
  for (const { range, count } of cycles) counts.set(range, (counts.get(range) ?? 0) + count)
  return [...counts].map(([range, count]) => ({ range, count })).sort((p, q) => p.range - q.range)
}

/** Bytes of a board's record: counts, residue and the last two values. */
const LEVELS = 64
const RANGES = 32
const MEANS = 15
const COUNT_BYTES = RANGES * MEANS * 4
const STATE_BYTES = COUNT_BYTES + LEVELS + 3 + 8

/**
 * The record a board keeps for its whole life in 2 KB: range x mean counts (32 x 15, in half
 * cycles, 32 bit) and the residue on 64 levels. Here to be read, and as the reference of the
 * firmware's.
 */
export class RainflowRecord {
  static readonly bytes = STATE_BYTES
  readonly ranges = RANGES
  readonly means = MEANS
  /** Half cycles by [range band * means + mean band]; saturates at 2^32 - 1. */
  readonly halves = new Uint32Array(RANGES * MEANS)
  readonly grid: LevelGrid
  readonly #counter: Rainflow

  constructor(low: number, high: number) {
    this.grid = { low, high, levels: LEVELS }
    const span = high - low
    this.#counter = new Rainflow(({ range, mean, count }) => {
      // In whole levels, as the board has them; the mean of two levels in halves.
      const steps = Math.round((range / span) * (LEVELS - 1))
      const middle = Math.round(((mean - low) / span) * 2 * (LEVELS - 1))
      const r = Math.min(RANGES - 1, Math.floor((steps * RANGES) / (LEVELS - 1)))
      const m = Math.min(MEANS - 1, Math.floor((middle * MEANS) / (2 * (LEVELS - 1))))
      const at = r * MEANS + m
      const next = (this.halves[at] as number) + 2 * count
      this.halves[at] = Math.min(next, 0xffffffff)
    }, this.grid)
  }

  /** Length of the residue, at most the number of levels + 1. */
  get residue(): number {
    return this.#counter.residue
  }

  push(block: ArrayLike<number>): void {
    this.#counter.push(block)
  }

  /** Middle of a range band, in the unit of the loads. */
  rangeOf(band: number): number {
    return ((band + 0.5) * (this.grid.high - this.grid.low)) / RANGES
  }

  /** Middle of a mean band, in the unit of the loads. */
  meanOf(band: number): number {
    return this.grid.low + ((band + 0.5) * (this.grid.high - this.grid.low)) / MEANS
  }

  /** The counted cycles by band, residue left out: it is not closed yet. */
  *cycles(): Generator<Cycle> {
    for (let i = 0; i < this.halves.length; i++) {
      const count = (this.halves[i] as number) / 2
      if (count === 0) continue
      const range = this.rangeOf(Math.floor(i / MEANS))
      yield { range, mean: this.meanOf(i % MEANS), count, start: 0, end: 0 }
    }
  }
}
