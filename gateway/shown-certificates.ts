// The certificates that a gateway of these settings shows: those that settings name, those of its
// own authority, its own of OPC UA; and those that it has issued to units. Reads files only, and
// makes none.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ShownCertificate } from './certificate-findings.ts'
import { listClients } from './certificates/clients.ts'
import { newestServer } from './certificates/files.ts'
import type { Config } from './config.ts'
import { filesOf } from './reload/files.ts'

/** Of an own certificate none where it has not been made yet, or is not for this user to see. */
export const shownBy = (config: Config): ShownCertificate[] => {
  const named = Object.entries(filesOf(config)).flatMap(([key, { path }]) =>
    key.endsWith('.certificate') ? [{ setting: key.slice(0, -12), content: read(path) }] : [],
  )
  const folder = join(config.data, 'keys', 'tls')
  const own = (['mqtt', 'http'] as const).flatMap((of) => {
    const { tls } = config[of]
    if (tls === undefined || tls.certificate !== undefined) return []
    const path = newestServer(folder, of === 'mqtt' ? 'server' : 'pages')
    return path === undefined ? [] : [{ setting: `${of}.tls`, content: read(path) }]
  })
  return [...named, ...own]
}

/** All of those whose end matters: what it shows, and the newest that each unit has. */
export const certificatesOf = async (config: Config): Promise<ShownCertificate[]> => [
  ...shownBy(config),
  ...opcUaOf(config),
  ...(await issuedBy(config)),
]

const opcUaOf = ({ data, sources, sinks }: Config): ShownCertificate[] =>
  [
    { setting: 'sources.opcua', isUsed: sources.opcua !== undefined, side: 'client' },
    { setting: 'sinks.opcua', isUsed: sinks.opcua !== undefined, side: 'server' },
  ].flatMap(({ setting, isUsed, side }) => {
    const path = join(data, ...setting.split('.'), 'pki', 'own', 'certificate.pem')
    if (!isUsed || !existsSync(path)) return []
    const remedy = `Make another: tenfold trust --renew ${side}; its peers have to approve it.`
    return [{ setting, content: read(path), remedy }]
  })

/** Revoked ones end nothing, and one that has a later one beside it has been replaced. */
const issuedBy = async ({ data, mqtt }: Config): Promise<ShownCertificate[]> => {
  if (mqtt.tls === undefined) return []
  const issued = await listClients({ folder: join(data, 'keys', 'tls') })
  // Of one unit the last is the one that ends last.
  const newest = new Map(
    issued.flatMap((one) => (one.revokedMs === undefined ? [[one.unit, one] as const] : [])),
  )
  return [...newest.values()].map(({ unit, untilMs }) => ({
    ...{ setting: `mqtt.tls, ${unit}`, content: { untilMs } },
    remedy: `Give it another: tenfold certificate ${unit}`,
  }))
}

const read = (path: string): ShownCertificate['content'] => {
  try {
    return readFileSync(path)
  } catch (error) {
    return { problem: (error as Error).message }
  }
}
