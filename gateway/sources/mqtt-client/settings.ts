// Settings of the source that reads from a broker outside: joined under `sources.mqtt-client`. No
// secret has a place here, only where to find it.
import { topicFilter } from '../../../hardware-profiles/names.ts'
import { type Static, Type } from '../../../hardware-profiles/validate.ts'
import { ForeignSettings } from '../../foreign/settings.ts'

const closed = { additionalProperties: false } as const

const Path = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 4096, path: true, description }))

export const MqttClientSettings = Type.Object(
  {
    url: Type.String({
      pattern: '^mqtts?://[^@/?#]+$',
      secret: true,
      default: 'mqtt://127.0.0.1:1883',
      description: 'Address of the broker, mqtts:// for TLS, without a name or password.',
    }),
    version: Type.Enum(['5', '3.1.1'], { default: '5', description: 'Version of MQTT.' }),
    clientId: Type.String({
      pattern: '^[A-Za-z0-9_.-]{1,64}$',
      default: 'tenfold-gateway',
      description: "Name of this gateway's session there; no other client may use it.",
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
    authority: Path("PEM file of who signs the broker's certificate; else the usual authorities."),
    certificate: Path('PEM file of a client certificate.'),
    key: Path('PEM file of its private key.'),
    filters: Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
      minItems: 1,
      maxItems: 64,
      default: (['hello', 'report', 'entry', 'claim', 'answer'] as const).map(topicFilter),
      description: 'Topics that are read, as MQTT filters.',
    }),
    foreign: ForeignSettings,
    homeAssistant: Type.Boolean({
      default: false,
      description: 'Announces units heard here to Home Assistant, retained under homeassistant/.',
    }),
    share: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_-]{1,32}$',
        description: 'Shared subscription: several sessions of this name share the messages.',
      }),
    ),
    sessions: Type.Integer({
      minimum: 1,
      maximum: 16,
      default: 1,
      description:
        'Sessions at once, with share only: each waits for the disk a message at a time.',
    }),
    sessionHours: Type.Number({
      minimum: 1,
      maximum: 8760,
      default: 168,
      description: 'How long the broker keeps what comes while the gateway is away, hours.',
    }),
    receiveMaximum: Type.Integer({
      minimum: 1,
      maximum: 65_535,
      default: 256,
      description: 'Messages on their way before the first is acknowledged (MQTT 5).',
    }),
  },
  { ...closed, description: 'A broker outside whose messages are read; absent = none.' },
)

export type MqttClientSettings = Static<typeof MqttClientSettings>
