// The register of shares as a pure fold of proven entries, in log order, under the rules of one
// idea: the same entries give the same register everywhere, with or without a chain. It must not
// verify a signature (proven.ts does), read a clock, or mint for anything but a milestone of a
// unit's own budget.
import assert from 'node:assert/strict'
import {
  type Accepted,
  foundRegister,
  type Mint,
  type PendingRepair,
  type ProvenEntry,
  type Refusal,
  type RefusalCode,
  type Register,
  type Serviced,
  type UnitAccount,
} from './register.ts'
import { type Did, type LedgerRules, rulesDigest, type Tranche } from './rules.ts'
import { splitWhole } from './split.ts'

const whole = 1_000_000
const hourUs = 3_600_000_000
const yearUs = 365.25 * 24 * hourUs

/**
 * Folds proven entries, in log order, into a register. An entry below `from.covered` is in it
 * already and changes nothing, so fold(a ++ b) = fold(b, fold(a)) and a replay is harmless.
 * @param from the register to continue; it must have been founded under the same rules
 */
export const foldRegister = (
  rules: LedgerRules,
  entries: Iterable<ProvenEntry>,
  from: Register = foundRegister(rules),
): Register => {
  assert.equal(from.rulesDigest, rulesDigest(rules), 'a register is continued under its own rules')
  const draft: Draft = {
    ...from,
    rules,
    holders: new Map(from.holders),
    units: new Map(from.units),
    touched: new Map(),
    mints: [...from.mints],
    refusals: new Map(from.refusals),
    claims: new Set(from.claims),
  }
  for (const entry of entries) apply(draft, entry)
  const { rules: _, touched, ...register } = draft
  return { ...register, units: new Map([...draft.units, ...touched]) }
}

/** A register being changed, private to one fold. */
interface Draft extends Register {
  rules: LedgerRules
  covered: number
  supply: bigint
  holders: Map<Did, bigint>
  touched: Map<Did, Account>
  mints: Mint[]
  refusals: Map<string, Refusal>
  claims: Set<string>
}

/** A unit's account, copied when the fold first touches it. */
interface Account extends UnitAccount {
  minted: bigint
  simulated: boolean
  gatewayKey: boolean
  acceptedUs: number | undefined
  runUs: number
  paid: Map<string, number>
  slots: ReadonlyMap<Did, number>
  repairs: readonly PendingRepair[]
}

const apply = (draft: Draft, entry: ProvenEntry): void => {
  if (entry.index < draft.covered) return
  draft.covered = entry.index + 1
  const account = accountOf(draft, entry)
  const refused = refusedAlways(entry, account) ?? applyByType(draft, entry, account)
  if (refused !== undefined) refuse(draft, entry, refused)
}

const applyByType = (
  draft: Draft,
  entry: ProvenEntry,
  account: Account,
): RefusalCode | undefined => {
  if (entry.type === 'accepted') return accept(draft, entry, account)
  if (entry.type === 'serviced') return service(draft, entry, account)
  return live(draft, entry, account)
}

const accountOf = (draft: Draft, entry: ProvenEntry): Account => {
  const known = draft.touched.get(entry.unit) ?? draft.units.get(entry.unit)
  const account: Account = {
    minted: known?.minted ?? 0n,
    simulated: entry.simulated || (known?.simulated ?? false),
    gatewayKey: entry.custody === 'gateway' || (known?.gatewayKey ?? false),
    acceptedUs: known?.acceptedUs,
    runUs: known?.runUs ?? 0,
    paid: new Map(known?.paid),
    slots: known?.slots ?? new Map(),
    repairs: known?.repairs ?? [],
  }
  draft.touched.set(entry.unit, account)
  return account
}

const refusedAlways = (entry: ProvenEntry, account: Account): RefusalCode | undefined => {
  if (account.simulated) return 'simulated'
  if (!entry.signers.includes(entry.unit)) return 'not_signed_by_unit'
  if (entry.runUs < account.runUs) return 'counter_went_back'
  return undefined
}

const accept = (draft: Draft, entry: Accepted, account: Account): RefusalCode | undefined => {
  const { buyer, workers, signers, unit } = entry
  const tranche = draft.rules.tranches.find(({ kind }) => kind === 'accepted')
  assert(tranche, 'rules have a tranche for acceptance')
  if (!signers.includes(buyer)) return 'not_signed_by_buyer'
  if (workers.length === 0) return 'no_workers'
  const insiders = [...workers.map(({ holder }) => holder), draft.rules.management, unit]
  if (insiders.includes(buyer)) return 'buyer_is_maker'
  if (account.paid.has(tranche.milestone)) return 'already_minted'
  if (draft.claims.has(entry.claim)) return 'claim_used_before'
  draft.claims.add(entry.claim)
  account.acceptedUs = entry.timeUs
  account.runUs = entry.runUs
  account.slots = slotsOf(workers)
  mint(draft, { entry, account, tranche })
  return undefined
}

const service = (draft: Draft, entry: Serviced, account: Account): RefusalCode | undefined => {
  if (account.acceptedUs === undefined) return 'not_accepted'
  if (!entry.signers.includes(entry.repairer)) return 'not_signed_by_repairer'
  if (draft.claims.has(entry.claim)) return 'claim_used_before'
  if (account.gatewayKey) return 'gateway_key'
  if (account.minted === draft.rules.unitBudget) return 'nothing_left'
  const byPart = new Map(entry.parts.map(({ part, weightPpm }) => [part, weightPpm]))
  const weightPpm = Math.min(
    whole,
    [...byPart.values()].reduce((a, b) => a + b, 0),
  )
  if (weightPpm === 0) return 'no_parts'
  draft.claims.add(entry.claim)
  account.runUs = entry.runUs
  const atRunUs = entry.runUs + draft.rules.repairProvingHours * hourUs
  account.repairs = [...account.repairs, { repairer: entry.repairer, weightPpm, atRunUs }]
  return undefined
}

/**
 * Pays what the run time and age have reached. Repairs and tranches take their turn by the run time
 * at which each was reached, so that a repairer is paid from exactly the tranches that came after
 * the proof; a tranche goes before a repair that was proven at the same run time.
 */
const live = (draft: Draft, entry: ProvenEntry, account: Account): RefusalCode | undefined => {
  account.runUs = entry.runUs
  const { acceptedUs } = account
  if (acceptedUs === undefined) return undefined
  const open = draft.rules.tranches.filter(({ milestone }) => !account.paid.has(milestone))
  const ageUs = entry.timeUs - acceptedUs
  const byHours = open.filter((t) => t.kind === 'hours' && t.atLeast * hourUs <= entry.runUs)
  const byYears = open.filter((t) => t.kind === 'years' && t.atLeast * yearUs <= ageUs)
  if (account.gatewayKey) return byHours.length + byYears.length > 0 ? 'gateway_key' : undefined
  const proven = account.repairs.filter(({ atRunUs }) => atRunUs <= entry.runUs)
  account.repairs = account.repairs.filter(({ atRunUs }) => atRunUs > entry.runUs)
  const steps = [
    ...byHours.map((tranche) => ({ atUs: tranche.atLeast * hourUs, tranche })),
    ...proven.map((repair) => ({ atUs: repair.atRunUs, repair })),
  ].sort((a, b) => a.atUs - b.atUs)
  for (const step of steps) {
    if ('tranche' in step) mint(draft, { entry, account, tranche: step.tranche })
    else account.slots = moveSlots(account.slots, step.repair)
  }
  for (const tranche of byYears) mint(draft, { entry, account, tranche })
  return undefined
}

const slotsOf = (workers: Accepted['workers']): Map<Did, number> => {
  const weights = new Map<Did, number>()
  for (const { holder, weight } of workers) {
    assert(
      Number.isSafeInteger(weight) && weight > 0,
      'a worker’s weight is a whole number above 0',
    )
    weights.set(holder, (weights.get(holder) ?? 0) + weight)
  }
  return scaled(weights, whole)
}

/**
 * The repairer gets exactly the replaced parts' weight; the others keep their proportions in
 * the rest.
 */
const moveSlots = (
  slots: ReadonlyMap<Did, number>,
  { repairer, weightPpm }: PendingRepair,
): Map<Did, number> => {
  const moved = scaled(slots, whole - weightPpm)
  return moved.set(repairer, (moved.get(repairer) ?? 0) + weightPpm)
}

const scaled = (weights: ReadonlyMap<Did, number>, total: number): Map<Did, number> => {
  const parts = splitWhole(BigInt(total), [...weights.values()].map(BigInt))
  const pairs = [...weights.keys()].map((holder, at): [Did, number] => [holder, Number(parts[at])])
  return new Map(pairs.filter(([, part]) => part > 0))
}

const mint = (
  draft: Draft,
  { entry, account, tranche }: { entry: ProvenEntry; account: Account; tranche: Tranche },
): void => {
  const { rules } = draft
  const { milestone, shares } = tranche
  assert(!account.paid.has(milestone) && account.minted + shares <= rules.unitBudget)
  const forWorkers = (shares * BigInt(rules.workerPercent)) / 100n
  const parts = splitWhole(forWorkers, [...account.slots.values()].map(BigInt))
  const workers = [...account.slots.keys()]
    .map((holder, at) => ({ holder, shares: parts[at] ?? 0n }))
    .filter((part) => part.shares > 0n)
  const management = shares - forWorkers
  for (const part of workers) credit(draft, part.holder, part.shares)
  if (management > 0n) credit(draft, rules.management, management)
  account.paid.set(milestone, entry.index)
  account.minted += shares
  draft.supply += shares
  draft.mints.push({ index: entry.index, unit: entry.unit, milestone, shares, workers, management })
}

const credit = (draft: Draft, holder: Did, shares: bigint): void => {
  draft.holders.set(holder, (draft.holders.get(holder) ?? 0n) + shares)
}

const refuse = (draft: Draft, { index, unit, type }: ProvenEntry, code: RefusalCode): void => {
  const key = `${unit} ${type} ${code}`
  const known = draft.refusals.get(key) ?? { index, unit, type, code, times: 0 }
  draft.refusals.set(key, { ...known, times: known.times + 1 })
}
