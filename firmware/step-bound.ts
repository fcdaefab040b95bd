// How long loop and kernel can take in one step, from the finished image: a bound over every path
// of their machine code. So a loop that was edited a moment ago is known as well as one that ran
// for years. What else a step does (pins, converter, black box) is not in it.
import type { Board } from './boards.ts'
import { cyclesOf } from './core-cycles.ts'
import type { Finding } from './finding.ts'
import { markPrefix, readListing } from './listing.ts'
import { type Circling, longestWay, type Unbounded } from './longest-path.ts'
import type { ModuleLoop, Origin } from './loop-compiler.ts'

/** Cycles, at most. */
export interface StepBound {
  /** The loop's step, and its stop, which the kernel can ask for in the same step. */
  loop: number
  kernel: number
}

export interface BoundRequest {
  /** Of `objdump -d --no-show-raw-insn`. */
  listing: string
  symbols: ReadonlyMap<string, number>
  board: Board
  loop: Origin
  kernel: Origin | undefined
  /** What a symbol was in the source. */
  named: (symbol: string) => { name: string; place: string } | undefined
}

/**
 * Loops in what the compiler calls by itself, as often as they pass their beginning: divisions bit
 * by bit (64 bits at most; of 32 bits, six or eight at a time), quotients of floats (24 bits and
 * two to round by; its jumps are computed from the kinds of both numbers, and lead forwards only),
 * and products of doubles, which make small numbers normal first.
 */
export const library: ReadonlyMap<string, Circling> = new Map<string, Circling>([
  ['__divdi3', { turns: 64, quotientBits: true }],
  ['__moddi3', { turns: 64, quotientBits: true }],
  ['__udivmoddi4', { turns: 64, quotientBits: true }],
  ['__divsi3', { turns: 4 }],
  ['__udivsi3', { turns: 2 }],
  ['__aeabi_fdiv', { turns: 26, computed: true }],
  ['__aeabi_dmul', { turns: 54 }],
])

/** Throws nothing: what has no bound is a finding. */
export const boundStep = (request: BoundRequest): StepBound | readonly Finding[] => {
  const { board, symbols, listing } = request
  const endless = endlessLoops(request.loop)
  if (endless.length > 0) return endless
  const { fetch, access } = board.waits
  const usesClock = request.loop.imports.includes('micros')
  const waits = { fetch, access: usesClock ? board.waits.peripheral : access }
  const cycles = cyclesOf(board.flags, waits)
  if (cycles === undefined) return [unknownCore(board)]
  const marks = marksOf(symbols)
  const loops = new Map([
    ...loopsOf('loop', request.loop.loops),
    ...loopsOf('kernel', request.kernel?.loops ?? []),
  ])
  const ends = new Set(['wasm_rt_trap'])
  const ways = { code: readListing(listing), cycles, marks, loops, library, ends }
  // A test build of a machine without `safety` has no kernel.
  const guarded = request.kernel === undefined ? [] : ['kernel_step']
  const all = ['loop_step', 'loop_stop', ...guarded].map((name) => longestWay(name, ways))
  const found = all.filter((one) => typeof one !== 'number')
  if (found.length > 0) return found.map((one) => unbounded(one, request))
  const [step = 0, stop = 0, kernel = 0] = all.filter((one) => typeof one === 'number')
  return { loop: step + stop, kernel }
}

/** Names of the loops whose turns begin at an address: more than one where nothing is between. */
const marksOf = (symbols: BoundRequest['symbols']): Map<number, string[]> => {
  const marks = new Map<number, string[]>()
  for (const [name, at] of symbols) {
    const [, mark] = new RegExp(`^${markPrefix}(\\w+)_\\d+$`).exec(name) ?? []
    if (mark !== undefined) marks.set(at, [...(marks.get(at) ?? []), mark])
  }
  return marks
}

const loopsOf = (module: string, loops: readonly ModuleLoop[]) =>
  loops.map(
    ({ turns, within }, i) =>
      [
        `${module}_${i}`,
        { turns: Math.max(1, turns ?? 0), within: within.map((outer) => `${module}_${outer}`) },
      ] as const,
  )

/** The loops that may turn for ever, each at its line. */
export const endlessLoops = ({ loops }: Origin): Finding[] =>
  loops
    .filter(({ turns }) => turns === undefined)
    .map(({ place }) => ({
      place,
      what: 'nothing bounds how often this loop turns, so that nobody knows how long a step takes',
      remedy:
        'Count to a constant in a local variable, such as `for (let i = 0; i < 8; i++)`, and ' +
        'leave early by `break`. What takes longer, do a piece of it in each step.',
    }))

const unbounded = ({ name, why }: Unbounded, { named, loop }: BoundRequest): Finding => {
  const from = named(name)
  const what =
    `nobody knows how long ${from?.name ?? name} takes, so that the longest step has no bound: ` +
    reasons[why]
  const remedy = 'Write it without what the reason names; see firmware/loops/README.md.'
  return { place: from?.place ?? loop.entry, what, remedy }
}
const reasons: Readonly<Record<Unbounded['why'], string>> = {
  loop: 'it has a loop that the source does not show',
  computed: 'it jumps to where a register says',
  recursion: 'it calls itself',
  missing: 'it is not in the image',
}

const unknownCore = ({ board }: Board): Finding => ({
  place: `firmware/boards/${board}/board.json`,
  what: 'nobody knows how long a step takes: there is no table of cycles for its core',
  remedy: 'Add the core to firmware/core-cycles.ts, from its technical reference manual.',
})
