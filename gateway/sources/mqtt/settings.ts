// Settings of the embedded broker: joined into the gateway's under `mqtt`. No secret has a place
// here, only the files where certificates, keys and scrypt hashes are.
import { type Static, Type } from '../../../hardware-profiles/validate.ts'
import { ForeignSettings } from '../../foreign/settings.ts'
import { idPattern } from '../../sparkplug/topics.ts'

const closed = { additionalProperties: false } as const

const Path = (description: string) =>
  Type.String({ minLength: 1, maxLength: 4096, path: true, description })

const host = { minLength: 1, maxLength: 253, default: '127.0.0.1' } as const
const port = { minimum: 0, maximum: 65_535 } as const

const Tls = Type.Object(
  {
    host: Type.String({
      ...host,
      description: 'Address of MQTT over TLS. Who connects there always has to say who it is.',
    }),
    port: Type.Integer({
      ...port,
      default: 8883,
      description: 'Port of MQTT over TLS; 0 takes a free one.',
    }),
    names: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
      maxItems: 32,
      default: [],
      description: 'Host names and addresses that the own certificate is for, besides this host.',
    }),
    certificate: Type.Optional(
      Path('PEM file of the server certificate and its chain; without it the gateway makes one.'),
    ),
    key: Type.Optional(Path('PEM file of its private key.')),
    authority: Type.Optional(
      Path("PEM file of who signs units' certificates; without it the gateway's own authority."),
    ),
    revoked: Type.Optional(
      Path(
        'PEM file of certificates that this authority has revoked (a CRL); without it, and with ' +
          'the gateway\'s own authority, what "tenfold certificate --revoke" has revoked.',
      ),
    ),
    clients: Type.Enum(['password', 'certificate', 'either'], {
      default: 'either',
      description: 'How a unit says who it is: certificate asks every client for one.',
    }),
  },
  { ...closed, description: 'MQTT over TLS, beside the plain port; absent = none.' },
)

const Id = Type.String({ pattern: idPattern })
const Name = Type.String({ minLength: 1, maxLength: 128 })
const Node = Type.Object({ group: Id, node: Id }, closed)

const Sparkplug = Type.Object(
  {
    hosts: Type.Record(Name, Id, {
      default: {},
      description: 'Name that logs in -> id of the host application that it is.',
    }),
    nodes: Type.Record(Name, Node, {
      default: {},
      description: 'Name that logs in -> group and node of the edge node that it is.',
    }),
  },
  {
    ...closed,
    description: 'Serves Sparkplug B: relayed, not logged; births kept. Absent = not served.',
  },
)

export const MqttSettings = Type.Object(
  {
    host: Type.String({
      ...host,
      description: 'Address of the MQTT broker; anything but loopback needs mqtt.credentials.',
    }),
    port: Type.Integer({
      ...port,
      default: 1883,
      description: 'Port of the MQTT broker; 0 takes a free one.',
    }),
    credentials: Type.Optional(
      Path('File of units and scrypt hashes of their passwords (tenfold config user).'),
    ),
    tls: Type.Optional(Tls),
    sparkplug: Type.Optional(Sparkplug),
    foreign: ForeignSettings,
    homeAssistant: Type.Boolean({
      default: false,
      description: 'Announces units heard here to Home Assistant, retained under homeassistant/.',
    }),
    limits: Type.Object(
      {
        connections: Type.Integer({
          minimum: 1,
          maximum: 100_000,
          default: 10_000,
          description: 'Most clients at once; more are turned away.',
        }),
        messagesPerSecond: Type.Integer({
          minimum: 1,
          maximum: 1_000_000,
          default: 10_000,
          description: 'Most messages of one client; beyond, its acknowledgements wait.',
        }),
        slowSeconds: Type.Integer({
          minimum: 1,
          maximum: 3600,
          default: 15,
          description: 'A client that does not take what it asked for is let go after this.',
        }),
      },
      { ...closed, description: 'What all clients together, or one of them, may take.' },
    ),
  },
  { ...closed, description: 'The embedded MQTT broker that units speak to.' },
)

export type MqttSettings = Static<typeof MqttSettings>
export type TlsSettings = Static<typeof Tls>
