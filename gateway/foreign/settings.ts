// Settings of units that speak topics we do not own: joined as `foreign` into those of the embedded
// broker and of the source for brokers outside. What it means is `mapping.ts`.
import { namePattern } from '../../hardware-profiles/names.ts'
import { type Static, Type } from '../../hardware-profiles/validate.ts'

const closed = { additionalProperties: false } as const

const Pointer = Type.String({
  maxLength: 256,
  description: 'JSON pointer (RFC 6901) such as /ENERGY/Power; absent = the payload is the text.',
})
const Word = Type.String({ minLength: 1, maxLength: 64 })

const Value = Type.Object(
  {
    at: Type.Optional(Pointer),
    scale: Type.Optional(Type.Number({ description: 'Value = raw * scale + offset.' })),
    offset: Type.Optional(Type.Number()),
    map: Type.Optional(
      Type.Record(
        Type.String({ maxLength: 64 }),
        Type.Union([Type.Number(), Type.Boolean(), Word]),
        { description: 'Text or number there -> value here, such as {"ON": true}; no other.' },
      ),
    ),
  },
  closed,
)

const Time = Type.Object(
  {
    at: Pointer,
    form: Type.Enum(['iso', 's', 'ms', 'us'], {
      description: 'ISO 8601 text, or seconds, milli- or microseconds since 1970.',
    }),
    zone: Type.Optional(
      Type.String({
        pattern: '^(Z|[+-][0-2][0-9]:[0-5][0-9])$',
        description: 'Of a text without a zone, such as +01:00; it does not know of summer time.',
      }),
    ),
  },
  closed,
)

const Availability = Type.Object(
  { at: Type.Optional(Pointer), online: Word, offline: Word },
  closed,
)

const Topic = Type.Object(
  {
    values: Type.Optional(
      Type.Record(Type.String({ pattern: namePattern }), Value, {
        description: 'Signal or counter of the profile -> where it is in the payload.',
      }),
    ),
    time: Type.Optional(Time),
    availability: Type.Optional(Availability),
  },
  closed,
)

const Foreign = Type.Object(
  {
    machine: Type.String({ pattern: namePattern, description: 'Machine of its profile.' }),
    unit: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9-]*(\\{unit\\})?[a-z0-9-]*$',
        minLength: 1,
        maxLength: 63,
        description: 'Id of the unit; {unit} is what stands there in the topic; absent = {unit}.',
      }),
    ),
    units: Type.Optional(
      Type.Record(Type.String({ maxLength: 128 }), Word, {
        description: 'What stands in the topic -> what takes its place; no other unit is taken.',
      }),
    ),
    topics: Type.Record(Type.String({ maxLength: 256 }), Topic, {
      minProperties: 1,
      description: 'Topic, one level of it {unit}, such as tele/{unit}/SENSOR -> what it says.',
    }),
    ignore: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
        maxItems: 64,
        description: 'Topics of the same form that mean nothing here: acknowledged, not logged.',
      }),
    ),
    login: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'Name under which it logs in at the embedded broker; absent = the unit.',
      }),
    ),
  },
  closed,
)

export const ForeignSettings = Type.Array(Foreign, {
  maxItems: 256,
  default: [],
  description: 'Units that speak topics of their own: Tasmota, zigbee2mqtt, ESPHome and others.',
})

export type ForeignSettings = Static<typeof ForeignSettings>
export type ForeignMapping = ForeignSettings[number]
export type ForeignTopic = ForeignMapping['topics'][string]
export type ForeignValue = NonNullable<ForeignTopic['values']>[string]
