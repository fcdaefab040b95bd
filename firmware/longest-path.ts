// The longest way through a function and all that it calls, in cycles, from its machine code: an
// upper bound over every path, whether inputs can lead there or not. A loop counts as often as it
// can turn; one whose turns are not known has no bound. A way that ends in a trap is none.
import { circles } from './circles.ts'
import { type Call, graphOf, type Node } from './code-graph.ts'
import type { CoreCycles } from './core-cycles.ts'
import type { Code } from './listing.ts'

/** A function without marks: how often a loop in it passes its beginning. */
export interface Circling {
  turns: number
  /** One turn for each bit of a quotient of so many bits: fewer where the divisor is known. */
  quotientBits?: true
  /** It jumps to where a register says, forwards only. */
  computed?: true
}

/** What is asked: the code, what its instructions take, and how often loops turn. */
export interface Ways {
  code: ReadonlyMap<string, Code>
  cycles: CoreCycles
  /** The loops of the source whose turns begin at an address. */
  marks: ReadonlyMap<number, readonly string[]>
  /** Of such a loop: most turns each time it is come to, and the loops that it can run in. */
  loops: ReadonlyMap<string, { turns: number; within: readonly string[] }>
  /** By name. */
  library: ReadonlyMap<string, Circling>
  /** Never comes back, so that no step that ends goes through it. */
  ends: ReadonlySet<string>
}

export interface Unbounded {
  /** The function, and why it has no bound. */
  name: string
  why: 'loop' | 'computed' | 'recursion' | 'missing'
}

/** Thrown within `longestWay` only. */
class NoBound extends Error {
  readonly found: Unbounded
  constructor(name: string, why: Unbounded['why']) {
    super(`${name}: ${why}`)
    this.found = { name, why }
  }
}

/** Cycles from the call of a function to its return, at most. */
export const longestWay = (name: string, ways: Ways): number | Unbounded => {
  const code = ways.code.get(name)
  if (code === undefined) return { name, why: 'missing' }
  try {
    return from(code.at, { ...ways, known: new Map(), within: [] }, name) ?? 0
  } catch (error) {
    if (error instanceof NoBound) return error.found
    throw error
  }
}

interface Search extends Ways {
  /** By the address that a function, or a part of it, is entered at, and the divisor. */
  known: Map<string, number | undefined>
  within: readonly string[]
  /** Of the division that is being called. */
  divisor?: bigint | undefined
}

/** From an address, of a function or inside one, to its return. undefined: no way ends there. */
const from = (at: number, search: Search, by: string): number | undefined => {
  const key = `${at} ${search.divisor ?? ''}`
  if (search.known.has(key)) return search.known.get(key)
  const code = codeAt(at, search)
  const first = code?.instructions.findIndex((one) => one.at === at) ?? -1
  if (code === undefined || first < 0) throw new NoBound(by, 'missing')
  const { name } = code
  if (search.ends.has(name)) return undefined
  if (search.within.includes(name)) throw new NoBound(name, 'recursion')
  const inner = { ...search, within: [...search.within, name] }
  const called = (to: number, call: Call): number | undefined => {
    // What the compiler calls by itself hands its divisor on.
    const divisor = name.startsWith('__') ? search.divisor : call.divisor
    return from(to, { ...inner, divisor }, name)
  }
  const { nodes, computed } = graphOf(code, first, { cycles: search.cycles, called })
  const whole = search.library.get(name)?.computed === true
  if (computed && !whole) throw new NoBound(name, 'computed')
  const most = computed ? everything(nodes, name, search) : through(nodes, first, { name, search })
  search.known.set(key, most)
  return most
}

const codeAt = (at: number, { code }: Search): Code | undefined =>
  [...code.values()].find((one) => at >= one.at && (at < one.end || one.end < 0))

const through = (
  nodes: readonly Node[],
  first: number,
  part: Omit<Part, 'all'>,
): number | undefined => {
  const far = farthest(nodes, [[first, 0]], { all: nodes.map((_, i) => i), ...part })
  const ends = [...far].filter(([i]) => nodes[i]?.returns === true).map(([, cycles]) => cycles)
  return ends.length === 0 ? undefined : Math.max(...ends)
}

/** Every instruction once, those of a loop as often as it turns: where jumps are computed. */
const everything = (nodes: readonly Node[], name: string, search: Search): number => {
  const turns = search.library.get(name)?.turns ?? 1
  const all = nodes.map((_, i) => i)
  const turning = new Set(circles(nodes, all, new Set(all)).filter(isCircle(nodes)).flat())
  const whole = ({ cycles, next }: Node): number => cycles + dearest(next)
  return nodes.reduce((sum, node, i) => sum + whole(node) * (turning.has(i) ? turns : 1), 0)
}

const dearest = (next: Node['next']): number => Math.max(0, ...next.map(({ cycles }) => cycles))

const isCircle =
  (nodes: readonly Node[]) =>
  (group: readonly number[]): boolean => {
    const inside = new Set(group)
    return group.some((i) => nodes[i]?.next.some(({ to }) => inside.has(to)))
  }

interface Part {
  /** The places that belong to it; ways out of it are not followed. */
  all: readonly number[]
  name: string
  search: Search
}
type Arrivals = readonly (readonly [place: number, cycles: number])[]

/** The most cycles up to the end of each place that a way leads to, from where it comes in. */
const farthest = (nodes: readonly Node[], come: Arrivals, part: Part): Map<number, number> => {
  const within = new Set(part.all)
  const arrived = new Map(come)
  const far = new Map<number, number>()
  const starts = come.map(([place]) => place)
  for (const group of circles(nodes, starts, within)) {
    const inside = new Set(group)
    const here = group.flatMap((i) => {
      const cycles = arrived.get(i)
      return cycles === undefined ? [] : [[i, cycles] as const]
    })
    const ends = isCircle(nodes)(group)
      ? turned(nodes, here, { ...part, all: group })
      : new Map(here.map(([i, cycles]) => [i, cycles + (nodes[i]?.cycles ?? 0)]))
    for (const [i, end] of ends) {
      far.set(i, end)
      for (const { to, cycles } of nodes[i]?.next ?? []) {
        if (within.has(to) && !inside.has(to)) {
          arrived.set(to, Math.max(arrived.get(to) ?? 0, end + cycles))
        }
      }
    }
  }
  return far
}

/**
 * Of a circle: the way to where its first turn begins, so many turns of the longest, the way out.
 * No turn follows the edges that lead to where turns begin, so that circles in it are others.
 */
const turned = (nodes: readonly Node[], come: Arrivals, part: Part): Map<number, number> => {
  const { turns, begins } = turnsOf(nodes, come, part)
  const cut = nodes.map((node) => ({
    ...node,
    next: node.next.filter(({ to }) => !begins.has(to)),
  }))
  const inside = new Set(part.all)
  /** The most cycles to where a turn begins. */
  const until = (far: Map<number, number>): number =>
    Math.max(
      0,
      ...[...far].flatMap(([i, end]) =>
        (nodes[i]?.next ?? []).filter(({ to }) => begins.has(to)).map((way) => end + way.cycles),
      ),
    )
  const before = farthest(
    cut,
    come.filter(([i]) => !begins.has(i)),
    part,
  )
  const first = Math.max(until(before), ...come.filter(([i]) => begins.has(i)).map(([, c]) => c))
  const turn = farthest(
    cut,
    [...begins].filter((i) => inside.has(i)).map((i) => [i, 0]),
    part,
  )
  const ends = new Map(before)
  for (const [i, end] of turn) {
    const last = first + (turns - 1) * until(turn) + end
    ends.set(i, Math.max(ends.get(i) ?? 0, last))
  }
  return ends
}

/** How often a circle turns, and the places at which a turn begins. */
const turnsOf = (nodes: readonly Node[], come: Arrivals, { all, name, search }: Part) => {
  const marksOf = (i: number): readonly string[] => search.marks.get(nodes[i]?.at ?? -1) ?? []
  const marked = new Set(all.flatMap(marksOf))
  const isInner = (mark: string): boolean =>
    search.loops.get(mark)?.within.some((outer) => outer !== mark && marked.has(outer)) === true
  const [outermost, second] = [...marked].filter((mark) => !isInner(mark))
  const loop = outermost === undefined ? undefined : search.loops.get(outermost)
  if (outermost !== undefined && loop !== undefined && second === undefined) {
    const begins = new Set(all.filter((i) => marksOf(i).includes(outermost)))
    const here = new Set([...begins].flatMap(marksOf))
    return { turns: turnsTogether([...here], name, search), begins }
  }
  const known = search.library.get(name)
  if (known === undefined || marked.size > 0) throw new NoBound(name, 'loop')
  const [only, other] = come
  const inside = new Set(all)
  const back = all.flatMap((i) =>
    (nodes[i]?.next ?? []).map(({ to }) => to).filter((to) => to <= i && inside.has(to)),
  )
  return {
    turns: turnsFor(known, search.divisor),
    begins: new Set(only !== undefined && other === undefined ? [only[0]] : back),
  }
}

/** Of loops whose turns begin at one place, one in the other: passed for each turn of both. */
const turnsTogether = (marks: readonly string[], name: string, { loops }: Search): number => {
  const all = marks.map((mark) => loops.get(mark))
  const isIn = (inner: string, outer: string): boolean =>
    loops.get(inner)?.within.includes(outer) === true
  const areNested = marks.every((a) => marks.every((b) => a === b || isIn(a, b) || isIn(b, a)))
  if (!areNested) throw new NoBound(name, 'loop')
  return all.reduce((product, loop) => product * (loop?.turns ?? Number.POSITIVE_INFINITY), 1)
}

/** A quotient by 2^n or more has n bits less. */
const turnsFor = ({ turns, quotientBits }: Circling, divisor: bigint | undefined): number =>
  quotientBits === true && divisor !== undefined ? turns - divisor.toString(2).length + 1 : turns
