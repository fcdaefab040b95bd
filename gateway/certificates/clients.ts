// Client certificates of units: issued, listed, revoked. The certificate stays in
// `keys/tls/clients`, so that it can be named later; its private key is handed out once and kept
// nowhere. What is revoked stands in `revoked-1.pem`, `revoked-2.pem` ..., of which the last is in
// force.
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatingError } from '../core/errors.ts'
import type { Pair, Revocation } from './authority.ts'
import { issueOf, type OwnCertificatesOptions, ownAuthority, validity } from './files.ts'

export interface ClientCertificate {
  readonly unit: string
  /** Hex digits. */
  readonly serial: string
  /** Milliseconds since 1970. */
  readonly untilMs: number
  readonly revokedMs: number | undefined
}

/** Whom a list revokes, for the handshake (PEM) and for connections that are open (serials). */
export interface Revoked {
  readonly list: string
  /** Lower-case hex digits without leading zeros. */
  readonly serials: ReadonlySet<string>
}

/** A certificate for a unit, whose id is the common name, and its key, which is kept nowhere. */
export const issueClient = async (options: OwnCertificatesOptions, unit: string): Promise<Pair> => {
  const authority = await ownAuthority(options)
  const { issueLeaf } = await import('./authority.ts')
  const issue = issueOf(options, unit, validity.client)
  const pair = await issueLeaf(authority, { ...issue, for: 'client' })
  const folder = clientsFolder(options)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { serialNumber } = new X509Certificate(pair.certificate)
  const path = join(folder, `${bare(serialNumber)}.pem`)
  writeFileSync(path, pair.certificate, { flag: 'wx', flush: true })
  return pair
}

/** All that were issued, by unit and end. */
export const listClients = async (
  options: Pick<OwnCertificatesOptions, 'folder'>,
): Promise<ClientCertificate[]> => {
  const revoked = new Map((await revocations(options)).map(({ serial, atMs }) => [serial, atMs]))
  const folder = clientsFolder(options)
  const files = existsSync(folder) ? readdirSync(folder) : []
  return files
    .filter((name) => name.endsWith('.pem'))
    .map((name) => {
      const { subject, validTo, serialNumber } = new X509Certificate(
        readFileSync(join(folder, name)),
      )
      const serial = bare(serialNumber)
      const unit = /^CN=(.*)$/m.exec(subject)?.[1] ?? ''
      return { unit, serial, untilMs: Date.parse(validTo), revokedMs: revoked.get(serial) }
    })
    .sort((a, b) => (a.unit < b.unit ? -1 : a.unit > b.unit ? 1 : a.untilMs - b.untilMs))
}

/** Revokes those of a unit, or the one whose serial begins so. Throws certificate_unknown. */
export const revokeClient = async (
  options: OwnCertificatesOptions,
  given: string,
): Promise<ClientCertificate[]> => {
  const open = (await listClients(options)).filter(({ revokedMs }) => revokedMs === undefined)
  const prefix = bare(given.replaceAll(':', ''))
  const found = open.filter(
    ({ unit, serial }) => unit === given || (prefix.length >= 8 && serial.startsWith(prefix)),
  )
  if (found.length === 0) {
    throw new OperatingError('certificate_unknown', {
      message: `no certificate in force was issued for a unit, or has a serial number, "${given}"`,
      remedy: '"tenfold certificate" lists them; of a serial number the first 8 digits do.',
    })
  }
  const authority = await ownAuthority(options)
  const nowMs = options.clock.nowUs() / 1000
  const { signRevocations } = await import('./authority.ts')
  const before = await revocations(options)
  const list = await signRevocations(authority, {
    revoked: [...before, ...found.map(({ serial }) => ({ serial, atMs: nowMs }))],
    nowMs,
  })
  const path = join(options.folder, `revoked-${lastList(options) + 1}.pem`)
  writeFileSync(path, list, { flag: 'wx', flush: true })
  return found.map((one) => ({ ...one, revokedMs: nowMs }))
}

/** The list in force of the own authority; undefined before the first revocation. */
export const ownRevoked = async (options: OwnCertificatesOptions): Promise<Revoked | undefined> => {
  const list = listInForce(options)
  return list === undefined ? undefined : readRevoked(list)
}

/** Throws certificate_wrong where it is no list of revoked certificates. @param list PEM */
export const readRevoked = async (list: string): Promise<Revoked> => {
  const { revocationsIn } = await import('./authority.ts')
  try {
    return { list, serials: new Set(revocationsIn(list).map(({ serial }) => bare(serial))) }
  } catch (cause) {
    throw new OperatingError('certificate_wrong', {
      message: `the list of revoked certificates cannot be read: ${(cause as Error).message}`,
      remedy: 'mqtt.tls.revoked is a CRL in PEM (RFC 5280), by the authority of mqtt.tls.',
      cause,
    })
  }
}

/** As Node and OpenSSL print serial numbers, in one form. */
export const bare = (serial: string): string => serial.toLowerCase().replace(/^0+/, '')

const clientsFolder = ({ folder }: Pick<OwnCertificatesOptions, 'folder'>): string =>
  join(folder, 'clients')

const lastList = ({ folder }: Pick<OwnCertificatesOptions, 'folder'>): number => {
  const names = existsSync(folder) ? readdirSync(folder) : []
  const numbers = names.map((name) => Number(/^revoked-(\d+)\.pem$/.exec(name)?.[1]))
  return Math.max(0, ...numbers.filter(Number.isInteger))
}

const listInForce = (options: Pick<OwnCertificatesOptions, 'folder'>): string | undefined => {
  const last = lastList(options)
  return last === 0 ? undefined : readFileSync(join(options.folder, `revoked-${last}.pem`), 'utf8')
}

const revocations = async (
  options: Pick<OwnCertificatesOptions, 'folder'>,
): Promise<Revocation[]> => {
  const list = listInForce(options)
  if (list === undefined) return []
  const { revocationsIn } = await import('./authority.ts')
  return revocationsIn(list).map(({ serial, atMs }) => ({ serial: bare(serial), atMs }))
}
