// What flows from the log to the sinks, and what a sink is. One log record is one unit of account:
// it ends as stored, duplicate, quarantined or dropped, in every sink, and the books say how many.
import type { EventRuleSpec } from '../../hardware-profiles/profile.ts'
import type { DropReason, QuarantineReason } from './errors.ts'
import type { Machine } from './machine.ts'

/**
 * One report of a unit: samples that share unit, time and sequence. Positions are the machine's.
 */
export interface Reading {
  readonly machine: Machine
  readonly unit: string
  readonly simulated: boolean
  /** Offset of its record in the log. */
  readonly offset: number
  /** Gateway's wall clock at receipt, microseconds since 1970; absent where it is not known. */
  readonly receivedUs?: number | undefined
  /** Boot and sequence; -1 and the log offset for a publisher without a sequence. */
  readonly boot: number
  readonly sequence: number
  /**
   * Source time mapped to the wall clock, microseconds since 1970; same in every sink and replay.
   */
  readonly timeUs: number
  /** Where the time came from: the unit's uptime, the source's wall clock, or the gateway's. */
  readonly timeSource: 'uptime' | 'source' | 'gateway'
  /**
   * Wall clock at uptime 0 of its boot, fixed by that boot's first record and moved where the
   * gateway's clock was set after it; absent = not known.
   */
  readonly bootUs?: number | undefined
  /** undefined = absent or unusable; `quality` says why. Enums by index, booleans as 0 or 1. */
  readonly values: readonly (number | undefined)[]
  /** Quality code of each value (quality.ts). */
  readonly quality: Uint8Array
  /** Absolute counters, whole numbers. */
  readonly counters: readonly (number | undefined)[]
  /** The same over the unit's whole life, whatever controllers it had; for sinks outside. */
  readonly totals?: readonly (number | undefined)[]
}

/** Something that happened to a unit, past tense, by a rule of its profile or of the lifecycle. */
export interface UnitEvent {
  readonly machine: Machine
  readonly unit: string
  readonly simulated: boolean
  readonly type: string
  readonly severity: 'info' | 'warning' | 'fault'
  readonly timeUs: number
  readonly cause: string
  /** Offset of the record that caused it: with unit and type, its identity. */
  readonly offset: number
  readonly counters: readonly (number | undefined)[]
  /** Of its record in a stream that gateways share: the same in all of them. */
  readonly identity?: number
  readonly rule: EventRuleSpec
  /** The lifecycle change that the rule asks for; `refused` says why it was not made. */
  readonly transition?: {
    readonly from: string | null
    readonly to: string
    readonly refused?: string
  }
}

/** A record that is kept aside, with its reason. */
export interface Quarantined {
  readonly offset: number
  readonly receivedUs: number
  readonly topic: string
  readonly payload: Uint8Array
  readonly reason: QuarantineReason
  /** What exactly was wrong, such as the name of the unknown signal. */
  readonly detail: string
  /** Offset at which it was received first, where it was in quarantine before. */
  readonly origin?: number | undefined
}

/** How the records of one stretch of log ended. */
export interface Tally {
  stored: number
  duplicate: number
  quarantined: number
  dropped: Partial<Record<DropReason, number>>
}

/**
 * The books of one sink: received = stored + pending + quarantined + duplicate + sum of dropped.
 */
export interface Books extends Tally {
  sink: string
  received: number
  pending: number
  /** Next log offset that the sink will read. */
  cursor: number
}

/** Result of delivering readings and events to a database outside. */
export interface Refusal {
  readonly offset: number
  readonly reason: QuarantineReason
  readonly detail: string
}

/**
 * A database or protocol outside that takes readings. Queueing, batching, retry, bisecting and
 * books belong to the runner; a sink only delivers.
 */
export interface Sink {
  readonly name: string
  /** Prepares the far side (database, retention). May be called again after a failure. */
  open(): Promise<void>
  /**
   * Delivers all of it. Resolves only when the far side has it durably; the list names readings
   * that the far side will never take (they go to quarantine) or that are older than its retention.
   * Throws an OperatingError when the far side cannot be reached: the runner retries the same
   * batch, so a delivery must be idempotent. Throws `BatchRefused` when it cannot tell which
   * reading is to blame: the runner bisects.
   */
  write(batch: OutgoingBatch): Promise<DeliveryResult>
  /** What it remembers of the far side may have been changed there by another gateway. */
  forget?(): void
  /**
   * Writes what lives have come to, over what it has of the same day. Called every few minutes with
   * all of them: what fails is written the next time. Absent where there is no place for it.
   */
  figures?(figures: readonly LifeFigures[]): Promise<void>
  stop(): Promise<void>
}

/** Figures of one unit, or of all units of a machine, on a UTC day. */
export interface LifeFigures {
  readonly machine: string
  /** undefined: of the machine's cohort. */
  readonly unit: string | undefined
  readonly simulated: boolean
  /** First microsecond of the day since 1970. */
  readonly dayUs: number
  /** By field of hardware-profiles/names.ts; only finite numbers. */
  readonly fields: Readonly<Record<string, number>>
}

export interface OutgoingBatch {
  readonly readings: readonly Reading[]
  readonly events: readonly UnitEvent[]
}

export interface DeliveryResult {
  readonly refused: readonly Refusal[]
  readonly dropped: readonly { readonly offset: number; readonly reason: DropReason }[]
}

/** The far side refused the batch as a whole and did not say which reading is wrong. */
export class BatchRefused extends Error {
  readonly detail: string

  constructor(detail: string) {
    super(`the batch was refused: ${detail}`)
    this.name = 'BatchRefused'
    this.detail = detail
  }
}
