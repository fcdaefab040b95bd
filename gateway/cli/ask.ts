// How a command asks a running gateway to do something: over its pages' address, with the same name
// and password as a person. Not a command by itself.
import { readFileSync } from 'node:fs'
import { resolveSecret } from '../config.ts'
import { OperatingError } from '../core/errors.ts'
import { explain } from '../mqtt/tls.ts'
import type { Io } from './io.ts'
import { trustIn } from './pages.ts'
import { request } from './request.ts'

/** Who asks, where the pages ask for a password. */
export const passwordOptions = {
  user: { type: 'string' },
  'password-env': { type: 'string' },
  'password-file': { type: 'string' },
} as const

export const askOptions = {
  gateway: { type: 'string', default: 'http://127.0.0.1:8080' },
  ca: { type: 'string' },
  ...passwordOptions,
} as const

export const askPassword = `  --user NAME, --password-env NAME, --password-file FILE
                   as at the pages, where they ask for a password`

export const askUsage = `  --gateway URL    where its pages are (default http://127.0.0.1:8080)
  --ca FILE        who signs the certificate of an https URL, PEM: of the gateway's own it is
                   keys/tls/authority.pem of the data folder; without it the usual authorities
${askPassword}`

export interface AskValues {
  gateway: string
  ca?: string
  user?: string
  'password-env'?: string
  'password-file'?: string
}

/**
 * The answer to a POST, or to a GET where there is no body. Throws what the gateway says of it, as
 * an OperatingError.
 */
export const ask = async <T>(
  io: Io,
  values: AskValues,
  { path, body }: { path: string; body?: unknown },
): Promise<T> => {
  const url = new URL(path, values.gateway)
  const headers = { 'content-type': 'application/json', ...authorization(io, values) }
  const said = body === undefined ? {} : { method: 'POST' as const, body: JSON.stringify(body) }
  const trust = trustIn(io, values.ca)
  const reply = await request(url, { ...said, headers, trust }).catch((cause: Error) => {
    throw new OperatingError('gateway_unreachable', {
      message: `no gateway answers at ${values.gateway}: ${explain(cause)}`,
      remedy:
        'Is it running? Compare --gateway with its first line of output, and --ca with https.',
      cause,
    })
  })
  const answer = parse(reply.text, values) as T & {
    code?: string
    message?: string
    remedy?: string
  }
  if (reply.ok) return answer
  const { code = 'gateway_refused', message = `status ${reply.status}`, remedy = '' } = answer
  throw new OperatingError(code, { message, remedy })
}

const parse = (text: string, { gateway }: AskValues): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new OperatingError('gateway_unreachable', {
      message: `what answers at ${gateway} is no gateway`,
      remedy: 'Compare --gateway with the first line of output of the gateway.',
      cause,
    })
  }
}

export const authorization = (
  io: Io,
  values: Omit<AskValues, 'gateway' | 'ca'>,
): Record<string, string> => {
  const { user, 'password-env': env, 'password-file': file } = values
  if (user === undefined) return {}
  const where = file === undefined ? { env: env ?? 'TENFOLD_PASSWORD' } : { file }
  const readFile = (path: string): string => readFileSync(path, 'utf8')
  const password = resolveSecret(where, { env: io.env, readFile })
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}
