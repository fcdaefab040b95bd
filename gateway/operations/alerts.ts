// Tells people without Grafana: looks now and then, and sends what began, what ended and what
// happened, all in one message, at most one a minute. What is not sent yet is kept on the disk and
// sent again until it is taken, so that a restart or an outage of the mail server loses none.
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'
import type { RecentEvent } from '../core/queries.ts'
import { type Condition, conditionsOf, type Known, type Thresholds } from './conditions.ts'

/** One way to reach people. Rejects where the message was not taken. */
export interface Channel {
  readonly name: string
  send(message: Message): Promise<void>
}

export interface Message {
  subject: string
  lines: readonly string[]
}

export interface AlertsParts {
  channels: readonly Channel[]
  thresholds: Thresholds
  clock: Clock
  /** Where it remembers what was told. */
  path: string
  /** Name of the gateway in a subject. */
  name: string
  known(): Promise<Known>
  /** Events of at least a fault after this record of the log, oldest first. */
  faults(afterOffset: number): Promise<readonly RecentEvent[]>
  note(line: string): void
}

/** What is remembered: active conditions with since when, the newest event told, what waits. */
interface Memory {
  active: Record<string, { text: string; sinceUs: number }>
  afterOffset: number | null
  waiting: Record<string, string[]>
}

const linesMax = 100

export class Alerts {
  readonly #parts: AlertsParts
  #memory: Memory
  /** What was last said of a channel that fails. */
  readonly #told = new Map<string, string>()

  constructor(parts: AlertsParts) {
    this.#parts = parts
    this.#memory = read(parts.path)
  }

  /** Looks once, remembers durably, and sends what waits. Never throws for a channel. */
  async look(): Promise<void> {
    const fresh = [...(await this.#conditions()), ...(await this.#events())]
    if (fresh.length > 0) {
      for (const { name } of this.#parts.channels) {
        const lines = [...(this.#memory.waiting[name] ?? []), ...fresh]
        // More than anybody reads: the first tell what began it.
        this.#memory.waiting[name] = lines.slice(0, linesMax)
      }
      await this.#keep()
    }
    for (const channel of this.#parts.channels) await this.#send(channel)
  }

  async #conditions(): Promise<string[]> {
    const known = await this.#parts.known()
    const { active } = this.#memory
    const told = new Set(Object.keys(active))
    const now = new Map(
      conditionsOf(known, this.#parts.thresholds, told).map((each): [string, Condition] => [
        each.key,
        each,
      ]),
    )
    const lines: string[] = []
    for (const [key, { text }] of now) {
      if (active[key] !== undefined) continue
      active[key] = { text, sinceUs: known.nowUs }
      lines.push(text)
    }
    for (const [key, { sinceUs }] of Object.entries(active)) {
      if (now.has(key)) continue
      delete active[key]
      lines.push(`over: ${key}, after ${Math.round((known.nowUs - sinceUs) / 60e6)} min`)
    }
    return lines
  }

  /** What happened before the first look is history, and nobody is told of it. */
  async #events(): Promise<string[]> {
    const events = await this.#parts.faults(this.#memory.afterOffset ?? -1)
    const isFirst = this.#memory.afterOffset === null
    const newest = events.at(-1)?.offset
    this.#memory.afterOffset = newest ?? this.#memory.afterOffset ?? -1
    if (isFirst) {
      await this.#keep()
      return []
    }
    return events.map(
      ({ unit, description, cause, timeUs }) =>
        `${new Date(timeUs / 1000).toISOString()} ${unit}: ${description} (${cause})`,
    )
  }

  async #send(channel: Channel): Promise<void> {
    const lines = this.#memory.waiting[channel.name] ?? []
    const [first] = lines
    if (first === undefined) return
    const more = lines.length > 1 ? ` and ${lines.length - 1} more` : ''
    try {
      await channel.send({ subject: `${this.#parts.name}: ${first}${more}`, lines })
    } catch (error) {
      const why = `alerts: ${channel.name} did not take a message: ${(error as Error).message}`
      // Once for each reason, however often it is tried.
      if (this.#told.get(channel.name) !== why) this.#parts.note(why)
      this.#told.set(channel.name, why)
      return
    }
    this.#told.delete(channel.name)
    this.#memory.waiting[channel.name] = []
    await this.#keep()
  }

  async #keep(): Promise<void> {
    const { path } = this.#parts
    await writeFile(`${path}.new`, JSON.stringify(this.#memory), { flush: true })
    await rename(`${path}.new`, path)
  }
}

const read = (path: string): Memory => {
  const empty: Memory = { active: {}, afterOffset: null, waiting: {} }
  try {
    return { ...empty, ...(JSON.parse(readFileSync(path, 'utf8')) as Partial<Memory>) }
  } catch {
    // Not there, or damaged: then the present is told anew, which is better than nothing.
    return empty
  }
}
