// Settings of the OPC UA server: where it listens, in what security, and who may do what. Security
// is on unless it is turned off in so many words.
import { unitIdPattern } from '../../../hardware-profiles/names.ts'
import { type Static, Type } from '../../../hardware-profiles/validate.ts'
import { roles } from '../../opcua/server/plan.ts'

const closed = { additionalProperties: false } as const

export const OpcUaSink = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      maxLength: 253,
      default: '127.0.0.1',
      description: 'Address of the OPC UA server; anything but loopback needs security.',
    }),
    port: Type.Integer({
      minimum: 0,
      maximum: 65_535,
      default: 4840,
      description: 'Port of the OPC UA server; 0 takes a free one.',
    }),
    modes: Type.Array(Type.Enum(['SignAndEncrypt', 'Sign', 'None']), {
      minItems: 1,
      maxItems: 3,
      default: ['SignAndEncrypt', 'Sign'],
      description: 'Security that it offers; None lets anybody read who can reach it.',
    }),
    credentials: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        path: true,
        description: 'File of names and scrypt hashes that may log in (tenfold config user).',
      }),
    ),
    roles: Type.Optional(
      Type.Record(Type.String({ pattern: unitIdPattern }), Type.Enum([...roles]), {
        description: 'Name -> role: an operator may give setpoints; who is not named only reads.',
      }),
    ),
  },
  { ...closed, description: 'An OPC UA server that shows every unit; absent = none.' },
)

export type OpcUaSinkSettings = Static<typeof OpcUaSink>
