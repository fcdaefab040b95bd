// What an answer of an InfluxDB 2.x means: durable, refused, or to be tried again. From its API's
// documentation (POST /api/v2/write) and source (http/legacy, v2.7); a token shows in no error.
import { HttpError, RequestTimedOutError } from '@influxdata/influxdb-client'
import { OperatingError } from '../../core/errors.ts'
import { databaseMissing, type Refused } from '../../influx/sink.ts'
import { timedOut, unreachable } from '../../influx/waiting.ts'

const reasonLength = 300

/**
 * A refusal of these lines; anything else is thrown as an OperatingError. 400 and 422: some or all
 * lines; versions differ in whether the others were written, so nothing is known of them. 413: too
 * much at once.
 */
export const refusalOrThrow = (error: unknown, base: string): Refused => {
  if (error instanceof HttpError && [400, 413, 422].includes(error.statusCode)) {
    const reason = reasonOf(error)
    const line = Number(/\bline (\d+)\b/.exec(reason)?.[1] ?? 0)
    const dropped = Number(/\bdropped=(\d+)/.exec(reason)?.[1] ?? 0)
    return { reason, dropped, ...(line > 0 && { lines: [line - 1] }) }
  }
  throw explained(error, base)
}

export const explained = (error: unknown, base: string): OperatingError => {
  if (error instanceof OperatingError) return error
  if (error instanceof HttpError) return fromStatus(error, base)
  if (error instanceof RequestTimedOutError) return timedOut(base)
  const { code, message } = error as { code?: unknown; message: string }
  return unreachable(base, typeof code === 'string' ? code : message)
}

const fromStatus = (error: HttpError, base: string): OperatingError => {
  const { statusCode } = error
  const message = `InfluxDB at ${base} answered ${statusCode}: ${reasonOf(error)}`
  if (statusCode === 401 || statusCode === 403) {
    return new OperatingError('influx_credentials', {
      message,
      remedy:
        'Check the token of this sink: it must read and write its buckets, or set setUp: false.',
    })
  }
  if (statusCode === 404) {
    return new OperatingError(databaseMissing, {
      message,
      remedy: 'Buckets are made again at the next attempt; check the name of the organisation.',
    })
  }
  if (statusCode === 429 || statusCode >= 500) {
    return new OperatingError('influx_failed', {
      message,
      remedy: "Nothing is lost, it is tried again; look at the server's log, its disk and limits.",
    })
  }
  return unexpected(statusCode, base)
}

/** Something has answered that is no InfluxDB 2.x. */
export const unexpected = (status: number, base: string): OperatingError =>
  new OperatingError('influx_unexpected', {
    message: `${base} did not answer as an InfluxDB 2.x does: HTTP ${status}`,
    remedy: 'Check the url of this sink: is it an InfluxDB 2.x, or a proxy or another version?',
  })

/** The server's own words in its JSON, never the request. */
const reasonOf = ({ json, statusMessage }: HttpError): string => {
  const said: unknown = json?.message ?? json?.error
  const text = typeof said === 'string' ? said : (statusMessage ?? 'no reason was given')
  return text.replace(/\s+/g, ' ').slice(0, reasonLength)
}
