// The ledger of one log: reads what is newly proven and folds it in, so that a page can ask again
// and again. Joins source, proofs, rules and fold; it must not decide anything itself.
import type { RegisterSummary } from '../core/queries.ts'
import { foldRegister } from './fold.ts'
import { ProvenReader, type Unproven } from './proven.ts'
import { foundRegister, type Register, type UnitAccount } from './register.ts'
import type { LedgerRules } from './rules.ts'
import type { LedgerSource } from './source.ts'

export class Ledger {
  readonly rules: LedgerRules
  readonly #source: LedgerSource
  #reader: ProvenReader
  #register: Register
  #turn: Promise<unknown> = Promise.resolve()

  constructor(rules: LedgerRules, source: LedgerSource) {
    this.rules = rules
    this.#source = source
    this.#reader = new ProvenReader(source)
    this.#register = foundRegister(rules)
  }

  /**
   * The register up to the log's newest checkpoint. Calls take turns; a failed one can be
   * repeated.
   */
  register(): Promise<Register> {
    const turn = this.#turn.then(() => this.#update())
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Entries that prove nothing, as of the last call of `register`. */
  get unproven(): readonly Unproven[] {
    return this.#reader.unproven
  }

  async #update(): Promise<Register> {
    try {
      this.#register = foldRegister(this.rules, await this.#reader.read(), this.#register)
      return this.#register
    } catch (error) {
      // What was read until the failure is not known: everything follows from the log, so begin
      // again.
      this.#reader = new ProvenReader(this.#source)
      this.#register = foundRegister(this.rules)
      throw error
    }
  }
}

/**
 * The register for a page: holders with the most shares first. @param names what a holder or unit
 * is called; without one its did:key is shown
 */
export const summarise = (
  rules: LedgerRules,
  register: Register,
  names: ReadonlyMap<string, string> = new Map(),
): RegisterSummary => ({
  supply: `${register.supply}`,
  holders: [...register.holders]
    .sort(([, a], [, b]) => (a > b ? -1 : a < b ? 1 : 0))
    .map(([holder, shares]) => ({
      holder,
      name: names.get(holder) ?? roleOf(rules, holder),
      shares: `${shares}`,
    })),
  units: [...register.units].map(([unit, account]) => ({
    unit: names.get(unit) ?? unit,
    minted: `${account.minted}`,
    budget: `${rules.unitBudget}`,
    note: noteOf(account),
  })),
})

const roleOf = ({ founder, management }: LedgerRules, holder: string): string => {
  if (holder === founder) return founder === management ? 'founder and management' : 'founder'
  return holder === management ? 'management' : ''
}

const noteOf = ({ simulated, gatewayKey, acceptedUs, paid, repairs }: UnitAccount): string => {
  if (simulated) return 'simulated: earns nothing'
  if (acceptedUs === undefined) return 'waits for its buyer’s acceptance'
  const notes = [`paid for ${[...paid.keys()].join(', ')}`]
  if (gatewayKey) notes.push('its gateway holds its key: hours earn nothing')
  if (repairs.length > 0) notes.push(`repairs to prove: ${repairs.length}`)
  return notes.join('; ')
}
