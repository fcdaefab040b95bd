// What the worker is told to do, and what it and its thread's host say to each other: plain data,
// secrets resolved, all defaults filled in. Imports no library, so that the settings' side may use
// it.

import type { LinkHealth } from '../../core/link.ts'
import type { LoggedReport, ServerState } from './state-file.ts'

/** One value of the server that becomes a signal or a counter of a unit. */
export interface NodePlan {
  /** Name of the signal or counter. */
  name: string
  type: 'number' | 'integer' | 'boolean' | 'enum' | 'counter'
  /** Node id (`nsu=<uri>;s=...`, `ns=2;i=...`) or browse path from Objects (`/Press/Current`). */
  address: string
  /** Value = raw * scale + offset; only for numbers. */
  scale: number
  offset: number
}

export interface UnitPlan {
  unit: string
  machine: string
  /** Namespace URI of path segments and of node ids without one; '' is OPC UA's own. */
  namespace: string
  samplingMs: number
  nodes: NodePlan[]
}

export type UserPlan =
  | { kind: 'anonymous' }
  | { kind: 'password'; name: string; password: string }
  | { kind: 'certificate'; certificatePem: string; keyPem: string }

export interface ServerPlan {
  name: string
  url: string
  mode: 'None' | 'Sign' | 'SignAndEncrypt'
  policy: 'None' | 'Basic256Sha256' | 'Aes128_Sha256_RsaOaep' | 'Aes256_Sha256_RsaPss'
  user: UserPlan
  publishMs: number
  /** A connection that is silent for so long is given up. */
  deafMs: number
  history: boolean
  units: UnitPlan[]
}

export interface ClientPlan {
  /** Folder of the source: certificates and where each server was left. */
  folder: string
  servers: ServerPlan[]
}

/** What the thread begins with. */
export interface ClientOrder extends ClientPlan {
  /** Where each server was left, by its name. */
  left: Readonly<Record<string, ServerState>>
}

/** A report of ours, ready for the log. */
export type ReportRecord = LoggedReport

export type FromClient =
  | { kind: 'ready' }
  /** How each connection fares: at the start, and once a second. */
  | { kind: 'links'; links: LinkHealth[] }
  /** `connection` counts those to one server. */
  | {
      kind: 'records'
      id: number
      server: string
      connection: number
      records: readonly ReportRecord[]
    }
  | { kind: 'note'; line: string }
  | { kind: 'stopped' }

export type ToClient =
  /** The first `taken` records of a message are in the log; why not all. */
  | { kind: 'durable'; id: number; taken: number; refused: string | undefined }
  /** All records of the thread that the log has below it were said to be durable before. */
  | { kind: 'place'; offset: number }
  | { kind: 'stop' }

/** The log has not taken all of a message, but its first `taken` records. */
export class NotTaken extends Error {
  readonly taken: number

  constructor(message: string, taken: number) {
    super(message)
    this.taken = taken
  }
}
