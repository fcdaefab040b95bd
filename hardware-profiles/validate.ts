// The one place that checks data against a schema: every mistake with its path, the value found,
// the allowed range and the nearest known name. Profiles and the gateway's config both come through
// here. It must not know what a profile or a config means.
import { closest, distance } from 'fastest-levenshtein'
import { type Static, type TSchema, Type } from 'typebox'
import { Settings } from 'typebox/system'
import { Value } from 'typebox/value'

export type { Static, TSchema }
export { Type }

/** One thing that is wrong in a file a person wrote. */
export interface Mistake {
  /** JSON pointer of the value, such as `/signals/motor_current/range/1`. */
  path: string
  /** The value as found; undefined where it is missing. */
  value: unknown
  /** What is wrong, what would be right, and the nearest known name where one is near. */
  message: string
}

/** The shape of what typebox reports; `params` depends on `keyword` (JSON Schema validation). */
interface SchemaError {
  keyword: string
  schemaPath: string
  instancePath: string
  params: Record<string, unknown>
  message: string
}

/** More mistakes than this in one file are not worth listing one by one. */
const mistakesMax = 256

/**
 * Every mistake of `value` against `schema`, in the order of the schema; empty where there is none.
 * Keywords as in JSON Schema 2020-12, "Validation".
 */
export const mistakesIn = (schema: TSchema, value: unknown): Mistake[] => {
  Settings.Set({ maxErrors: mistakesMax })
  const errors = Value.Errors(schema, value) as SchemaError[]
  // What each form of a union misses is noise: the union itself is reported once, with its forms.
  const outer = errors.filter((error) => !error.schemaPath.includes('/anyOf/'))
  return outer.flatMap((error) => explain(error, schema, value))
}

/** `" (did you mean "motor_speed"?)"` where a known name is near enough to be a slip, else "". */
export const nearest = (name: string, known: readonly string[]): string => {
  if (known.length === 0) return ''
  const best = closest(name, [...known])
  return distance(name, best) <= Math.max(2, name.length / 3) ? ` (did you mean "${best}"?)` : ''
}

/** One line a mistake, ready to print. */
export const formatMistakes = (file: string, mistakes: readonly Mistake[]): string =>
  mistakes.map((m) => `${file}: ${m.path === '' ? '/' : m.path}: ${m.message}`).join('\n')

const explain = (error: SchemaError, schema: TSchema, root: unknown): Mistake[] => {
  const path = error.instancePath
  const value = at(root, path)
  const one = (message: string): Mistake[] => [{ path, value, message }]
  switch (error.keyword) {
    // Reported a second time, with the name, as `additionalProperties` of the parent.
    case 'boolean':
      return []
    case 'anyOf':
      return one(`${show(value)} has none of the forms ${formsOf(at(schema, within(error)))}`)
    case 'additionalProperties':
      return unknownNames(error, schema, root)
    case 'required':
      return (error.params['requiredProperties'] as string[]).map((name) => ({
        path: `${path}/${name}`,
        value: undefined,
        message: 'is missing',
      }))
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return one(
        `${show(value)} is outside the allowed range, ${rangeOf(at(schema, within(error)))}`,
      )
    case 'enum': {
      const allowed = error.params['allowedValues'] as unknown[]
      const known = allowed.filter((a): a is string => typeof a === 'string')
      const hint = typeof value === 'string' ? nearest(value, known) : ''
      return one(`${show(value)} is not one of ${allowed.map(show).join(', ')}${hint}`)
    }
    case 'pattern':
      return one(`${show(value)} does not have the form ${String(error.params['pattern'])}`)
    case 'type':
      return one(`${show(value)} is not of type ${String(error.params['type'])}`)
    default:
      return one(`${show(value)}: ${error.message}`)
  }
}

const unknownNames = (error: SchemaError, schema: TSchema, root: unknown): Mistake[] => {
  const node = at(schema, within(error)) as {
    properties?: Record<string, unknown>
    patternProperties?: Record<string, unknown>
  }
  const known = Object.keys(node?.properties ?? {})
  const pattern = Object.keys(node?.patternProperties ?? {})[0]
  return (error.params['additionalProperties'] as string[]).map((name) => ({
    path: `${error.instancePath}/${name}`,
    value: at(root, `${error.instancePath}/${name}`),
    message:
      pattern === undefined
        ? `"${name}" is not a known name${nearest(name, known)}; known are ${known.join(', ')}`
        : `the name "${name}" does not have the form ${pattern}`,
  }))
}

const within = (error: SchemaError): string => error.schemaPath.replace(/^#/, '')

const formsOf = (node: unknown): string => {
  const { anyOf = [] } = (node ?? {}) as { anyOf?: { required?: string[] }[] }
  return anyOf.map((form) => `{${(form.required ?? []).join(', ')}}`).join(', ')
}

const rangeOf = (node: unknown): string => {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = (node ?? {}) as Record<
    string,
    number | undefined
  >
  const low = minimum ?? exclusiveMinimum
  const high = maximum ?? exclusiveMaximum
  const from = low === undefined ? '' : `${minimum === undefined ? 'above' : 'at least'} ${low}`
  const to = high === undefined ? '' : `${maximum === undefined ? 'below' : 'at most'} ${high}`
  return [from, to].filter((part) => part !== '').join(' and ')
}

const show = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** The node at a JSON pointer (RFC 6901), undefined where there is none. */
const at = (root: unknown, pointer: string): unknown => {
  let node = root
  for (const part of pointer.split('/').slice(1)) {
    if (typeof node !== 'object' || node === null) return undefined
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    node = (node as Record<string, unknown>)[key]
  }
  return node
}
