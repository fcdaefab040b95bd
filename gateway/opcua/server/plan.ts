// What the server's thread is told, and what it says: plain data. What a unit is (standing) changes
// seldom and comes whole; what it reports comes as readings. Imports no library.
import type { Profile } from '../../../hardware-profiles/profile.ts'
import type { CommandOutcome, SetpointRequest } from '../../core/command.ts'

/**
 * Roles of OPC UA (OPC 10000-3, 4.9.2) that a user can have here: an observer reads, an operator
 * gives setpoints as well.
 */
export const roles = ['observer', 'operator'] as const
export type Role = (typeof roles)[number]

export interface ShowPlan {
  /** Folder of the sink: certificates. */
  folder: string
  host: string
  port: number
  modes: ('Sign' | 'SignAndEncrypt' | 'None')[]
  /** File of names and scrypt hashes; without it anybody whose certificate is approved may read. */
  credentials: string | undefined
  /** By user; who is not named is an observer. */
  roles: Readonly<Record<string, Role>>
  profiles: readonly Profile[]
}

/** A unit as the embedded store knows it. */
export interface Standing {
  unit: string
  machine: string
  simulated: boolean
  lifecycle: string
  key: string | undefined
  lastTimeUs: number | undefined
  /** Totals over all boots by counter name; the profile's units. */
  counters: Record<string, number>
  values: Record<string, { value: number | undefined; quality: string }>
  /** Maintenance by counter: what is left until it is due. */
  maintenance: { task: string; description: string; of: string; every: number; left?: number }[]
}

export interface ShownReading {
  unit: string
  machine: string
  timeUs: number
  /** In the order of the profile's signals; undefined where there is none. */
  values: readonly (number | undefined)[]
  quality: Uint8Array
}

export interface ShownEvent {
  unit: string
  type: string
  description: string
  severity: 'info' | 'warning' | 'fault'
  timeUs: number
}

/** What became of setpoints: the unit's answer, or why it was not asked, or did not answer. */
export type Told = CommandOutcome | { code: string; message: string }

export type ToServer =
  | { kind: 'show'; id: number; readings: ShownReading[]; events: ShownEvent[] }
  | { kind: 'standing'; standings: Standing[] }
  | { kind: 'told'; id: number; told: Told }
  | { kind: 'stop' }

export type FromServer =
  | { kind: 'ready'; port: number }
  | { kind: 'shown'; id: number }
  | { kind: 'note'; line: string }
  | { kind: 'ask'; id: number; unit: string; request: SetpointRequest }
  | { kind: 'failed'; code: string; message: string; remedy: string }
  | { kind: 'stopped' }
