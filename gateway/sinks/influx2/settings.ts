// What `sinks.influx2` of the gateway's config may say: types, ranges, defaults and what each
// setting means. What the sink makes of it is in config.ts.
import { Type } from '../../../hardware-profiles/validate.ts'
import { exceptionSettings, rateSetting } from '../../pipeline/exception-settings.ts'

const days = (what: string) =>
  Type.Number({ minimum: 0, default: 0, description: `How long ${what} are kept, days; 0: ever.` })

/** @param secret schema of a place where a secret is */
export const influx2Settings = <S extends ReturnType<typeof Type.Union>>(secret: S) =>
  Type.Object(
    {
      url: Type.String({
        pattern: '^https?://[^@]+$',
        secret: true,
        default: 'http://127.0.0.1:8086',
        description: 'Address of an InfluxDB 2.x, without a name or password.',
      }),
      org: Type.String({ minLength: 1, maxLength: 128, description: 'Organisation, by name.' }),
      bucket: Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,55}$',
        default: 'tenfold',
        description: 'Bucket of readings; <bucket>_event and <bucket>_daily stand beside it.',
      }),
      token: Type.Optional(secret),
      setUp: Type.Boolean({
        default: true,
        description:
          'Make buckets and daily rollups; false where the token may only write: no rollups then.',
      }),
      retentionDays: days('readings'),
      dailyRetentionDays: days('daily rollups'),
      eventRetentionDays: days('events'),
      exception: Type.Optional(exceptionSettings),
      recordsPerSecond: Type.Optional(rateSetting),
    },
    {
      additionalProperties: false,
      description: 'An InfluxDB 2.x that takes every reading; absent = none.',
    },
  )
