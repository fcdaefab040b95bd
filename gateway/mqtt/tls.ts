// TLS at brokers outside: files to what a connection is given, and what went wrong in words. It is
// never less than what the settings ask for: a server whose certificate does not fit is not spoken
// to, and certificates without TLS are a mistake.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { OperatingError } from '../core/errors.ts'

/** Paths of PEM files. */
export interface TlsFiles {
  /** Who signs the broker's certificate; absent = the usual authorities. */
  authority?: string | undefined
  /** Of the client, and its private key. */
  certificate?: string | undefined
  key?: string | undefined
}

/** PEM. */
export interface TlsParts {
  ca?: string
  cert?: string
  key?: string
}

export interface TlsUse {
  /** Such as sources.sparkplug, for the person who mends it. */
  section: string
  servers: readonly string[]
  /** Milliseconds since 1970: an own certificate must not have expired. Absent = not looked at. */
  nowMs?: number
}

/** Throws an OperatingError, certificate_wrong, where the files are of no use. */
export const readTls = (
  { authority, certificate, key }: TlsFiles,
  { section, servers, nowMs }: TlsUse,
): TlsParts => {
  const wrong = (what: string, cause?: unknown) =>
    new OperatingError('certificate_wrong', {
      message: `${section}: ${what}`,
      remedy: `Check authority, certificate and key of ${section}, and who may read these files.`,
      cause,
    })
  if ((authority ?? certificate ?? key) === undefined) return {}
  const open = servers.find((url) => !url.startsWith('mqtts:'))
  if (open !== undefined) throw wrong(`${open} is not encrypted, but there are certificates for it`)
  if ((certificate === undefined) !== (key === undefined)) {
    throw wrong('certificate and key belong together, and one of them is missing')
  }
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch (cause) {
      throw wrong(`${path} cannot be read: ${(cause as Error).message}`, cause)
    }
  }
  const parse = <T>(path: string, what: () => T): T => {
    try {
      return what()
    } catch (cause) {
      throw wrong(`${path} is no PEM file of that kind: ${(cause as Error).message}`, cause)
    }
  }
  const parts: TlsParts = {}
  if (authority !== undefined) {
    const ca = read(authority)
    parse(authority, () => new X509Certificate(ca))
    parts.ca = ca
  }
  if (certificate === undefined || key === undefined) return parts
  const [cert, secret] = [read(certificate), read(key)]
  const own = parse(certificate, () => new X509Certificate(cert))
  if (!own.checkPrivateKey(parse(key, () => createPrivateKey(secret)))) {
    throw wrong(`${key} is not the key of ${certificate}`)
  }
  if (nowMs !== undefined && Date.parse(own.validTo) < nowMs) {
    throw wrong(`${certificate} has expired (${own.validTo})`)
  }
  return { ...parts, cert, key: secret }
}

/** What every TLS connection is made with, whatever the environment says. */
export const strictTls = { rejectUnauthorized: true, minVersion: 'TLSv1.2' } as const

const untrusted =
  'certificate_untrusted: none of the authorities that are trusted has signed the certificate of ' +
  'the server; check the setting authority'
const dates =
  'certificate_expired: the certificate of the server is outside its dates; check both clocks'
const meanings: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: dates,
  CERT_NOT_YET_VALID: dates,
  ERR_TLS_CERT_ALTNAME_INVALID:
    'certificate_name: the certificate of the server is for another name; use one that is in it',
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_UNTRUSTED: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  ERR_SSL_WRONG_VERSION_NUMBER: 'tls_not_spoken: there is no TLS at that port',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'tls_not_spoken: there is no TLS at that port',
}

/** Why a connection failed: the code and remedy of what TLS says, before its own words. */
export const explain = (error: Error & { code?: unknown }): string => {
  const code = String(error.code ?? '')
  // A failure at both families of addresses has a code and no message.
  const said = error.message || code || String(error)
  const meaning = meanings[code]
  return meaning === undefined ? said : `${meaning} (${said.split('\n', 1)[0]})`
}
