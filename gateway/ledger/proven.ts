// Turns the entries of a log into proven entries: every signature is checked again, every chain
// link by link, every claim against its author, and weights come from the machine file, never from
// a claim. What does not hold is kept aside with its reason. It must not decide about shares.
import { setImmediate } from 'node:timers/promises'
import { equalBytes, toHex } from '../attestation/bytes.ts'
import { type ChainHead, type ChainStep, stepChain } from '../attestation/chain.ts'
import { type Claim, type ClaimKind, verifyClaim } from '../attestation/claim.ts'
import { AttestationError, type Code } from '../attestation/codes.ts'
import { parseDid } from '../attestation/did.ts'
import { type Detail, parseDisclosure } from '../attestation/disclosure.ts'
import { type Entry, verifyEntry } from '../attestation/entry.ts'
import type { Accepted, ProvenEntry, Serviced } from './register.ts'
import type { LedgerSource, LoggedEntry } from './source.ts'

/** An entry that proves nothing, and why. */
export interface Unproven {
  index: number
  code: Code
  message: string
}

/** Names of the details that the ledger reads in claims. */
export const claimDetails = {
  /** In a production or acceptance claim, once a worker: a did:key, a space and a whole weight. */
  worker: 'worker',
  /** In a service claim, once a part: the part's name in the machine file. */
  part: 'part',
} as const

type Worker = Accepted['workers'][number]

/** What is remembered of a unit between its entries. */
interface Chain {
  head: ChainHead
  /** Its first entry, which includes the producer's claim. */
  made: Entry
  /** Hashes in hex of the entries before the head: the moments of which a claim can speak. */
  moments: Set<string>
}

/** Microseconds in one unit of a run time counter, by UCUM code. */
const timeUnitsUs: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1000,
  s: 1_000_000,
  h: 3_600_000_000,
}

/**
 * Reads a log from its beginning, in order: chains can only be checked from their first link on.
 * One reader belongs to one log; after a rejected `read` it is of no more use.
 */
export class ProvenReader {
  readonly unproven: Unproven[] = []
  readonly #source: LedgerSource
  readonly #chains = new Map<string, Chain>()
  #next = 0

  constructor(source: LedgerSource) {
    this.#source = source
  }

  /** Proven entries that have come under the log's checkpoint since the last call. */
  async read(): Promise<ProvenEntry[]> {
    const covered = (await this.#source.latestCheckpoint())?.size ?? 0
    const proven: ProvenEntry[] = []
    if (this.#next >= covered) return proven
    for await (const logged of this.#source.entries(this.#next)) {
      if (logged.index >= covered) break
      const entry = await this.#prove(logged).catch((error) => this.#keepAside(logged, error))
      if (entry !== undefined) proven.push(entry)
      this.#next = logged.index + 1
      // A signature takes milliseconds: whoever else lives in this thread goes between two of them.
      await setImmediate()
    }
    this.#next = covered
    return proven
  }

  #keepAside({ index }: LoggedEntry, error: unknown): undefined {
    if (!(error instanceof AttestationError)) throw error
    this.unproven.push({ index, code: error.code, message: error.message })
  }

  async #prove(logged: LoggedEntry): Promise<ProvenEntry> {
    const entry = verifyEntry(logged.entry)
    const before = this.#chains.get(entry.unit)
    const head = nextHead(stepChain(before?.head, entry, () => undefined))
    const { made = entry, moments = new Set<string>() } = before ?? {}
    if (before !== undefined) moments.add(toHex(before.head.hash))
    const chain = { head, made, moments }
    this.#chains.set(entry.unit, chain)
    const { enrolment } = head
    const common = {
      index: logged.index,
      unit: entry.unit,
      custody: enrolment.custody,
      simulated: enrolment.simulated,
      timeUs: logged.receivedUs,
      runUs: await this.#runUs(head),
      signers: [entry.unit],
    }
    if (entry.type === 'accepted') return { ...common, ...(await this.#accepted(entry, chain)) }
    if (entry.type === 'repaired') return { ...common, ...(await this.#serviced(entry, chain)) }
    return { ...common, type: 'lived' }
  }

  async #runUs({ enrolment, counters }: ChainHead): Promise<number> {
    const profile = await this.#source.profile(toHex(enrolment.profile))
    const found = Object.entries(profile?.counters ?? {}).find(
      ([, { role }]) => role === 'run_time',
    )
    if (found === undefined) return 0
    const [name, { unit }] = found
    return (counters[name] ?? 0) * (timeUnitsUs[unit] ?? 0)
  }

  /** The workers that the producer names in the claim of entry `made`; without names, himself. */
  async #makers(made: Entry): Promise<readonly Worker[]> {
    const found = await this.#claim(made, 'production', new Set())
    if (found === undefined) return []
    const workers = workersIn(found.details)
    return workers.length > 0 ? workers : [{ holder: found.claim.author, weight: 1 }]
  }

  async #accepted(entry: Entry, { made, moments }: Chain) {
    const { claim, details } = await this.#requiredClaim(entry, 'acceptance', moments)
    const buyer = claim.author
    const makers = await this.#makers(made)
    const workers = makers.length > 0 ? makers : workersIn(details)
    const signers = [entry.unit, buyer]
    return { type: 'accepted', claim: toHex(claim.hash), buyer, workers, signers } as const
  }

  async #serviced(entry: Entry, { head, moments }: Chain) {
    const { claim, details } = await this.#requiredClaim(entry, 'service', moments)
    const profile = await this.#source.profile(toHex(head.enrolment.profile))
    const repairer = claim.author
    const parts: Serviced['parts'] = details
      .filter(({ name }) => name === claimDetails.part)
      .map(({ value }) => ({ part: String(value), weight: profile?.parts[String(value)]?.weight }))
      .map(({ part, weight }) => ({ part, weightPpm: Math.round((weight ?? 0) * 1_000_000) }))
    const signers = [entry.unit, repairer]
    return { type: 'serviced', claim: toHex(claim.hash), repairer, parts, signers } as const
  }

  async #requiredClaim(entry: Entry, kind: ClaimKind, moments: ReadonlySet<string>) {
    const found = await this.#claim(entry, kind, moments)
    if (found !== undefined) return found
    throw new AttestationError(
      'claim_withheld',
      `entry ${entry.seq}: its ${kind} claim is not here`,
    )
  }

  /** The claim that an entry includes, verified, with the details that its author signed. */
  async #claim(entry: Entry, kind: ClaimKind, moments: ReadonlySet<string>) {
    const digest = entry.claim
    if (digest === undefined) return undefined
    const stored = await this.#source.claim(toHex(digest))
    if (stored === undefined) return undefined
    const claim = verifyClaim(stored.signed)
    const { head } = claim
    const isMoment = head === null ? entry.seq === 0 : moments.has(toHex(head))
    const isOfEntry = equalBytes(claim.hash, digest) && claim.unit === entry.unit
    if (!isOfEntry || !isMoment || claim.kind !== kind) {
      throw new AttestationError('claim_foreign', `entry ${entry.seq} includes another claim`)
    }
    return { claim, details: detailsOf(claim, stored.disclosures) }
  }
}

const nextHead = (step: ChainStep): ChainHead => {
  switch (step.kind) {
    case 'appended':
      return step.head
    case 'rejected':
      throw new AttestationError(step.code, step.detail)
    case 'ahead':
      throw new AttestationError('entry_missing', `entry ${step.missing} is not in the log`)
    default:
      throw new AttestationError('entry_order', 'the entry is in the log already')
  }
}

/** Opened details that are really the author's: their digest is among those signed. Each once. */
const detailsOf = (claim: Claim, disclosures: readonly Uint8Array[]): Detail[] => {
  const opened = disclosures.map(parseDisclosure)
  return claim.digests.flatMap(
    (digest) => opened.find((one) => equalBytes(one.digest, digest)) ?? [],
  )
}

const workersIn = (details: readonly Detail[]): Worker[] =>
  details.filter(({ name }) => name === claimDetails.worker).map(({ value }) => workerOf(value))

const workerOf = (value: Detail['value']): Worker => {
  const [, did = '', weight = '1'] = /^(\S+)(?: ([1-9]\d{0,5}))?$/.exec(String(value)) ?? []
  return { holder: parseDid(did).did, weight: Number(weight) }
}
