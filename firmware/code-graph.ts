// A function's instructions as a graph: what each takes, with what it calls, and where it can go
// on. It knows Arm's Thumb instructions as objdump writes them, and no board.
import type { CoreCycles } from './core-cycles.ts'
import { divisorAt } from './divisor.ts'
import type { Code, Instruction } from './listing.ts'

/** One instruction. */
export interface Node {
  at: number
  /** Its own, and of what it calls. */
  cycles: number
  next: readonly Edge[]
  /** The function can end here. */
  returns: boolean
}
export interface Edge {
  to: number
  /** For going there rather than on. */
  cycles: number
}
export interface Graph {
  nodes: readonly Node[]
  /** It jumps to where a register says. */
  computed: boolean
}

/** Most cycles from an address to the return of its function; undefined: it never comes back. */
export type Called = (at: number, call: Call) => number | undefined
/** What is known of a call. */
export interface Call {
  /** Of a division, where it is a constant. */
  divisor?: bigint | undefined
}

/** Of what can be reached from the first instruction; where jumps are computed, of everything. */
export const graphOf = (
  code: Code,
  first: number,
  cost: { cycles: CoreCycles; called: Called },
): Graph => {
  const { instructions, at: start } = code
  const places = new Map(instructions.map(({ at }, i) => [at, i]))
  const nodes: Node[] = instructions.map(({ at }) => ({ at, cycles: 0, next: [], returns: false }))
  const computed = instructions.some((one) => kindOf(one) === 'computed')
  const targets = new Set(instructions.map(({ target }) => target))
  const divisor = (i: number) => divisorAt(instructions, i, (at) => targets.has(at))
  const left = computed ? instructions.map((_, i) => i) : [first]
  const seen = new Set(left)
  for (let i = left.pop(); i !== undefined; i = left.pop()) {
    const one = instructions[i]
    if (one === undefined) continue
    const on = { to: i + 1, cycles: 0 }
    // A call of itself is one; a loop may begin there, too.
    const again = one.target === start && kindOf(one).startsWith('call')
    const there = one.target === undefined || again ? undefined : places.get(one.target)
    const jump = there === undefined ? undefined : { to: there, cycles: cost.cycles.taken }
    const called = (at: number): number | undefined => cost.called(at, { divisor: divisor(i) })
    const node = { at: one.at, ...nodeOf(one, { on, jump, called, cycles: cost.cycles }) }
    const runsOut = i === instructions.length - 1 && node.next.includes(on) && !computed
    // A function written by hand that ends in the next one.
    nodes[i] = runsOut ? { ...node, ...endingIn(node, cost.called(code.end, {})) } : node
    for (const { to } of nodes[i]?.next ?? []) {
      if (!seen.has(to)) left.push(to)
      seen.add(to)
    }
  }
  return { nodes, computed }
}

const endingIn = ({ cycles }: Node, next: number | undefined): Partial<Node> => ({
  cycles: cycles + (next ?? 0),
  next: [],
  returns: next !== undefined,
})

interface Around {
  on: Edge
  /** Where it jumps within the function. */
  jump: Edge | undefined
  called: (at: number) => number | undefined
  cycles: CoreCycles
}

const nodeOf = (one: Instruction, around: Around): Omit<Node, 'at'> => {
  const { on, jump, called } = around
  const kind = kindOf(one)
  const cycles = around.cycles.of(one)
  const maybe = kind.endsWith('_if')
  const past = maybe ? [on] : []
  if (kind === 'plain') return { cycles, next: [on], returns: false }
  if (kind === 'stop') return { cycles, next: [], returns: false }
  if (kind === 'return' || kind === 'return_if') return { cycles, next: past, returns: true }
  if (kind === 'computed') return { cycles, next: [], returns: true }
  // Small cores jump far inside a function by `bl`, too.
  if (jump !== undefined) return { cycles, next: [jump, ...past], returns: false }
  const callee = called(one.target ?? -1)
  // Only the way past it is left.
  if (callee === undefined) return { cycles, next: past, returns: false }
  const isCall = kind === 'call' || kind === 'call_if'
  const whole = cycles + callee + (isCall ? 0 : around.cycles.taken)
  return { cycles: whole, next: isCall ? [on] : past, returns: !isCall }
}

type Kind =
  | 'plain'
  | 'stop'
  | 'computed'
  | 'jump'
  | 'jump_if'
  | 'call'
  | 'call_if'
  | 'return'
  | 'return_if'
const condition = '(eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)'
const branches = new RegExp(`^(b${condition}|cbn?z)$`)
/** Within an IT block. */
const conditional = new RegExp(`^(?:bl|bx|blx|pop|ldm(?:ia)?|ldr)${condition}$`)

const kindOf = ({ mnemonic, operands }: Instruction): Kind => {
  if (mnemonic.startsWith('.') || mnemonic === 'udf') return 'stop'
  if (mnemonic === 'b') return 'jump'
  if (branches.test(mnemonic)) return 'jump_if'
  const maybe = conditional.test(mnemonic)
  const gone = maybe ? 'return_if' : 'return'
  if (mnemonic.startsWith('bx')) return operands.trim() === 'lr' ? gone : 'computed'
  if (mnemonic.startsWith('bl')) return maybe ? 'call_if' : 'call'
  if (/^tb[bh]$/.test(mnemonic)) return 'computed'
  if (/^(pop|ldm)/.test(mnemonic) && /\bpc\b/.test(operands)) return gone
  if (/^ldr/.test(mnemonic) && /^pc, \[sp\], #\d+/.test(operands)) return gone
  return /^(mov|add|ldr)[a-z]*$/.test(mnemonic) && /^pc,/.test(operands) ? 'computed' : 'plain'
}
