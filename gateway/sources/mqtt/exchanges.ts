// QoS 2 messages of persistent sessions on their way into the log. Each is noted in the session's
// memory, on the disk, before it is logged, and its record carries the same number: so after a kill
// between the log's commit and the PUBREC it is looked up whether it is in the log already, and the
// message that comes again is acknowledged and not logged twice (MQTT 3.1.1, 4.3.3). Never guesses:
// what is not found is taken again.
import type { LogRecord } from '../../core/record.ts'
import type { Emit, OwnRecords } from '../../core/source.ts'
import type { DurableMap } from '../../log/durable-map.ts'

export interface ExchangesOptions {
  map: DurableMap
  /** What the broker has in the log; absent where its messages go elsewhere. */
  own?: OwnRecords | undefined
}

/** A message that was handed over, and that nobody has heard of since. */
interface Begun {
  /** Of its record. */
  session: string
  exchange: number
  /** Its record has this offset or a later one. */
  from: number
}

interface Message {
  record: LogRecord
  /** It has been sent before. */
  isAgain: boolean
  emit: Emit
}

type Done = (error?: Error) => void

export class Exchanges {
  readonly #options: ExchangesOptions
  /** Who waits for the log, by key of the exchange. */
  readonly #open = new Map<string, Done[]>()
  /** Found at the start, not settled yet. */
  readonly #found = new Map<string, Begun>()
  #count = 0

  constructor(options: ExchangesOptions) {
    this.#options = options
  }

  /** What the map held at the start, where it is no message that was taken. */
  restore(key: string, value: string): void {
    this.#found.set(key, JSON.parse(value) as Begun)
  }

  /** Keys of those that are in the log; the others are forgotten. Call once, before any message. */
  async settle(): Promise<string[]> {
    const { map, own } = this.#options
    const logged = own === undefined ? new Set<string>() : this.#logged(own)
    const keys = [...this.#found.keys()]
    const taken = keys.filter((key) => logged.has(key))
    await Promise.all(keys.map((key) => (logged.has(key) ? map.set(key, '') : map.delete(key))))
    this.#found.clear()
    return taken
  }

  #logged(own: OwnRecords): Set<string> {
    const logged = new Set<string>()
    if (this.#found.size === 0) return logged
    const keys = new Map(
      [...this.#found].map(([key, { session, exchange }]) => [`${session} ${exchange}`, key]),
    )
    const from = Math.min(...[...this.#found.values()].map((begun) => begun.from))
    for (const { session, exchange } of own.since(from)) {
      const key = exchange === undefined ? undefined : keys.get(`${session} ${exchange}`)
      if (key !== undefined) logged.add(key)
    }
    return logged
  }

  /** To the log, noted before. What comes again meanwhile waits for the first. */
  take(key: string, { record, isAgain, emit }: Message, done: Done): void {
    const { map, own } = this.#options
    if (own === undefined) {
      emit(record, done)
      return
    }
    const waiting = isAgain ? this.#open.get(key) : undefined
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    const all = [done]
    this.#open.set(key, all)
    const settled: Done = (error) => {
      if (this.#open.get(key) === all) this.#open.delete(key)
      for (const one of all) one(error)
    }
    const exchange = ++this.#count
    const begun: Begun = { session: record.session, exchange, from: own.next() }
    map.set(key, JSON.stringify(begun)).then(() => emit({ ...record, exchange }, settled), settled)
  }

  /** A session has ended, and what its packet ids meant: keys that begin so. */
  async forget(prefix: string): Promise<void> {
    const keys = [...this.#open.keys()].filter((key) => key.startsWith(prefix))
    for (const key of keys) this.#open.delete(key)
    await Promise.all(keys.map((key) => this.#options.map.delete(key)))
  }
}
