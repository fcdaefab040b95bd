// What a loop must not contain, found in the compiled module and named by source line: memory,
// heap, f64, recursion, indirect calls, foreign imports. Pure; the compiler is trusted for nothing.
import type { Finding } from './finding.ts'
import { readSourceMap, type SourcePlace } from './source-map.ts'
import {
  decodeWasm,
  functionKind,
  type Instruction,
  section,
  UnknownInstruction,
  type Wasm,
} from './wasm-decode.ts'
import { type Places, placesIn, type Spot } from './wasm-places.ts'

/** What a module may import, from where, and what it must export. */
export interface Border {
  from: string
  imports: ReadonlySet<string>
  exports: readonly string[]
}
export const loopBorder: Border = {
  from: 'board',
  imports: new Set(['readInput', 'writeOutput', 'micros', 'measured', 'report']),
  exports: ['setup', 'step', 'stop'],
}
export const kernelBorder: Border = {
  from: 'raw',
  imports: new Set(['reading', 'asked', 'tell']),
  exports: ['setup', 'step', 'trip', 'clear', 'reduce'],
}

/** What the places are taken from; all of it may be missing, then a place is a name. */
export interface Debug {
  /** Source map of the module itself, JSON. */
  map?: string | undefined
  /** The same source compiled without optimising: what is at fault is named by its lines. */
  plain?: { wasm: Uint8Array; map: string | undefined }
  /** Path of the source that exports what a board calls. */
  entry?: string
  /** Sources by their path, to find an export in. */
  sources?: ReadonlyMap<string, string>
  /** A source's path as an editor finds it. */
  show?: (path: string) => string
}

/** Everything wrong with a compiled module. */
export const inspectLoop = (
  bytes: Uint8Array,
  debug: Debug = {},
  border: Border = loopBorder,
): Finding[] => {
  const show = showing(debug)
  let wasm: Wasm
  try {
    wasm = decodeWasm(bytes)
  } catch (error) {
    const remedy = 'Write it with integer and f32 arithmetic only.'
    const offset = error instanceof UnknownInstruction ? error.offset : undefined
    const place = offset === undefined ? undefined : readSourceMap(debug.map).near(offset)
    return [{ place: show(place), what: (error as Error).message, remedy }]
  }
  const ways = waysOf(wasm, debug)
  const context: Context = { wasm, ways, show }
  return [
    ...checkInstructions(context),
    ...checkSections(context),
    ...checkRecursion(context),
    ...checkBorder(context, border, debug),
  ]
}

type Show = (place: SourcePlace | undefined) => string
interface Context {
  wasm: Wasm
  ways: Ways
  show: Show
}
/** Of the module itself, and of the one that was not optimised, where there is one. */
interface Ways {
  itself: Places
  plain: Places
  plainWasm: Wasm
}

const showing = ({ entry, show = (path) => path }: Debug): Show => {
  const whole = entry === undefined ? 'module' : `${show(entry)}:1:1`
  return (place) =>
    place === undefined ? whole : `${show(place.source)}:${place.line}:${place.column}`
}

const waysOf = (wasm: Wasm, { map, plain }: Debug): Ways => {
  const itself = placesIn(wasm, map)
  if (plain === undefined) return { itself, plain: itself, plainWasm: wasm }
  const plainWasm = decodeWasm(plain.wasm)
  return { itself, plain: placesIn(plainWasm, plain.map), plainWasm }
}

const touchesMemory = ({ opcode }: Instruction): boolean =>
  (opcode >= 0x28 && opcode <= 0x40) || (opcode >= 0xfc08 && opcode <= 0xfc0b)
const growsMemory = ({ opcode }: Instruction): boolean => opcode === 0x40
const callsByValue = ({ opcode }: Instruction): boolean => opcode === 0x11
/** All instructions that take or give an f64 (core specification 5.4). */
const isF64 = ({ opcode }: Instruction): boolean =>
  [0x2b, 0x39, 0x44, 0xaa, 0xab, 0xb0, 0xb1, 0xb6, 0xbd, 0xbf].includes(opcode) ||
  [0xfc02, 0xfc03, 0xfc06, 0xfc07].includes(opcode) ||
  (opcode >= 0x61 && opcode <= 0x66) ||
  (opcode >= 0x99 && opcode <= 0xa6) ||
  (opcode >= 0xb7 && opcode <= 0xbb)

const uses = (wasm: Wasm, isBad: (one: Instruction) => boolean): boolean =>
  wasm.functions.some(({ instructions }) => instructions.some(isBad))

/** One finding a line; one without a line where none is known. */
const findings = (
  { show }: Context,
  spots: readonly Spot[],
  said: { what: (by: string | undefined) => string; remedy: string },
): Finding[] =>
  (spots.length > 0 ? spots : [undefined]).map((spot) => ({
    place: show(spot?.place),
    what: said.what(spot?.by),
    remedy: said.remedy,
  }))

const checkInstructions = (context: Context): Finding[] => {
  const { wasm, ways } = context
  const found: Finding[] = []
  if (uses(wasm, isF64)) found.push(...findings(context, ways.plain.of(isF64), wide))
  if (uses(wasm, callsByValue)) {
    found.push(...findings(context, ways.plain.of(callsByValue), indirect))
  }
  if (uses(wasm, growsMemory)) found.push(...findings(context, ways.plain.of(growsMemory), heap))
  return found
}

const wide = {
  what: (by: string | undefined) => `f64 arithmetic${by === undefined ? '' : `, in ${called(by)}`}`,
  remedy: 'Use i32 or i64 fixed point, or f32 with Mathf; a literal such as 0.5 must be typed f32.',
}
const indirect = {
  what: () => 'a function is called through a value',
  remedy: 'Call functions by name, so that the stack has a bound.',
}
const heap = {
  what: (by: string | undefined) => `${allocation(by)} takes memory from the heap`,
  remedy:
    'A board has no heap. Allocate nothing: no `new`, no array or object literal, no text. ' +
    'Keep state in numbers of the module, such as `let sum: i32 = 0`.',
}

/** `~lib/array/Array<i32>#push` as one writes it. */
const called = (name: string): string =>
  name.replace(/^.*\//, '').replace('NativeMath', 'Math').replace('#', '.')

const allocation = (by: string | undefined): string => {
  if (by === undefined) return 'this'
  const made = /([^/]+)#constructor/.exec(by)
  if (made !== null) return `\`new ${made[1]}\``
  if (/__new(Array|Buffer)/.test(by)) return 'an array literal'
  if (/string|toString/i.test(by)) return 'a text that is made while it runs'
  return called(by)
}

const checkSections = (context: Context): Finding[] => {
  const { wasm, ways } = context
  const has = (one: number): boolean => wasm.sections.has(one)
  const found: Finding[] = []
  // What takes memory while it runs has been told.
  if ((has(section.memory) || has(section.data)) && !uses(wasm, growsMemory)) {
    found.push(...findings(context, ways.plain.of(touchesMemory), memory))
  }
  if (has(section.start)) {
    const spots = startOf(context)
    // The heap starts by itself, too.
    if (spots.length > 0 || !uses(wasm, growsMemory)) found.push(...findings(context, spots, start))
  }
  const table = has(section.table) || has(section.element)
  if (table && !uses(wasm, callsByValue)) found.push(...findings(context, [], functions))
  return found
}

/** What the function that runs first does, as far as the compiler could not do it itself. */
const startOf = ({ wasm, ways }: Context): Spot[] => {
  const isStart = (name: string): boolean => /^(~start|start:)/.test(name)
  for (const [places, module] of [
    [ways.itself, wasm],
    [ways.plain, ways.plainWasm],
  ] as const) {
    const code = new Set(
      module.functions.flatMap((one) => (isStart(one.name) ? one.instructions : [])),
    )
    const spots = places.of((one) => code.has(one))
    if (spots.length > 0) return spots
  }
  return []
}

const memory = {
  what: (by: string | undefined) =>
    'the loop needs linear memory (an array, a string, an object or static data)' +
    `${by === undefined ? '' : `, for ${called(by)}`}`,
  remedy: 'Keep all state in module-level numbers; tables and rings belong to the runtime.',
}
const start = {
  what: () => 'a global is not constant and would be computed by a start function',
  remedy: 'Give every module-level `let` a literal and set it in `setup`.',
}
const functions = {
  what: () => 'the loop has a table of functions',
  remedy: 'Call functions by name; do not pass or store them.',
}

const checkRecursion = ({ ways, show }: Context): Finding[] => {
  const itself = ways.itself.circles()
  if (itself.length === 0) return []
  const plain = ways.plain.circles()
  return (plain.length > 0 ? plain : itself).map((calls) => {
    const first = calls[0]
    const way = calls.map(({ to, place }) => ` -> ${called(to)} (${show(place)})`).join('')
    return {
      place: first?.place === undefined ? (first?.from ?? 'module') : show(first.place),
      what: `recursion: ${called(first?.from ?? '')}${way}`,
      remedy: 'Write it as a loop with a fixed number of turns; the stack must have a bound.',
    }
  })
}

const checkBorder = (context: Context, border: Border, debug: Debug): Finding[] => {
  const { wasm, show, ways } = context
  const { from, imports, exports } = border
  const exported = wasm.exports.map(({ name }) => name)
  const missing = exports.filter((name) => !exported.includes(name))
  const surplus = exported.filter((name) => !exports.includes(name))
  const all = `${exports.slice(0, -1).join(', ')} and ${exports.at(-1)}`
  const foreign = wasm.imports.filter(
    ({ module, name, kind }) => module !== from || kind !== functionKind || !imports.has(name),
  )
  return [
    ...foreign.flatMap((one) => {
      const index = functionImports(ways.plainWasm).findIndex(
        ({ module, name }) => module === one.module && name === one.name,
      )
      return findings(
        context,
        ways.plain.of(({ callee }) => callee === index),
        {
          what: () => `the import ${one.module}.${one.name} is not offered by a board`,
          remedy: `Import from ${from}.ts only; use Mathf, not Math, and no console.`,
        },
      )
    }),
    ...missing.map((name) => ({
      place: show(undefined),
      what: `the export ${name} is missing`,
      remedy: `Export ${all}.`,
    })),
    ...surplus.map((name) => ({
      place: show(exportPlace(name, debug)),
      what: `the export ${name} is one too many`,
      remedy: `Export ${all}, nothing else.`,
    })),
  ]
}

const functionImports = ({ imports }: Wasm): Wasm['imports'] =>
  imports.filter(({ kind }) => kind === functionKind)

const exportPlace = (name: string, { entry, sources }: Debug): SourcePlace | undefined => {
  const lines = (entry === undefined ? undefined : sources?.get(entry))?.split('\n') ?? []
  const form = new RegExp(`\\bexport\\b.*\\b${name.replaceAll('$', '\\$')}\\b`)
  const index = lines.findIndex((line) => form.test(line))
  if (entry === undefined || index < 0) return undefined
  const column = (lines[index] ?? '').search(form) + 1
  return { source: entry, line: index + 1, column }
}
