// What `sinks.influx3` of the gateway's config may say: types, ranges, defaults and what each
// setting means. What the sink makes of it is in config.ts.
import { Type } from '../../../hardware-profiles/validate.ts'
import { exceptionSettings, rateSetting } from '../../pipeline/exception-settings.ts'

const days = (what: string) =>
  Type.Number({ minimum: 0, default: 0, description: `How long ${what} are kept, days; 0: ever.` })

/** @param secret schema of a place where a secret is */
export const influx3Settings = <S extends ReturnType<typeof Type.Union>>(secret: S) =>
  Type.Object(
    {
      url: Type.String({
        pattern: '^https?://[^@]+$',
        secret: true,
        default: 'http://127.0.0.1:8181',
        description: 'Address of an InfluxDB 3, without a name or password.',
      }),
      database: Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,55}$',
        default: 'tenfold',
        description: 'Database of readings; <database>_event and <database>_daily stand beside it.',
      }),
      token: Type.Optional(secret),
      setUp: Type.Boolean({
        default: true,
        description:
          'Make databases and daily rollups; false where the token may only write: no rollups.',
      }),
      retentionDays: days('readings'),
      dailyRetentionDays: days('daily rollups'),
      eventRetentionDays: days('events'),
      exception: Type.Optional(exceptionSettings),
      recordsPerSecond: Type.Optional(rateSetting),
    },
    {
      additionalProperties: false,
      description: 'An InfluxDB 3 that takes every reading; absent = none.',
    },
  )
