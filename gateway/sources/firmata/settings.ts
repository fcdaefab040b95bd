// What `sources.firmata` of the gateway's config may say: boards with StandardFirmata as heads of
// sensors, and which pin is which signal. What pins a board has, only the board says.
import { unitIdPattern } from '../../../hardware-profiles/names.ts'
import { type Static, Type } from '../../../hardware-profiles/validate.ts'

const closed = { additionalProperties: false } as const

const Pin = Type.Object(
  {
    pin: Type.String({
      pattern: '^(A[0-9]{1,2}|D?[0-9]{1,2})$',
      description: 'A0 to A15 as a voltage, 2 or D2 as on or off.',
    }),
    signal: Type.String({ minLength: 1, maxLength: 64, description: 'Signal of the profile.' }),
    scale: Type.Number({ default: 1, description: 'Value of one count (or of "on").' }),
    offset: Type.Number({ default: 0, description: 'Value at 0 counts (or at "off").' }),
    pullup: Type.Boolean({ default: false, description: 'Switch on the pull-up of the pin.' }),
  },
  closed,
)

const Board = Type.Object(
  {
    port: Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'Serial port, such as /dev/serial/by-id/usb-Arduino..., COM3.',
    }),
    baud: Type.Integer({
      minimum: 9600,
      default: 57_600,
      description: 'As StandardFirmata has it.',
    }),
    machine: Type.String({ minLength: 1, maxLength: 64, description: 'Machine of the profile.' }),
    unit: Type.String({ pattern: unitIdPattern, description: 'Unit that the readings are of.' }),
    samplingMs: Type.Integer({
      minimum: 10,
      maximum: 16_383,
      default: 100,
      description: 'Time between two reports, milliseconds; Firmata has no less than 10.',
    }),
    pins: Type.Array(Pin, { minItems: 1, maxItems: 32 }),
  },
  closed,
)

export const firmataSettings = Type.Object(
  {
    boards: Type.Array(Board, {
      minItems: 1,
      maxItems: 16,
      description:
        'Port, machine, unit, samplingMs and pins of each; see sources/firmata/README.md.',
    }),
  },
  { ...closed, description: 'Arduinos with StandardFirmata as heads of sensors; absent = none.' },
)

export type FirmataSettings = Static<typeof firmataSettings>
export type BoardSettings = Static<typeof Board>
export type PinSettings = Static<typeof Pin>
