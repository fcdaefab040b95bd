// What a machine file may say about its boards: which pin carries which signal, and what a voltage
// there means. Schema only; profile.ts joins it, wiring-check.ts compares names and pins, and the
// firmware's build whether the board has such pins.
import { namePattern } from './names.ts'
import { Type } from './validate.ts'

const Name = Type.String({ pattern: namePattern })
const closed = { additionalProperties: false } as const
const pinPattern = '^[A-Z][A-Z0-9_]{0,7}$'
const PinName = Type.String({ pattern: pinPattern, description: 'As the board names it.' })
const Volts = Type.Tuple([Type.Number(), Type.Number()], {
  description: 'Volts at the pin, and the value in the unit of the signal that they mean.',
})
const Wire = Type.Object(
  {
    pin: PinName,
    line: Type.Optional(
      Type.Tuple([Volts, Volts], { description: 'Two points of the straight line of a sensor.' }),
    ),
    position: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 7, description: 'Input of the analogue multiplexer.' }),
    ),
    sample: Type.Optional(
      Type.Enum(['on_time', 'each_step', 'in_turn'], {
        description:
          'In the middle of each on-time, or in each step where there is no PWM (one signal); or ' +
          'one after the other.',
      }),
    ),
    active: Type.Optional(Type.Enum(['high', 'low'])),
  },
  closed,
)
/** How a machine is wired to one board. */
const Wiring = Type.Object(
  {
    pwmHz: Type.Optional(
      Type.Integer({
        ...{ minimum: 1000, maximum: 200_000 },
        description: 'Where an output is a percentage.',
      }),
    ),
    gate: Type.String({
      pattern: pinPattern,
      description: 'High while anything is driven: enables the drivers, or a switch in series.',
    }),
    select: Type.Optional(
      Type.Array(PinName, {
        maxItems: 3,
        description: "The multiplexer's address, low bit first.",
      }),
    ),
    pins: Type.Record(Name, Wire, closed),
  },
  closed,
)

/** Board -> wiring. */
export const Boards = Type.Record(Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$' }), Wiring, {
  description: "Board -> which of its pins carries which of this machine's signals.",
  ...closed,
})
