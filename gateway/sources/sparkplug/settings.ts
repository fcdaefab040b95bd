// Settings of the Sparkplug host application: which server, under what name, and which items of
// which node are which signal of which unit.
import { namePattern, unitIdPattern } from '../../../hardware-profiles/names.ts'
import { type Static, Type } from '../../../hardware-profiles/validate.ts'
import { idPattern } from '../../sparkplug/topics.ts'

const closed = { additionalProperties: false } as const

const Name = Type.String({ minLength: 1, maxLength: 512 })

const Path = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 4096, path: true, description }))

const Unit = Type.Object(
  {
    from: Type.String({
      minLength: 3,
      maxLength: 400,
      description: 'Whose items: group/node, or group/node and what is below it.',
    }),
    unit: Type.String({ pattern: unitIdPattern }),
    machine: Type.String({ pattern: namePattern, description: 'Machine of its profile.' }),
    items: Type.Record(
      Type.String({ pattern: namePattern }),
      Type.Union([
        Name,
        Type.Object(
          {
            item: Name,
            scale: Type.Optional(Type.Number({ description: 'Value = raw * scale + offset.' })),
            offset: Type.Optional(Type.Number()),
          },
          closed,
        ),
      ]),
      { minProperties: 1, description: 'Signal or counter -> name of its item at birth.' },
    ),
  },
  closed,
)

export const SparkplugSource = Type.Object(
  {
    url: Type.String({
      pattern: '^mqtts?://[^@/?#]+$',
      secret: true,
      default: 'mqtt://127.0.0.1:1883',
      description: 'Address of the MQTT server, mqtts:// for TLS, without a name or password.',
    }),
    version: Type.Enum(['3.1.1', '5'], { default: '3.1.1', description: 'Version of MQTT.' }),
    hostId: Type.String({
      pattern: idPattern,
      default: 'tenfold',
      description: 'Id of this host application; no other may have it.',
    }),
    clientId: Type.String({
      pattern: '^[A-Za-z0-9_.:-]{1,64}$',
      default: 'tenfold-host',
      description: 'MQTT client id; no other client may use it.',
    }),
    username: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Name.' })),
    password: Type.Optional(
      Type.Union(
        [
          Type.Object({ env: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }) }, closed),
          Type.Object({ file: Type.String({ minLength: 1 }) }, closed),
        ],
        {
          secret: true,
          description: 'Where its password is: {"env": "NAME"} or {"file": "path"}.',
        },
      ),
    ),
    authority: Path("PEM file of who signs the server's certificate; else the usual authorities."),
    certificate: Path('PEM file of a client certificate.'),
    key: Path('PEM file of its private key.'),
    reorderMs: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      default: 2000,
      description: 'How long a missing message may still come before a birth is asked for.',
    }),
    rebirthSeconds: Type.Number({
      minimum: 1,
      maximum: 3600,
      default: 10,
      description: 'A node is asked for its birth at most once in this time.',
    }),
    units: Type.Array(Unit, { maxItems: 10_000, default: [], description: 'What becomes a unit.' }),
  },
  { ...closed, description: 'Sparkplug B host application; absent = none.' },
)

export type SparkplugSettings = Static<typeof SparkplugSource>
