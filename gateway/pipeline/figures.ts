// Hands what lives have come to, to every database outside that has a place for it: all of it,
// every few minutes, over what it has of the same day. Nothing is remembered here: what fails is
// worked out anew the next time, and shown until then. It never holds up a reading.
import { setImmediate } from 'node:timers/promises'
import type { LifeFigures, Sink } from '../core/delivery.ts'
import { OperatingError } from '../core/errors.ts'
import type { CohortDurability, UnitLife, UnitSummary } from '../core/queries.ts'
import { cohortFigures, unitFigures } from '../lifecycle/day-figures.ts'

/** What it asks of the embedded store. */
export interface LifeSource {
  units(): UnitSummary[]
  life(query: { unit: string; nowUs: number }): UnitLife
  durability(query: { nowUs: number; referenceHours?: number }): CohortDurability[]
}

export interface FiguresOptions {
  readonly source: LifeSource
  readonly sinks: readonly Sink[]
  /** B10 of the tool to compare with, hours. */
  readonly referenceHours: number | undefined
}

export const figuresEveryUs = 600_000_000
/** What failed is tried again so soon: a sink that is back must not look broken for long. */
export const figuresAgainUs = 30_000_000
/** After a start the newest readings come first. */
const firstAfterUs = 10_000_000
const mostAtOnce = 500

export class FiguresRound {
  readonly #options: FiguresOptions
  readonly #errors = new Map<string, OperatingError>()
  #dueUs: number
  #againUs = Number.POSITIVE_INFINITY

  constructor(options: FiguresOptions, startUs: number) {
    this.#options = options
    this.#dueUs = startUs + firstAfterUs
  }

  /** Why a sink did not take them the last time. */
  error(sink: string): OperatingError | undefined {
    return this.#errors.get(sink)
  }

  /** One round, where it is due: for every sink, or for those that did not take the last one. */
  async step(nowUs: number, signal: AbortSignal): Promise<void> {
    const isDue = nowUs >= this.#dueUs
    if (!isDue && nowUs < this.#againUs) return
    const sinks = this.#options.sinks.filter(
      ({ figures, name }) => figures !== undefined && (isDue || this.#errors.has(name)),
    )
    if (isDue) this.#dueUs = nowUs + figuresEveryUs
    if (sinks.length > 0) await this.#round(sinks, nowUs, signal)
    this.#againUs = this.#errors.size > 0 ? nowUs + figuresAgainUs : Number.POSITIVE_INFINITY
  }

  async #round(sinks: readonly Sink[], nowUs: number, signal: AbortSignal): Promise<void> {
    const { source, referenceHours } = this.#options
    const query = { nowUs, ...(referenceHours !== undefined && { referenceHours }) }
    let rows: LifeFigures[] = source
      .durability(query)
      .filter(({ units }) => units > 0)
      .map((verdict) => cohortFigures(verdict, { nowUs }))
    const failed = new Set<Sink>()
    if (sinks.every(({ name }) => this.#errors.has(name))) {
      // Is anybody back? Lives of all units are not worked out to find out.
      await this.#give(sinks, rows, failed)
      if (failed.size === sinks.length) return
      rows = []
    }
    for (const { unit, machine, simulated } of source.units()) {
      if (signal.aborted) return
      const life = lifeOf(source, { unit, nowUs })
      if (life === undefined) continue
      rows.push(unitFigures(life, { machine, simulated, nowUs }))
      // Between two units a question of the page, or a batch, has its turn.
      await setImmediate()
      if (rows.length < mostAtOnce) continue
      await this.#give(sinks, rows, failed)
      rows = []
    }
    await this.#give(sinks, rows, failed)
  }

  async #give(
    sinks: readonly Sink[],
    rows: readonly LifeFigures[],
    failed: Set<Sink>,
  ): Promise<void> {
    for (const sink of sinks) {
      if (failed.has(sink)) continue
      try {
        await sink.figures?.(rows)
        this.#errors.delete(sink.name)
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        failed.add(sink)
        this.#errors.set(sink.name, error)
      }
    }
  }
}

/** undefined for a unit that went to another gateway of the fleet since the round began. */
const lifeOf = (
  source: LifeSource,
  query: { unit: string; nowUs: number },
): UnitLife | undefined => {
  try {
    return source.life(query)
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'unit_unknown') return undefined
    throw error
  }
}
