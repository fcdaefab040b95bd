// What a machine file may say about how its machine lives: the maintenance plan, what counts as
// use and as down, which loads wear which part. Schema only; profile.ts joins it, life-check.ts
// compares the names.
import { namePattern } from './names.ts'
import { Type } from './validate.ts'

const Name = Type.String({ pattern: namePattern })
const Text = Type.String({ minLength: 1, maxLength: 200 })
const Positive = Type.Number({ exclusiveMinimum: 0 })
const closed = { additionalProperties: false } as const

const task = { task: Name, description: Text, part: Type.Optional(Name) }

/** What a gateway works out of a unit: parts of its rated capacity and of its first resistance. */
const Figure = Type.Enum(['battery_health', 'battery_resistance'])

/** One task: due by a counter, by the calendar, or by a signal or figure past a threshold. */
export const Maintenance = Type.Union([
  Type.Object({ ...task, counter: Name, every: Positive }, closed),
  Type.Object({ ...task, days: Positive }, closed),
  Type.Object({ ...task, signal: Name, above: Type.Number() }, closed),
  Type.Object({ ...task, signal: Name, below: Type.Number() }, closed),
  Type.Object({ ...task, figure: Figure, above: Type.Number() }, closed),
  Type.Object({ ...task, figure: Figure, below: Type.Number() }, closed),
])

export const Uptime = Type.Object(
  {
    signal: Name,
    inUse: Type.Array(Name, {
      minItems: 1,
      maxItems: 64,
      description: 'Values of the signal at which the machine works; at all others it is idle.',
    }),
    down: Type.Optional(
      Type.Object(
        { signal: Name, values: Type.Array(Name, { minItems: 1, maxItems: 64 }) },
        closed,
      ),
    ),
    piece: Type.Optional(
      Type.Object(
        {
          counter: Name,
          idealS: Type.Number({ exclusiveMinimum: 0, description: 'Seconds it should take.' }),
        },
        { ...closed, description: 'What a shift makes, where a counter counts it.' },
      ),
    ),
    silentAfterS: Type.Number({
      minimum: 1,
      description: 'Seconds without a report after which nobody knows how the machine is.',
    }),
  },
  closed,
)

const Band = Type.Object({ signal: Name, low: Type.Number(), high: Type.Number() }, closed)

const Fatigue = Type.Object(
  {
    name: Name,
    description: Text,
    part: Name,
    signal: Name,
    low: Type.Number(),
    high: Type.Number(),
    curve: Type.Object(
      {
        range: Positive,
        cycles: Positive,
        exponent: Positive,
        limit: Type.Optional(Type.Number({ minimum: 0, description: 'No damage below it.' })),
      },
      { ...closed, description: 'S-N curve: cycles to failure = cycles (range / load)^exponent.' },
    ),
  },
  closed,
)

const Bearing = Type.Object(
  {
    name: Name,
    description: Text,
    part: Name,
    torque: Name,
    forcePerTorque: Type.Number({
      exclusiveMinimum: 0,
      description: 'Newtons per unit of torque.',
    }),
    speed: Name,
    speedRatio: Type.Number({ exclusiveMinimum: 0, description: 'Its turns per turn of `speed`.' }),
    ratingN: Positive,
    exponent: Type.Number({ minimum: 1, maximum: 12, description: '3 ball, 10/3 roller.' }),
  },
  closed,
)

const Battery = Type.Object(
  {
    part: Name,
    voltage: Name,
    current: Type.String({ pattern: namePattern, description: 'Positive out of the pack.' }),
    duty: Type.Optional(
      Type.String({
        pattern: namePattern,
        description: 'Share of time, %, in which `current` comes out of the pack.',
      }),
    ),
    temperature: Type.Optional(Name),
    leastStepA: Type.Number({ exclusiveMinimum: 0, description: 'Steps of current to look at.' }),
    capacityC: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: 'Rated capacity, coulombs.' }),
    ),
    cells: Type.Optional(
      Type.Object(
        {
          fullV: Type.Number({ exclusiveMinimum: 0, description: 'A full pack rests above it.' }),
          cutoffV: Type.Number({
            exclusiveMinimum: 0,
            description: 'Under load it is empty here.',
          }),
          endOfLife: Type.Number({
            exclusiveMinimum: 0,
            maximum: 1,
            description: 'Capacity at its end, as a part of the rated one.',
          }),
        },
        { ...closed, description: 'To measure capacity from full to empty; needs `capacityC`.' },
      ),
    ),
    resistanceLimit: Type.Optional(
      Type.Number({ exclusiveMinimum: 1, description: 'Its end, in times of its first one.' }),
    ),
  },
  closed,
)

export const Wear = Type.Object(
  {
    histograms: Type.Array(Band, { maxItems: 8, description: '32 bands each, in time in use.' }),
    fatigue: Type.Array(Fatigue, { maxItems: 8 }),
    bearings: Type.Array(Bearing, { maxItems: 8 }),
    battery: Type.Optional(Battery),
  },
  closed,
)
