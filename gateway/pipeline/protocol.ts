// What main thread and delivery worker say to each other: plain data over a message port. Errors
// travel with code and remedy, so that a person reads the same words on either side.
import type { Profile } from '../../hardware-profiles/profile.ts'
import type { CommandOutcome, SetpointRequest } from '../core/command.ts'
import type { Books } from '../core/delivery.ts'
import { OperatingError } from '../core/errors.ts'
import type { LiveReading } from '../core/live.ts'
import type { UnitCommand } from '../core/source.ts'
import type { ExceptionSettings } from './exception.ts'

/** A database outside: the folder in gateway/sinks that delivers to it, and its settings. */
export interface SinkConfig {
  /** Name of a folder `gateway/sinks/<name>` whose index.ts exports `create(config, context)`. */
  name: string
  /** Plain data for that sink. Secrets in it are resolved by whoever starts the worker. */
  config: unknown
  /** As in its settings: what need not be delivered. */
  exception?: ExceptionSettings | undefined
  /** Most records a second that it is given. */
  recordsPerSecond?: number | undefined
}

export interface DeliveryOptions {
  /** Data folder of the gateway; the log is in `<dataDir>/log`, the store in `<dataDir>/store`. */
  dataDir: string
  profiles: readonly Profile[]
  /** Durable head of the log, as the log gives it out. */
  head: SharedArrayBuffer
  sinks: readonly SinkConfig[]
  /** Folder of the gateway's keys, mode 0700. */
  keysDir: string
  bounds: StoreBounds
  /** `closed`: units that are not known yet are not taken in; without it their first hello does. */
  enrol?: 'hello' | 'closed'
  /** did:keys that may declare about any unit. */
  authorities?: readonly string[]
  /** B10 of the tool that the claim is made against, hours. */
  referenceHours?: number | undefined
  /** Rules of the ownership register, as in the config; without it the usual ones. */
  ledger?: LedgerSettings
}

/** As config.ledger: absolute path of a rules file, and did:keys. */
export interface LedgerSettings {
  rules?: string
  founder?: string
  management?: string
}

/** How much of what is kept; signed entries, events and states are not bounded. */
export interface StoreBounds {
  /** Oldest raw readings, microseconds; per-minute minima and maxima stay. */
  readingAgeUs: number
  /** Most bytes of the store's file before the oldest raw readings go. */
  storeBytes: number
  /** Most bytes of quarantined payloads; the oldest telemetry goes first, counted. */
  quarantineBytes: number
}

/** How one sink fares. */
export interface SinkHealth extends Books {
  state: 'starting' | 'delivering' | 'idle' | 'retrying' | 'stopped'
  /**
   * Age of the oldest record that the sink does not have yet, microseconds; 0 when there is none.
   */
  lagUs: number
  /** Of the embedded store: what its thread wrote to the disk, with the sinks; only on Linux. */
  writtenBytes?: number | undefined
  /** Attempts since the last success. */
  attempts: number
  /** Last error, while it lasts. */
  error: { code: string; message: string; remedy: string } | undefined
}

export interface PlainError {
  code: string
  message: string
  remedy: string
}

export type ToWorker =
  | { kind: 'call'; id: number; method: string; args: readonly unknown[] }
  | { kind: 'listen'; on: boolean }
  | { kind: 'told'; id: number; outcome: CommandOutcome }
  | { kind: 'refused'; id: number; error: PlainError }
  | { kind: 'stop' }

export type FromWorker =
  | { kind: 'ready' }
  | { kind: 'answer'; id: number; value: unknown }
  | { kind: 'failure'; id: number; error: PlainError }
  | { kind: 'live'; readings: LiveReading[] }
  | { kind: 'command'; command: UnitCommand }
  | { kind: 'ask'; id: number; unit: string; request: SetpointRequest }
  | { kind: 'note'; line: string }
  | { kind: 'fault'; error: PlainError }
  | { kind: 'stopped' }

/** An error as plain data. Errors of other libraries with code and remedy keep both. */
export const plainError = (error: unknown): PlainError => {
  const { message, code, remedy } = error as Partial<PlainError>
  return {
    code: typeof code === 'string' ? code : 'internal',
    message: typeof message === 'string' ? message : String(error),
    remedy: typeof remedy === 'string' ? remedy : 'This is a defect of the gateway: report it.',
  }
}

export const errorOf = ({ code, message, remedy }: PlainError): OperatingError =>
  new OperatingError(code, { message, remedy })
