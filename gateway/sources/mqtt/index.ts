// Makes the embedded broker from its settings: where its certificates come from, where it remembers
// its sessions. The one source that is always there, so main.ts wires it by name.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownRevoked, type Revoked, readRevoked } from '../../certificates/clients.ts'
import { ownAuthority, serverPair } from '../../certificates/files.ts'
import { limits } from '../../core/limits.ts'
import type { SourceContext } from '../../core/source.ts'
import { createForeign } from '../../foreign/translate.ts'
import { openDurableMap } from '../../log/durable-map.ts'
import type { CheckPassword } from './access.ts'
import { MqttBroker } from './broker.ts'
import type { TlsDoor } from './listeners.ts'
import type { BrokerLimits } from './options.ts'
import type { MqttSettings, TlsSettings } from './settings.ts'
import type { Role, Roles } from './sparkplug.ts'

export interface BrokerParts {
  context: SourceContext
  /** Where the gateway's own certificates are. */
  keysFolder: string
  authenticate?: CheckPassword
}

export const createBroker = (settings: MqttSettings, parts: BrokerParts): MqttBroker => {
  const { context, authenticate } = parts
  const { clock, profiles, folder, note } = context
  return new MqttBroker({
    host: settings.host,
    port: settings.port,
    tls: doorOf(settings, parts),
    clock,
    machines: new Set(profiles.map(({ machine }) => machine)),
    epoch: Buffer.from(context.random(6)).toString('hex'),
    sessions: () =>
      openDurableMap({ folder: join(folder, 'sessions'), clock, random: context.random }),
    ...{ payloadBytes: limits.payloadBytes, own: context.own },
    ...limitsOf(settings),
    sparkplug: rolesOf(settings),
    announce: settings.homeAssistant ? profiles : undefined,
    foreign: createForeign(settings.foreign, profiles),
    // The broker's lines name it themselves.
    note: (line) => note(line.replace(/^mqtt: /, '')),
    ...(authenticate === undefined ? {} : { authenticate }),
  })
}

const rolesOf = ({ sparkplug }: MqttSettings): Roles | undefined => {
  if (sparkplug === undefined) return undefined
  const hosts = Object.entries(sparkplug.hosts).map(([name, host]) => [name, { host }] as const)
  return new Map<string, Role>([...Object.entries(sparkplug.nodes), ...hosts])
}

const revokedBy = async (
  { revoked, authority }: TlsSettings,
  own: Parameters<typeof ownRevoked>[0],
): Promise<Revoked | undefined> => {
  if (revoked !== undefined) return readRevoked(readFileSync(revoked, 'utf8'))
  return authority === undefined ? ownRevoked(own) : undefined
}

/** What its settings say of the limits that can change while it runs. */
export const limitsOf = ({ limits: { slowSeconds, ...given } }: MqttSettings): BrokerLimits => ({
  ...given,
  slowMs: slowSeconds * 1000,
})

/** Where the certificates that it shows and trusts come from; undefined where it has no TLS. */
export const materialOf = (
  { tls }: MqttSettings,
  { context, keysFolder }: BrokerParts,
): TlsDoor['material'] | undefined => {
  if (tls === undefined) return undefined
  const { clock, random } = context
  const own = { folder: keysFolder, clock, random: (bytes: number) => random(bytes) }
  return async () => {
    const { authority } = tls
    const pair = await serverPair(own, tls, 'server')
    const trusted =
      authority === undefined
        ? (await ownAuthority(own)).certificate
        : readFileSync(authority, 'utf8')
    const revoked = await revokedBy(tls, own)
    return { ...pair, authority: trusted, ...(revoked === undefined ? {} : { revoked }) }
  }
}

const doorOf = (settings: MqttSettings, parts: BrokerParts): TlsDoor | undefined => {
  const material = materialOf(settings, parts)
  if (settings.tls === undefined || material === undefined) return undefined
  const { host, port, clients } = settings.tls
  return { host, port, clients, material }
}
