// Settings that every database outside has, the same for each: what they mean is in exception.ts
// and runner.ts.
import { Type } from '../../hardware-profiles/validate.ts'

/** Bounds what a database is given after an outage. */
export const rateSetting = Type.Integer({
  minimum: 1,
  maximum: 10_000_000,
  description: 'Most records a second that it is given, also after an outage; absent = no bound.',
})

export const exceptionSettings = Type.Object(
  {
    between: Type.Enum(['hold', 'line'], {
      default: 'hold',
      description: 'How to tell what was left out: hold what was sent (dead band), or draw lines.',
    }),
    bandOfRange: Type.Number({
      minimum: 0,
      maximum: 1,
      default: 0,
      description: 'Dead band of a number without one in its profile, fraction of its range.',
    }),
    heartbeatS: Type.Number({
      exclusiveMinimum: 0,
      default: 60,
      description: 'A value is sent at least this often while readings come, seconds.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Leave out readings that what was sent tells within the dead bands; absent = none.',
  },
)
