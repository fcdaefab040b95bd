// What an answer of an InfluxDB 3 means: durable, refused, or to be tried again. From its API's
// documentation and source (influxdb3_server/src/http.rs, 3.x); a token shows in no error.
import { HttpError, RequestTimedOutError } from '@influxdata/influxdb3-client'
import { OperatingError } from '../../core/errors.ts'
import { databaseMissing, type Refused } from '../../influx/sink.ts'
import { timedOut, unreachable } from '../../influx/waiting.ts'

const reasonLength = 300

/** One line that an answer names: `line_number` counts from 1. */
interface Named {
  line_number?: unknown
  error_message?: unknown
}

/**
 * A refusal of these lines; anything else is thrown as an OperatingError. The server names the
 * lines that it could not take. Whether it wrote the others depends on the endpoint: they are sent
 * again.
 */
export const refusalOrThrow = (error: unknown, base: string): Refused => {
  if (error instanceof HttpError && [400, 413, 422].includes(error.statusCode)) {
    const data: unknown = error.json?.data
    const named = ([] as unknown[]).concat(data ?? []) as Named[]
    const lines = named.flatMap(({ line_number: n }) =>
      typeof n === 'number' && n > 0 ? [n - 1] : [],
    )
    const first = named[0]?.error_message
    const reason = typeof first === 'string' ? oneLine(first) : reasonOf(error)
    return { reason, dropped: 0, ...(lines.length > 0 && { lines }) }
  }
  throw explained(error, base)
}

export const explained = (error: unknown, base: string): OperatingError => {
  if (error instanceof OperatingError) return error
  if (error instanceof HttpError) return fromStatus(error.statusCode, reasonOf(error), base)
  if (error instanceof RequestTimedOutError) return timedOut(base)
  const { code, message } = error as { code?: unknown; message: string }
  return unreachable(base, typeof code === 'string' ? code : oneLine(message))
}

export const fromStatus = (status: number, reason: string, base: string): OperatingError => {
  const message = `InfluxDB at ${base} answered ${status}: ${reason}`
  if (status === 401 || status === 403) {
    return new OperatingError('influx_credentials', {
      message,
      remedy: 'Check the token of this sink: it must make, read and write its databases.',
    })
  }
  if (status === 404) {
    return new OperatingError(databaseMissing, {
      message,
      remedy: 'Databases are made again at the next attempt; check who has deleted them.',
    })
  }
  if (status === 429 || status >= 500) {
    return new OperatingError('influx_failed', {
      message,
      remedy: "Nothing is lost, it is tried again; look at the server's log, its disk and limits.",
    })
  }
  return new OperatingError('influx_unexpected', {
    message,
    remedy: 'Check the url of this sink: is it an InfluxDB 3, or a proxy or another version?',
  })
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, reasonLength)

/** The server's own words in its JSON, never the request. */
const reasonOf = ({ json, statusMessage }: HttpError): string => {
  const said: unknown = json?.error ?? json?.message
  return oneLine(typeof said === 'string' ? said : (statusMessage ?? 'no reason was given'))
}
