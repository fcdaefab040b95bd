// What a source is: the edge of the gateway towards machines. It receives, hands each message to
// the log, and acknowledges only what the log has made durable. It never knows a sink.
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { Clock } from './clock.ts'
import type { Handover } from './handover.ts'
import type { LinkHealth } from './link.ts'
import type { LogRecord } from './record.ts'

/**
 * Hands one received message to the log. `done` is called once: without an error when the message
 * is durable and may be acknowledged; with one when it must not be acknowledged.
 */
export type Emit = (record: LogRecord, done: (error?: Error) => void) => void

export interface Source {
  readonly name: string
  /** Begins to receive. Throws an OperatingError where it cannot (a port that is taken). */
  start(emit: Emit): Promise<void>
  /**
   * Hands a command to a unit that this source hears now. False where it does not hear the unit:
   * a command is never queued for later. Absent on a source that cannot send.
   */
  command?(command: UnitCommand): boolean
  /** The line to a unit that this source hears now; absent where units only send and listen. */
  line?(unit: string): UnitLine | undefined
  /** Told now and then which units the gateway knows, by a source that announces them. */
  know?(units: readonly KnownUnit[]): void
  /** How its connections to peers outside fare; absent on a source that has none. */
  links?(): readonly LinkHealth[]
  /** Where given, what the other sources receive goes here, and not to the log. */
  readonly front?: Emit
  /** Stops receiving; what was handed to `emit` before is still acknowledged. */
  stop(): Promise<void>
}

/** What an announcement of a unit needs. */
export interface KnownUnit {
  readonly machine: string
  readonly unit: string
  readonly simulated: boolean
  readonly lifecycle: string | null
}

/** What a board has said of itself; digests in hex. */
export interface UnitFacts {
  readonly boot: number
  /** At its hello, microseconds. */
  readonly uptimeUs: number
  readonly machine: string
  readonly board: string
  readonly profile: string
  readonly firmware: string
  readonly key: Uint8Array | undefined
  /** Its profile is the gateway's own: what it reports is taken. */
  readonly isTaken: boolean
  /** Reports of it that the log has taken; only grows while the line is open. */
  readonly reports: number
}

/** A code of the link (0 done), and of an update's message where it stands. */
export interface UnitReply {
  readonly code: number
  readonly update?: {
    readonly next: number
    readonly slot: number
    readonly trial: number
    readonly version?: number
    readonly floor?: number
    readonly pinned?: Uint8Array
  }
}

/** Questions to one unit, and its answers: for its key, its trip and its firmware. */
export interface UnitLine {
  /** undefined while it is not heard. */
  facts(): UnitFacts | undefined
  /** undefined where no answer came in time: nothing is kept for later. */
  ask(
    kind: 'makeKey' | 'resetTrip' | 'update',
    fields: readonly (number | Uint8Array)[],
  ): Promise<UnitReply | undefined>
}

/** A message that the gateway sends to a unit: topic kind `command`, never retained or kept. */
export interface UnitCommand {
  machine: string
  unit: string
  /** JSON text. */
  payload: string
}

/** What a source has in the gateway's log, for one that must know after a kill how far it came. */
export interface OwnRecords {
  /** What is handed over from now on gets this offset or a later one. */
  next(): number
  /**
   * Its durable records from that offset on, oldest first; a payload is valid until the next one.
   * Throws where the log cannot be read.
   */
  since(offset: number): Iterable<LogRecord>
}

/** What every source of `gateway/sources/<name>/` is made with: `create(settings, context)`. */
export interface SourceContext {
  readonly profiles: readonly Profile[]
  readonly clock: Clock
  /** Secure random bytes. */
  random(bytes: number): Uint8Array
  /** Folder of its own in the data folder, for what it must remember; it makes it when needed. */
  readonly folder: string
  /** Value of a secret that the settings name; throws an OperatingError where it is not found. */
  secret(where: { env: string } | { file: string }): string
  /** Absent where what it hands over does not go into this gateway's own log. */
  readonly own?: OwnRecords
  /** For a source that shares units with other gateways. */
  readonly handover?: Handover
  /** Names of the sinks that the settings ask for. */
  readonly sinks?: readonly string[]
  /** One line for the person who runs the gateway; never a secret. */
  note(line: string): void
}
