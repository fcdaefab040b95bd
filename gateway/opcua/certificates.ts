// The certificate folder of one OPC UA application, as plain files: its own certificate and key,
// the certificates of others that a person has approved, and those that wait for it. Needs no
// library, so that `tenfold trust` answers at once. Nothing becomes trusted here unless a person
// says so.
import { X509Certificate } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { OperatingError } from '../core/errors.ts'

export type Standing = 'trusted' | 'pending'

/**
 * What a person must see of a certificate before approving it. Times in milliseconds since 1970.
 */
export interface CertificateFacts {
  /** SHA-1 of the certificate, 40 hex digits: what OPC UA tools show (OPC 10000-4, 7.3). */
  thumbprint: string
  subject: string
  applicationUri: string | undefined
  fromMs: number
  untilMs: number
}

/** Certificates that wait at once; a flood of strangers must not fill the disk. */
export const pendingMax = 64
/** Days before its end from which a certificate is warned about. */
export const warnDays = 30
const dayMs = 86_400_000

/** Reads the facts of a DER certificate. Throws on bytes that are none. */
export const factsOf = (der: Uint8Array): CertificateFacts => {
  const certificate = new X509Certificate(der)
  return {
    thumbprint: certificate.fingerprint.replaceAll(':', '').toLowerCase(),
    subject: certificate.subject.replaceAll('\n', ', '),
    applicationUri: /URI:([^,\s]+)/.exec(certificate.subjectAltName ?? '')?.[1],
    fromMs: certificate.validFromDate.getTime(),
    untilMs: certificate.validToDate.getTime(),
  }
}

/** A line of warning where a certificate ends soon or has ended, else undefined. */
export const expiryWarning = (facts: CertificateFacts, nowMs: number): string | undefined => {
  const days = Math.floor((facts.untilMs - nowMs) / dayMs)
  if (days > warnDays) return undefined
  const end = new Date(facts.untilMs).toISOString().slice(0, 10)
  const when = days < 0 ? `has ended on ${end}` : `ends on ${end}, in ${days} days`
  return `the certificate ${facts.thumbprint} (${facts.subject}) ${when}`
}

export class CertificateFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get ownCertificate(): string {
    return join(this.path, 'own', 'certificate.pem')
  }

  get ownKey(): string {
    return join(this.path, 'own', 'key.pem')
  }

  /** Makes the folder; the key's is closed to others. */
  prepare(): void {
    mkdirSync(join(this.path, 'own'), { recursive: true, mode: 0o700 })
    for (const standing of ['trusted', 'pending']) {
      mkdirSync(join(this.path, standing), { recursive: true })
    }
  }

  /** Own certificate in DER, or undefined before there is one. */
  own(): Buffer | undefined {
    if (!existsSync(this.ownCertificate)) return undefined
    return Buffer.from(new X509Certificate(readFileSync(this.ownCertificate)).raw)
  }

  list(standing: Standing): CertificateFacts[] {
    const folder = join(this.path, standing)
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .filter((name) => name.endsWith('.der'))
      .flatMap((name) => readable(join(folder, name)) ?? [])
      .sort((a, b) => (a.thumbprint < b.thumbprint ? -1 : 1))
  }

  isTrusted(der: Uint8Array): boolean {
    const file = this.#file('trusted', factsOf(der).thumbprint)
    // The bytes, not only their SHA-1: a thumbprint is a name, not a proof.
    return existsSync(file) && readFileSync(file).equals(der)
  }

  /** Keeps a stranger's certificate for a person to look at; true where it was not there yet. */
  offer(der: Uint8Array): boolean {
    const file = this.#file('pending', factsOf(der).thumbprint)
    if (existsSync(file) || this.list('pending').length >= pendingMax) return false
    this.prepare()
    writeFileSync(file, der)
    return true
  }

  /** Approves one that waits, by its full thumbprint. */
  approve(thumbprint: string): void {
    this.prepare()
    renameSync(this.#file('pending', thumbprint), this.#file('trusted', thumbprint))
  }

  /** Forgets one, wherever it stands. */
  remove(thumbprint: string): void {
    for (const standing of ['trusted', 'pending'] as const) {
      rmSync(this.#file(standing, thumbprint), { force: true })
    }
  }

  /** Puts a new own certificate and key in place, in this order, each at once. */
  replaceOwn(certificate: string, key: string): void {
    this.prepare()
    replaceFile(this.ownKey, key)
    replaceFile(this.ownCertificate, certificate)
  }

  #file(standing: Standing, thumbprint: string): string {
    if (!/^[0-9a-f]{40}$/.test(thumbprint)) {
      throw new OperatingError('opcua_thumbprint', {
        message: `"${thumbprint.slice(0, 60)}" is not a thumbprint`,
        remedy: 'A thumbprint has 40 hex digits; "tenfold trust" lists them.',
      })
    }
    return join(this.path, standing, `${thumbprint}.der`)
  }
}

const replaceFile = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

const readable = (path: string): CertificateFacts | undefined => {
  try {
    return factsOf(readFileSync(path))
  } catch {
    // A file that a person has put there and that is no certificate trusts nobody.
    return undefined
  }
}
