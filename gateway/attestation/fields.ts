// Reading a decoded CBOR map field by field: every field is taken once, with its form checked, and
// what is left over is an error. Shared by entries, claims, leaves and heads. Knows no field by
// name.
import { compareBytes } from './bytes.ts'
import { type Cbor, type CborMap, decodeCbor } from './cbor.ts'
import { AttestationError } from './codes.ts'

/** Form of a type, counter or detail name. */
export const namePattern = /^[a-z][a-z0-9_]{0,47}$/

export class Fields {
  readonly #map: Map<string | number, Cbor>
  readonly #what: string

  constructor(map: CborMap, what: string) {
    this.#map = new Map(map)
    this.#what = what
  }

  /** Fields of the only map in the bytes. */
  static decode(bytes: Uint8Array, what: string, maxBytes?: number): Fields {
    const value = decodeCbor(bytes, maxBytes)
    if (value instanceof Map) return new Fields(value, what)
    throw new AttestationError('bad_field', `${what} is not a map`)
  }

  #take<T extends Cbor>(name: string, wanted: string, test: (value: Cbor) => boolean): T {
    const value = this.#map.get(name)
    this.#map.delete(name)
    if (value !== undefined && test(value)) return value as T
    throw new AttestationError('bad_field', `${this.#what}: \`${name}\` must be ${wanted}`)
  }

  has(name: string): boolean {
    return this.#map.has(name)
  }

  uint(name: string): number {
    return this.#take(
      name,
      'a whole number from 0',
      (value) => typeof value === 'number' && value >= 0,
    )
  }

  text(name: string, pattern: RegExp): string {
    return this.#take(
      name,
      `text like ${pattern.source}`,
      (value) => typeof value === 'string' && pattern.test(value),
    )
  }

  bool(name: string): boolean {
    return this.#take(name, 'true or false', (value) => typeof value === 'boolean')
  }

  /** A SHA-256 digest. */
  digest(name: string): Uint8Array {
    return this.#take(name, 'a digest of 32 bytes', isDigest)
  }

  digestOrNull(name: string): Uint8Array | null {
    return this.#take(name, 'a digest or null', (value) => value === null || isDigest(value))
  }

  /** Digests in ascending order, each once, so that their order tells nothing. */
  sortedDigests(name: string, max: number): readonly Uint8Array[] {
    const wanted = `at most ${max} digests, sorted, each once`
    return this.#take(name, wanted, (value) => isSortedDigests(value, max))
  }

  byteStrings(name: string): readonly Uint8Array[] {
    return this.#take(name, 'an array of byte strings', isByteStrings)
  }

  /** Fields of a map inside. */
  inside(name: string): Fields {
    const map = this.#take<CborMap>(name, 'a map', (value) => value instanceof Map)
    return new Fields(map, `${this.#what}.${name}`)
  }

  /** Whole numbers from 0 by name, at most `max`. */
  counts(name: string, max: number): Record<string, number> {
    const map = this.#take<CborMap>(name, 'a map', (value) => value instanceof Map)
    const counts = [...map].map(([key, value]) => {
      const isName = typeof key === 'string' && namePattern.test(key)
      if (isName && typeof value === 'number' && value >= 0) return [key, value] as const
      throw new AttestationError('bad_field', `${this.#what}.${name}: \`${key}\` is no count`)
    })
    if (counts.length <= max) return Object.fromEntries(counts)
    throw new AttestationError('bad_field', `${this.#what}.${name}: more than ${max}`)
  }

  /** Call last: what was not taken is unknown, and unknown is refused. */
  end(): void {
    const [extra] = this.#map.keys()
    if (extra === undefined) return
    throw new AttestationError('unknown_field', `${this.#what}: unknown field \`${extra}\``)
  }
}

const isDigest = (value: Cbor): boolean => value instanceof Uint8Array && value.length === 32

const isByteStrings = (value: Cbor): boolean =>
  Array.isArray(value) && value.every((item) => item instanceof Uint8Array)

const isSortedDigests = (value: Cbor, max: number): boolean =>
  Array.isArray(value) &&
  value.length <= max &&
  value.every(isDigest) &&
  value.every((digest, at) => at === 0 || compareBytes(value[at - 1], digest) < 0)
