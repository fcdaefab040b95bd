// What a machine file may say: schema and static type in one. `parseProfile` turns data into a
// frozen Profile or into the list of everything that is wrong with it. Nothing about one machine is
// spelled here, and nothing of ours outside this folder is imported.
import { crossCheck } from './cross-check.ts'
import { Maintenance, Uptime, Wear } from './life.ts'
import { namePattern } from './names.ts'
import { Safety } from './safety.ts'
import { units } from './units.ts'
import { type Mistake, mistakesIn, type Static, Type } from './validate.ts'
import { Boards } from './wiring.ts'

const Name = Type.String({ pattern: namePattern })
const Text = Type.String({ minLength: 1, maxLength: 200 })
const UnitCode = Type.Enum([...units.keys()], { description: 'UCUM code; the list is in units.ts' })
const closed = { additionalProperties: false } as const

const Signal = Type.Object(
  {
    description: Text,
    unit: UnitCode,
    type: Type.Enum(['number', 'integer', 'boolean', 'enum']),
    direction: Type.Enum(['input', 'output', 'state', 'setpoint']),
    range: Type.Optional(
      Type.Tuple([Type.Number(), Type.Number()], {
        description: 'Plausible values; one outside is kept with quality bad, reason out_of_range.',
      }),
    ),
    values: Type.Optional(
      Type.Array(Name, { minItems: 2, maxItems: 64, description: 'Names of an enum, from 0.' }),
    ),
    estimated: Type.Optional(
      Type.Boolean({ description: 'Computed without a sensor: its quality is at best uncertain.' }),
    ),
    rest: Type.Optional(
      Type.Number({ description: 'Of a setpoint: its value without a gateway. Else the lowest.' }),
    ),
    renewS: Type.Optional(
      Type.Number({
        ...{ minimum: 0.1, maximum: 60 },
        description: 'Of a setpoint: longest that it holds before it must be given anew, s; 60.',
      }),
    ),
    deadband: Type.Optional(Type.Number({ minimum: 0 })),
    chart: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 8, description: 'Signals of one number share a chart.' }),
    ),
  },
  closed,
)

const Counter = Type.Object(
  {
    description: Text,
    unit: UnitCode,
    role: Type.Optional(
      Type.Enum(['starts', 'run_time', 'revolutions', 'charge', 'energy', 'cycles', 'faults']),
    ),
    wrapsAt: Type.Optional(
      Type.Integer({
        minimum: 256,
        maximum: Number.MAX_SAFE_INTEGER,
        description:
          'After the value below this comes 0 while the board stays on: 4294967296 for 32 bits.',
      }),
    ),
  },
  closed,
)

const Loop = Type.Object(
  {
    kind: Name,
    rateHz: Type.Integer({ minimum: 1, maximum: 100_000 }),
    channels: Type.Record(Name, Name, {
      description: "The loop's channel name -> this machine's signal or counter.",
      ...closed,
    }),
    constants: Type.Record(Name, Type.Number(), closed),
  },
  closed,
)

const Twin = Type.Object(
  { plant: Name, constants: Type.Record(Name, Type.Number(), closed) },
  closed,
)

const Part = Type.Object(
  {
    description: Text,
    weight: Type.Number({
      minimum: 0,
      maximum: 1,
      description: "Share of the unit's remaining life budget that replacing it can move.",
    }),
  },
  closed,
)

const When = Type.Union([
  Type.Object({ boot: Type.Enum(['first', 'every']) }, closed),
  Type.Object({ signal: Name, becomes: Name }, closed),
  Type.Object({ signal: Name, above: Type.Number(), clears: Type.Number() }, closed),
  Type.Object({ signal: Name, below: Type.Number(), clears: Type.Number() }, closed),
  Type.Object({ counter: Name, passes: Type.Integer({ minimum: 1 }) }, closed),
  Type.Object({ counter: Name, every: Type.Integer({ minimum: 1 }) }, closed),
  Type.Object({ counter: Name, daily: Type.Literal(true) }, closed),
])

const EventRule = Type.Object(
  {
    type: Name,
    description: Text,
    when: When,
    attest: Type.Optional(Type.Boolean({ description: "Goes into the unit's signed chain." })),
    lifecycle: Type.Optional(
      Type.Enum(['made', 'accepted', 'in_use', 'stored', 'in_repair', 'refurbished', 'retired']),
    ),
    severity: Type.Optional(Type.Enum(['info', 'warning', 'fault'])),
    failure: Type.Optional(
      Type.String({
        pattern: namePattern,
        description: 'The part that has failed: asks for a maintenance record of that part.',
      }),
    ),
  },
  closed,
)

const Interlock = Type.Object(
  {
    description: Text,
    signal: Name,
    trip: Type.Number(),
    direction: Type.Enum(['above', 'below']),
  },
  closed,
)

/** The schema of a machine file; `schema.json` is derived from it for editors. */
export const ProfileSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    machine: Name,
    title: Text,
    kind: Name,
    version: Type.Integer({ minimum: 1 }),
    board: Type.Object({ name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]*$' }) }, closed),
    reportHz: Type.Number({ exclusiveMinimum: 0, maximum: 1000 }),
    signals: Type.Record(Name, Signal, closed),
    counters: Type.Record(Name, Counter, closed),
    loops: Type.Record(Name, Loop, closed),
    boards: Type.Optional(Boards),
    safety: Type.Optional(Safety),
    twin: Type.Optional(Twin),
    interlocks: Type.Array(Interlock, { maxItems: 64 }),
    parts: Type.Record(Name, Part, closed),
    maintenance: Type.Array(Maintenance, { maxItems: 64 }),
    uptime: Type.Optional(Uptime),
    wear: Type.Optional(Wear),
    events: Type.Array(EventRule, { maxItems: 64 }),
  },
  { ...closed, title: 'Tenfold hardware profile' },
)

type Frozen<T> = T extends (infer U)[]
  ? readonly Frozen<U>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T

export type ProfileData = Static<typeof ProfileSchema>
/** A machine file that was checked; deeply frozen. Units are UCUM codes. */
export type Profile = Frozen<ProfileData>
export type SignalSpec = Profile['signals'][string]
export type CounterSpec = Profile['counters'][string]
export type LoopSpec = Profile['loops'][string]
export type WiringSpec = NonNullable<Profile['boards']>[string]
export type WireSpec = WiringSpec['pins'][string]
export type SafetySpec = NonNullable<Profile['safety']>
export type TaskSpec = Profile['maintenance'][number]
export type WearSpec = NonNullable<Profile['wear']>
export type UptimeSpec = NonNullable<Profile['uptime']>
export type EventRuleSpec = Profile['events'][number]

/** A number that a loop kind or a plant kind needs from a profile, in the UCUM unit given. */
export interface ConstantSpec {
  unit: string
  min: number
  max: number
  description: string
}
/** What a loop kind (`firmware/loops/<kind>/loop.json`) asks of a profile. */
export interface LoopKindSpec {
  /** Channels that a profile's `channels` must connect: inputs, outputs, states and counters. */
  channels: readonly string[]
  constants: Readonly<Record<string, ConstantSpec>>
}
export interface Kinds {
  loops: Readonly<Record<string, LoopKindSpec>>
  plants: Readonly<Record<string, { constants: Readonly<Record<string, ConstantSpec>> }>>
}

export type ParsedProfile =
  | { ok: true; profile: Profile }
  | { ok: false; mistakes: readonly Mistake[] }

/** Checks a machine file against schema, its own names and the kinds it uses. Never throws. */
export const parseProfile = (value: unknown, kinds: Kinds): ParsedProfile => {
  const mistakes = mistakesIn(ProfileSchema, value)
  if (mistakes.length > 0) return { ok: false, mistakes }
  const data = structuredClone(value) as ProfileData
  const inconsistent = crossCheck(data, kinds)
  if (inconsistent.length > 0) return { ok: false, mistakes: inconsistent }
  return { ok: true, profile: freeze(data) as Profile }
}

/** How long a setpoint of this machine may hold before it must be given anew, ms. */
export const longestHoldMs = ({ signals }: Pick<Profile, 'signals'>): number =>
  Math.min(60_000, ...Object.values(signals).map(({ renewS = 60 }) => Math.round(renewS * 1000)))

const freeze = (value: unknown): unknown => {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner)
    Object.freeze(value)
  }
  return value
}

export type { Mistake }
