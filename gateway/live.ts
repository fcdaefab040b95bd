// Readings on their way from the delivery worker to the pages that look on. Only while somebody
// does is the worker asked for them; nothing is queued here.
import type { LiveFeed, LiveReading } from './core/live.ts'

type Listener = (readings: readonly LiveReading[]) => void

/** Hands what the worker pushes to everybody who listens. */
export class Live implements LiveFeed {
  readonly #listeners = new Set<Listener>()
  #onChange: (on: boolean) => void = () => {}

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) this.#onChange(true)
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#onChange(false)
    }
  }

  push(readings: readonly LiveReading[]): void {
    for (const listener of this.#listeners) listener(readings)
  }

  /** `change` is told when the first listener comes and when the last one goes. */
  onListeners(change: (on: boolean) => void): void {
    this.#onChange = change
  }
}
