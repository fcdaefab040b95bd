// Sources of a loop or the kernel -> checked wasm, by the AssemblyScript compiler in process, which
// is loaded when it is called. Says of every mistake its line and what to do about it. It reads and
// writes no file.
import { nearest } from '../hardware-profiles/validate.ts'
import { BuildError, type Finding } from './finding.ts'
import { readSourceMap } from './source-map.ts'
import { type Border, inspectLoop } from './wasm-check.ts'
import { decodeWasm, functionKind, stripCustom } from './wasm-decode.ts'
import { turnsIn } from './wasm-turns.ts'

/** What is compiled as one. */
export interface Module {
  name: string
  /** Path -> text. */
  sources: ReadonlyMap<string, string>
  /** Path of the source that exports what the board calls. */
  entry: string
  border: Border
  /** A source's path as an editor finds it. */
  show: (path: string) => string
}

/** What the shipped bytes no longer say of themselves. */
export interface Origin {
  /** By the name that wasm2c gives it, `f7` or `step_0`: what it is called, where it begins. */
  functions: Readonly<Record<string, { name: string; place: string }>>
  /** By the name in C's library: where a rounding or a root is computed. */
  rounding: Readonly<Record<string, string>>
  /** Its loops, in the order of its code. */
  loops: readonly ModuleLoop[]
  /** What it calls of the board, by name. */
  imports: readonly string[]
  /** Its first source, where nothing better is known. */
  entry: string
}

export interface ModuleLoop {
  /** Most turns each time it is come to; absent where nothing bounds it. */
  turns?: number
  /** The loops that it can run in, by their place in the list. */
  within: readonly number[]
  place: string
}

const always = ['--runtime', 'stub', '--noAssert', '--use', 'abort=', '--noExportMemory']
const named = ['--debug', '--sourceMap']
/** As it is shipped. */
export const flags: readonly string[] = [...always, ...named, '-O2', '--converge']
/** Every call is still one, so that what is at fault can be named by its line. */
const plainFlags: readonly string[] = [...always, ...named, '-O0']

/** Throws BuildError with every finding where the source is at fault. */
export const compileModule = async (
  module: Module,
): Promise<{ wasm: Uint8Array<ArrayBuffer>; origin: Origin }> => {
  const { sources, entry, border, show } = module
  const { wasm, map } = await run(module, flags)
  const debug = { map, entry, sources, show }
  if (inspectLoop(wasm, debug, border).length > 0) {
    const plain = await run(module, plainFlags)
    throw new BuildError(inspectLoop(wasm, { ...debug, plain }, border))
  }
  return { wasm: stripCustom(wasm), origin: originOf(wasm, map, module) }
}

interface Compiled {
  wasm: Uint8Array
  map: string | undefined
}

const run = async (
  { sources, entry, show }: Module,
  options: readonly string[],
): Promise<Compiled> => {
  const { default: asc } = await import('assemblyscript/asc')
  const written = new Map<string, string | Uint8Array>()
  const findings: Finding[] = []
  const { error, stderr } = await asc.main([entry, '--outFile', 'loop.wasm', ...options], {
    readFile: (path) => sources.get(path) ?? null,
    writeFile: (path, data) => {
      written.set(path, data)
    },
    listFiles: () => [],
    reportDiagnostic: (diagnostic) => {
      if (diagnostic.category !== errorCategory) return
      findings.push(explain(diagnostic, sources, { show, entry }))
    },
  })
  const wasm = written.get('loop.wasm')
  if (error !== null || !(wasm instanceof Uint8Array)) {
    const what = error?.message ?? stderr.toString()
    const place = `${show(entry)}:1:1`
    throw new BuildError(findings.length > 0 ? findings : [{ place, what, remedy: anyRemedy }])
  }
  const map = written.get('loop.wasm.map')
  return { wasm, map: typeof map === 'string' ? map : undefined }
}

/** DiagnosticCategory.Error of the compiler. */
const errorCategory = 3

interface Diagnostic {
  /** As in the compiler's diagnosticMessages.json. */
  code: number
  message: string
  range: { start: number; source: { normalizedPath: string } } | null
}

const explain = (
  { code, message, range }: Diagnostic,
  sources: ReadonlyMap<string, string>,
  { show, entry }: Pick<Module, 'show' | 'entry'>,
): Finding => {
  const what = message.replace(/\.$/, '')
  const path = range?.source.normalizedPath ?? entry
  const text = sources.get(path)
  const remedy = remedyOf(code, what, { text: text ?? '', sources })
  // The language's own library: it was used with a type that it cannot take.
  if (range === null || text === undefined) {
    const inside = range === null ? '' : `, in ${path}`
    return { place: `${show(entry)}:1:1`, what: `${what}${inside}`, remedy }
  }
  const before = text.slice(0, range.start).split('\n')
  const column = (before.at(-1) ?? '').length + 1
  return { place: `${show(path)}:${before.length}:${column}`, what, remedy }
}

const anyRemedy = 'Correct the source; what a loop may use is in firmware/loops/README.md.'

/** For the mistakes that are made most; what the compiler says stands beside it. */
const remedyOf = (
  code: number,
  what: string,
  { text, sources }: { text: string; sources: ReadonlyMap<string, string> },
): string => {
  if (code >= 1000 && code < 2000) {
    return (
      'Look here and at the end of the line before: a bracket, a comma or an operator is missing ' +
      'or one too many, or a ";" between two statements.'
    )
  }
  const [first = '', second = ''] = [...what.matchAll(/'([^']+)'/g)].map((found) => found[1])
  if (code === 200 || code === 2322) {
    return first === 'f64'
      ? 'A number with a point is f64, which no board has: write f32(0.5), or count in whole ' +
          'steps of i32 (firmware/loops/lib/fixed.ts).'
      : `Say that the type changes: ${second || 'i32'}(...) around the value.`
  }
  if (code === 100) {
    return "Call functions by name; give them what they need as parameters, or as a module's `let`."
  }
  if (code === 2304 || code === 2305) return spelling(code, [first, second], { text, sources })
  if (code === 2554) return 'Compare with where the function is declared; a board has board.ts.'
  return anyRemedy
}

/** A name that is not known: the nearest one that is. */
const spelling = (
  code: number,
  [first = '', second = '']: readonly string[],
  { text, sources }: { text: string; sources: ReadonlyMap<string, string> },
): string => {
  const name = code === 2305 ? second : first
  const inModule = code === 2305 ? (sources.get(`${first}.ts`) ?? '') : allOf(sources)
  const exported = [...inModule.matchAll(/\bexport\s+(?:const|let|function|class|enum)\s+(\w+)/g)]
  const here = code === 2305 ? [] : (text.match(/\b[A-Za-z_]\w*\b/g) ?? [])
  const known = new Set([...exported.map((one) => one[1] ?? ''), ...here])
  known.delete(name)
  const hint = nearest(name, [...known]).trim()
  const where =
    'Declare or import it: a board offers what is in firmware/loops/board.ts, and a machine what ' +
    "is in the loop's constants.d.ts."
  return hint === '' ? where : `Check the spelling ${hint}. ${where}`
}

const allOf = (sources: ReadonlyMap<string, string>): string => [...sources.values()].join('\n')

/** Names in C's library of what has an instruction in wasm and none on a small core. */
const roundings: Readonly<Record<number, readonly string[]>> = {
  141: ['ceilf'],
  142: ['floorf'],
  143: ['truncf'],
  144: ['rintf', 'nearbyintf', 'roundevenf'],
  145: ['sqrtf'],
}

const originOf = (bytes: Uint8Array, json: string | undefined, { show, entry }: Module): Origin => {
  const map = readSourceMap(json)
  const functions: Record<string, { name: string; place: string }> = {}
  const rounding: Record<string, string> = {}
  const shown = (offset: number): string | undefined => {
    const at = map.near(offset)
    return at && `${show(at.source)}:${at.line}:${at.column}`
  }
  const wasm = decodeWasm(bytes)
  for (const { index, name, instructions } of wasm.functions) {
    // Not what was inlined into it.
    const isOwn = ({ offset }: { offset: number }): boolean => {
      const source = map.exact(offset)?.source.replace(/\.ts$/, '/')
      return source !== undefined && name.startsWith(source)
    }
    const place = shown((instructions.find(isOwn) ?? instructions[0])?.offset ?? 0)
    const out = wasm.exports.find((one) => one.kind === functionKind && one.index === index)
    if (place !== undefined) {
      const short = name.slice(name.lastIndexOf('/') + 1)
      functions[out === undefined ? `f${index}` : `${out.name}_0`] = { name: short, place }
    }
    for (const { opcode, offset } of instructions) {
      const own = map.own(offset, instructions[0]?.offset ?? 0)
      const line = own === undefined ? name : `${show(own.source)}:${own.line}:${own.column}`
      for (const called of roundings[opcode] ?? []) rounding[called] ??= line
    }
  }
  const whole = `${show(entry)}:1:1`
  const ofLoop = (offset: number): string => {
    const ranges = wasm.functions.map(({ instructions }) => ({
      from: instructions[0]?.offset ?? 0,
      to: instructions.at(-1)?.offset ?? 0,
    }))
    const within = ranges.find(({ from, to }) => from <= offset && offset <= to)
    const at = within && map.loop(offset, within)
    return at === undefined ? whole : `${show(at.source)}:${at.line}:${at.column}`
  }
  const loops = turnsIn(bytes, wasm).map(({ offset, most, within }) => ({
    ...(most !== undefined && { turns: most }),
    ...{ within, place: ofLoop(offset) },
  }))
  return { functions, rounding, loops, imports: wasm.imports.map(({ name }) => name), entry: whole }
}
