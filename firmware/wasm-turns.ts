// How often each loop of a module turns at most, each time it is come to: its code is run with what
// is known of numbers (constants, ranges) and without what is not (readings, globals), both ways
// where nobody knows which. A loop that may still turn then has no bound. Pure.
import { ByteReader, functionKind, type Instruction, type Wasm } from './wasm-decode.ts'
import { exactly, hull, isSo, ofOne, ofTwo, takenBy, type Value } from './wasm-values.ts'

/** A loop of the module, in the order of its code. */
export interface Turns {
  /** Offset of the loop's instruction in the module. */
  offset: number
  /** Each time it is come to; undefined: nothing bounds it. */
  most: number | undefined
  /** The loops that it can run in, by their place in the list. */
  within: readonly number[]
}

/** Nothing that turns more often fits into a step. */
const mostTurns = 100_000
/** What is looked at in all; a module that takes more has loops in loops without end. */
const mostInstructions = 4_000_000

/** Of every loop of the module, as it is called from outside. */
export const turnsIn = (bytes: Uint8Array, wasm: Wasm): Turns[] => {
  const bodies = new Map(
    wasm.functions.map((one) => [
      one.index,
      { locals: one.locals, nodes: treeOf(one.instructions) },
    ]),
  )
  const search: Search = {
    bytes,
    wasm,
    bodies,
    seen: new Map(),
    running: [],
    left: mostInstructions,
  }
  for (const { kind, index } of wasm.exports) {
    const params = wasm.signatures[index]?.params ?? 0
    if (kind === functionKind) call(search, index, Array<Value>(params).fill(undefined))
  }
  const loops = wasm.functions.flatMap(({ instructions }) =>
    instructions.filter(({ opcode }) => opcode === 0x03).map(({ offset }) => offset),
  )
  return loops.map((offset) => {
    // One that nothing calls turns never.
    const { most = 0, within = [] } = search.seen.get(offset) ?? {}
    const bounded = offset !== search.endless
    return {
      offset,
      most: bounded ? most : undefined,
      within: [...within].map((o) => loops.indexOf(o)),
    }
  })
}

/** An instruction; of a block, loop or condition with what is in it. */
interface Node extends Instruction {
  inner: readonly Node[]
  other: readonly Node[]
}

const treeOf = (instructions: readonly Instruction[]): Node[] => {
  const top: Node[] = []
  const open: { into: Node[]; other: Node[] }[] = [{ into: top, other: [] }]
  for (const one of instructions) {
    const last = open.at(-1)
    if (last === undefined) break
    if (one.opcode === 0x0b) open.pop()
    else if (one.opcode === 0x05) last.into = last.other
    else {
      const [inner, other]: [Node[], Node[]] = [[], []]
      last.into.push({ ...one, inner, other })
      if (one.opcode >= 0x02 && one.opcode <= 0x04) open.push({ into: inner, other })
    }
  }
  return top
}

interface Search {
  bytes: Uint8Array
  wasm: Wasm
  bodies: ReadonlyMap<number, { locals: number; nodes: readonly Node[] }>
  /** By the loop's offset: its most turns so far, and what loops it was in. */
  seen: Map<number, { most: number; within: Set<number> }>
  /** What is being run: offsets of loops, from the outermost on, and of functions. */
  running: { offset: number; isLoop: boolean }[]
  /** Below 0 it is over. */
  left: number
  /** The loop that it was over in. */
  endless?: number
}

/** Variables and stack where the code is; undefined where no way leads. */
interface Known {
  locals: Value[]
  stack: Value[]
}
type State = Known | undefined

/** Where `br` leads: what is known there, over all ways, and how many values it takes along. */
interface Label {
  state: State
  takes: number
  /** Of the stack where the block begins. */
  height: number
}

/** Where in the code it is: what blocks it is in, the innermost last. */
interface Walk {
  search: Search
  labels: readonly Label[]
}

const join = (a: State, b: State): State => {
  if (a === undefined || b === undefined) return a ?? b
  const both = (x: readonly Value[], y: readonly Value[]): Value[] =>
    x.map((value, i) => hull(value, y[i]))
  return { locals: both(a.locals, b.locals), stack: both(a.stack, b.stack) }
}

const copy = ({ locals, stack }: Known): Known => ({ locals: [...locals], stack: [...stack] })

/** Gives what a function returns: how many values, of which nothing is known. */
const call = (search: Search, index: number, given: readonly Value[]): Value[] => {
  const body = search.bodies.get(index)
  const results = Array<Value>(search.wasm.signatures[index]?.results ?? 0).fill(undefined)
  if (body === undefined) return results
  // A circle of calls is refused elsewhere.
  const isRunning = search.running.some(({ offset, isLoop }) => !isLoop && offset === index)
  if (search.left < 0 || isRunning) return results
  const locals = [...given, ...Array<Value>(body.locals).fill(exactly(0n))]
  search.running.push({ offset: index, isLoop: false })
  const whole = { state: undefined, takes: 0, height: 0 }
  run({ search, labels: [whole] }, body.nodes, { locals, stack: [] })
  search.running.pop()
  return results
}

const run = (walk: Walk, nodes: readonly Node[], start: State): State => {
  const { search } = walk
  let state = start
  for (const node of nodes) {
    if (state === undefined || search.left < 0) return undefined
    search.left -= 1
    if (node.opcode >= 0x02 && node.opcode <= 0x04) state = block(walk, node, state)
    else if (node.opcode >= 0x0c && node.opcode <= 0x0f) state = leave(walk, node, state)
    else if (node.opcode === 0x00) state = undefined
    else plain(search, node, state)
  }
  return state
}

const block = (walk: Walk, node: Node, state: Known): State => {
  const { search, labels } = walk
  const { opcode, inner, other, offset } = node
  const asked = opcode === 0x04 ? isSo(state.stack.pop()) : undefined
  const takes = search.bytes[offset + 1] === 0x40 ? 0 : 1
  const height = state.stack.length
  if (opcode === 0x03) return loop(walk, node, state)
  const label: Label = { state: undefined, takes, height }
  const within = { search, labels: [...labels, label] }
  const then = opcode !== 0x04 || asked !== false
  const otherwise = opcode === 0x04 && asked !== true
  const first = then ? run(within, inner, otherwise ? copy(state) : state) : undefined
  const second = otherwise ? run(within, other, state) : undefined
  return join(join(first, second), label.state)
}

/** Turn by turn, as long as a way leads back to its beginning. */
const loop = ({ search, labels }: Walk, node: Node, state: Known): State => {
  const { offset } = node
  let end: State
  let again: State = state
  let turns = 0
  search.running.push({ offset, isLoop: true })
  while (again !== undefined && search.left >= 0) {
    turns += 1
    const label: Label = { state: undefined, takes: 0, height: state.stack.length }
    end = join(end, run({ search, labels: [...labels, label] }, node.inner, again))
    again = label.state
    // Once it is known to have no bound, nothing that follows can be told.
    if (turns > mostTurns) search.left = -1
  }
  search.running.pop()
  if (search.left < 0) search.endless ??= offset
  const seen = search.seen.get(offset) ?? { most: 0, within: new Set() }
  seen.most = Math.max(seen.most, turns)
  for (const { offset: outer, isLoop } of search.running) if (isLoop) seen.within.add(outer)
  search.seen.set(offset, seen)
  return end
}

/** br br_if br_table return */
const leave = ({ search, labels }: Walk, node: Node, state: Known): State => {
  const reader = new ByteReader(search.bytes, node.offset + 1)
  const go = (depth: number): void => {
    const label = labels.at(-1 - depth)
    if (label === undefined) return
    const taken = label.takes === 0 ? [] : state.stack.slice(-label.takes)
    const there = {
      locals: [...state.locals],
      stack: [...state.stack.slice(0, label.height), ...taken],
    }
    label.state = join(label.state, there)
  }
  if (node.opcode === 0x0f) return undefined
  const asked = node.opcode === 0x0c || isSo(state.stack.pop())
  if (node.opcode === 0x0e) {
    for (let left = reader.leb() + 1; left > 0; left -= 1) go(reader.leb())
    return undefined
  }
  if (asked === false) return state
  go(reader.leb())
  return asked === undefined ? state : undefined
}

/** Everything that goes on with the next instruction. */
const plain = (
  search: Search,
  { opcode, offset, callee }: Node,
  { locals, stack }: Known,
): void => {
  const taken = takenBy(opcode)
  const operand = (): number => new ByteReader(search.bytes, offset + 1).leb()
  if (taken === 1) stack.push(ofOne(opcode, stack.pop()))
  else if (taken === 2) {
    const second = stack.pop()
    stack.push(ofTwo(opcode, stack.pop(), second))
  } else if (opcode === 0x41 || opcode === 0x42) {
    stack.push(exactly(signedAt(search.bytes, offset + 1)))
  } else if (opcode === 0x20) stack.push(locals[operand()])
  else if (opcode === 0x21) locals[operand()] = stack.pop()
  else if (opcode === 0x22) locals[operand()] = stack.at(-1)
  else if (opcode === 0x1b) {
    const [first, second, asked] = stack.splice(-3)
    const so = isSo(asked)
    stack.push(so === undefined ? hull(first, second) : so ? first : second)
  } else if (callee !== undefined) {
    const { params = 0 } = search.wasm.signatures[callee] ?? {}
    const given = params === 0 ? [] : stack.splice(-params)
    stack.push(...call(search, callee, given))
  } else other(opcode, stack)
}

/** Of which nothing is known but how many values they take and give. */
const other = (opcode: number, stack: Value[]): void => {
  if (opcode === 0x01) return
  const isStore = opcode >= 0x36 && opcode <= 0x3e
  const isLoad = (opcode >= 0x28 && opcode <= 0x35) || opcode === 0x40
  const takes =
    opcode >= 0xfc08 ? 3 : isStore ? 2 : isLoad || opcode === 0x1a || opcode === 0x24 ? 1 : 0
  stack.splice(stack.length - takes, takes)
  // f32.const f64.const global.get memory.size, and what is loaded.
  if (isLoad || [0x43, 0x44, 0x23, 0x3f].includes(opcode)) stack.push(undefined)
}

/** LEB128 with a sign. */
const signedAt = (bytes: Uint8Array, at: number): bigint => {
  const reader = new ByteReader(bytes, at)
  let value = 0n
  for (let shift = 0n; ; shift += 7n) {
    const byte = reader.byte()
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return BigInt.asIntN(Number(shift) + 7, value)
  }
}
