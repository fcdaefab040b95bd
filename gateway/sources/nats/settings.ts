// Settings of the source that shares a fleet's units among gateways over NATS JetStream: joined
// under `sources.nats`. No secret has a place here, only where to find it.
import { type Static, Type } from '../../../hardware-profiles/validate.ts'

const closed = { additionalProperties: false } as const

const Path = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 4096, path: true, description }))

const Secret = (description: string) =>
  Type.Optional(
    Type.Union(
      [
        Type.Object({ env: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }) }, closed),
        Type.Object({ file: Type.String({ minLength: 1 }) }, closed),
      ],
      { secret: true, description },
    ),
  )

export const NatsSettings = Type.Object(
  {
    servers: Type.Array(
      Type.String({ pattern: '^(nats|tls)://[^@/?#]+$', maxLength: 300, secret: true }),
      {
        minItems: 1,
        maxItems: 16,
        default: ['nats://127.0.0.1:4222'],
        description: 'Addresses of the servers, tls:// for TLS, without a name or password.',
      },
    ),
    name: Type.String({
      pattern: '^[A-Za-z0-9_-]{1,32}$',
      description: "This gateway's name; no other one of the fleet has it.",
    }),
    fleet: Type.String({
      pattern: '^[a-z][a-z0-9_]{0,31}$',
      default: 'tenfold',
      description: 'Name of the fleet: streams and buckets begin with it.',
    }),
    replicas: Type.Integer({
      minimum: 1,
      maximum: 5,
      default: 3,
      description: 'Servers that hold each message; 1, 3 or 5. Taken when the stream is made.',
    }),
    shards: Type.Integer({
      minimum: 1,
      maximum: 256,
      default: 32,
      description: 'Parts that units are divided into, the same in the whole fleet, for ever.',
    }),
    leaseMs: Type.Integer({
      minimum: 500,
      maximum: 120_000,
      default: 10_000,
      description: 'A gateway that is silent for so long loses its shards, milliseconds.',
    }),
    confirmedBy: Type.Enum(['influx1', 'influx2', 'influx3'], {
      default: 'influx1',
      description: 'Sink, the same for the fleet, that must have a message before it is forgotten.',
    }),
    bytesMax: Type.Integer({
      minimum: 1024 ** 2,
      default: 16 * 1024 ** 3,
      description:
        'Most bytes that wait in the streams, an equal part a shard; beyond, nothing is taken.',
    }),
    username: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Name.' })),
    password: Secret('Where its password is: {"env": "NAME"} or {"file": "path"}.'),
    nkey: Secret('Where the seed of its nkey is: {"env": "NAME"} or {"file": "path"}.'),
    credentials: Secret(
      'Where its .creds are, JWT and seed as nsc makes them: {"env": "NAME"} or {"file": "path"}.',
    ),
    authority: Path("PEM file of who signs the servers' certificates."),
    certificate: Path('PEM file of a client certificate.'),
    key: Path('PEM file of its private key.'),
  },
  { ...closed, description: 'Shares units with other gateways over NATS JetStream; absent = not.' },
)

export type NatsSettings = Static<typeof NatsSettings>
