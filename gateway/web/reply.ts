// What the web server answers with, and the errors it answers:
// always JSON with code, message and remedy.
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { OperatingError } from '../core/errors.ts'

export interface Reply {
  status: number
  type: string
  body: Buffer
  headers?: Readonly<Record<string, string>>
  /** The same body, compressed, where that is worth it. */
  gzip?: Buffer
  /** Strong validator, quoted; the reply may be kept and asked for again with it. */
  etag?: string
}

/** A request that cannot be served, with the status of RFC 9110 that says so. */
export class Refused extends OperatingError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    what: { message: string; remedy: string; headers?: Readonly<Record<string, string>> },
  ) {
    super(code, what)
    this.status = status
    this.headers = what.headers ?? {}
  }
}

export const json = (value: unknown, status = 200): Reply => ({
  status,
  type: 'application/json; charset=utf-8',
  body: Buffer.from(JSON.stringify(value)),
})

/** A reply that is the same until its content changes. */
export const content = (type: string, text: string | Buffer): Reply => {
  const body = Buffer.from(text)
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return { status: 200, type, body, etag, ...(body.length > 1024 ? { gzip: gzipSync(body) } : {}) }
}

/** Statuses of errors that parts behind the pages throw; any other is 503. */
const statusOf: Readonly<Record<string, number>> = {
  unit_unknown: 404,
  setpoint_refused: 422,
  unit_silent: 409,
  ...{ trip_unknown: 422, trip_other: 409, trip_held: 409, trip_unsupported: 409 },
  command_busy: 409,
  command_unanswered: 504,
  challenge_keyless: 409,
  ...{ image_wrong: 422, update_unsigned: 422, update_signature: 422 },
  ...{ update_foreign: 422, update_profile: 422 },
  ...{ update_old: 422, update_no_key: 409, update_trial: 409, update_busy: 409 },
  ...{ update_unsupported: 409, key_there: 409, key_unsupported: 409, release_key_wrong: 422 },
  ...{ trust_absent: 409, trust_armed: 409, trust_pinned: 409 },
}

/** The reply to an error; `undefined` where it is none of operation but a defect of the program. */
export const errorReply = (error: unknown): Reply | undefined => {
  if (!(error instanceof OperatingError)) return undefined
  const { code, message, remedy } = error
  const status = error instanceof Refused ? error.status : (statusOf[code] ?? 503)
  const headers = error instanceof Refused ? error.headers : {}
  return { ...json({ code, message, remedy }, status), headers }
}

export const defectReply = (): Reply =>
  json(
    {
      code: 'defect',
      message: 'The gateway made a mistake while answering.',
      remedy: 'See its output for the reason, and report it.',
    },
    500,
  )

export const send = (request: IncomingMessage, response: ServerResponse, reply: Reply): void => {
  const { etag, gzip, headers = {} } = reply
  response.setHeader('Content-Type', reply.type)
  response.setHeader('Cache-Control', etag === undefined ? 'no-store' : 'no-cache')
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (etag !== undefined) {
    response.setHeader('ETag', etag)
    response.setHeader('Vary', 'Accept-Encoding')
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304).end()
      return
    }
  }
  const packed = gzip !== undefined && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
  if (packed) response.setHeader('Content-Encoding', 'gzip')
  const body = packed ? gzip : reply.body
  response.setHeader('Content-Length', body.length)
  response.writeHead(reply.status)
  response.end(request.method === 'HEAD' ? undefined : body)
}
