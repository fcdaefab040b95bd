// What `firmware/loops/<folder>/loop.json` may say: the channels of a loop in the order of their
// indices, and the constants it needs. From it come the loop's generated constants, for the
// compiler and for editors. Pure: it reads no file.
import { constantOf, namePattern } from '../hardware-profiles/names.ts'
import { type Mistake, mistakesIn, type Static, Type } from '../hardware-profiles/validate.ts'

const closed = { additionalProperties: false } as const
const Name = Type.String({ pattern: namePattern })
const Text = Type.String({ minLength: 1, maxLength: 200 })
const Scale = Type.Number({
  exclusiveMinimum: 0,
  description: 'What one step of the integer is worth, in the unit: 0.001 with A is mA.',
})
const common = {
  name: Name,
  unit: Type.String({ minLength: 1, description: 'UCUM code' }),
  scale: Scale,
  description: Text,
  values: Type.Optional(Type.Array(Name, { minItems: 2, maxItems: 64 })),
  urgent: Type.Optional(
    Type.Boolean({ description: 'The board reports at once when this state changes.' }),
  ),
}
const Channel = Type.Object(common, closed)
const Ranged = Type.Object({ ...common, min: Type.Number(), max: Type.Number() }, closed)
const Constant = Type.Object(
  {
    unit: Type.String({ minLength: 1 }),
    scale: Scale,
    min: Type.Number(),
    max: Type.Number(),
    measured: Type.Optional(
      Type.Object(
        { least: Type.Number({ exclusiveMinimum: 0 }), most: Type.Number() },
        {
          ...closed,
          description: "A calibration may measure it, within these shares of the profile's value.",
        },
      ),
    ),
    description: Text,
  },
  closed,
)
const ofChannels = { maxItems: 64 } as const

export const LoopKindSchema = Type.Object(
  {
    kind: Name,
    description: Text,
    rateHz: Type.Object({ min: Type.Integer(), max: Type.Integer() }, closed),
    inputs: Type.Array(Ranged, ofChannels),
    outputs: Type.Array(Ranged, ofChannels),
    states: Type.Array(Channel, ofChannels),
    counters: Type.Array(Channel, ofChannels),
    constants: Type.Record(Name, Constant, closed),
    order: Type.Array(Type.Tuple([Name, Name]), {
      description: 'Pairs of constants of which the first must be below the second.',
    }),
  },
  closed,
)

export type LoopKindData = Static<typeof LoopKindSchema>
export type LoopChannel = Static<typeof Channel>
/** A loop kind that was checked, and the folder of its source below `firmware/loops`. */
export type LoopKind = LoopKindData & { folder: string }

/** Checks a loop.json. Never throws. */
export const parseLoopKind = (
  value: unknown,
  folder: string,
): { ok: true; loop: LoopKind } | { ok: false; mistakes: readonly Mistake[] } => {
  const mistakes = mistakesIn(LoopKindSchema, value)
  if (mistakes.length > 0) return { ok: false, mistakes }
  const data = structuredClone(value) as LoopKindData
  const names = channelsOf(data).map((channel) => channel.name)
  const twice = names.filter((name, i) => names.indexOf(name) !== i)
  const unknown = data.order.flat().filter((name) => data.constants[name] === undefined)
  const wrong = [
    ...twice.map((name) => ({
      path: '',
      value: name,
      message: `the channel "${name}" is there twice`,
    })),
    ...unknown.map((name) => ({
      path: '/order',
      value: name,
      message: `"${name}" is no constant`,
    })),
  ]
  return wrong.length > 0 ? { ok: false, mistakes: wrong } : { ok: true, loop: { ...data, folder } }
}

/** All channels; a name is unique among them. */
export const channelsOf = (loop: LoopKindData): readonly LoopChannel[] => [
  ...loop.inputs,
  ...loop.outputs,
  ...loop.states,
  ...loop.counters,
]

/** What a loop may `report`: states first, then counters; a channel's index is its place here. */
export const reportedOf = (loop: LoopKindData): readonly LoopChannel[] => [
  ...loop.states,
  ...loop.counters,
]

/** A constant that a calibration may measure, in its integers; its index is its place. */
export interface Measurable {
  name: string
  scale: number
  least: number
  most: number
}

/** By the profile's values; without them the bounds are 0. */
export const measurableOf = (
  loop: LoopKindData,
  given: Readonly<Record<string, number>> = {},
): Measurable[] =>
  Object.entries(loop.constants).flatMap(([name, { scale, measured }]) => {
    if (measured === undefined) return []
    const nominal = (given[name] ?? 0) / scale
    const least = toInteger(name, nominal * measured.least)
    return [{ name, scale, least, most: toInteger(name, nominal * measured.most) }]
  })

/** One `export const` of the generated file: its name, its value and what it is. */
export interface Generated {
  name: string
  value: number
  comment: string
}

/**
 * Every constant that a loop's source may import from `./constants`, as i32.
 * `constants` in SI units as a profile gives them; without them (for editors) their values are 0.
 * Throws RangeError on a value that an i32 at its scale cannot hold.
 */
export const generatedConstants = (
  loop: LoopKindData,
  given?: { rateHz: number; constants: Readonly<Record<string, number>> },
): Generated[] => {
  const list: Generated[] = [
    { name: 'RATE_HZ', value: given?.rateHz ?? 0, comment: 'steps per second' },
  ]
  loop.inputs.forEach((channel, i) => {
    const name = constantOf(channel.name)
    const suffix = suffixOf(channel.unit, channel.scale)
    list.push({ name: `IN_${name}`, value: i, comment: channel.description })
    for (const end of ['min', 'max'] as const) {
      const value = toInteger(channel.name, channel[end] / channel.scale)
      list.push({ name: `${name}_${constantOf(end)}${suffix}`, value, comment: 'plausible' })
    }
  })
  loop.outputs.forEach((channel, i) => {
    list.push({ name: `OUT_${constantOf(channel.name)}`, value: i, comment: channel.description })
  })
  reportedOf(loop).forEach((channel, i) => {
    list.push({
      name: `REPORT_${constantOf(channel.name)}`,
      value: i,
      comment: channel.description,
    })
  })
  for (const channel of channelsOf(loop)) {
    channel.values?.forEach((value, i) => {
      list.push({ name: `${constantOf(channel.name)}_${constantOf(value)}`, value: i, comment: '' })
    })
  }
  for (const [name, spec] of Object.entries(loop.constants)) {
    const value = toInteger(name, (given?.constants[name] ?? 0) / spec.scale)
    const full = `${constantOf(name)}${suffixOf(spec.unit, spec.scale)}`
    list.push({ name: full, value, comment: `${spec.description}; ${spec.scale} ${spec.unit}` })
  }
  measurableOf(loop, given?.constants).forEach(({ name, scale, least, most }, i) => {
    const suffix = suffixOf(loop.constants[name]?.unit ?? '1', scale)
    list.push({ name: `MEASURED_${constantOf(name)}`, value: i, comment: 'index of `measured`' })
    for (const [end, value] of Object.entries({ least, most })) {
      const full = `${constantOf(name)}_${constantOf(end)}${suffix}`
      list.push({ name: full, value, comment: 'sound, where a calibration measured it' })
    }
  })
  return list
}

/** AssemblyScript source of `./constants`: what the compiler reads, never written into the tree. */
export const constantsSource = (list: readonly Generated[]): string =>
  list.map(({ name, value }) => `export const ${name}: i32 = ${value}\n`).join('')

/** Declarations of the same, for editors and the type checker; committed beside what uses them. */
export const constantsTypes = (list: readonly Generated[], from: string): string =>
  [
    `// Derived from ${from}: the names of \`./constants\`. Their values come from a profile.\n`,
    ...list.map(({ name, comment }) => {
      const head = comment === '' ? '' : `/** ${comment} */\n`
      return `${head}export declare const ${name}: i32\n`
    }),
  ].join('')

const toInteger = (name: string, scaled: number): number => {
  const value = Math.round(scaled)
  if (value !== (value | 0)) throw new RangeError(`${name}: ${scaled} does not fit 32 bits`)
  return value
}

const prefixes: readonly [scale: number, prefix: string][] = [
  [1000, 'K'],
  [1, ''],
  [0.1, 'D'],
  [0.01, 'C'],
  [1e-3, 'M'],
  [1e-6, 'U'],
  [1e-9, 'N'],
]

/**
 * The unit at the end of an identifier, SI prefix first: A at 0.001 is `_MA`, Cel at 0.01 is
 * `_CCEL`, a pure number at 0.01 is `_C`; a pure number at 1 has none.
 */
const suffixOf = (unit: string, scale: number): string => {
  const prefix = prefixes.find(([worth]) => Math.abs(worth / scale - 1) < 1e-9)?.[1]
  if (prefix === undefined) throw new RangeError(`a scale of ${scale} has no SI prefix`)
  const letters = unit
    .replaceAll('%', 'PCT')
    .replace(/[^A-Za-z0-9]/g, '')
    .toUpperCase()
  const full = `${prefix}${unit === '1' ? '' : letters}`
  return full === '' ? '' : `_${full}`
}
