// How many cycles an instruction takes at most, by the core's technical reference manual: Cortex-M0
// (ARM DDI 0432C, table 3-1), Cortex-M0+ (DDI 0484C, table 3-1), Cortex-M4 (DDI 0439B, tables 3-1
// and 7-1). Memory without wait states; what a board's memory adds, its file says.
import { type Instruction, registersIn } from './listing.ts'

export interface CoreCycles {
  /** Without what a branch takes more when it is taken. */
  of: (one: Instruction) => number
  /** Refilling the pipeline. */
  taken: number
  /** Where the figures are from. */
  source: string
}

/** What a board's memory adds, in cycles: to each instruction that is fetched, to each access. */
export interface Waits {
  fetch: number
  access: number
}

const returns = (operands: string): boolean => /\bpc\b/.test(operands)
const isMany = (mnemonic: string): boolean =>
  /^(push|pop|ldm|stm|v?push|v?pop|vldm|vstm)/.test(mnemonic)
const isAccess = (mnemonic: string): boolean => /^(ldr|str|vldr|vstr)/.test(mnemonic)
const isSystem = (mnemonic: string): boolean =>
  /^(mrs|msr|dmb|dsb|isb|cps|wf[ie]|sev|svc|bkpt|ldrex|strex|vmrs|vmsr)/.test(mnemonic)

const accesses = ({ mnemonic, operands }: Instruction): number => {
  if (isMany(mnemonic)) return registersIn(operands) * (/\{d/.test(operands) ? 2 : 1)
  if (!isAccess(mnemonic)) return 0
  return /^(ldrd|strd)/.test(mnemonic) || (mnemonic.startsWith('v') && /^d\d/.test(operands))
    ? 2
    : 1
}

const small = (refill: number, source: string): CoreCycles => ({
  source,
  taken: refill,
  of: (one) => {
    const { mnemonic, operands } = one
    const many = accesses(one)
    if (isMany(mnemonic)) return 1 + many + (returns(operands) ? refill + 1 : 0)
    if (isAccess(mnemonic)) return 2
    if (mnemonic === 'bl') return 2 + refill
    if (/^blx?$|^bx$/.test(mnemonic)) return 1 + refill
    if (isSystem(mnemonic)) return 4
    return 1
  },
})

/** A register that is needed at once costs a cycle more; so each access and sum of floats. */
const large: CoreCycles = {
  source: 'ARM DDI 0439B',
  taken: 3,
  of: (one) => {
    const { mnemonic, operands } = one
    const refill = returns(operands) && /^(pop|ldm|ldr|mov|add)/.test(mnemonic) ? 3 : 0
    if (isMany(mnemonic)) return 1 + accesses(one) + refill
    if (isAccess(mnemonic)) return 1 + accesses(one) + refill
    if (/^bl?x?([a-z]{2})?$/.test(mnemonic) && !/^bics?$|^bfc$|^bfi$/.test(mnemonic)) {
      return /^(bl|bx|blx)/.test(mnemonic) && !/^bl[set]$/.test(mnemonic) ? 1 + 3 : 1
    }
    if (/^[su]div/.test(mnemonic)) return 12
    if (/^(vdiv|vsqrt)/.test(mnemonic)) return 15
    if (/^v(n?ml|f)/.test(mnemonic)) return 4
    if (mnemonic.startsWith('v')) return 2
    if (/^(ml|[su]ml|smml|smu|umaal)/.test(mnemonic)) return 2
    if (isSystem(mnemonic)) return 5
    return 1
  },
}

/** By the compiler's -mcpu. */
const cores: Readonly<Record<string, CoreCycles>> = {
  'cortex-m0': small(2, 'ARM DDI 0432C'),
  'cortex-m0plus': small(1, 'ARM DDI 0484C'),
  'cortex-m4': large,
}

/** undefined of a core that has no table here. @param flags the board's, for the compiler */
export const cyclesOf = (
  flags: readonly string[],
  waits: Pick<Waits, 'fetch' | 'access'>,
): CoreCycles | undefined => {
  const name = flags.find((flag) => flag.startsWith('-mcpu='))?.slice('-mcpu='.length) ?? ''
  const core = Object.hasOwn(cores, name) ? cores[name] : undefined
  if (core === undefined) return undefined
  // Refilling the pipeline fetches twice more, also where a call or a return does it.
  const refills = ({ mnemonic, operands }: Instruction): boolean =>
    /^(bl|blx|bx)$/.test(mnemonic) || returns(operands)
  const of = (one: Instruction): number =>
    core.of(one) + waits.fetch * (refills(one) ? 3 : 1) + waits.access * accesses(one)
  return { ...core, of, taken: core.taken + 2 * waits.fetch }
}
