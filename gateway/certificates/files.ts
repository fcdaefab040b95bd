// Where certificates of the gateway's own authority are kept: the folder `keys/tls` of its data.
// Nothing there is ever overwritten: a renewed certificate gets the next number, and the highest
// one is in use. Private keys are readable by their owner only.
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import type { Issue, Pair } from './authority.ts'

export interface OwnCertificatesOptions {
  folder: string
  clock: Pick<Clock, 'nowUs'>
  random(bytes: number): Uint8Array
}

/** Validity in days; a server certificate is renewed when less than `renewDays` are left. */
export const validity = { authority: 20 * 365, server: 397, client: 10 * 365, renewDays: 30 }

const dayMs = 86_400_000

/** The authority's certificate and key; the first call makes them. */
export const ownAuthority = async (options: OwnCertificatesOptions): Promise<Pair> => {
  const { folder } = options
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!existsSync(join(folder, 'authority.pem'))) {
    const { createAuthority } = await import('./authority.ts')
    const issue = issueOf(options, 'Tenfold gateway', validity.authority)
    keep(folder, 'authority', await createAuthority(issue))
  }
  return read(folder, 'authority')
}

/**
 * The server certificate in use; makes one where there is none for these hosts, or where the last
 * has less than 30 days left.
 * @param of which server's: each has its own, so that their hosts may differ
 */
export const ownServer = async (
  options: OwnCertificatesOptions,
  hosts: readonly string[],
  of: 'server' | 'pages' = 'server',
): Promise<Pair> => {
  const authority = await ownAuthority(options)
  const { folder, clock } = options
  const last = lastOf(folder, of)
  if (last > 0) {
    const pair = read(folder, `${of}-${last}`)
    const certificate = new X509Certificate(pair.certificate)
    const leftDays = (Date.parse(certificate.validTo) - clock.nowUs() / 1000) / dayMs
    const fits = hosts.every((host) =>
      isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host),
    )
    if (fits && leftDays > validity.renewDays) return pair
  }
  const { issueLeaf } = await import('./authority.ts')
  const name = hosts[0] ?? 'localhost'
  const issue = issueOf(options, name, validity.server)
  const pair = await issueLeaf(authority, { ...issue, for: 'server', hosts })
  keep(folder, `${of}-${last + 1}`, pair)
  return pair
}

const lastOf = (folder: string, of: string): number => {
  const names = readdirSync(folder).filter((name) => name.startsWith(`${of}-`))
  const numbers = names.map((name) => Number(/-(\d+)\.pem$/.exec(name)?.[1]))
  return Math.max(0, ...numbers.filter(Number.isInteger))
}

/** Path of the own certificate that such a server shows; undefined where there is none to see. */
export const newestServer = (folder: string, of: 'server' | 'pages'): string | undefined => {
  try {
    const last = lastOf(folder, of)
    return last === 0 ? undefined : join(folder, `${of}-${last}.pem`)
  } catch {
    return undefined
  }
}

/** Settings of a server that shows a certificate of its own, or of the gateway's authority. */
export interface ServerSettings {
  readonly host: string
  /** Other names that the own certificate is for. */
  readonly names: readonly string[]
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

/** What a server shows by its settings. Throws where the files cannot be read. */
export const serverPair = async (
  options: OwnCertificatesOptions,
  { host, names, certificate, key }: ServerSettings,
  of: 'server' | 'pages',
): Promise<Pair> => {
  if (certificate !== undefined && key !== undefined) {
    return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
  }
  if (certificate !== key) {
    throw new OperatingError('certificate_wrong', {
      message: `${certificate ?? key}: certificate and key belong together, and one is missing`,
      remedy: `Set both under ${of === 'server' ? 'mqtt' : 'http'}.tls, or neither.`,
    })
  }
  const hosts = new Set([...names, hostname(), 'localhost', '127.0.0.1', '::1'])
  // An address that stands for all of a machine's addresses is none that a client asks for.
  if (host !== '0.0.0.0' && host !== '::') hosts.add(host)
  return ownServer(options, [...hosts], of)
}

export const issueOf = (
  { clock, random }: OwnCertificatesOptions,
  name: string,
  days: number,
): Issue => ({
  name,
  nowMs: clock.nowUs() / 1000,
  days,
  serial: random(16),
})

export const read = (folder: string, name: string): Pair => ({
  certificate: readFileSync(join(folder, `${name}.pem`), 'utf8'),
  key: readFileSync(join(folder, `${name}.key`), 'utf8'),
})

/**
 * The key first: a certificate that is there has one. A key without a certificate is what a kill
 * between the two has left; nobody has used it.
 */
const keep = (folder: string, name: string, { certificate, key }: Pair): void => {
  writeFileSync(join(folder, `${name}.key`), key, { mode: 0o600, flush: true })
  writeFileSync(join(folder, `${name}.pem`), certificate, { flag: 'wx', flush: true })
}
