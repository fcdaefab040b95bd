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
import type { TlsDoor, TlsMaterial } from './listeners.ts'
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
    tls: settings.tls === undefined ? undefined : doorOf(settings.tls, parts),
    clock,
    machines: new Set(profiles.map(({ machine }) => machine)),
    epoch: Buffer.from(context.random(6)).toString('hex'),
    sessions: () =>
      openDurableMap({ folder: join(folder, 'sessions'), clock, random: context.random }),
    payloadBytes: limits.payloadBytes,
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

/** Other limits and certificates for a broker that runs; throws where one cannot be used. */
export const change = async (
  broker: MqttBroker,
  settings: MqttSettings,
  parts: BrokerParts,
): Promise<void> => {
  if (settings.tls !== undefined) await broker.renew(doorOf(settings.tls, parts).material)
  broker.limit(limitsOf(settings))
}

const limitsOf = ({ limits: { slowSeconds, ...given } }: MqttSettings): BrokerLimits => ({
  ...given,
  slowMs: slowSeconds * 1000,
})

const doorOf = (tls: TlsSettings, { context, keysFolder }: BrokerParts): TlsDoor => {
  const { clock } = context
  const own = { folder: keysFolder, clock, random: context.random }
  const material = async (): Promise<TlsMaterial> => {
    const { authority } = tls
    const pair = await serverPair(own, tls, 'server')
    const trusted =
      authority === undefined
        ? (await ownAuthority(own)).certificate
        : readFileSync(authority, 'utf8')
    const revoked = await revokedBy(tls, own)
    return { ...pair, authority: trusted, ...(revoked === undefined ? {} : { revoked }) }
  }
  return { host: tls.host, port: tls.port, clients: tls.clients, material }
}
