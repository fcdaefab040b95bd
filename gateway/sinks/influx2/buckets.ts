// What this sink asks of an InfluxDB 2.x besides writing: that its buckets are there and keep their
// points as configured, and daily points read back by Flux.
import { flux, type InfluxDB } from '@influxdata/influxdb-client'
import { retentionPolicies, unitColumn } from '../../../hardware-profiles/names.ts'
import { OperatingError } from '../../core/errors.ts'
import type { Database, Moment, Policy, Retention } from '../../influx/sink.ts'
import { explained } from './answers.ts'
import type { Influx2Config } from './config.ts'

/** Readings keep the plain name, so that a person finds them. */
export const bucketOf = ({ bucket }: Pick<Influx2Config, 'bucket'>, policy: Policy): string =>
  policy === 'reports' ? bucket : `${bucket}_${retentionPolicies[policy]}`

interface Bucket {
  id: string
  name: string
  retentionRules: readonly { everySeconds: number }[]
}

const daySeconds = 86_400
const unitsAtOnce = 200

export const createBuckets = (client: InfluxDB, config: Influx2Config): Database => ({
  prepare: () => (config.setUp ? prepare(client, config) : Promise.resolve(keptBy(config))),
  async days(at, units) {
    const rows: Record<string, unknown>[] = []
    for (let i = 0; i < units.length; i += unitsAtOnce) {
      rows.push(
        ...(await daysOf(client, config, { ...at, units: units.slice(i, i + unitsAtOnce) })),
      )
    }
    return rows
  },
})

const daysIn = (config: Influx2Config): Record<Policy, number> => ({
  reports: config.retentionDays,
  daily: config.dailyRetentionDays ?? 0,
  events: config.eventRetentionDays ?? 0,
})

const keptBy = (config: Influx2Config): Retention => {
  const us = (days: number): number =>
    days === 0 ? Number.POSITIVE_INFINITY : days * daySeconds * 1e6
  const { reports, daily, events } = daysIn(config)
  return { reports: us(reports), daily: us(daily), events: us(events) }
}

const prepare = async (client: InfluxDB, config: Influx2Config): Promise<Retention> => {
  const ask = asker(client, config.url)
  const { orgs = [] } = await ask<{ orgs?: { id: string }[] }>({
    ...{ method: 'GET', path: '/api/v2/orgs', query: { org: config.org } },
  })
  const orgID = orgs[0]?.id
  if (orgID === undefined) throw noOrg(config)
  const path = '/api/v2/buckets'
  for (const [policy, days] of Object.entries(daysIn(config)) as [Policy, number][]) {
    const name = bucketOf(config, policy)
    const retentionRules = [{ type: 'expire', everySeconds: days * daySeconds }]
    const query = { name, orgID }
    const { buckets } = await ask<{ buckets?: Bucket[] }>({ method: 'GET', path, query })
    const present = buckets?.find((each) => each.name === name)
    if (present === undefined) {
      await ask({ method: 'POST', path, body: { name, orgID, retentionRules } })
    } else if ((present.retentionRules[0]?.everySeconds ?? 0) !== days * daySeconds) {
      await ask({ method: 'PATCH', path: `${path}/${present.id}`, body: { retentionRules } })
    }
  }
  return keptBy(config)
}

const noOrg = ({ org, url }: Influx2Config): OperatingError =>
  new OperatingError('influx_credentials', {
    message: `InfluxDB at ${url} shows no organisation "${org}" to this token`,
    remedy: 'Check the name of the organisation, and that the token belongs to it.',
  })

interface Question {
  method: 'GET' | 'POST' | 'PATCH'
  path: string
  query?: Record<string, string>
  body?: object
}

const asker =
  (client: InfluxDB, base: string) =>
  async <T>({ method, path, query = {}, body }: Question): Promise<T> => {
    const search = new URLSearchParams(query).toString()
    try {
      const target = search === '' ? path : `${path}?${search}`
      const headers = { 'content-type': 'application/json' }
      return await client.transport.request(target, body ?? '', { method, headers })
    } catch (error) {
      throw explained(error, base)
    }
  }

/** One row a unit: fields become columns. */
const daysOf = async (
  client: InfluxDB,
  config: Influx2Config,
  { measurement, startUs, units }: Moment & { units: readonly string[] },
): Promise<Record<string, unknown>[]> => {
  const start = new Date(startUs / 1000)
  const stop = new Date(startUs / 1000 + 1)
  const query = flux`from(bucket: ${bucketOf(config, 'daily')})
  |> range(start: ${start}, stop: ${stop})
  |> filter(fn: (r) => r._measurement == ${measurement})
  |> filter(fn: (r) => contains(value: r[${unitColumn}], set: ${[...units]}))
  |> pivot(rowKey: ["_time", ${unitColumn}], columnKey: ["_field"], valueColumn: "_value")`
  try {
    return await client.getQueryApi(config.org).collectRows<Record<string, unknown>>(query)
  } catch (error) {
    throw explained(error, config.url)
  }
}
