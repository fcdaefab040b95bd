// Thins what is stored to what an eye can follow: the newest reading of each unit, at most ten
// times a second, and nothing at all while nobody looks on. Nothing is queued.
import type { Reading } from '../core/delivery.ts'
import type { LiveReading } from '../core/live.ts'

export const liveEveryMs = 100

export class LiveThinner {
  readonly #newest = new Map<string, Reading>()
  #listening = false

  listen(on: boolean): void {
    this.#listening = on
    this.#newest.clear()
  }

  offer(readings: ReadonlyMap<string, Reading>): void {
    if (!this.#listening) return
    for (const [unit, reading] of readings) this.#newest.set(unit, reading)
  }

  /** What is new since the last call. */
  take(): LiveReading[] {
    const out = Array.from(this.#newest.values(), plain)
    this.#newest.clear()
    return out
  }
}

const plain = ({ machine, unit, timeUs, values, quality, counters }: Reading): LiveReading => ({
  machine: machine.profile.machine,
  unit,
  timeUs,
  values: values.map((value) => value ?? null),
  quality: [...quality],
  counters: counters.map((value) => value ?? null),
})
