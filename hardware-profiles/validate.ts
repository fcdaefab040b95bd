// The one place that checks data against a schema: every mistake with its path, value, allowed range
// and the nearest known name. Profiles and the gateway's config both come through here.
// It must not know what a profile or a config means.
import { closest } from 'fastest-levenshtein'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'

export { Type }
export type { Static, TSchema }

export interface Mistake {
  /** JSON pointer of the value that is wrong. */
  path: string
  /** The value as found; undefined where it is missing. */
  value: unknown
  message: string
}
