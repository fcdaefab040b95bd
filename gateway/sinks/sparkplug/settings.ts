// Settings of the Sparkplug edge node, under `sinks.sparkplug` of the gateway's config: which
// servers, under what name, and for whom it waits.
import { type TSchema, Type } from '../../../hardware-profiles/validate.ts'
import { idPattern } from '../../sparkplug/topics.ts'

const Id = (description: string) => Type.String({ pattern: idPattern, description })

const Path = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 4096, path: true, description }))

/** @param Password where the password is found */
export const sparkplugSettings = <T extends TSchema>(Password: T) =>
  Type.Object(
    {
      servers: Type.Array(Type.String({ pattern: '^mqtts?://[^@/?#]+$' }), {
        minItems: 1,
        maxItems: 8,
        default: ['mqtt://127.0.0.1:1883'],
        description: 'MQTT servers, one after the other, mqtts:// for TLS, without a password.',
      }),
      version: Type.Enum(['3.1.1', '5'], { default: '3.1.1', description: 'Version of MQTT.' }),
      group: Type.String({ pattern: idPattern, default: 'tenfold', description: 'Group id.' }),
      node: Type.String({
        pattern: idPattern,
        default: 'gateway',
        description: 'Id of this edge node; with the group unique wherever it is heard.',
      }),
      primaryHost: Type.Optional(Id('Host application that births and data wait for.')),
      username: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Name.' })),
      password: Type.Optional(Password),
      authority: Path("PEM file of who signs the servers' certificates; else the usual ones."),
      certificate: Path('PEM file of a client certificate.'),
      key: Path('PEM file of its private key.'),
      historicalSeconds: Type.Number({
        minimum: 1,
        maximum: 86_400,
        default: 30,
        description: 'Readings older than this are sent as history.',
      }),
      silentSeconds: Type.Number({
        minimum: 1,
        maximum: 86_400,
        default: 300,
        description: 'A unit that is silent for so long is said to be dead.',
      }),
    },
    {
      additionalProperties: false,
      description: 'Sparkplug B edge node that says every unit; absent = none.',
    },
  )
