// Checks of the unit's own history: entries, chain, forks, opened details and claims. Everything
// here follows from signatures alone; whether the keys are the right ones is asked in roots.ts.
import { equalBytes } from '../bytes.ts'
import { type ChainHead, checkFork, foldChain } from '../chain.ts'
import { type Claim, claimKindOf, verifyClaim } from '../claim.ts'
import { AttestationError } from '../codes.ts'
import { checkDisclosures, type Disclosure, parseDisclosure } from '../disclosure.ts'
import { type Entry, verifyEntry } from '../entry.ts'
import type { Passport } from '../passport-file.ts'
import type { Trust } from '../trust.ts'
import type { Checks, Found } from './checks.ts'

export interface History {
  entries: readonly Entry[]
  head: ChainHead
  claims: readonly Claim[]
  disclosures: readonly Disclosure[]
}

const checkEntries = ({ entries }: Passport): Found<readonly Entry[]> => {
  const value = entries.map((bytes, at) => {
    try {
      return verifyEntry(bytes)
    } catch (error) {
      if (!(error instanceof AttestationError)) throw error
      throw new AttestationError(error.code, `entry ${at} of the file: ${error.message}`)
    }
  })
  return { value, detail: `${value.length} entries, each signed by the unit it names` }
}

const checkChain = (entries: readonly Entry[], unit: string): Found<ChainHead> => {
  const value = foldChain(entries)
  if (value.unit !== unit) {
    throw new AttestationError(
      'unit_swapped',
      `the file says ${unit}, the chain is of ${value.unit}`,
    )
  }
  return { value, detail: `entries 0 to ${value.seq} without gap; counters and clock only grow` }
}

const checkForks = ({ forks, unit }: Passport): Found<true> => {
  for (const [first, second] of forks) {
    const proof = checkFork(first, second)
    if (proof.unit !== unit) throw new AttestationError('other_unit', 'a fork of another unit')
    throw new AttestationError('fork', `two different entries with sequence ${proof.seq}`)
  }
  return { value: true, detail: 'the gateway hands on no fork of this unit' }
}

const checkDetails = (passport: Passport, entries: readonly Entry[]): Found<Disclosure[]> => {
  const claims = passport.claims.map(verifyClaim)
  const value = passport.disclosures.map(parseDisclosure)
  const digests = [...entries, ...claims].flatMap((signed) => signed.digests)
  checkDisclosures(digests, value)
  return {
    value,
    detail: `${value.length} details opened, ${digests.length - value.length} closed`,
  }
}

/** The place of a claim in the chain. Throws when it does not fit there. */
const checkPlace = (claim: Claim, entries: readonly Entry[]): void => {
  const { kind, unit, head } = claim
  const at = entries.findIndex((entry) => entry.claim && equalBytes(entry.claim, claim.hash))
  const entry = entries[at]
  if (entry === undefined) {
    throw new AttestationError('claim_unused', `no entry includes the ${kind} by ${claim.author}`)
  }
  const earlier = entries.slice(0, at)
  const isMoment =
    head === null ? entry.seq === 0 : earlier.some(({ hash }) => equalBytes(hash, head))
  const wanted = claimKindOf.get(entry.type)
  const isKind = wanted === undefined ? kind !== 'production' : kind === wanted
  if (unit !== entry.unit || !isMoment || !isKind) {
    throw new AttestationError('claim_foreign', `${kind} does not fit entry ${entry.seq}`)
  }
}

const checkClaims = (
  passport: Passport,
  { entries, head }: Pick<History, 'entries' | 'head'>,
  trust: Trust,
): Found<readonly Claim[]> => {
  const value = passport.claims.map(verifyClaim)
  for (const claim of value) checkPlace(claim, entries)
  const wanted = entries.flatMap(({ claim }) => (claim === undefined ? [] : [claim]))
  const withheld = wanted.filter((hash) => !value.some((claim) => equalBytes(claim.hash, hash)))
  const strangers = value.filter(
    ({ author }) => !trust.authors.has(author) && !trust.producers.has(author),
  )
  const count = `${value.length} claims, declared by their authors, not measured`
  if (head.enrolment.simulated && wanted.length > 0) {
    return { value, unknown: 'simulated_barred', detail: `${count}; they count for nothing` }
  }
  if (withheld.length > 0) {
    return { value, unknown: 'claim_withheld', detail: `${count}; ${withheld.length} withheld` }
  }
  if (strangers.length > 0) {
    const names = strangers.map(({ author }) => author).join(', ')
    return { value, unknown: 'claim_author_unknown', detail: `${count}; not pinned: ${names}` }
  }
  return { value, detail: count }
}

/** Runs the checks of the history; undefined when one of them failed. */
export const checkHistory = (
  checks: Checks,
  passport: Passport | undefined,
  trust: Trust,
): History | undefined => {
  const entries = checks.run('entries', passport && (() => checkEntries(passport)))
  const head = checks.run(
    'chain',
    passport && entries && (() => checkChain(entries, passport.unit)),
  )
  const forks = checks.run('forks', passport && (() => checkForks(passport)))
  const disclosures = checks.run(
    'details',
    passport && entries && (() => checkDetails(passport, entries)),
  )
  const claims = checks.run(
    'claims',
    passport && entries && head && (() => checkClaims(passport, { entries, head }, trust)),
  )
  if (!entries || !head || !forks || !disclosures || !claims) return undefined
  return { entries, head, claims, disclosures }
}
