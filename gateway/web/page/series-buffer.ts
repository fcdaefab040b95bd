// The window of samples that the charts show: columns of times and values, history first, live
// samples appended, old ones let go. Times only grow; a pause in the data becomes a gap in the
// line, not a slope.
import type { LiveReading } from '../../core/live.ts'
import type { Series } from '../../core/queries.ts'

/** Most samples kept, whatever the window and the rate. */
const samplesMax = 40_000

export interface BufferSignal {
  name: string
  index: number
}

export class SeriesBuffer {
  readonly #signals: readonly BufferSignal[]
  /** Seconds since 1970, ascending. */
  #times: number[] = []
  #columns: (number | null)[][]
  #gapS = Number.POSITIVE_INFINITY

  constructor(signals: readonly BufferSignal[]) {
    this.#signals = signals
    this.#columns = signals.map(() => [])
  }

  get length(): number {
    return this.#times.length
  }

  /** Seconds; undefined when empty. */
  get lastS(): number | undefined {
    return this.#times.at(-1)
  }

  /** Times, then the values of each signal asked for: what uPlot draws. Not copied. */
  data(indexes: readonly number[]): [number[], ...(number | null)[][]] {
    const columns = indexes.map((index) => {
      const at = this.#signals.findIndex((signal) => signal.index === index)
      return this.#columns[at] ?? []
    })
    return [this.#times, ...columns]
  }

  /**
   * Starts anew from stored history; live samples that are newer than it stay.
   * @param gapS a pause longer than this is drawn as a gap, seconds
   */
  load(series: Series, gapS: number): void {
    const before = { times: this.#times, columns: this.#columns }
    this.#times = []
    this.#columns = this.#signals.map(() => [])
    this.#gapS = gapS
    const stored = this.#signals.map(({ name }) => series.values[name] ?? [])
    series.timesUs.forEach((timeUs, row) => {
      this.#push(timeUs / 1e6, (signal) => stored[signal]?.[row])
    })
    before.times.forEach((timeS, row) => {
      this.#push(timeS, (signal) => before.columns[signal]?.[row])
    })
  }

  append({ timeUs, values }: LiveReading): void {
    this.#push(timeUs / 1e6, (signal) => values[this.#signals[signal]?.index ?? -1])
  }

  /** Lets go of what is older, in steps, so that most calls cost nothing. */
  trim(fromS: number): void {
    const excess = this.#times.length - samplesMax
    const first = this.#times.findIndex((timeS) => timeS >= fromS)
    const old = Math.max(excess, (first < 0 ? this.#times.length : first) - 1)
    if (old <= 0 || (excess <= 0 && old < this.#times.length / 4)) return
    this.#times.splice(0, old)
    for (const column of this.#columns) column.splice(0, old)
  }

  #push(timeS: number, value: (signal: number) => number | null | undefined): void {
    const last = this.#times.at(-1)
    if (last !== undefined) {
      if (timeS <= last) return
      if (timeS - last > this.#gapS) {
        this.#times.push((last + timeS) / 2)
        for (const column of this.#columns) column.push(null)
      }
    }
    this.#times.push(timeS)
    this.#columns.forEach((column, signal) => {
      column.push(value(signal) ?? null)
    })
  }
}
