// What a division of 64 bits is by, where its code says so: r2 and r3 hold the divisor, low word
// and high (Arm's run-time ABI, IHI 0043, 4.3.1), and are often set right before the call. The
// larger it is, the fewer bits has the quotient, and the sooner are small cores done.
import type { Instruction } from './listing.ts'

/**
 * The divisor of the call at this place; undefined where it is not a constant, or not seen to be.
 * @param joined whether another way leads to an instruction: what was set before it may be another
 */
export const divisorAt = (
  instructions: readonly Instruction[],
  call: number,
  joined: (at: number) => boolean,
): bigint | undefined => {
  const low = constantIn('r2', instructions, { call, joined })
  const high = constantIn('r3', instructions, { call, joined })
  if (low === undefined || high === undefined) return undefined
  const divisor = (BigInt(high) << 32n) | BigInt(low)
  return divisor === 0n || divisor >> 63n === 1n ? undefined : divisor
}

/** The word that a register holds when the call is come to. */
const constantIn = (
  register: string,
  instructions: readonly Instruction[],
  { call, joined }: { call: number; joined: (at: number) => boolean },
): number | undefined => {
  for (let i = call; i > 0; i -= 1) {
    const here = instructions[i]
    const before = instructions[i - 1]
    if (here === undefined || before === undefined || joined(here.at)) return undefined
    const { mnemonic, operands } = before
    // Calls change both; what comes after a branch was not come to by falling through.
    if (/^(b|cbn?z|it)/.test(mnemonic)) return undefined
    if (!writes(before, register)) continue
    const [, value] = /^\w+, #(\d+)/.exec(operands) ?? []
    if (mnemonic === 'movs' && value !== undefined) return Number(value)
    const [, literal] = /\[pc, #\d+\]\s*@ \(([0-9a-f]+)/.exec(operands) ?? []
    if (mnemonic !== 'ldr' || literal === undefined) return undefined
    const word = instructions.find(({ at }) => at === Number.parseInt(literal, 16))
    return word?.mnemonic === '.word' ? Number(word.operands.trim()) >>> 0 : undefined
  }
  return undefined
}

/** Whether it may change a register: all but compares and stores, and those that name others. */
const writes = ({ mnemonic, operands }: Instruction, register: string): boolean => {
  if (/^(cmp|cmn|tst|str|push|nop)/.test(mnemonic)) return false
  if (/^(ldm|pop|stm)/.test(mnemonic)) return true
  return operands.startsWith(`${register},`) || !/^(r\d+|sp|ip|lr|sl|fp|sb),/.test(operands)
}
