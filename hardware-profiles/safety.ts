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

/** The same for what is not a current: it acts even where board and switches have failed. */
const HardwareCut = Type.Object(
  {
    signal: Name,
    above: Type.Number({ description: 'Where it acts.' }),
    by: Type.String({ minLength: 1, maxLength: 100, description: 'What it is: a relief valve.' }),
  },
  { ...closed, description: 'A part that ends it without the board, where no current is watched.' },
)

const Hold = Type.Object(
  {
    signal: Name,
    released: Type.Number({ description: 'Below this the hand has let go.' }),
    releaseTime: Time('How long it must be seen released before the machine is armed'),
    stopTime: Time('How long the loop may go on driving after the release'),
    longest: Type.Optional(Time('Longest pull; more is a trigger that is stuck')),
    stays: Type.Optional(
      Type.Boolean({
        description:
          'A switch that stays where it is put: nobody can tell a stuck one, and a hard trip is ' +
          'cleared by putting it on and off five times within resetTime of power-up.',
      }),
    ),
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

/** A heater, or the coil of a valve. */
const Load = Type.Object(
  {
    ohm: Type.Number({ exclusiveMinimum: 0, description: 'Resistance, cold.' }),
    description: Type.Optional(Type.String()),
  },
  closed,
)

const Level = Type.Object(
  {
    signal: Name,
    range: Range,
    rangeTime: Time('How long a reading may be beyond its range'),
    above: Type.Optional(Type.Number({ description: 'Trips above this.' })),
    uncalibrated: Type.Optional(
      Type.Number({
        description: 'Until it is calibrated it trips above this, lower than "above".',
      }),
    ),
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

/** A setpoint that expires by itself: driving goes on only as long as somebody renews it. */
const Command = Type.Object(
  { signal: Name, rest: Type.Number({ description: 'Up to this nothing is asked for.' }) },
  { ...closed, description: 'What a gateway must ask for, beside the hand, while it is driven.' },
)

/** Most signals beside the current that a kernel watches. */
export const levelsMost = 4
export const drivesMost = 8
export const opposedMost = 3

export const Safety = Type.Object(
  {
    gatePullDown: Type.Optional(GatePullDown),
    overCurrentCut: Type.Optional(OverCurrentCut),
    hardwareCut: Type.Optional(HardwareCut),
    armCurrentLimit: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 50,
        description:
          'A: without pull-down and cut a machine with a higher absolute current never arms; 0.',
      }),
    ),
    uncalibrated: Type.Optional(
      Type.Number({
        ...{ minimum: 0.05, maximum: 1 },
        description: 'Share of absolute and continuous current until it is calibrated; 0.5.',
      }),
    ),
    drives: Type.Array(Name, {
      minItems: 1,
      maxItems: drivesMost,
      description: 'Outputs that move or heat it; off is their safe level.',
    }),
    loads: Type.Optional(
      Type.Record(Name, Load, {
        ...closed,
        description: 'What hangs on outputs, by output: its bring-up measures it.',
      }),
    ),
    opposed: Type.Optional(
      Type.Array(Type.Tuple([Name, Name]), {
        maxItems: opposedMost,
        description: 'Outputs that never pass together: the two solenoids of a valve.',
      }),
    ),
    stop: Type.Optional(
      Type.Object(
        {
          signal: Type.String({
            pattern: namePattern,
            description: 'Its first value is "stopped": what an open contact or wire reads as.',
          }),
        },
        { ...closed, description: 'The emergency stop: while open nothing passes.' },
      ),
    ),
    command: Type.Optional(Command),
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
