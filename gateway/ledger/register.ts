// What the ledger folds and what comes out: proven entries in, the register of shares out. Types,
// the register before any unit, and its JSON view. It must not decide anything: fold.ts does, by
// the rules.
import { type Did, type LedgerRules, rulesDigest } from './rules.ts'

/** Who keeps a unit's key, as its enrolment says. */
export type Custody = 'secure_element' | 'controller_flash' | 'gateway'

interface ProvenBase {
  /** Leaf index in the log: the order of the fold. */
  index: number
  unit: Did
  custody: Custody
  /** A twin: works like any unit and never earns. */
  simulated: boolean
  /** Wall clock of the entry, microseconds since 1970. */
  timeUs: number
  /** The unit's cumulative run time, microseconds. */
  runUs: number
  /** Keys whose signatures on the entry or its claim were verified. */
  signers: readonly Did[]
}

/** A buyer took the unit over and said who had built it. */
export interface Accepted extends ProvenBase {
  type: 'accepted'
  /** SHA-256 of the buyer's claim, hex. */
  claim: string
  buyer: Did
  /** Who built the unit, each with a whole weight above 0. */
  workers: readonly { holder: Did; weight: number }[]
}

/** Parts were replaced. */
export interface Serviced extends ProvenBase {
  type: 'serviced'
  /** SHA-256 of the repairer's claim, hex. */
  claim: string
  repairer: Did
  /** Replaced parts with their weight in the unit, whole millionths, from the machine file. */
  parts: readonly { part: string; weightPpm: number }[]
}

/** The unit itself stated its run time. */
export interface Lived extends ProvenBase {
  type: 'lived'
}

/** An entry whose signatures, claim and place in the log were verified. Plain data. */
export type ProvenEntry = Accepted | Serviced | Lived

/** Why an entry earned nothing, in words. */
export const refusalWords = {
  simulated: 'the unit is simulated; twins never earn',
  not_signed_by_unit: 'the entry is not signed by the unit itself',
  not_signed_by_buyer: 'the acceptance is not signed by the buyer it names',
  not_signed_by_repairer: 'the service is not signed by the repairer it names',
  buyer_is_maker:
    'the buyer is also a worker, the management or the unit: nobody accepts his own work',
  no_workers: 'the acceptance names nobody who built the unit',
  no_parts: 'the service replaced no part that has a weight in the machine file',
  already_minted: 'the unit was accepted before; a milestone is paid once',
  claim_used_before: 'the claim had its effect before',
  not_accepted: 'no buyer has accepted the unit yet, so nothing of its budget is open',
  nothing_left: 'all of the unit’s budget is paid out; a repair creates no shares',
  gateway_key: 'the gateway holds the unit’s key, so its run time proves nothing',
  counter_went_back: 'the unit’s run time is below what it had stated before',
} as const
export type RefusalCode = keyof typeof refusalWords

export interface Refusal {
  /** Leaf index of the first entry that was refused so. */
  index: number
  unit: Did
  type: ProvenEntry['type']
  code: RefusalCode
  /** Entries refused so up to now. */
  times: number
}

export interface Mint {
  index: number
  unit: Did
  milestone: string
  shares: bigint
  workers: readonly { holder: Did; shares: bigint }[]
  management: bigint
}

/** A repair that counts once the unit has run on. */
export interface PendingRepair {
  repairer: Did
  weightPpm: number
  /** Run time at which it counts, microseconds. */
  atRunUs: number
}

/** What the register knows of one unit. */
export interface UnitAccount {
  /** Whole shares minted for it, at most the rules' unitBudget. */
  minted: bigint
  /** Sticky: one entry that says so is enough, as is gatewayKey. */
  simulated: boolean
  gatewayKey: boolean
  /** When its buyer took it over; undefined before. */
  acceptedUs: number | undefined
  runUs: number
  /** Milestones paid, each with the leaf index that paid it: the nullifiers. */
  paid: ReadonlyMap<string, number>
  /** Who is paid by later tranches, in millionths that add up to one million. */
  slots: ReadonlyMap<Did, number>
  repairs: readonly PendingRepair[]
}

/** Whole shares are bigint throughout. Never changed: a fold returns a new one. */
export interface Register {
  rulesDigest: string
  /** Leaf indexes below this one are folded in. */
  covered: number
  /** Founding shares and everything minted: always the sum over all holders. */
  supply: bigint
  holders: ReadonlyMap<Did, bigint>
  units: ReadonlyMap<Did, UnitAccount>
  mints: readonly Mint[]
  /** By unit, entry type and code. */
  refusals: ReadonlyMap<string, Refusal>
  /** Digests of the claims that had an effect. */
  claims: ReadonlySet<string>
}

/** The register before any unit: the founder holds everything. */
export const foundRegister = (rules: LedgerRules): Register => ({
  rulesDigest: rulesDigest(rules),
  covered: 0,
  supply: rules.foundingShares,
  holders: new Map([[rules.founder, rules.foundingShares]]),
  units: new Map(),
  mints: [],
  refusals: new Map(),
  claims: new Set(),
})
