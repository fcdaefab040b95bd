// What a loop must not contain, found in the compiled module and named by source line: memory,
// heap, f64, recursion, indirect calls, foreign imports. Pure; the compiler is trusted for nothing.
import { decodeWasm, functionKind, type Instruction, section, type Wasm } from './wasm-decode.ts'

/** One thing that is wrong with a loop: where, what, and what to do about it. */
export interface Finding {
  /** `brushed-motor/loop.ts:12:3` where known, else the function or the module. */
  place: string
  what: string
  remedy: string
}

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

/** Everything wrong with a compiled module; `sourceMap` (JSON) turns places into source lines. */
export const inspectLoop = (
  bytes: Uint8Array,
  sourceMap?: string,
  border: Border = loopBorder,
): Finding[] => {
  let wasm: Wasm
  try {
    wasm = decodeWasm(bytes)
  } catch (error) {
    const remedy = 'Write it with integer and f32 arithmetic only.'
    return [{ place: 'module', what: (error as Error).message, remedy }]
  }
  const locate = locator(sourceMap)
  return [
    ...checkSections(wasm, locate),
    ...checkInstructions(wasm, locate),
    ...checkRecursion(wasm),
    ...checkBorder(wasm, border),
  ]
}

type Locate = (offset: number) => string | undefined

const touchesMemory = ({ opcode }: Instruction): boolean =>
  (opcode >= 0x28 && opcode <= 0x40) || (opcode >= 0xfc08 && opcode <= 0xfc0b)

const checkSections = (wasm: Wasm, locate: Locate): Finding[] => {
  const findings: Finding[] = []
  if (wasm.sections.has(section.memory) || wasm.sections.has(section.data)) {
    const user = wasm.functions.find((one) => one.instructions.some(touchesMemory))
    const first = user?.instructions.find(touchesMemory)
    findings.push({
      place: (first && locate(first.offset)) ?? user?.name ?? 'module',
      what: 'the loop needs linear memory (an array, a string, an object or static data)',
      remedy: 'Keep all state in module-level numbers; tables and rings belong to the runtime.',
    })
  }
  if (wasm.sections.has(section.start)) {
    findings.push({
      place: 'module',
      what: 'a global is not constant and would be computed by a start function',
      remedy: 'Give every module-level `let` a literal and set it in `setup`.',
    })
  }
  if (wasm.sections.has(section.table) || wasm.sections.has(section.element)) {
    findings.push({
      place: 'module',
      what: 'the loop has a table of functions',
      remedy: 'Call functions by name; do not pass or store them.',
    })
  }
  return findings
}

const heap = {
  what: 'the loop grows memory: it uses the heap',
  remedy: 'Allocate nothing: no `new`, no array or object literal, no string.',
}
const indirect = {
  what: 'a function is called through a value',
  remedy: 'Call functions by name, so that the stack has a bound.',
}
const wide = {
  what: 'f64 arithmetic',
  remedy: 'Use i32 or i64 fixed point, or f32 with Mathf; a literal such as 0.5 must be typed f32.',
}

const verdictOf = (opcode: number): typeof wide | undefined => {
  if (opcode === 0x40) return heap
  if (opcode === 0x11) return indirect
  return isF64(opcode) ? wide : undefined
}

/** All instructions that take or give an f64 (core specification 5.4). */
const isF64 = (opcode: number): boolean =>
  [0x2b, 0x39, 0x44, 0xaa, 0xab, 0xb0, 0xb1, 0xb6, 0xbd, 0xbf].includes(opcode) ||
  [0xfc02, 0xfc03, 0xfc06, 0xfc07].includes(opcode) ||
  (opcode >= 0x61 && opcode <= 0x66) ||
  (opcode >= 0x99 && opcode <= 0xa6) ||
  (opcode >= 0xb7 && opcode <= 0xbb)

const checkInstructions = (wasm: Wasm, locate: Locate): Finding[] => {
  const found = new Map<string, Finding>()
  for (const { name, instructions } of wasm.functions) {
    for (const { opcode, offset } of instructions) {
      const verdict = verdictOf(opcode)
      if (verdict === undefined) continue
      const place = locate(offset) ?? name
      found.set(`${place} ${verdict.what}`, { place, ...verdict })
    }
  }
  return [...found.values()]
}

const checkRecursion = (wasm: Wasm): Finding[] => {
  const calls = new Map(
    wasm.functions.map(({ index, instructions }) => [
      index,
      instructions.flatMap(({ callee }) => (callee === undefined ? [] : [callee])),
    ]),
  )
  const names = new Map(wasm.functions.map(({ index, name }) => [index, name]))
  const done = new Set<number>()
  const findings: Finding[] = []
  const visit = (index: number, path: readonly number[]): void => {
    const since = path.indexOf(index)
    if (since >= 0) {
      const circle = [...path.slice(since), index].map((i) => names.get(i)).join(' -> ')
      findings.push({
        place: names.get(index) ?? 'module',
        what: `recursion: ${circle}`,
        remedy: 'Write it as a loop with a fixed number of turns; the stack must have a bound.',
      })
      return
    }
    if (done.has(index)) return
    for (const callee of calls.get(index) ?? []) visit(callee, [...path, index])
    done.add(index)
  }
  for (const index of calls.keys()) visit(index, [])
  return findings
}

const checkBorder = (wasm: Wasm, { from, imports, exports }: Border): Finding[] => {
  const foreign = wasm.imports.filter(
    ({ module, name, kind }) => module !== from || kind !== functionKind || !imports.has(name),
  )
  const exported = wasm.exports.map(({ name }) => name)
  const missing = exports.filter((name) => !exported.includes(name))
  const surplus = exported.filter((name) => !exports.includes(name))
  const all = `${exports.slice(0, -1).join(', ')} and ${exports.at(-1)}`
  const file = from === loopBorder.from ? 'loop.ts' : 'kernel.ts'
  return [
    ...foreign.map(({ module, name }) => ({
      place: 'module',
      what: `the import ${module}.${name} is not offered by a board`,
      remedy: `Import from ${from}.ts only; use Mathf, not Math, and no console.`,
    })),
    ...missing.map((name) => ({
      place: file,
      what: `the export ${name} is missing`,
      remedy: `Export ${all}.`,
    })),
    ...surplus.map((name) => ({
      place: file,
      what: `the export ${name} is one too many`,
      remedy: `Export ${all}, nothing else.`,
    })),
  ]
}

/**
 * Source line of a byte of the module, from a source map (ECMA-426: one line, columns are offsets).
 */
const locator = (sourceMap: string | undefined): Locate => {
  if (sourceMap === undefined) return () => undefined
  const map = JSON.parse(sourceMap) as { sources: string[]; mappings: string }
  const points = decodeMappings(map.mappings)
  return (offset) => {
    const after = points.findIndex((point) => point.offset > offset)
    const point = points.at(after < 0 ? -1 : after - 1)
    if (point === undefined || after === 0) return undefined
    return `${map.sources[point.source] ?? 'module'}:${point.line + 1}:${point.column + 1}`
  }
}

interface Point {
  offset: number
  source: number
  line: number
  column: number
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
    if (fields.length >= 4) points.push({ offset, source, line, column })
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
