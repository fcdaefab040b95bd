// Resident memory of a process over a run, and whether it stays: the last third of it may be at
// most 60 MiB above the third before. The first is left out: until then it is being compiled.
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'

const everyMs = 250
const mostMoreMiB = 60
/** Below half a minute nothing is said. */
const leastLooks = 30_000 / everyMs

export class Memory {
  readonly #mib: number[] = []
  readonly #timer: NodeJS.Timeout

  /** @param pidOf asked again at every look: a process may have come after another */
  constructor(pidOf: () => number | undefined) {
    this.#timer = setInterval(() => this.#look(pidOf()), everyMs)
  }

  /** Another process, another memory. */
  forget(): void {
    this.#mib.length = 0
  }

  end(): void {
    clearInterval(this.#timer)
  }

  /** MiB that it held at most. */
  get most(): number {
    return this.#mib.reduce((most, one) => Math.max(most, one), 0)
  }

  /** MiB that it holds now. */
  get now(): number {
    return this.#mib.at(-1) ?? 0
  }

  /** MiB after the first third, and at the end; medians. */
  thirds(): { early: number; late: number } {
    const { length } = this.#mib
    const median = (from: number, to: number): number =>
      this.#mib.slice(from, to).sort((a, b) => a - b)[(to - from) >> 1] ?? 0
    const third = Math.floor(length / 3)
    return { early: median(third, 2 * third), late: median(2 * third, length) }
  }

  check(what: string): void {
    if (this.#mib.length < leastLooks) return
    const { early, late } = this.thirds()
    console.log(`${what}: ${Math.round(early)} MiB, later ${Math.round(late)} MiB`)
    expect(late).toBeLessThan(early + mostMoreMiB)
  }

  #look(pid: number | undefined): void {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      const kib = /VmRSS:\s+(\d+)/.exec(status)?.[1]
      if (kib !== undefined) this.#mib.push(Number(kib) / 1024)
    } catch {
      // Between a kill and the next start.
    }
  }
}
