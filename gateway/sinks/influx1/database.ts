// What this sink asks of InfluxDB besides writing: that the database and its retention policies are
// there and as configured, and daily points read back. InfluxQL through the `influx` package, whose
// own retries and host back-off are switched off: trying again is the runner's work.
import { InfluxDB, type IRetentionOptions, escape as spell } from 'influx'
import { retentionPolicies, unitColumn } from '../../../hardware-profiles/names.ts'
import { OperatingError } from '../../core/errors.ts'
import type { Database, Retention } from '../../influx/sink.ts'
import { timedOut, unreachable } from '../../influx/waiting.ts'
import { defaultTimeoutMs, type Influx1Config } from './config.ts'
import { operatingError } from './transport.ts'

const hourUs = 3_600_000_000
const unitsAtOnce = 200

export const createDatabase = (config: Influx1Config): Database => {
  const client = connect(config)
  const { database } = config
  const asked = <T>(work: () => Promise<T>): Promise<T> => explained(config, work)
  return {
    prepare: () => asked(() => prepare(client, config)),
    days: ({ measurement, startUs }, units) =>
      asked(async () => {
        const rows: Record<string, unknown>[] = []
        for (let i = 0; i < units.length; i += unitsAtOnce) {
          const some = units.slice(i, i + unitsAtOnce)
          const any = some.map((unit) => `"${unitColumn}" = ${spell.stringLit(unit)}`).join(' OR ')
          const found = await client.query<Record<string, unknown>>(
            `SELECT * FROM "${retentionPolicies.daily}"."${measurement}" ` +
              `WHERE time = ${BigInt(startUs) * 1000n} AND (${any})`,
            { database },
          )
          rows.push(...found)
        }
        return rows
      }),
  }
}

const connect = (config: Influx1Config): InfluxDB => {
  const { protocol, hostname, port, pathname } = new URL(config.url)
  const scheme = protocol === 'https:' ? 'https' : 'http'
  const never = { getDelay: () => 0, next: () => never, reset: () => never }
  const client = new InfluxDB({
    database: config.database,
    hosts: [
      {
        host: hostname,
        port: Number(port === '' ? (scheme === 'https' ? 443 : 80) : port),
        protocol: scheme,
        path: pathname.replace(/\/+$/, ''),
        // A connection for each: one that was kept may have died without a word.
        options: { agent: false },
      },
    ],
    // The package would log in as root without a word where no name is given.
    username: config.username ?? '',
    password: config.password ?? '',
    pool: {
      maxRetries: 0,
      requestTimeout: config.timeoutMs ?? defaultTimeoutMs,
      backoff: never,
    },
  })
  return client
}

const prepare = async (client: InfluxDB, config: Influx1Config): Promise<Retention> => {
  const { database, retentionDays, dailyRetentionDays = 0, eventRetentionDays = 0 } = config
  if (!(await client.getDatabaseNames()).includes(database)) await client.createDatabase(database)
  const present = await client.showRetentionPolicies(database)
  const wanted = {
    reports: retentionDays,
    daily: dailyRetentionDays,
    events: eventRetentionDays,
  } as const
  const inForce = {} as Record<keyof Retention, number>
  for (const [kind, days] of Object.entries(wanted) as [keyof Retention, number][]) {
    const name = retentionPolicies[kind]
    const wantedUs = days === 0 ? Number.POSITIVE_INFINITY : days * 24 * hourUs
    const policy = present.find((one) => one.name === name)
    const options: IRetentionOptions = {
      database,
      duration: durationText(wantedUs),
      replication: 1,
      isDefault: kind === 'reports',
    }
    if (policy === undefined) await client.createRetentionPolicy(name, options)
    else if (policyUs(policy.duration) !== wantedUs || policy.default !== options.isDefault) {
      await alter(client, name, options)
    }
    inForce[kind] = wantedUs
  }
  return inForce
}

/**
 * With the shard duration that fits: else a retention shorter than the present shards is refused.
 */
const alter = async (client: InfluxDB, name: string, options: IRetentionOptions) => {
  const database = spell.quoted(options.database ?? '')
  await client.query(
    `ALTER RETENTION POLICY ${spell.quoted(name)} ON ${database} ` +
      `DURATION ${options.duration} REPLICATION ${options.replication} SHARD DURATION 0s` +
      (options.isDefault ? ' DEFAULT' : ''),
    { method: 'POST' },
  )
}

const durationText = (us: number): string =>
  us === Number.POSITIVE_INFINITY ? 'INF' : `${Math.round(us / 1e6)}s`

/** Such as "2160h0m0s"; "0s" is for ever. */
const policyUs = (text: string): number => {
  const [, hours = '0', minutes = '0', seconds = '0'] =
    /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? []
  const us = Number(hours) * hourUs + Number(minutes) * 60e6 + Number(seconds) * 1e6
  return us === 0 ? Number.POSITIVE_INFINITY : us
}

/** Errors of the package to ours. They carry the request with its headers: none is passed on. */
const explained = async <T>(config: Influx1Config, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof OperatingError) throw error
    const base = config.url
    const { message, res, code } = error as Error & {
      res?: { statusCode?: number }
      code?: unknown
    }
    if (typeof code === 'string') throw unreachable(base, message)
    if (res?.statusCode !== undefined) {
      const reason =
        res.statusCode < 500 ? message.replace(/^.*"error":"|"}\s*$/gs, '') : 'no reason'
      throw operatingError(res.statusCode, { reason, base, isInflux: true })
    }
    if (message === 'Request timed out') throw timedOut(base)
    throw new OperatingError('influx_setup', {
      message: `InfluxDB at ${base} refused: ${message}`,
      remedy: 'Make the database and its policies by hand, or give this sink an administrator.',
    })
  }
}
