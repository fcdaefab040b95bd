// One POST to InfluxDB's /write and what its answer means. 204 is the only "durable"; a refusal is
// told apart from a server that cannot be reached or asked, which the caller tries again with the
// same bytes. Name and password travel in one header and show in no URL, error or log.
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { retentionPolicies } from '../../../hardware-profiles/names.ts'
import type { Clock } from '../../core/clock.ts'
import { OperatingError } from '../../core/errors.ts'
import { databaseMissing, type Transport } from '../../influx/sink.ts'
import { createWaiting, unreachable } from '../../influx/waiting.ts'
import { defaultTimeoutMs, type Influx1Config } from './config.ts'

/** Headers that log in, if there is a name. */
export const credentialsOf = ({
  username,
  password = '',
}: Influx1Config): Record<string, string> =>
  username === undefined
    ? {}
    : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }

const compress = promisify(gzip)
const reasonLength = 300

export const createTransport = (config: Influx1Config, clock: Clock): Transport => {
  const base = config.url.replace(/\/+$/, '')
  const waiting = createWaiting({ base, mostMs: config.timeoutMs ?? defaultTimeoutMs, clock })
  let server = { dateMs: clock.nowUs() / 1000, atMs: clock.monotonicMs() }

  const ask = async (path: string, init: RequestInit) => {
    try {
      const answer = await fetch(base + path, {
        ...init,
        headers: { ...init.headers, ...credentialsOf(config) },
        // A redirect could carry the credentials elsewhere.
        redirect: 'manual',
      })
      const dateMs = Date.parse(answer.headers.get('date') ?? '')
      if (Number.isFinite(dateMs)) server = { dateMs, atMs: clock.monotonicMs() }
      return { answer, text: await answer.text() }
    } catch (error) {
      // The cause of a fetch that failed names host and port, never a header.
      const { cause, message } = error as Error
      throw unreachable(base, cause instanceof Error ? cause.message : message)
    }
  }

  return {
    ping: () =>
      waiting.ask(async (signal) => {
        const { answer } = await ask('/ping', { method: 'GET', signal })
        const version = answer.headers.get('x-influxdb-version')
        if (answer.ok && version !== null && /^v?1\./.test(version)) return
        throw foreign(base, version === null ? `HTTP ${answer.status}` : `version ${version}`)
      }),
    async write(policy, lines) {
      const target = new URLSearchParams({
        db: config.database,
        rp: retentionPolicies[policy],
        precision: 'ns',
      })
      const body = await compress(lines.join('\n'), { level: constants.Z_BEST_SPEED })
      const headers = { 'content-encoding': 'gzip', 'content-type': 'text/plain; charset=utf-8' }
      return waiting.write(async (signal) => {
        const init = { method: 'POST', headers, body, signal }
        const { answer, text } = await ask(`/write?${target}`, init)
        return answer.status === 204 ? undefined : refusalOrThrow(answer, { text, base })
      })
    },
    serverNowUs: () => 1000 * (server.dateMs + clock.monotonicMs() - server.atMs),
    stop: () => waiting.stop(),
  }
}

/**
 * A refusal of these lines, or an OperatingError. InfluxDB 1.6: services/httpd/handler.go,
 * serveWrite.
 */
const refusalOrThrow = (answer: Response, { text, base }: { text: string; base: string }) => {
  const { status } = answer
  const reason = reasonOf(text)
  // Without this header something else has answered, such as a proxy: no verdict on a reading.
  const isInflux = answer.headers.has('x-influxdb-version')
  if (isInflux && status === 400) {
    return { reason, dropped: Number(/ dropped=(\d+)$/.exec(reason)?.[1] ?? 0) }
  }
  if (isInflux && status === 413) {
    return { reason: `${reason}; raise max-body-size in [http] of influxdb.conf`, dropped: 0 }
  }
  throw operatingError(status, { reason, base, isInflux })
}

const reasonOf = (text: string): string => {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    if (typeof error === 'string') return error.replace(/\s+/g, ' ').slice(-reasonLength)
  } catch {
    // Not JSON: nothing in it is worth showing.
  }
  return 'no reason was given'
}

/** What an answer other than 204 means for the person who runs the gateway. */
export const operatingError = (
  status: number,
  { reason, base, isInflux }: { reason: string; base: string; isInflux: boolean },
): OperatingError => {
  const message = `InfluxDB at ${base} answered ${status}: ${reason}`
  if (status === 401 || status === 403) {
    return new OperatingError('influx_credentials', {
      message,
      remedy:
        'Check username and password of this sink, and GRANT ALL on its database to the user.',
    })
  }
  if (status === 404 || /^(database|retention policy) not found/.test(reason)) {
    return new OperatingError(databaseMissing, {
      message,
      remedy: 'It is made again at the next attempt; check who has dropped it.',
    })
  }
  if (status >= 500 || status === 429) {
    return new OperatingError('influx_failed', {
      message,
      remedy: "Nothing is lost, it is tried again; look at the server's log, its disk and memory.",
    })
  }
  return foreign(base, isInflux ? `HTTP ${status}: ${reason}` : `HTTP ${status}`)
}

const foreign = (base: string, what: string): OperatingError =>
  new OperatingError('influx_unexpected', {
    message: `${base} did not answer as an InfluxDB 1.x does: ${what}`,
    remedy: 'Check the url of this sink: is it an InfluxDB 1.x, or a proxy or another version?',
  })
