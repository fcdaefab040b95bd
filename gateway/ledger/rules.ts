// The rules of one idea as data: who holds it at first, what a unit may ever pay, for which
// milestones. Rules are fixed when the idea is summoned, so their digest goes with every register.
// It must not know a unit, a log or a chain.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

/** Somebody or something that signs: a did:key. Compared as text. */
export type Did = string

/** A part of a unit's life budget and what must be proven before it is paid. */
export interface Tranche {
  /** Unique name; with the unit it is the nullifier: paid once, ever. */
  milestone: string
  /** accepted by a buyer, run for so many hours, or alive so many years after acceptance. */
  kind: 'accepted' | 'hours' | 'years'
  /** Hours of run time or years since acceptance; 0 for `accepted`. */
  atLeast: number
  /** Whole shares. Splits into workers and management without a remainder. */
  shares: bigint
}

export interface LedgerRules {
  /** The design, by name. */
  idea: string
  /** Summoner of the idea: holds all of it before the first unit. */
  founder: Did
  /** Takes what the workers do not. */
  management: Did
  foundingShares: bigint
  /** Whole shares that one unit can ever pay: the sum of its tranches. */
  unitBudget: bigint
  /** Percent of each tranche for workers; the rest is management's. */
  workerPercent: number
  tranches: readonly Tranche[]
  /** Run time that a unit must prove after a repair before the repairer is paid for it. */
  repairProvingHours: number
}

export type ParsedRules =
  | { ok: true; rules: LedgerRules }
  | { ok: false; mistakes: readonly string[] }

const keys = [
  'idea',
  'founder',
  'management',
  'foundingShares',
  'unitBudget',
  'workerPercent',
  'tranches',
  'repairProvingHours',
]
const trancheKeys = ['milestone', 'kind', 'atLeast', 'shares']

/**
 * Checks rules from a JSON file and lists every mistake. Shares are whole numbers or decimal
 * text.
 */
export const parseRules = (value: unknown): ParsedRules => {
  const mistakes: string[] = []
  const data = record(value, 'rules', { known: keys, mistakes })
  const list = Array.isArray(data['tranches']) ? data['tranches'] : []
  const rules: LedgerRules = {
    idea: text(data['idea'], 'idea', mistakes),
    founder: did(data['founder'], 'founder', mistakes),
    management: did(data['management'], 'management', mistakes),
    foundingShares: shares(data['foundingShares'], 'foundingShares', mistakes),
    unitBudget: shares(data['unitBudget'], 'unitBudget', mistakes),
    workerPercent: number(data['workerPercent'], 'workerPercent', mistakes),
    tranches: list.map((tranche: unknown, at) =>
      parseTranche(tranche, `tranches[${at}]`, mistakes),
    ),
    repairProvingHours: number(data['repairProvingHours'], 'repairProvingHours', mistakes),
  }
  if (mistakes.length === 0) mistakes.push(...contradictions(rules))
  return mistakes.length === 0 ? { ok: true, rules } : { ok: false, mistakes }
}

const parseTranche = (value: unknown, path: string, mistakes: string[]): Tranche => {
  const data = record(value, path, { known: trancheKeys, mistakes })
  const kind = data['kind']
  if (kind !== 'accepted' && kind !== 'hours' && kind !== 'years') {
    mistakes.push(`${path}.kind is ${show(kind)}; it must be accepted, hours or years`)
  }
  return {
    milestone: text(data['milestone'], `${path}.milestone`, mistakes),
    kind: kind as Tranche['kind'],
    atLeast: number(data['atLeast'], `${path}.atLeast`, mistakes),
    shares: shares(data['shares'], `${path}.shares`, mistakes),
  }
}

const contradictions = (rules: LedgerRules): string[] => {
  const found: string[] = []
  const { tranches, workerPercent } = rules
  const sum = tranches.reduce((total, { shares }) => total + shares, 0n)
  if (sum !== rules.unitBudget) {
    found.push(`unitBudget is ${rules.unitBudget} but the tranches add up to ${sum}`)
  }
  if (!Number.isInteger(workerPercent) || workerPercent > 100) {
    found.push(`workerPercent is ${workerPercent}; it must be a whole number from 0 to 100`)
    return found
  }
  if (tranches.filter(({ kind }) => kind === 'accepted').length !== 1) {
    found.push('tranches must hold exactly one of kind accepted: it opens the others')
  }
  for (const { milestone, kind, atLeast, shares } of tranches) {
    if (tranches.filter((other) => other.milestone === milestone).length > 1) {
      found.push(`milestone ${milestone} is there twice; it would be paid once`)
    }
    if ((shares * BigInt(workerPercent)) % 100n !== 0n) {
      found.push(`${milestone}: ${shares} shares do not split ${workerPercent} % into whole shares`)
    }
    if ((kind === 'accepted') !== (atLeast === 0)) {
      found.push(`${milestone}: atLeast is ${atLeast}; hours and years need one above 0, others 0`)
    }
  }
  return found
}

/** SHA-256 in hex over the rules in one fixed spelling: equal rules, equal digest. */
export const rulesDigest = (rules: LedgerRules): string => {
  const { tranches, ...rest } = rules
  const fixed = [
    ...keys
      .filter((key) => key !== 'tranches')
      .map((key) => String(rest[key as keyof typeof rest])),
    tranches.map(({ milestone, kind, atLeast, shares }) => [milestone, kind, atLeast, `${shares}`]),
  ]
  return createHash('sha256').update(JSON.stringify(fixed)).digest('hex')
}

/**
 * Rules that are known to be right (a file of this project, a test); throws the mistakes
 * otherwise.
 */
export const rulesOf = (value: unknown): LedgerRules => {
  const parsed = parseRules(value)
  assert(parsed.ok, parsed.ok ? '' : parsed.mistakes.join('; '))
  return parsed.rules
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'absent'

const record = (
  value: unknown,
  path: string,
  { known, mistakes }: { known: readonly string[]; mistakes: string[] },
): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    mistakes.push(`${path} is ${show(value)}; it must be an object`)
    return {}
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      mistakes.push(`${path}.${key} is unknown; known are ${known.join(', ')}`)
    }
  }
  return value as Record<string, unknown>
}

const text = (value: unknown, path: string, mistakes: string[]): string => {
  if (typeof value === 'string' && /^[\w.-]{1,64}$/.test(value)) return value
  mistakes.push(`${path} is ${show(value)}; it must be 1 to 64 letters, digits, '_', '-' or '.'`)
  return ''
}

const did = (value: unknown, path: string, mistakes: string[]): Did => {
  if (typeof value === 'string' && /^did:key:z[1-9A-HJ-NP-Za-km-z]+$/.test(value)) return value
  mistakes.push(`${path} is ${show(value)}; it must be a did:key`)
  return ''
}

const number = (value: unknown, path: string, mistakes: string[]): number => {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  mistakes.push(`${path} is ${show(value)}; it must be a number, at least 0`)
  return 0
}

const shares = (value: unknown, path: string, mistakes: string[]): bigint => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return BigInt(value)
  if (typeof value === 'string' && /^[1-9]\d{0,77}$/.test(value)) return BigInt(value)
  mistakes.push(`${path} is ${show(value)}; it must be whole shares, at least 1`)
  return 0n
}
