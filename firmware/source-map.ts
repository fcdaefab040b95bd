// A compiled module's bytes back to the lines it was written as: reads the compiler's source map
// (ECMA-426; one generated line, columns are offsets in the file). Pure.

export interface SourcePlace {
  /** As the compiler names it: `brushed-motor/loop.ts`, or `~lib/...` for its own library. */
  source: string
  /** From 1. */
  line: number
  column: number
}

export interface SourceMap {
  /** Of the instruction at a byte; undefined where the compiler says nothing of it. */
  exact: (offset: number) => SourcePlace | undefined
  /** The same, or else of the nearest one before that the compiler says something of. */
  near: (offset: number) => SourcePlace | undefined
  /** The nearest one before, not before `from`, that is not in the compiler's own library. */
  own: (offset: number, from: number) => SourcePlace | undefined
  /** Of a loop: what it does first, or, where that is of the library, what called it. */
  loop: (offset: number, within: { from: number; to: number }) => SourcePlace | undefined
}

export const isLibrary = ({ source }: SourcePlace): boolean => source.startsWith('~')

/** @param json undefined where there is none: then nothing has a place */
export const readSourceMap = (json: string | undefined): SourceMap => {
  if (json === undefined) {
    const none = (): undefined => undefined
    return { exact: none, near: none, own: none, loop: none }
  }
  const map = JSON.parse(json) as { sources: string[]; mappings: string }
  const points = decodeMappings(map.mappings)
  const before = (offset: number): readonly Point[] => {
    const after = points.findIndex((point) => point.offset > offset)
    return after < 0 ? points : points.slice(0, after)
  }
  const placeOf = (point: Point | undefined): SourcePlace | undefined =>
    point?.at === undefined
      ? undefined
      : { ...point.at, source: map.sources[point.at.source] ?? 'module' }
  const own = (offset: number, from: number): SourcePlace | undefined => {
    const inside = before(offset).filter((point) => point.offset >= from)
    return inside.flatMap((point) => placeOf(point) ?? []).findLast((place) => !isLibrary(place))
  }
  return {
    exact: (offset) => placeOf(before(offset).at(-1)),
    near: (offset) => placeOf(before(offset).findLast(({ at }) => at !== undefined)),
    own,
    loop: (offset, { from, to }) => {
      const inside = points.filter((point) => point.offset >= offset && point.offset <= to)
      const places = inside.flatMap((point) => placeOf(point) ?? [])
      const [first] = places
      if (first !== undefined && !isLibrary(first)) return first
      return own(offset, from) ?? places.find((place) => !isLibrary(place))
    },
  }
}

/** From `offset` on; without `at` the compiler knows no line. */
interface Point {
  offset: number
  at: { source: number; line: number; column: number } | undefined
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

const decodeMappings = (mappings: string): Point[] => {
  const points: Point[] = []
  let [offset, source, line, column] = [0, 0, 0, 0]
  for (const segment of mappings.split(/[,;]/)) {
    const fields = decodeVlq(segment)
    offset += fields[0] ?? 0
    source += fields[1] ?? 0
    line += fields[2] ?? 0
    column += fields[3] ?? 0
    const at = fields.length >= 4 ? { source, line: line + 1, column: column + 1 } : undefined
    points.push({ offset, at })
  }
  return points
}

const decodeVlq = (text: string): number[] => {
  const values: number[] = []
  let [value, shift] = [0, 0]
  for (const char of text) {
    const digit = digits.indexOf(char)
    value |= (digit & 31) << shift
    shift += 5
    if (digit >= 32) continue
    values.push((value & 1) === 1 ? -(value >>> 1) : value >>> 1)
    value = 0
    shift = 0
  }
  return values
}
