// Reads a disassembly (`objdump -d --no-show-raw-insn`) into functions and instructions. It judges
// and counts nothing.

export interface Instruction {
  at: number
  /** Without the suffix that says how wide it is. */
  mnemonic: string
  operands: string
  /** Where a branch or call goes. */
  target?: number
}

export interface Code {
  name: string
  at: number
  /** Where the next one begins. */
  end: number
  instructions: readonly Instruction[]
}

/** How the names of places inside functions begin (wasm2c.ts). */
export const markPrefix = 'turn_'

/** Function by name, in the order of their addresses. */
export const readListing = (listing: string): Map<string, Code> => {
  const functions = new Map<string, Code>()
  let instructions: Instruction[] = []
  let before: { end: number } | undefined
  for (const line of listing.split('\n')) {
    const head = /^([0-9a-f]+) <([^>]+)>:$/.exec(line)
    if (head !== null) {
      const [, at = '', name = ''] = head
      // A place inside a function that the build has marked, not a function.
      if (name.startsWith(markPrefix)) continue
      instructions = []
      const begin = Number.parseInt(at, 16)
      if (before !== undefined) before.end = begin
      const code = { name, at: begin, end: -1, instructions }
      before = code
      functions.set(name, code)
      continue
    }
    const found = /^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$/.exec(line)
    if (found === null) continue
    const [, at = '', full = '', operands = ''] = found
    const to = /(?:^|, )([0-9a-f]+) </.exec(operands)
    const mnemonic = full.startsWith('.') ? full : full.replace(/\.[nw]$/, '')
    instructions.push({
      ...{ at: Number.parseInt(at, 16), mnemonic, operands },
      ...(to !== null && { target: Number.parseInt(to[1] ?? '', 16) }),
    })
  }
  return functions
}

/** How many registers a list such as `{r4, r5, s16-s19, pc}` names. */
export const registersIn = (operands: string): number => {
  const list = /\{([^}]*)\}/.exec(operands)?.[1] ?? ''
  return list
    .split(',')
    .map((part) => /[a-z]+(\d+)-[a-z]+(\d+)/.exec(part.trim()))
    .reduce((sum, range) => sum + (range === null ? 1 : Number(range[2]) - Number(range[1]) + 1), 0)
}
