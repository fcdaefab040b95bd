// What a machine file may say about its safety kernel: what is watched, its limits, and how soon a
// fault ends with everything off. Schema only; safety-check.ts compares names and limits. Nothing
// here is a loop's constant: the kernel has its own, and no loop reads or changes them.
import { namePattern } from './names.ts'
import { Type } from './validate.ts'

const closed = { additionalProperties: false } as const
const Name = Type.String({ pattern: namePattern })
const Time = (description: string) =>
  Type.Number({ exclusiveMinimum: 0, maximum: 600, description: `${description}, s` })
const Range = Type.Tuple([Type.Number(), Type.Number()], {
  description: 'What a sound sensor and its wires can read; open or shorted, they read beyond it.',
})

/** What the machine must bring beside the board, for currents that no software stops in time. */
const GatePullDown = Type.Object(
  { ohm: Type.Number({ exclusiveMinimum: 0, maximum: 100_000 }) },
  { ...closed, description: 'Holds the gate driver off while the board is in reset or absent.' },
)
const OverCurrentCut = Type.Object(
  { current: Type.Number({ exclusiveMinimum: 0 }), time: Time('Until the bridge is off') },
  { ...closed, description: 'A comparator that switches the bridge off without the board, A.' },
)

const Hold = Type.Object(
  {
    signal: Name,
    released: Type.Number({ description: 'Below this the hand has let go.' }),
    releaseTime: Time('How long it must be seen released before the machine is armed'),
    stopTime: Time('How long the loop may go on driving after the release'),
    longest: Time('Longest pull; more is a trigger that is stuck'),
    resetTime: Type.Optional(
      Type.Number({
        ...{ minimum: 5, maximum: 60 },
        description: 'Pulled for so long from power-up on, then let go: clears a hard trip; 10 s.',
      }),
    ),
  },
  { ...closed, description: 'The control that a hand must hold: trigger, button, pedal.' },
)

const Current = Type.Object(
  {
    signal: Name,
    range: Range,
    rangeTime: Time('How long a reading may be beyond its range'),
    absolute: Type.Number({ exclusiveMinimum: 0, description: 'A, driving and braking.' }),
    absoluteTime: Time('How long the current may be above it'),
    continuous: Type.Number({ exclusiveMinimum: 0, description: 'A that may flow for ever.' }),
    reserve: Type.Number({
      ...{ exclusiveMinimum: 0, maximum: 1_000_000 },
      description: 'A2.s above the square of the continuous current: I2t.',
    }),
    stuckTime: Time('While driven no reading may be the very same for so long'),
    offCurrent: Type.Number({ exclusiveMinimum: 0, description: 'A that a bridge may show off.' }),
    offTime: Time('How long it may be above that'),
  },
  closed,
)

const Level = Type.Object(
  {
    signal: Name,
    range: Range,
    rangeTime: Time('How long a reading may be beyond its range'),
    above: Type.Optional(Type.Number({ description: 'Trips above this.' })),
    below: Type.Optional(Type.Number({ description: 'Trips below this.' })),
    limitTime: Type.Optional(Time('How long it may be beyond a limit')),
    rate: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'Fastest change, per s.' }),
    ),
    jump: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'Farthest from what that rate allows.' }),
    ),
    jumpTime: Type.Optional(Time('How long it may be that far')),
    stuckTime: Type.Optional(Time('While driven no reading may be the very same for so long')),
  },
  closed,
)

/** Most signals beside the current that a kernel watches. */
export const levelsMost = 4

export const Safety = Type.Object(
  {
    gatePullDown: Type.Optional(GatePullDown),
    overCurrentCut: Type.Optional(OverCurrentCut),
    armCurrentLimit: Type.Number({
      minimum: 0,
      maximum: 50,
      description: 'A: without both of these a machine with a higher absolute current never arms.',
    }),
    uncalibrated: Type.Optional(
      Type.Number({
        ...{ minimum: 0.05, maximum: 1 },
        description: 'Share of absolute and continuous current until it is calibrated; 0.5.',
      }),
    ),
    drives: Type.Array(Name, { minItems: 1, maxItems: 3, description: 'Outputs that move it.' }),
    brake: Type.Optional(Name),
    brakeLongest: Type.Optional(Time('Longest brake')),
    turn: Type.Optional(
      Type.String({
        pattern: namePattern,
        description: 'Changes only while all of these are off.',
      }),
    ),
    hold: Type.Optional(Hold),
    current: Type.Optional(Current),
    levels: Type.Array(Level, { maxItems: levelsMost }),
  },
  { ...closed, description: 'What the safety kernel watches, with limits of its own.' },
)
