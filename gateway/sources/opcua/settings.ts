// Settings of the OPC UA source: servers, how they are trusted, and which of their nodes are which
// signal of which unit. Security is on unless it is turned off in so many words.
import { namePattern, unitIdPattern } from '../../../hardware-profiles/names.ts'
import { type Static, Type } from '../../../hardware-profiles/validate.ts'

const closed = { additionalProperties: false } as const

const Secret = (description: string) =>
  Type.Union(
    [
      Type.Object({ env: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }) }, closed),
      Type.Object({ file: Type.String({ minLength: 1 }) }, closed),
    ],
    { secret: true, description },
  )

const Address = Type.String({ minLength: 3, maxLength: 1024 })

const Node = Type.Union([
  Address,
  Type.Object(
    {
      node: Address,
      scale: Type.Optional(Type.Number({ description: 'Value = raw * scale + offset.' })),
      offset: Type.Optional(Type.Number()),
    },
    closed,
  ),
])

const Unit = Type.Object(
  {
    unit: Type.String({ pattern: unitIdPattern }),
    machine: Type.String({ pattern: namePattern, description: 'Machine of its profile.' }),
    namespace: Type.Optional(
      Type.String({
        maxLength: 512,
        description: "Namespace URI of paths and of node ids without one; absent = OPC UA's own.",
      }),
    ),
    samplingMs: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: 86_400_000,
        description: "How often the server samples; absent = the profile's reportHz.",
      }),
    ),
    nodes: Type.Record(Type.String({ pattern: namePattern }), Node, {
      minProperties: 1,
      description:
        'Signal or counter -> node id (nsu=<uri>;s=<name>) or browse path from Objects (/A/B).',
    }),
  },
  closed,
)

const User = Type.Union([
  Type.Object(
    { name: Type.String({ minLength: 1, maxLength: 128 }), password: Secret('Its password.') },
    closed,
  ),
  Type.Object(
    {
      certificate: Type.String({ minLength: 1, path: true }),
      key: Secret('Its private key, PEM.'),
    },
    closed,
  ),
])

const Server = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$', description: 'In notes and files.' }),
    url: Type.String({ pattern: '^opc\\.tcp://[^@\\s]+$', maxLength: 512 }),
    security: Type.Optional(
      Type.Object(
        {
          mode: Type.Enum(['SignAndEncrypt', 'Sign', 'None']),
          policy: Type.Optional(
            Type.Enum(['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss']),
          ),
        },
        { ...closed, description: 'Absent = SignAndEncrypt with Basic256Sha256. Never less.' },
      ),
    ),
    user: Type.Optional(User),
    publishMs: Type.Optional(
      Type.Integer({ minimum: 50, maximum: 10_000, description: 'Default 250.' }),
    ),
    deafMs: Type.Optional(
      Type.Integer({
        minimum: 2000,
        maximum: 60_000,
        description: 'A connection silent for so long is built anew; default 3000.',
      }),
    ),
    history: Type.Optional(
      Type.Boolean({ description: 'Fill gaps from its history where it has one; default true.' }),
    ),
    units: Type.Array(Unit, { minItems: 1, maxItems: 1000 }),
  },
  closed,
)

export const OpcUaSource = Type.Object(
  {
    servers: Type.Array(Server, {
      minItems: 1,
      maxItems: 64,
      description: 'Each with its units; see gateway/sources/opcua/README.md.',
    }),
  },
  { ...closed, description: 'OPC UA servers that units are read from; absent = none.' },
)

export type OpcUaSettings = Static<typeof OpcUaSource>
export type OpcUaServerSettings = OpcUaSettings['servers'][number]
