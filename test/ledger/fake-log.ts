// A gateway's log for the ledger's tests, in memory but with everything real in it: keys, signed
// entries of unit chains, claims of people, Merkle tree. Deterministic: keys come from a seed.
import { toHex } from '../../gateway/attestation/bytes.ts'
import { type ClaimKind, composeClaim } from '../../gateway/attestation/claim.ts'
import { type Detail, splitMessage } from '../../gateway/attestation/disclosure.ts'
import type { Custody } from '../../gateway/attestation/entry.ts'
import { type HolderState, UnitKeyHolder } from '../../gateway/attestation/holder.ts'
import { type Signer, signerOfSeed } from '../../gateway/attestation/identity.ts'
import type { LedgerSource, LoggedEntry, StoredClaim } from '../../gateway/ledger/source.ts'
import type { Profile } from '../../hardware-profiles/profile.ts'
import { testLog } from './trees.ts'

const hourMs = 3_600_000
const hourUs = 3_600_000_000
export const profileDigest = new Uint8Array(32).fill(7)
/** As much of a machine file as the ledger reads. */
const profile = {
  counters: { run_time: { description: '', unit: 'ms', role: 'run_time' } },
  parts: {
    motor: { description: '', weight: 0.35 },
    chuck: { description: '', weight: 0.05 },
  },
} as unknown as Profile

let counter = 0
/** Not random on purpose: the same run gives the same bytes. */
const random = (count: number): Uint8Array => {
  counter++
  return Uint8Array.from({ length: count }, (_, at) => (counter >>> (8 * (at % 4))) & 0xff)
}

export const person = (seed: number): Signer => signerOfSeed(new Uint8Array(32).fill(seed))

export interface TestUnit {
  did: string
  /** Writes an entry into the log; returns its leaf index. */
  write(type: string, given?: { hours?: number; claim?: Uint8Array; timeUs?: number }): number
  /** Somebody's claim about the unit as it is now; stored, ready to be included. */
  claim(kind: ClaimKind, author: Signer, details?: readonly Detail[]): Uint8Array
}

export interface FakeLog {
  source: LedgerSource
  entries: LoggedEntry[]
  claims: Map<string, StoredClaim>
  unit(seed: number, made?: { simulated?: boolean; custody?: Custody; maker?: Signer }): TestUnit
  /** Signs a checkpoint over everything written so far. */
  sign(): void
  isClosed(): boolean
}

export const fakeLog = (origin = 'example.org/fake'): FakeLog => {
  const log = testLog(origin)
  const entries: LoggedEntry[] = []
  const claims = new Map<string, StoredClaim>()
  let signed = 0
  let closed = false

  const claimOf = (unit: string, head: Uint8Array | null) => {
    return (kind: ClaimKind, author: Signer, details: readonly Detail[] = []): Uint8Array => {
      const facts = { kind, unit, head, timeUs: 0, details }
      const { claim, message } = composeClaim(facts, author, random)
      const disclosures = splitMessage(message).disclosures.map(({ bytes }) => bytes)
      claims.set(toHex(claim.hash), { signed: claim.bytes, disclosures })
      return claim.hash
    }
  }

  const add = (message: Uint8Array, receivedUs: number): number => {
    const index = log.size()
    const entry = splitMessage(message).signed
    log.append(toHex(entry))
    entries.push({ index, entry, receivedUs })
    return index
  }

  const unit: FakeLog['unit'] = (seed, { simulated = false, custody, maker } = {}) => {
    let state: HolderState | undefined
    const save = (next: HolderState): void => {
      state = { ...next, unsent: [] }
    }
    const signer = person(seed)
    const holder = new UnitKeyHolder({ signer, store: { load: () => state, save }, random })
    const enrolment = {
      machine: 'drill',
      profile: profileDigest,
      firmware: profileDigest,
      serial: `s${seed}`,
      custody: custody ?? ('controller_flash' as const),
      simulated,
    }
    const produced = maker && claimOf(signer.did, null)('production', maker)
    const common = { boot: 1, timeUs: 0, counters: { run_time: 0 } }
    add(holder.enrol({ ...common, enrolment, ...(produced && { claim: produced }) }), 0)
    return {
      did: signer.did,
      claim: (kind, author, details) =>
        claimOf(signer.did, state?.hash ?? null)(kind, author, details),
      write: (type, { hours = 0, claim, timeUs = 0 } = {}) => {
        const counters = { run_time: hours * hourMs }
        const request = { type, boot: 1, timeUs: hours * hourUs, counters }
        return add(holder.compose({ ...request, ...(claim && { claim }) }), timeUs)
      },
    }
  }

  const source: LedgerSource = {
    operator: person(99).did,
    latestCheckpoint: async () => (signed === 0 ? undefined : log.checkpoint(signed)),
    consistencyProof: async (from, to) => log.proof(from, to),
    rootAt: async (size) => log.checkpoint(size).root,
    entries: async function* (from) {
      for (const entry of entries) if (entry.index >= from) yield entry
    },
    claim: async (digest) => claims.get(digest),
    profile: async (digest) => (digest === toHex(profileDigest) ? profile : undefined),
    close: async () => {
      closed = true
    },
  }
  const sign = (): void => {
    signed = log.size()
  }
  return { source, entries, claims, unit, sign, isClosed: () => closed }
}
