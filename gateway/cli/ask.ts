// How a command asks a running gateway to do something: over its pages' address, with the same name
// and password as a person. Not a command by itself.
import { readFileSync } from 'node:fs'
import { resolveSecret } from '../config.ts'
import { OperatingError } from '../core/errors.ts'
import type { Io } from './io.ts'

/** Who asks, where the pages ask for a password. */
export const passwordOptions = {
  user: { type: 'string' },
  'password-env': { type: 'string' },
  'password-file': { type: 'string' },
} as const

export const askOptions = {
  gateway: { type: 'string', default: 'http://127.0.0.1:8080' },
  ...passwordOptions,
} as const

export const askPassword = `  --user NAME, --password-env NAME, --password-file FILE
                   as at the pages, where they ask for a password`

export const askUsage = `  --gateway URL    where its pages are (default http://127.0.0.1:8080)
${askPassword}`

export interface AskValues {
  gateway: string
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
  let reply: Response
  try {
    const said = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    reply = await fetch(url, { ...said, headers })
  } catch (cause) {
    throw new OperatingError('gateway_unreachable', {
      message: `no gateway answers at ${values.gateway}`,
      remedy: 'Is it running? Compare --gateway with its first line of output.',
      cause,
    })
  }
  const answer = (await reply.json()) as T & { code?: string; message?: string; remedy?: string }
  if (reply.ok) return answer
  const { code = 'gateway_refused', message = reply.statusText, remedy = '' } = answer
  throw new OperatingError(code, { message, remedy })
}

export const authorization = (
  io: Io,
  values: Omit<AskValues, 'gateway'>,
): Record<string, string> => {
  const { user, 'password-env': env, 'password-file': file } = values
  if (user === undefined) return {}
  const where = file === undefined ? { env: env ?? 'TENFOLD_PASSWORD' } : { file }
  const readFile = (path: string): string => readFileSync(path, 'utf8')
  const password = resolveSecret(where, { env: io.env, readFile })
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}
