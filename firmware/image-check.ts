// What is checked in the finished image, from its disassembly: no fused multiply, no recursion, no
// call through a pointer, and how deep the stack can get. Pure: it reads text, runs nothing.
import type { Finding } from './finding.ts'
import { readListing, registersIn } from './listing.ts'

export interface ImageCheck {
  /** The deepest the stack can get, exceptions included. */
  stackBytes: number
  /** The functions that are then on it, outermost first, each with its own bytes. */
  deepest: readonly Frame[]
  findings: readonly Finding[]
}

export interface Frame {
  name: string
  bytes: number
}

interface Code {
  /** Bytes that its own pushes take, as disassembled: for what has no entry in the usage file. */
  pushed: number
  calls: Set<string>
  indirect: boolean
}

/**
 * The parts of the stack that come on top of each other: main, a port's interrupt (one of them, as
 * they have one priority), a step, a fault inside it.
 */
const levels = [
  { names: ['reset', 'main'], together: true },
  { names: ['uart_interrupt', 'usb_interrupt'], together: false },
  { names: ['step_interrupt'], together: true },
  { names: ['fault'], together: true },
] as const
/** What starts something else and never comes back: no part of a stack. */
const starts: ReadonlySet<string> = new Set(['reset', 'boot2', 'start_slot'])
const branch = /^(b|bl|blx|b[a-z]{2}|cbn?z)$/
const fused = /\sv(f|fn|n)?m(a|la|ls|s)\.f/

/**
 * @param listing of `objdump -d --no-show-raw-insn`
 * @param usage the compiler's `.su` file
 * @param exceptionBytes what the core itself puts on the stack for one exception
 */
export const checkImage = (listing: string, usage: string, exceptionBytes: number): ImageCheck => {
  const functions = readCode(listing)
  const own = readUsage(usage)
  const findings: Finding[] = []
  const bad = (place: string, what: string, remedy: string): void => {
    findings.push({ place, what, remedy })
  }
  for (const line of listing.split('\n')) {
    if (fused.test(line)) bad('image', `a fused multiply: ${line.trim()}`, noFuse)
  }
  for (const [name, { indirect }] of functions) {
    if (indirect && !starts.has(name)) bad(name, 'a call through a pointer', noPointer)
  }
  const depth = (name: string, path: readonly string[]): readonly Frame[] => {
    const code = functions.get(name)
    if (code === undefined) return []
    if (path.includes(name)) {
      bad(name, `recursion: ${[...path.slice(path.indexOf(name)), name].join(' -> ')}`, noCircle)
      return []
    }
    const inner = [...code.calls].map((callee) => depth(callee, [...path, name]))
    const bytes = own.get(name) ?? own.get(name.replace(/\.\d+$/, '')) ?? code.pushed
    return [{ name, bytes }, ...deepestOf(inner)]
  }
  const chains = levels.map(({ names, together }) => {
    const found = names.filter((name) => functions.has(name)).map((name) => depth(name, []))
    return together ? found.flat() : deepestOf(found)
  })
  const stackBytes = chains.reduce((sum, chain, i) => {
    if (chain.length === 0) return sum
    // Main is entered from reset; every further level is an exception, aligned to 8.
    return sum + Math.ceil(bytesOf(chain) / 8) * 8 + (i === 0 ? 0 : exceptionBytes + 4)
  }, 0)
  return { stackBytes, deepest: chains.flat(), findings }
}

const bytesOf = (chain: readonly Frame[]): number =>
  chain.reduce((sum, { bytes }) => sum + bytes, 0)

const deepestOf = (chains: readonly (readonly Frame[])[]): readonly Frame[] =>
  chains.reduce((a, b) => (bytesOf(b) > bytesOf(a) ? b : a), [])

const noFuse = 'Build with -ffp-contract=off: the twin rounds twice.'
const noPointer = 'The stack would have no bound; call by name.'
const noCircle = 'The stack would have no bound; write it as a loop.'

const readCode = (listing: string): Map<string, Code> => {
  const read = [...readListing(listing).values()]
  const nameAt = (at: number): string | undefined => read.findLast((one) => at >= one.at)?.name
  return new Map(
    read.map(({ name, at: start, instructions }) => {
      const code: Code = { pushed: 0, calls: new Set(), indirect: false }
      for (const { mnemonic, operands, target } of instructions) {
        code.pushed += pushedBy(mnemonic, operands)
        const callee = target === undefined ? undefined : nameAt(target)
        // Small cores jump far inside a function by `bl`, too: only one to its start is a call.
        const jump = callee === name && (target !== start || !mnemonic.startsWith('bl'))
        if (branch.test(mnemonic) && callee !== undefined && !jump) code.calls.add(callee)
        if (mnemonic === 'blx' && target === undefined) code.indirect = true
        if (mnemonic === 'bx' && !/^(lr|ip)\b/.test(operands)) code.indirect = true
      }
      return [name, code]
    }),
  )
}

/** Bytes that one instruction takes from the stack. */
const pushedBy = (mnemonic: string, operands: string): number => {
  if (/^(push|stmdb|vpush)/.test(mnemonic)) {
    if (mnemonic === 'stmdb' && !operands.startsWith('sp!')) return 0
    const list = /\{([^}]*)\}/.exec(operands)?.[1] ?? ''
    const bytes = list.includes('d') ? 8 : 4
    return bytes * registersIn(operands)
  }
  const down = /^sub(w|\.w)?$/.test(mnemonic) && /^sp, (?:sp, )?#(\d+)/.exec(operands)
  if (down) return Number(down[1])
  const stored = /\[sp, #-(\d+)\]!/.exec(operands)
  return stored === null ? 0 : Number(stored[1])
}

/**
 * Function -> bytes, of lines such as `image.c:12:6:main\t24\tstatic`. Copies that the compiler
 * made of one function (`f.constprop.0`, `f.constprop.1`) all stand there as `f.constprop`: the
 * largest.
 */
const readUsage = (usage: string): Map<string, number> => {
  const own = new Map<string, number>()
  for (const line of usage.split('\n')) {
    const [place = '', bytes] = line.split('\t')
    const name = place.split(':').at(-1) ?? ''
    if (bytes !== undefined) own.set(name, Math.max(own.get(name) ?? 0, Number(bytes)))
  }
  return own
}
