// What a board says and how it makes sure of it: hello at connect, reports and entries until they
// are acknowledged. Frames keep their sequence when they are sent again. It knows no transport: a
// Link does, and no meaning: values come ready.
import type { TopicKind } from '../../hardware-profiles/names.ts'

/** The way to a gateway. Implemented by whoever has a transport: MQTT, a serial line, a test. */
export interface Link {
  /**
   * Sends at least once and calls `done` exactly once: with nothing when the other side has made it
   * durable, with an error when this link gives up on it. May call it before it returns.
   */
  publish(topic: string, payload: Uint8Array, done: (error?: Error) => void): void
  /** Commands of the gateway for this unit. */
  onCommand(listener: (payload: Uint8Array) => void): void
  /** Called at every connect after the first one: time for a hello. */
  onReconnect(listener: () => void): void
}

/** Who signs this unit's entries. Implemented by the holder of its key. */
export interface Attestor {
  /**
   * Signs what happened. The entry is stored as unsent before the return; throws where it could not
   * be. Must be idempotent for the first entry of a chain.
   */
  compose(event: AttestedEvent): void
  /** Entries that nobody has acknowledged, oldest first; those of earlier boots included. */
  unsent(): readonly Uint8Array[]
  /** The oldest `count` of them are durable at the gateway. */
  acknowledge(count: number): void
}

export interface AttestedEvent {
  type: string
  cause: string
  boot: number
  /** Uptime in this boot. */
  timeUs: number
  /** All counters by the profile's names: whole numbers that only grow. */
  counters: Readonly<Record<string, number>>
}

/** Body of a hello; times in microseconds of uptime. */
export interface Hello {
  boot: number
  t: number
  profile: string
  firmware: string
  key?: string
  custody?: string
  simulated: boolean
}

/** Body of a report. `v` in the profile's units, `c` absolute. */
export interface Report {
  boot: number
  seq: number
  t: number
  v: Readonly<Record<string, number | string | boolean>>
  c: Readonly<Record<string, number>>
}

interface Frame {
  topic: string
  payload: Uint8Array
  flying: boolean
}

export interface OutboxOptions {
  link: Link
  topicOf: (kind: TopicKind) => string
  attestor?: Attestor
  /** Reports kept while nobody acknowledges; the oldest go first. */
  reportsMax: number
  /** Reports on the way at once. */
  flyingMax: number
}

export interface Outbox {
  hello(hello: Hello): void
  report(report: Report): void
  /** Anything else, once, as it is. */
  send(kind: TopicKind, payload: Uint8Array): void
  /** Tries again what the link gave up on, and what waits. */
  pump(): void
  /** Reports that nobody has acknowledged yet. */
  readonly waiting: number
  /** Reports dropped because `reportsMax` was reached, ever. */
  readonly dropped: number
}

/** Keeps what is not acknowledged. Entries go one at a time, in order, and are never dropped. */
export const createOutbox = (options: OutboxOptions): Outbox => {
  const { link, topicOf, attestor, reportsMax, flyingMax } = options
  const frames: Frame[] = []
  let flying = 0
  let dropped = 0
  let entryFlies = false

  const launch = (frame: Frame): void => {
    frame.flying = true
    flying += 1
    link.publish(frame.topic, frame.payload, (error) => {
      frame.flying = false
      flying -= 1
      // Given up: it stays where it is and flies first with the next pump.
      if (error !== undefined) return
      const at = frames.indexOf(frame)
      if (at >= 0) frames.splice(at, 1)
      pumpReports()
    })
  }
  const pumpReports = (): void => {
    while (flying < flyingMax) {
      const next = frames.find((frame) => !frame.flying)
      if (next === undefined) return
      launch(next)
      // A link that gives up at once would be asked for ever.
      if (!next.flying && frames.includes(next)) return
    }
  }
  const pumpEntries = (): void => {
    const entry = entryFlies ? undefined : attestor?.unsent()[0]
    if (entry === undefined) return
    entryFlies = true
    link.publish(topicOf('entry'), entry, (error) => {
      entryFlies = false
      if (error !== undefined) return
      attestor?.acknowledge(1)
      pumpEntries()
    })
  }
  return {
    hello: (hello) => link.publish(topicOf('hello'), encode(hello), () => {}),
    report: (report) => {
      frames.push({ topic: topicOf('report'), payload: encode(report), flying: false })
      if (frames.length > reportsMax) {
        const oldest = frames.findIndex((frame) => !frame.flying)
        frames.splice(oldest, 1)
        dropped += 1
      }
      pumpReports()
      pumpEntries()
    },
    send: (kind, payload) => link.publish(topicOf(kind), payload, () => {}),
    pump: () => {
      pumpReports()
      pumpEntries()
    },
    get waiting() {
      return frames.length
    },
    get dropped() {
      return dropped
    },
  }
}

const encode = (body: Hello | Report): Uint8Array => new TextEncoder().encode(JSON.stringify(body))
