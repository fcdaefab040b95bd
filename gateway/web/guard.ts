// Who may ask for what, before any route is looked at: reading and a few actions, only under a name
// that is ours (a page elsewhere could otherwise point its own name at this machine and read
// everything: DNS rebinding), never for another site, and with a password where the config names
// credentials.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { reachable } from '../core/address.ts'
import { type Credentials, checkPassword } from '../credentials.ts'
import { isAction } from './actions.ts'
import { Refused } from './reply.ts'

export interface Guard {
  /** Resolves where the request may go on; throws Refused otherwise. */
  admit(request: IncomingMessage, path: string): Promise<void>
}

export interface GuardOptions {
  scheme: 'http' | 'https'
  /** Where the server is bound. */
  host: string
  port: () => number
  /** Other host names under which it may be asked for. */
  names: readonly string[]
  /** Names that may ask; undefined: nobody has to say who it is. Asked at each request. */
  credentials(): Credentials | undefined
  /** Who shows this word may read, without a name. */
  token?: string | undefined
}

/** Headers of every reply. `importMap` is the one inline script, by its hash. */
export const securityHeaders = (importMapHash: string): Readonly<Record<string, string>> => ({
  'Content-Security-Policy': [
    "default-src 'none'",
    `script-src 'self' '${importMapHash}'`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types lit-html',
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
})

/**
 * Paths that say whether the gateway is well, and nothing else: open to a monitor without a
 * name.
 */
const openPaths = new Set(['/live', '/ready'])

export const createGuard = (options: GuardOptions): Guard => {
  const passwords = createPasswords()
  return {
    admit: async (request, path) => {
      checkMethod(request, path)
      checkHost(request, options)
      checkSite(request)
      const credentials = options.credentials()
      if (credentials === undefined || openPaths.has(path)) return
      if (request.method !== 'POST' && isToken(request, options.token)) return
      await passwords.check(credentials, request.headers.authorization ?? '')
    },
  }
}

const isToken = ({ headers }: IncomingMessage, token: string | undefined): boolean => {
  const [, shown = ''] = /^Bearer ([\w-]{1,64})$/.exec(headers.authorization ?? '') ?? []
  if (token === undefined || shown === '') return false
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(token))
}

const checkMethod = ({ method, headers }: IncomingMessage, path: string): void => {
  if (method === 'POST' && isAction(path)) {
    // A form of another site cannot send this type without asking first (Fetch, "preflight").
    const isJson = /^application\/json(?:;|$)/.test(headers['content-type'] ?? '')
    const isOwn = headers.origin === undefined || hostOf(headers.origin) === headers.host
    if (isJson && isOwn) return
    throw new Refused(403, 'action_refused', {
      message: 'This has to come from a page of this gateway, or from a program, as JSON.',
      remedy: 'Use the page, or "tenfold command", "pair" and "quarantine".',
      headers: { Connection: 'close' },
    })
  }
  if (method !== 'GET' && method !== 'HEAD') {
    throw new Refused(405, 'method_refused', {
      message: `${method} is not possible here: the pages only read.`,
      remedy: 'Use GET.',
      headers: { Allow: 'GET, HEAD', Connection: 'close' },
    })
  }
  if ((headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined) {
    throw new Refused(413, 'body_refused', {
      message: 'The request has a body, and nothing here takes one.',
      remedy: 'Send it without.',
      headers: { Connection: 'close' },
    })
  }
}

const hostOf = (origin: string): string => (URL.canParse(origin) ? new URL(origin).host : '')

const checkHost = (
  { headers }: IncomingMessage,
  { scheme, host, port, names }: GuardOptions,
): void => {
  const asked = headers.host ?? ''
  const at = /^(?<name>\[[0-9a-f:.]+\]|[^:]*)(?::(?<port>\d{1,5}))?$/i.exec(asked)?.groups
  const name = (at?.['name'] ?? '').toLowerCase()
  const bound = host.includes(':') ? `[${host}]` : host.toLowerCase()
  if (names.some((other) => other.toLowerCase() === name)) return
  const portFits = Number(at?.['port'] ?? (scheme === 'https' ? 443 : 80)) === port()
  // An address is nobody's name: it cannot be pointed elsewhere.
  const isAddress = isIP(name.replace(/^\[|\]$/g, '')) !== 0
  if (portFits && (isAddress || name === bound || name === 'localhost')) return
  throw new Refused(421, 'host_refused', {
    message: `The pages were asked for under "${asked.slice(0, 100)}", which is not their name.`,
    remedy:
      `Open ${scheme}://${reachable(host)}:${port()}/, or take this machine's address in place ` +
      'of its name, or add the name to the setting http.names.',
  })
}

/** Fetch Metadata: what another site's page asks for in the background is not for it. */
const checkSite = ({ headers }: IncomingMessage): void => {
  const site = headers['sec-fetch-site']
  if (site !== 'cross-site' && site !== 'same-site') return
  if (headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document') return
  throw new Refused(403, 'site_refused', {
    message: 'Another site asked for this in the background.',
    remedy: 'Open the page itself.',
  })
}

/**
 * Basic authentication (RFC 7617). A scrypt a request would be slow: what was right is
 * remembered, for as long as the credentials stay.
 */
const createPasswords = () => {
  const remembered = new Set<string>()
  let rememberedOf: Credentials | undefined
  let checking = 0
  const check = async (credentials: Credentials, header: string): Promise<void> => {
    if (credentials !== rememberedOf) remembered.clear()
    rememberedOf = credentials
    const key = createHash('sha256').update(header).digest('base64')
    if (remembered.has(key)) return
    const [, encoded = ''] = /^Basic ([A-Za-z0-9+/=]{1,512})$/i.exec(header) ?? []
    if (encoded === '') throw unauthorised('This page asks for a name and a password.')
    if (checking >= checksAtOnce) {
      throw new Refused(429, 'too_many_guesses', {
        message: 'Too many passwords are being checked at once.',
        remedy: 'Try again in a few seconds.',
        headers: { 'Retry-After': '3' },
      })
    }
    const text = Buffer.from(encoded, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    checking += 1
    try {
      const right = await checkPassword(
        credentials,
        text.slice(0, Math.max(0, colon)),
        text.slice(colon + 1),
      )
      if (!right) throw unauthorised('The name or the password is wrong.')
    } finally {
      checking -= 1
    }
    if (remembered.size >= rememberedMax) remembered.clear()
    // Other credentials may have come while this password was checked.
    if (credentials === rememberedOf) remembered.add(key)
  }
  return { check }
}

const checksAtOnce = 4
const rememberedMax = 64

const unauthorised = (message: string): Refused =>
  new Refused(401, 'password_wrong', {
    message,
    remedy: 'Names are in the file of the setting http.credentials (tenfold config user).',
    headers: { 'WWW-Authenticate': 'Basic realm="Tenfold", charset="UTF-8"' },
  })
