// What goes wrong between this gateway and an OPC UA server, as errors of operation: the library's
// words to a code, a cause and what to check. A code that is not known keeps the library's words.
import { OperatingError } from '../../core/errors.ts'

const table: readonly [pattern: RegExp, code: string, message: string, remedy: string][] = [
  [
    /verification failed.*BadCertificateUntrusted/,
    'opcua_certificate_untrusted',
    "the server's certificate is not approved",
    'Compare its thumbprint with the one the server shows, then "tenfold trust <thumbprint>".',
  ],
  [
    /verification failed.*BadCertificateTimeInvalid/,
    'opcua_certificate_expired',
    "the server's certificate is outside its dates",
    "Check both clocks; else renew the server's certificate there, then approve the new one.",
  ],
  [
    /verification failed/,
    'opcua_certificate_invalid',
    "the server's certificate cannot be used",
    'It must be an RSA certificate of at least 2048 bits; make a new one at the server.',
  ],
  [
    /Cannot find an Endpoint matching/,
    'opcua_security_not_offered',
    'the server does not offer the security that is set',
    'Turn that mode and policy on at the server, or set "security" to what it offers.',
  ],
  [
    /BadUserAccessDenied|BadIdentityToken|user identity token/i,
    'opcua_login_refused',
    'the server refused the user',
    'Check "user" in the settings, its secret, and that the server knows this user.',
  ],
  [
    /BadSecurityChecksFailed|BadCertificate|BadSecureChannelClosed|BadConnectionRejected/,
    'opcua_own_certificate_refused',
    'the server refused the secure channel',
    'Approve this gateway\'s certificate at the server; "tenfold trust" shows its thumbprint.',
  ],
  [
    // "premature disconnection" is the library's word for a port where nobody listens.
    /ECONN|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT|EAI_AGAIN|no answer|time(d )?out|premature disconn/i,
    'opcua_unreachable',
    'the server does not answer',
    'Check its address, that it runs, and the network in between.',
  ],
]

/** An error of operation stays what it is; any other is looked up by what the library says. */
export const explain = (error: unknown, url: string): OperatingError => {
  if (error instanceof OperatingError) return error
  const said = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ').slice(0, 300) : ''
  for (const [pattern, code, message, remedy] of table) {
    if (pattern.test(said)) {
      return new OperatingError(code, { message: `${url}: ${message}`, remedy, cause: error })
    }
  }
  return new OperatingError('opcua_failed', {
    message: `${url}: ${said === '' ? String(error) : said}`,
    remedy: 'Look at the log of the server.',
    cause: error,
  })
}

/** The connection was given up because nothing came. */
export const deaf = (url: string, silentMs: number): OperatingError =>
  new OperatingError('opcua_deaf', {
    message: `${url}: nothing came for ${Math.round(silentMs)} ms; the connection is built anew`,
    remedy: 'If this repeats, look whether the server or the network stalls.',
  })

/** The log took no more, so that the connection is built anew once it does. */
export const notDurable = (url: string, why: string): OperatingError =>
  new OperatingError('opcua_not_durable', {
    message: `${url}: the log did not take what came: ${why}`,
    remedy: 'Free the disk; what was missed is asked for again where the server keeps history.',
  })
