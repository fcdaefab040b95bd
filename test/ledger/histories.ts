// Rules, people and proven entries for the ledger's tests, and random histories of all of them.
import fc from 'fast-check'
import type {
  Accepted,
  Custody,
  Lived,
  ProvenEntry,
  Serviced,
} from '../../gateway/ledger/register.ts'
import { type LedgerRules, rulesOf } from '../../gateway/ledger/rules.ts'

export const hourUs = 3_600_000_000
export const yearUs = 365.25 * 24 * hourUs

/** A name as a did:key in form; nobody checks a signature with it here. */
export const did = (name: string): string => `did:key:z${name}`

export const people = ['Ana', 'Ben', 'Ceo', 'Dora', 'Emi', 'Fay'].map(did)
export const units = ['drillA', 'drillB', 'drillC', 'drillD'].map(did)

export const rules: LedgerRules = rulesOf({
  idea: 'test-drill',
  founder: did('Ana'),
  management: did('Mgmt'),
  foundingShares: 10_000,
  unitBudget: 1000,
  workerPercent: 80,
  tranches: [
    { milestone: 'accepted', kind: 'accepted', atLeast: 0, shares: 300 },
    { milestone: 'hours_50', kind: 'hours', atLeast: 50, shares: 105 },
    { milestone: 'years_1', kind: 'years', atLeast: 1, shares: 95 },
    { milestone: 'hours_100', kind: 'hours', atLeast: 100, shares: 500 },
  ],
  repairProvingHours: 10,
})

const base = (index: number, unit: string, hours: number) => ({
  index,
  unit,
  custody: 'controller_flash' as Custody,
  simulated: false,
  timeUs: index * hourUs,
  runUs: hours * hourUs,
})

type Part<T> = Partial<Omit<T, 'type' | 'index'>> & { unit: string; hours?: number }

export const accepted = (index: number, { hours = 0, ...given }: Part<Accepted>): Accepted => {
  const buyer = given.buyer ?? did('Dora')
  return {
    ...base(index, given.unit, hours),
    type: 'accepted',
    claim: `acceptance ${index}`,
    buyer,
    workers: [{ holder: did('Ben'), weight: 1 }],
    signers: [given.unit, buyer],
    ...given,
  }
}

export const serviced = (index: number, { hours = 0, ...given }: Part<Serviced>): Serviced => {
  const repairer = given.repairer ?? did('Emi')
  return {
    ...base(index, given.unit, hours),
    type: 'serviced',
    claim: `service ${index}`,
    repairer,
    parts: [{ part: 'motor', weightPpm: 350_000 }],
    signers: [given.unit, repairer],
    ...given,
  }
}

export const lived = (index: number, { hours = 0, ...given }: Part<Lived>): Lived => ({
  ...base(index, given.unit, hours),
  type: 'lived',
  signers: [given.unit],
  ...given,
})

/** Rules of any size whose tranches split into whole shares. */
export const anyRules: fc.Arbitrary<LedgerRules> = fc
  .record({
    founding: fc.bigInt({ min: 1n, max: 10n ** 24n }),
    percent: fc.constantFrom(80, 80, 80, 0, 55, 100),
    blocks: fc.array(fc.bigInt({ min: 1n, max: 10n ** 6n }), { minLength: 1, maxLength: 6 }),
    kinds: fc.array(fc.constantFrom('hours', 'years'), { minLength: 6, maxLength: 6 }),
    proving: fc.constantFrom(0, 1, 40),
  })
  .map(({ founding, percent, blocks, kinds, proving }) => ({
    idea: 'any',
    founder: did('Ana'),
    management: did('Mgmt'),
    foundingShares: founding,
    unitBudget: blocks.reduce((sum, block) => sum + block * 20n, 0n),
    workerPercent: percent,
    tranches: blocks.map((block, at) => {
      const kind = at === 0 ? ('accepted' as const) : (kinds[at] as 'hours' | 'years')
      const step = kind === 'hours' ? 30 * at : at / 4
      return { milestone: `m${at}`, kind, atLeast: at === 0 ? 0 : step, shares: block * 20n }
    }),
    repairProvingHours: proving,
  }))

const anyStep = fc.record({
  type: fc.constantFrom('accepted', 'serviced', 'lived', 'lived', 'lived'),
  unit: fc.constantFrom(...units),
  gap: fc.integer({ min: 1, max: 3 }),
  /** Hours run and weeks passed since the entry before; now and then a counter goes back. */
  hours: fc.integer({ min: -5, max: 60 }),
  weeks: fc.nat(30),
  who: fc.constantFrom(...people),
  others: fc.uniqueArray(fc.constantFrom(...people), { maxLength: 3 }),
  weights: fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 3, maxLength: 3 }),
  parts: fc.array(
    fc.record({
      part: fc.constantFrom('motor', 'gearbox', 'chuck'),
      weightPpm: fc.integer({ min: 0, max: 600_000 }),
    }),
    { maxLength: 3 },
  ),
  signed: fc.constantFrom('both', 'both', 'both', 'both', 'unit', 'person', 'none'),
  claim: fc.integer({ min: 0, max: 30 }),
  flaw: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'none', 'simulated', 'gateway'),
})

/** Histories in log order: honest and dishonest entries of a few units and people. */
export const anyHistory: fc.Arbitrary<ProvenEntry[]> = fc
  .array(anyStep, { maxLength: 60 })
  .map((steps) => {
    let index = 0
    let timeUs = 0
    const hours = new Map<string, number>()
    return steps.map((step): ProvenEntry => {
      index += step.gap
      timeUs += step.weeks * 7 * 24 * hourUs
      const run = Math.max(0, (hours.get(step.unit) ?? 0) + step.hours)
      hours.set(step.unit, run)
      const signers = {
        both: [step.unit, step.who],
        unit: [step.unit],
        person: [step.who],
        none: [],
      }[step.signed]
      const common = {
        unit: step.unit,
        hours: run,
        timeUs,
        signers,
        simulated: step.flaw === 'simulated',
        custody: step.flaw === 'gateway' ? ('gateway' as const) : ('secure_element' as const),
      }
      const claim = `claim ${step.claim}`
      if (step.type === 'lived') return lived(index, common)
      if (step.type === 'serviced') {
        return serviced(index, { ...common, claim, repairer: step.who, parts: step.parts })
      }
      const workers = step.others.map((holder, at) => ({ holder, weight: step.weights[at] ?? 1 }))
      return accepted(index, { ...common, claim, buyer: step.who, workers })
    })
  })
