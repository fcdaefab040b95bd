// A gateway's own certificate authority, for workshops that have none: signs the broker's server
// certificate and the units' client certificates (X.509, RFC 5280; ECDSA P-256, which small boards
// can verify). Makes bytes only; where they are kept is files.ts. Loaded only where it is needed.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'

/** A certificate and its private key, PEM. */
export interface Pair {
  readonly certificate: string
  readonly key: string
}

export interface Issue {
  /** Common name: the gateway's name, or a unit's id. */
  name: string
  /** Milliseconds since 1970; it is valid from an hour before, for clocks that are behind. */
  nowMs: number
  days: number
  /** 16 random bytes. */
  serial: Uint8Array
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 86_400_000
/** Extended key usage, RFC 5280 4.2.1.12: id-kp-serverAuth and id-kp-clientAuth. */
const usage = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' }

/** A self-signed authority that may sign leaves only. */
export const createAuthority = async (issue: Issue): Promise<Pair> => {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const flags = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...head(issue),
    name: [{ CN: [issue.name] }],
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(flags, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await pem(keys.privateKey) }
}

export type Leaf = Issue &
  ({ for: 'server'; hosts: readonly string[] } | { for: 'client'; hosts?: undefined })

/** A certificate signed by the authority, with a new key. */
export const issueLeaf = async (authority: Pair, leaf: Leaf): Promise<Pair> => {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const issuer = new x509.X509Certificate(authority.certificate)
  const names = (leaf.hosts ?? []).map((value) => ({
    type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
    value,
  }))
  const certificate = await x509.X509CertificateGenerator.create({
    ...head(leaf),
    subject: [{ CN: [leaf.name] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: await privateKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage[leaf.for]]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await pem(keys.privateKey) }
}

export interface Revocation {
  /** Hex digits. */
  serial: string
  /** Milliseconds since 1970. */
  atMs: number
}

/**
 * A list of revoked certificates (RFC 5280, clause 5), PEM. It holds as long as the authority may:
 * one that has run out would lock everybody out, and only this gateway makes a newer one.
 */
export const signRevocations = async (
  authority: Pair,
  { revoked, nowMs }: { revoked: readonly Revocation[]; nowMs: number },
): Promise<string> => {
  const issuer = new x509.X509Certificate(authority.certificate)
  const list = await x509.X509CrlGenerator.create({
    issuer: issuer.subjectName,
    thisUpdate: new Date(Math.min(nowMs - 3_600_000, ...revoked.map(({ atMs }) => atMs))),
    nextUpdate: issuer.notAfter,
    signingAlgorithm: algorithm,
    signingKey: await privateKey(authority.key),
    entries: revoked.map(({ serial, atMs }) => ({
      serialNumber: serial,
      revocationDate: new Date(atMs),
    })),
  })
  // RFC 7468, clause 6 names it so; the library says "CRL", which OpenSSL does not read.
  return textOf('X509 CRL', Buffer.from(list.rawData))
}

/** What a list revokes. Throws where it is none. @param list PEM */
export const revocationsIn = (list: string): Revocation[] =>
  new x509.X509Crl(list).entries.map(({ serialNumber, revocationDate }) => ({
    serial: serialNumber.toLowerCase(),
    atMs: revocationDate.getTime(),
  }))

const head = ({ nowMs, days, serial }: Issue) => ({
  // The first bit stays 0: a serial number is positive (RFC 5280, 4.1.2.2).
  serialNumber: Buffer.from([(serial[0] ?? 0) & 0x7f, ...serial.slice(1)]).toString('hex'),
  notBefore: new Date(nowMs - 3_600_000),
  notAfter: new Date(nowMs + days * dayMs),
  signingAlgorithm: algorithm,
})

const privateKey = (text: string) => {
  const body = text.replace(/-----[^-]+-----|\s/g, '')
  return webcrypto.subtle.importKey('pkcs8', Buffer.from(body, 'base64'), algorithm, false, [
    'sign',
  ])
}

const pem = async (key: webcrypto.CryptoKey): Promise<string> =>
  textOf('PRIVATE KEY', Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)))

const textOf = (label: string, bytes: Buffer): string => {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
