// Settings of the serial source: which ports, how fast, and what the unit behind one is called.
// Joined into the gateway's schema as `sources.serial`. Knows no port.
import { unitIdPattern } from '../../../hardware-profiles/names.ts'
import { type Static, Type } from '../../../hardware-profiles/validate.ts'

const closed = { additionalProperties: false } as const

const Port = Type.Object(
  {
    path: Type.Optional(
      Type.String({ minLength: 1, maxLength: 4096, description: 'Such as /dev/ttyACM0 or COM3.' }),
    ),
    serialNumber: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'Of a USB port, wherever it is plugged in; instead of its path.',
      }),
    ),
    baud: Type.Optional(
      Type.Integer({
        minimum: 1200,
        maximum: 4_000_000,
        description: 'Bits per second, 115200 where it is absent; over USB it means nothing.',
      }),
    ),
    unit: Type.Optional(
      Type.String({
        pattern: unitIdPattern,
        description: "The unit's id; else it is made of machine and the chip's number.",
      }),
    ),
  },
  closed,
)

export const serialSettings = Type.Object(
  { ports: Type.Array(Port, { minItems: 1, maxItems: 64, description: 'One a board.' }) },
  { ...closed, description: 'Boards on serial ports and USB; absent = none.' },
)

export type SerialSettings = Static<typeof serialSettings>
export type PortSettings = SerialSettings['ports'][number]
