// What this sink asks of an InfluxDB 3 besides writing: that its databases are there, made with the
// retention that is configured, and daily points read back by SQL. Both by plain HTTP: the client
// has no call for the first, and takes Arrow Flight with all its packages for the second.
import { retentionPolicies, unitColumn } from '../../../hardware-profiles/names.ts'
import type { Database, Moment, Policy, Retention } from '../../influx/sink.ts'
import { explained, fromStatus } from './answers.ts'
import { defaultTimeoutMs, type Influx3Config } from './config.ts'

/** Readings keep the plain name, so that a person finds them. */
export const databaseOf = (
  { database }: Pick<Influx3Config, 'database'>,
  policy: Policy,
): string => (policy === 'reports' ? database : `${database}_${retentionPolicies[policy]}`)

const unitsAtOnce = 200

export const createDatabases = (config: Influx3Config): Database => ({
  prepare: () => (config.setUp ? prepare(config) : Promise.resolve(forEver)),
  async days(at, units) {
    const rows: Record<string, unknown>[] = []
    for (let i = 0; i < units.length; i += unitsAtOnce) {
      rows.push(...(await daysOf(config, { ...at, units: units.slice(i, i + unitsAtOnce) })))
    }
    return rows
  },
})

/** The server forgets by itself and refuses nothing for its age: nothing is dropped here. */
const forEver: Retention = {
  reports: Number.POSITIVE_INFINITY,
  daily: Number.POSITIVE_INFINITY,
  events: Number.POSITIVE_INFINITY,
}

const prepare = async (config: Influx3Config): Promise<Retention> => {
  const days: Record<Policy, number> = {
    reports: config.retentionDays,
    daily: config.dailyRetentionDays ?? 0,
    events: config.eventRetentionDays ?? 0,
  }
  for (const [policy, kept] of Object.entries(days) as [Policy, number][]) {
    const db = databaseOf(config, policy)
    await make(config, kept === 0 ? { db } : { db, retention_period: `${kept}d` })
  }
  return forEver
}

/** 409: it is there already, and keeps its points as whoever made it said. */
const make = async (config: Influx3Config, body: object): Promise<void> => {
  const { status } = await post(config, '/api/v3/configure/database', body)
  if (status >= 300 && status !== 409) {
    throw fromStatus(status, 'the database could not be made', config.url)
  }
}

const daysOf = async (
  config: Influx3Config,
  { measurement, startUs, units }: Moment & { units: readonly string[] },
): Promise<Record<string, unknown>[]> => {
  const day = new Date(startUs / 1000).toISOString()
  const named = units.map((_, i) => `$unit${i}`).join(', ')
  const params = Object.fromEntries(units.map((unit, i) => [`unit${i}`, unit]))
  const q =
    `SELECT * FROM "${measurement}" WHERE time = TIMESTAMP '${day}' ` +
    `AND "${unitColumn}" IN (${named})`
  const db = databaseOf(config, 'daily')
  const { status, text } = await post(config, '/api/v3/query_sql', {
    db,
    q,
    params,
    format: 'json',
  })
  if (status === 200) return JSON.parse(text) as Record<string, unknown>[]
  // Before the first point there is no table, and so no day.
  if (/table .*not found/i.test(text)) return []
  throw fromStatus(status, 'the days could not be read back', config.url)
}

const post = async (
  { url, token, timeoutMs }: Influx3Config,
  path: string,
  body: object,
): Promise<{ status: number; text: string }> => {
  const base = url.replace(/\/+$/, '')
  try {
    const answer = await fetch(base + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      // A redirect could carry the token elsewhere.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs ?? defaultTimeoutMs),
    })
    return { status: answer.status, text: await answer.text() }
  } catch (error) {
    const { cause, message } = error as Error
    throw explained(cause ?? { message }, base)
  }
}
