// The passport file: a unit's chain and what is needed to check it, as JSON that has one text only.
// A file is a viewer, never its own judge: nothing here says whether any of it is true.
// Browser-safe.
import { fromBase64, toBase64 } from './bytes.ts'
import { AttestationError } from './codes.ts'

/** An older state of the log, and the hashes that join it to the passport's checkpoint. */
export interface ConsistencyFrom {
  size: number
  root: Uint8Array
  hashes: readonly Uint8Array[]
}

export interface Passport {
  unit: string
  /** The chain as signed, `made` first. */
  entries: readonly Uint8Array[]
  /** Claims that entries include. */
  claims: readonly Uint8Array[]
  /** Opened details of entries and claims; others stay closed, and are counted. */
  disclosures: readonly Uint8Array[]
  /** Pairs of entries that prove a fork, when the gateway has seen one. */
  forks: readonly (readonly [Uint8Array, Uint8Array])[]
  /** Opens the blinded key of the unit's leaves. */
  blind: Uint8Array
  /**
   * tlog-proof of the last entry's leaf, with the checkpoint. The chain below it hangs on its hash.
   */
  proof: string
  /** Head statement of the log's operator, at the checkpoint's size. */
  head: string
  /**
   * Verifier key of the log. It came with the file: it proves nothing until the reader has pinned
   * it.
   */
  log: string
  consistency: readonly ConsistencyFrom[]
}

const format = 'tenfold-passport@v1'
/** Longest file that is read, characters. */
export const maxPassportChars = 64 * 1024 * 1024

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** File name of a unit's passport. */
export const passportFile = (unit: string): string => `${unit}.passport.json`

/** Deterministic text: fixed order of fields, two spaces, a last newline. */
export const encodePassport = (passport: Passport): string => {
  const json: Json = {
    format,
    unit: passport.unit,
    entries: passport.entries.map(toBase64),
    claims: passport.claims.map(toBase64),
    disclosures: passport.disclosures.map(toBase64),
    forks: passport.forks.map((pair) => pair.map(toBase64)),
    blind: toBase64(passport.blind),
    proof: passport.proof,
    head: passport.head,
    log: passport.log,
    consistency: passport.consistency.map(({ size, root, hashes }) => ({
      ...{ size, root: toBase64(root), hashes: hashes.map(toBase64) },
    })),
  }
  return `${JSON.stringify(json, undefined, 2)}\n`
}

const bad = (detail: string): AttestationError => new AttestationError('bad_passport', detail)

const textOf = (value: unknown, what: string): string => {
  if (typeof value === 'string') return value
  throw bad(`\`${what}\` must be text`)
}

const listOf = (value: unknown, what: string): readonly unknown[] => {
  if (Array.isArray(value)) return value
  throw bad(`\`${what}\` must be a list`)
}

const recordOf = (value: unknown, what: string): Readonly<Record<string, unknown>> => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw bad(`\`${what}\` must be an object`)
}

const bytesOf = (value: unknown, what: string): Uint8Array => fromBase64(textOf(value, what))

const byteListOf = (value: unknown, what: string): Uint8Array[] =>
  listOf(value, what).map((item) => bytesOf(item, what))

const pairOf = (value: unknown): readonly [Uint8Array, Uint8Array] => {
  const [first, second] = byteListOf(value, 'forks')
  if (first === undefined || second === undefined) throw bad('a fork must be two entries')
  return [first, second]
}

const consistencyOf = (value: unknown): ConsistencyFrom => {
  const { size, root, hashes } = recordOf(value, 'consistency')
  if (typeof size !== 'number' || !Number.isSafeInteger(size)) throw bad('`size` must be a number')
  return { size, root: bytesOf(root, 'root'), hashes: byteListOf(hashes, 'hashes') }
}

/**
 * Parses a passport file. A file that is not exactly the text of what it says is refused: doubled,
 * unknown or reordered fields could mean one thing here and another elsewhere.
 */
export const parsePassport = (text: string): Passport => {
  if (text.length > maxPassportChars) throw bad('the file is too long')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw bad('the file is not JSON')
  }
  const fields = recordOf(json, 'passport')
  if (fields['format'] !== format) throw bad(`\`format\` must be ${format}`)
  const passport: Passport = {
    unit: textOf(fields['unit'], 'unit'),
    entries: byteListOf(fields['entries'], 'entries'),
    claims: byteListOf(fields['claims'], 'claims'),
    disclosures: byteListOf(fields['disclosures'], 'disclosures'),
    forks: listOf(fields['forks'], 'forks').map(pairOf),
    blind: bytesOf(fields['blind'], 'blind'),
    proof: textOf(fields['proof'], 'proof'),
    head: textOf(fields['head'], 'head'),
    log: textOf(fields['log'], 'log'),
    consistency: listOf(fields['consistency'], 'consistency').map(consistencyOf),
  }
  if (encodePassport(passport) !== text) throw bad('fields beside the known ones, or another form')
  return passport
}
