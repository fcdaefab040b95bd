// How a command asks a running gateway to do something: over its pages' address, with the same name
// and password as a person. Not a command by itself.
import { readFileSync } from 'node:fs'
import { resolveSecret } from '../config.ts'
import { configOptions, configUsage, readConfig } from '../config-file.ts'
import { OperatingError, operatingError } from '../core/errors.ts'
import { explain } from '../mqtt/tls.ts'
import { readToken } from '../web/token.ts'
import type { Io } from './io.ts'
import { pagesOf, trustIn } from './pages.ts'
import { request, type Trust } from './request.ts'

/** Who asks, where the pages ask for a password. */
export const passwordOptions = {
  user: { type: 'string' },
  'password-env': { type: 'string' },
  'password-file': { type: 'string' },
} as const

export const askOptions = {
  gateway: { type: 'string' },
  ca: { type: 'string' },
  ...configOptions,
  ...passwordOptions,
} as const

export const askPassword = `  --user NAME, --password-env NAME, --password-file FILE
                   as at the pages, where they ask for a password`

export const askUsage = `  --gateway URL    where its pages are; without it, by the settings below
  --ca FILE        who signs the certificate of an https URL, PEM: of the gateway's own it is
                   keys/tls/authority.pem of the data folder; without it the usual authorities,
                   and without --gateway the certificate of these settings
${configUsage}
${askPassword}`

export interface AskValues {
  gateway?: string
  ca?: string
  config?: string
  data?: string
  set?: string[]
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
  const { gateway, trust, token } = addressOf(io, values)
  const url = new URL(path, gateway)
  const headers = { 'content-type': 'application/json', ...token, ...authorization(io, values) }
  const said = body === undefined ? {} : { method: 'POST' as const, body: JSON.stringify(body) }
  const reply = await request(url, { ...said, headers, trust }).catch((cause: Error) => {
    throw new OperatingError('gateway_unreachable', {
      message: `no gateway answers at ${gateway}: ${explain(cause)}`,
      remedy:
        'Is it running? Compare --gateway, or the settings here, with its first line of output, ' +
        'and --ca with https.',
      cause,
    })
  })
  const answer = parse(reply.text, gateway) as T & {
    code?: string
    message?: string
    remedy?: string
  }
  if (reply.ok) return answer
  const { code = 'gateway_refused', message = `status ${reply.status}`, remedy = '' } = answer
  throw new OperatingError(code, { message, remedy })
}

interface Address {
  gateway: string
  trust: Trust
  /** Opens reading to who may read the data folder. */
  token: Record<string, string>
}

/**
 * The gateway that is named, or that of the settings here: never another one that happens to
 * listen at the usual port. Throws what is wrong in the settings.
 */
const addressOf = (io: Io, values: AskValues): Address => {
  const { gateway, ca } = values
  if (gateway !== undefined) return { gateway, trust: trustIn(io, ca), token: {} }
  const { config } = settingsHere(io, values)
  const { url, trust } = pagesOf(config)
  const token = readToken(config.data)
  return {
    gateway: url,
    trust: ca === undefined ? trust : trustIn(io, ca),
    token: token === undefined ? {} : { authorization: `Bearer ${token}` },
  }
}

/** Secrets are often in the environment of the service alone: then --gateway is the way. */
const settingsHere = (io: Io, values: AskValues) => {
  try {
    return readConfig(io, values).loaded
  } catch (error) {
    const known = operatingError(error)
    if (known === undefined) throw error
    const remedy = `${known.remedy} Or say where the gateway is, with --gateway URL.`
    throw new OperatingError(known.code, { message: known.message, remedy, cause: error })
  }
}

const parse = (text: string, gateway: string): unknown => {
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
  values: Pick<AskValues, 'user' | 'password-env' | 'password-file'>,
): Record<string, string> => {
  const { user, 'password-env': env, 'password-file': file } = values
  if (user === undefined) return {}
  const where = file === undefined ? { env: env ?? 'TENFOLD_PASSWORD' } : { file }
  const readFile = (path: string): string => readFileSync(path, 'utf8')
  const password = resolveSecret(where, { env: io.env, readFile })
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}
