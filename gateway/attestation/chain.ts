// A unit's chain, checked link by link: no gap, each entry follows the one before, one key,
// counters and clock only grow. Two different signed entries with one sequence are a fork: proof of
// fraud that anyone can check, so it is kept. Pure and browser-safe; never decides whom to trust.
import { equalBytes, toHex } from './bytes.ts'
import { AttestationError, type Code } from './codes.ts'
import { type Enrolment, type Entry, maxCounters, verifyEntry } from './entry.ts'

/** What must be known of a chain to check its next entry. */
export interface ChainHead {
  unit: string
  seq: number
  hash: Uint8Array
  boot: number
  timeUs: number
  /** Last value of every counter that the chain has named. */
  counters: Readonly<Record<string, number>>
  enrolment: Enrolment
}

/** Two entries of one unit and one sequence, both signed by its key, not equal. */
export interface ForkProof {
  unit: string
  seq: number
  first: Uint8Array
  second: Uint8Array
}

/**
 * What the next entry is to a chain. `appended`: the new head. `duplicate`: known already, ignore.
 * `ahead`: entries from `missing` on have not arrived. `fork`: keep the proof. `rejected`: never
 * part of this chain.
 */
export type ChainStep =
  | { kind: 'appended'; head: ChainHead }
  | { kind: 'duplicate' }
  | { kind: 'ahead'; missing: number }
  | { kind: 'fork'; proof: ForkProof }
  | { kind: 'rejected'; code: Code; detail: string }

type Growth = Pick<ChainHead, 'boot' | 'timeUs' | 'counters'>

/**
 * The last value of every counter named so far, after one more entry. Counters, boot count and
 * uptime only grow: throws counter_shrunk or clock_backwards.
 */
export const growCounters = (
  before: Growth | undefined,
  after: Growth,
): Readonly<Record<string, number>> => {
  if (before === undefined) return after.counters
  if (after.boot < before.boot || (after.boot === before.boot && after.timeUs < before.timeUs)) {
    throw new AttestationError(
      'clock_backwards',
      `boot ${after.boot}, ${after.timeUs} us after boot ${before.boot}, ${before.timeUs} us`,
    )
  }
  for (const [name, value] of Object.entries(after.counters)) {
    const known = Object.hasOwn(before.counters, name) ? (before.counters[name] ?? 0) : 0
    if (value < known) {
      throw new AttestationError('counter_shrunk', `\`${name}\` fell from ${known} to ${value}`)
    }
  }
  const counters = { ...before.counters, ...after.counters }
  if (Object.keys(counters).length <= maxCounters) return counters
  throw new AttestationError('bad_field', `a chain names at most ${maxCounters} counters`)
}

const rejected = (code: Code, detail: string): ChainStep => ({ kind: 'rejected', code, detail })

const begin = (entry: Entry): ChainStep => {
  const { unit, seq, hash, boot, timeUs, counters, enrolment } = entry
  if (enrolment === undefined) return { kind: 'ahead', missing: 0 }
  return { kind: 'appended', head: { unit, seq, hash, boot, timeUs, counters, enrolment } }
}

const follow = (head: ChainHead, entry: Entry): ChainStep => {
  const { unit, seq, hash, boot, timeUs, prev } = entry
  if (prev === null || !equalBytes(prev, head.hash)) {
    return rejected('prev_mismatch', `entry ${seq} does not follow entry ${head.seq}`)
  }
  try {
    const counters = growCounters(head, entry)
    const { enrolment } = head
    return { kind: 'appended', head: { unit, seq, hash, boot, timeUs, counters, enrolment } }
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    return rejected(error.code, `entry ${seq}: ${error.message}`)
  }
}

/**
 * One step. `entry` must come from verifyEntry (its signature holds). `bytesAt(seq)` gives an
 * earlier entry of the chain as signed; asked only for sequences up to the head's.
 */
export const stepChain = (
  head: ChainHead | undefined,
  entry: Entry,
  bytesAt: (seq: number) => Uint8Array | undefined,
): ChainStep => {
  if (head === undefined) return begin(entry)
  if (entry.unit !== head.unit) return rejected('other_unit', `entry is of ${entry.unit}`)
  if (entry.seq === head.seq + 1) return follow(head, entry)
  if (entry.seq > head.seq) return { kind: 'ahead', missing: head.seq + 1 }
  const known = bytesAt(entry.seq)
  if (known !== undefined && equalBytes(known, entry.bytes)) return { kind: 'duplicate' }
  if (known === undefined) return rejected('entry_order', `entry ${entry.seq} came again`)
  const { unit, seq } = entry
  return { kind: 'fork', proof: { unit, seq, first: known, second: entry.bytes } }
}

/** Throws unless the two entries prove a fork: same unit and sequence, both signed, not equal. */
export const checkFork = (first: Uint8Array, second: Uint8Array): ForkProof => {
  const a = verifyEntry(first)
  const b = verifyEntry(second)
  if (a.unit !== b.unit || a.seq !== b.seq || equalBytes(a.hash, b.hash)) {
    throw new AttestationError('bad_field', `no fork: ${toHex(a.hash)} and ${toHex(b.hash)}`)
  }
  return { unit: a.unit, seq: a.seq, first, second }
}

/** Why a chain stops at `entry`; `later` are the entries after it. */
const stepError = (
  step: Exclude<ChainStep, { kind: 'appended' }>,
  entry: Entry,
  later: readonly Entry[],
): AttestationError => {
  if (step.kind === 'rejected') return new AttestationError(step.code, step.detail)
  if (step.kind === 'fork') {
    return new AttestationError('fork', `two different entries with sequence ${entry.seq}`)
  }
  const missing = step.kind === 'ahead' ? step.missing : entry.seq
  const isLater = later.some(({ seq }) => seq === missing)
  if (step.kind === 'duplicate' || isLater) {
    return new AttestationError('entry_order', `entry ${entry.seq} is not in its place`)
  }
  return missing === 0
    ? new AttestationError('not_enrolled', `the chain begins with entry ${entry.seq}`)
    : new AttestationError('entry_missing', `entry ${entry.seq} comes where ${missing} should be`)
}

/**
 * Checks a whole chain, first entry first, given as verified entries. Throws AttestationError at
 * the first wrong link; a chain without entries is not_enrolled.
 */
export const foldChain = (entries: readonly Entry[]): ChainHead => {
  let head: ChainHead | undefined
  const bytesAt = (seq: number) => entries[seq]?.bytes
  for (const [at, entry] of entries.entries()) {
    const step = stepChain(head, entry, bytesAt)
    if (step.kind !== 'appended') throw stepError(step, entry, entries.slice(at + 1))
    head = step.head
  }
  if (head === undefined) throw new AttestationError('not_enrolled', 'the chain is empty')
  return head
}
