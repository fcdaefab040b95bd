// Every setting of a gateway: its type, range, default and meaning, in one schema. `tenfold config`
// prints this; nothing else knows a default. No secret has a place here, only where to find it.
import { type Static, Type } from '../hardware-profiles/validate.ts'
import { limits } from './core/limits.ts'

import { alertSettings } from './operations/settings.ts'
import { exceptionSettings, rateSetting } from './pipeline/exception-settings.ts'
import { influx2Settings } from './sinks/influx2/settings.ts'
import { influx3Settings } from './sinks/influx3/settings.ts'
import { OpcUaSink } from './sinks/opcua/settings.ts'
import { sparkplugSettings } from './sinks/sparkplug/settings.ts'
import { firmataSettings } from './sources/firmata/settings.ts'
import { MqttSettings } from './sources/mqtt/settings.ts'
import { MqttClientSettings } from './sources/mqtt-client/settings.ts'
import { NatsSettings } from './sources/nats/settings.ts'
import { OpcUaSource } from './sources/opcua/settings.ts'
import { serialSettings } from './sources/serial/settings.ts'
import { SparkplugSource } from './sources/sparkplug/settings.ts'
import { PagesTls } from './web/settings.ts'

const closed = { additionalProperties: false } as const
const didPattern = '^did:key:z[1-9A-HJ-NP-Za-km-z]{16,128}$'

const Secret = (description: string) =>
  Type.Union(
    [
      Type.Object({ env: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }) }, closed),
      Type.Object({ file: Type.String({ minLength: 1 }) }, closed),
    ],
    { secret: true, description },
  )

const password = 'Where its password is: {"env": "NAME"} or {"file": "path"}, never the password.'
const token = 'Where its token is: {"env": "NAME"} or {"file": "path"}, never the token.'

const Host = (description: string) =>
  Type.String({ minLength: 1, maxLength: 253, default: '127.0.0.1', description })

const Port = (port: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: port, description })

/**
 * `path: true` makes config.ts take the text as a path that starts from the config file's
 * folder.
 */
const Path = (description: string) =>
  Type.String({ minLength: 1, maxLength: 4096, path: true, description })

const Http = Type.Object(
  {
    host: Host('Address of the pages; anything but loopback needs http.credentials.'),
    port: Port(8080, 'Port of the pages; 0 takes a free one.'),
    names: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
      maxItems: 32,
      default: [],
      description: 'Other host names under which the pages may be asked for.',
    }),
    credentials: Type.Optional(
      Path('File of names and scrypt hashes that may see the pages (tenfold config user).'),
    ),
    tls: Type.Optional(PagesTls),
  },
  { ...closed, description: 'The pages and their data.' },
)

const Log = Type.Object(
  {
    commitDelayMs: Type.Number({
      minimum: 0,
      maximum: 1000,
      default: 0,
      description: 'Waits this long for company before an fsync, milliseconds; 0 commits at once.',
    }),
    clockSetLate: Type.Boolean({
      default: false,
      description:
        'The clock is wrong at the start and set later: what a boot is mapped to follows.',
    }),
    bytesMax: Type.Integer({
      minimum: 2 * limits.segmentBytes,
      default: 4 * 1024 ** 3,
      description: 'Most bytes of telemetry in the log; the oldest go first, and are counted.',
    }),
    ageMaxDays: Type.Number({
      exclusiveMinimum: 0,
      default: 90,
      description: 'Oldest telemetry in the log, days.',
    }),
    reserveBytes: Type.Integer({
      minimum: 0,
      default: 64 * 1024 ** 2,
      description: 'Disk space kept free for events and signed entries, bytes.',
    }),
  },
  { ...closed, description: 'The durable log: what is acknowledged is in it.' },
)

const Store = Type.Object(
  {
    retentionDays: Type.Number({
      exclusiveMinimum: 0,
      default: 365,
      description: 'Oldest readings in the embedded store, days; events and entries stay for ever.',
    }),
    bytesMax: Type.Integer({
      minimum: 64 * 1024 ** 2,
      default: 16 * 1024 ** 3,
      description: 'Most bytes of the store; beyond, the oldest readings go first, counted.',
    }),
  },
  { ...closed, description: 'The embedded store that the pages read.' },
)

const Influx1 = Type.Object(
  {
    url: Type.String({
      pattern: '^https?://[^@]+$',
      secret: true,
      default: 'http://127.0.0.1:8086',
      description: 'Address of an InfluxDB 1.x, without a name or password.',
    }),
    database: Type.String({
      pattern: '^[A-Za-z0-9_.-]{1,64}$',
      default: 'tenfold',
      description: 'Database; created when it is not there.',
    }),
    username: Type.Optional(
      Type.String({ minLength: 1, maxLength: 128, description: 'Name to log in with.' }),
    ),
    password: Type.Optional(Secret(password)),
    retentionDays: Type.Number({
      minimum: 0,
      default: 0,
      description: 'How long InfluxDB keeps readings, days; 0 is for ever.',
    }),
    dailyRetentionDays: Type.Number({
      minimum: 0,
      default: 0,
      description: 'How long InfluxDB keeps daily rollups, days; 0 is for ever.',
    }),
    eventRetentionDays: Type.Number({
      minimum: 0,
      default: 0,
      description: 'How long InfluxDB keeps events, days; 0 is for ever.',
    }),
    exception: Type.Optional(exceptionSettings),
    recordsPerSecond: Type.Optional(rateSetting),
  },
  { ...closed, description: 'An InfluxDB 1.x that takes every reading; absent = none.' },
)

const Units = Type.Object(
  {
    enrol: Type.Enum(['hello', 'closed', 'pairing'], {
      default: 'hello',
      description:
        'hello: known from the first hello; closed: new units go aside; pairing: by a code.',
    }),
    authorities: Type.Array(Type.String({ pattern: didPattern }), {
      maxItems: 256,
      default: [],
      description:
        "did:keys, such as a workshop's, that may declare about a unit beside its owner.",
    }),
  },
  { ...closed, description: 'Who may report, and declare.' },
)

const Ledger = Type.Object(
  {
    rules: Type.Optional(Path('File with the full rules of the idea; without it the usual ones.')),
    founder: Type.Optional(
      Type.String({
        pattern: didPattern,
        description: "Who holds every share at first; without it the gateway's own key.",
      }),
    ),
    management: Type.Optional(
      Type.String({
        pattern: didPattern,
        description: "Who takes the part that is not the workers'; without it the founder.",
      }),
    ),
  },
  { ...closed, description: 'Shares of the idea.' },
)

const Durability = Type.Object(
  {
    referenceHours: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        description:
          'B10 of the tool to compare with, hours of use; without it no claim is judged.',
      }),
    ),
  },
  { ...closed, description: 'The claim of lasting longer, as sinks and dashboards get it.' },
)

export const ConfigSchema = Type.Object(
  {
    data: Type.String({
      minLength: 1,
      maxLength: 4096,
      path: true,
      default: '.tenfold/gateway',
      description: 'Folder of log, store and keys; relative to the config file.',
    }),
    http: Http,
    mqtt: MqttSettings,
    sources: Type.Object(
      {
        firmata: Type.Optional(firmataSettings),
        'mqtt-client': Type.Optional(MqttClientSettings),
        nats: Type.Optional(NatsSettings),
        opcua: Type.Optional(OpcUaSource),
        serial: Type.Optional(serialSettings),
        sparkplug: Type.Optional(SparkplugSource),
      },
      { ...closed, description: 'Where else readings come from.' },
    ),
    log: Log,
    store: Store,
    sinks: Type.Object(
      {
        influx1: Type.Optional(Influx1),
        influx2: Type.Optional(influx2Settings(Secret(token))),
        influx3: Type.Optional(influx3Settings(Secret(token))),
        opcua: Type.Optional(OpcUaSink),
        sparkplug: Type.Optional(
          sparkplugSettings(Secret('Where its password is: {"env": "NAME"} or {"file": "path"}.')),
        ),
      },
      { ...closed, description: 'Databases outside.' },
    ),
    units: Units,
    durability: Durability,
    alerts: alertSettings(Secret(password)),
    ledger: Ledger,
  },
  { ...closed, title: 'Tenfold gateway' },
)

/** A gateway's settings, all defaults filled in, paths absolute. Plain data without any secret. */
export type Config = Static<typeof ConfigSchema>
/** Where a secret is found. */
export type Secret = { env: string } | { file: string }
