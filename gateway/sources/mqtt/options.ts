// What the embedded broker is made with, and what the gateway asks of it. Types only, but for the
// longest packet that follows from them.
import type { Profile } from '../../../hardware-profiles/profile.ts'
import type { Clock } from '../../core/clock.ts'
import { limits } from '../../core/limits.ts'
import type { OwnRecords, Source, UnitCommand } from '../../core/source.ts'
import type { Foreign } from '../../foreign/translate.ts'
import type { DurableMap } from '../../log/durable-map.ts'
import type { CheckPassword } from './access.ts'
import type { TlsDoor } from './listeners.ts'
import type { Roles } from './sparkplug.ts'

export interface BrokerOptions {
  host: string
  port: number
  tls?: TlsDoor | undefined
  clock: Clock
  /** Names of the machines that there are profiles of. */
  machines: ReadonlySet<string>
  /** Makes connection epochs unique over restarts: at least 8 characters, new at every start. */
  epoch: string
  /** Says whether a unit's password is right; undefined = no credentials, loopback only. */
  authenticate?: CheckPassword
  /** Remembers sessions over restarts; the broker closes it. Without it they end with it. */
  sessions?: () => Promise<DurableMap>
  /** Longest payload that is taken, bytes; see `packetBytesMax`. */
  payloadBytes: number
  /** Most connections at once; one more is closed before it says anything. */
  connections: number
  /** Most messages of one client a second; beyond, its acknowledgements wait. */
  messagesPerSecond?: number
  /** Serves Sparkplug B, with who is who in it; absent: its topics mean nothing here. */
  sparkplug?: Roles | undefined
  /** Units that speak topics of their own. */
  foreign?: Foreign
  /** Announces units of these machines to Home Assistant; absent: none. */
  announce?: readonly Profile[] | undefined
  /** How long it may take for its TLS handshake, and for its CONNECT; see `limits.connectMs`. */
  connectMs?: number
  /** How long a client may leave what it asked for untaken, milliseconds. */
  slowMs?: number
  /** What it has in the log; absent where its messages go elsewhere. */
  own?: OwnRecords | undefined
  /** Called for what an operator should see: refused publishers, storage failures. */
  note: (line: string) => void
}

/** Limits that can change while it runs; see BrokerOptions. */
export type BrokerLimits = Required<
  Pick<BrokerOptions, 'connections' | 'messagesPerSecond' | 'slowMs'>
>

/** What the gateway asks of its broker beside receiving. */
export interface MqttSource extends Source {
  /** Ports that it listens on, after `start`; 0 where it does not. */
  readonly port: number
  readonly tlsPort: number
  readonly connections: number
  /** Sends a command to a unit that listens now, QoS 1, never retained, never kept for later. */
  command(command: UnitCommand): boolean
}

/**
 * A packet longer than this is cut off while it arrives. A payload over its limit but below this is
 * taken and quarantined: refused, it would be sent again for ever and block its unit.
 */
export const packetBytesMax = ({ payloadBytes }: BrokerOptions): number =>
  4 * payloadBytes + limits.topicBytes + 16
